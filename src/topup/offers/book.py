"""A carrier's campaigns made ready: by channel and product, in the order in which they apply, with their instants."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.catalogue.campaigns import CREDIT, Campaign, Group, Stacking
from topup.catalogue.fees import share_minor
from topup.catalogue.terms import MIDNIGHT, end_of_day, latest_instant
from topup.catalogue.versions import CarrierVersion
from topup.offers.facts import Asking

ALONE: Final = Group("")
"""Stands for the group of a campaign that has none: it goes together with no other."""
_SHELVES: Final = 10_000
"""More pairs of channel and product than are asked for; past them the shelves are filled anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A campaign with the instants (UTC) from which and before which it runs, its group, and its least price."""

    campaign: Campaign
    starts_at: datetime | None
    ends_at: datetime | None
    group: Group
    least_minor: int

    @property
    def is_alone(self) -> bool:
        """Whether it goes together with no other campaign."""
        return self.group is ALONE

    def off_minor(self, price_minor: int, left_minor: int) -> int:
        """What its discount comes to at that price, when the offers before it left so much to pay."""
        discount = self.campaign.discount
        if discount is None:
            return 0
        if discount.rate_ppm is not None:
            share = share_minor(left_minor, discount.rate_ppm, discount.rounding)
            return share if discount.cap_minor is None else min(share, discount.cap_minor)
        if discount.fixed_minor is not None:
            return discount.fixed_minor
        reached = [tier.off_minor for tier in discount.tiers if tier.from_minor <= price_minor]
        return reached[-1] if reached else 0

    @property
    def gives_more_than_money(self) -> bool:
        """Whether something is left of it where nothing is taken off."""
        return bool(self.campaign.grants or self.campaign.gift or self.campaign.points)


class Book:
    """The campaigns of one version of a carrier's file. Never changes, but for what it remembers of its own answers."""

    def __init__(self, carrier: CarrierVersion) -> None:
        self.carrier = carrier
        self.stacking: Stacking = carrier.document.offers
        groups = {group.id: group for group in self.stacking.groups}
        entries = (_entry(campaign, groups, carrier) for campaign in carrier.document.campaigns)
        self.entries = tuple(sorted(entries, key=_order))
        self._places = {entry.campaign.id: place for place, entry in enumerate(self.entries)}
        self._shelves: dict[tuple[str, str], tuple[Entry, ...]] = {}
        coupons = [(entry, entry.campaign.coupon) for entry in self.entries if entry.campaign.coupon]
        gifts = [entry.campaign.gift for entry in self.entries if entry.campaign.gift]
        self.gifts = {
            source: max(one.quantity for one in gifts if one.source == source)
            for source in {one.source for one in gifts}
        }
        """What its campaigns give of shops' stock, and how many pieces one of them gives at most."""
        self._words = {coupon.code: entry for entry, coupon in coupons if coupon.code}
        self._prefixes = {coupon.prefix: entry for entry, coupon in coupons if coupon.prefix}

    def of_code(self, code: str) -> Entry | None:
        """The campaign a code (as `normalised`) leads to, running or not."""
        prefix, hyphen, _ = code.partition("-")
        return self._words.get(code) or (self._prefixes.get(prefix) if hyphen else None)

    def open_to(self, asking: Asking) -> Iterable[Entry]:
        """The campaigns for that channel and product that ask for no code and run now, in the order they apply."""
        now = asking.now
        return (entry for entry in self.shelf(asking) if runs(entry, now))

    def in_order(self, entries: Iterable[Entry]) -> list[Entry]:
        """The same in the order in which they apply."""
        return sorted(entries, key=lambda entry: self._places[entry.campaign.id])

    def shelf(self, asking: Asking) -> tuple[Entry, ...]:
        """The campaigns for that channel and product that ask for no code, running or not."""
        product = asking.product or CREDIT
        key = asking.channel, product
        found = self._shelves.get(key)
        if found is None:
            if len(self._shelves) >= _SHELVES:
                self._shelves.clear()
            found = self._shelves[key] = tuple(
                entry
                for entry in self.entries
                if entry.campaign.coupon is None and _is_for(entry.campaign, asking.channel, product)
            )
        return found


class Books:
    """The books of the versions that are asked for, each made once."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._made: dict[tuple[str, int], Book] = {}

    def of(self, carrier: CarrierVersion) -> Book:
        """The book of a version."""
        key = carrier.carrier_id, carrier.version
        book = self._made.get(key)
        if book is None or book.carrier is not carrier:
            if len(self._made) >= self._most:
                self._made.clear()
            book = self._made[key] = Book(carrier)
        return book


def runs(entry: Entry, now: datetime) -> bool:
    """Whether it has begun and not ended."""
    return (entry.starts_at is None or entry.starts_at <= now) and (entry.ends_at is None or now < entry.ends_at)


def _is_for(campaign: Campaign, channel: str, product: str) -> bool:
    return (not campaign.channels or channel in campaign.channels) and (
        not campaign.products or product in campaign.products
    )


def _entry(campaign: Campaign, groups: dict[str, Group], carrier: CarrierVersion) -> Entry:
    starts, ends = campaign.starts, campaign.ends
    return Entry(
        campaign,
        None if starts is None else latest_instant(starts, MIDNIGHT, carrier.zone),
        None if ends is None else end_of_day(ends, carrier.zone),
        ALONE if campaign.group is None else groups[campaign.group],
        max(campaign.least_minor, _first_tier(campaign)),
    )


def _first_tier(campaign: Campaign) -> int:
    """From what price on a discount by tiers takes anything off; what gives more than money may apply below."""
    if campaign.discount is None or not campaign.discount.tiers:
        return 0
    gives_more = campaign.grants or campaign.gift or campaign.points
    return 0 if gives_more else campaign.discount.tiers[0].from_minor


def _order(entry: Entry) -> tuple[int, str, int, str]:
    return entry.group.order, entry.group.id, entry.campaign.order, entry.campaign.id
