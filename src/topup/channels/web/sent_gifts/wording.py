"""Gifts that are sent, in words: those of a price, and how those of an order stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from topup.channels.web.wording import Wording
from topup.orders.offer_views import GiftView
from topup.orders.order_gifts import OrderGift, gift_standing_words
from topup.orders.parcels import Parcels
from topup.orders.wording import fetched_by_words, gift_words
from topup.platform.i18n import format_date
from topup.shops.stock.gift_states import GiftState
from topup.shops.stock.gifts import Gift

DOMAIN: Final = "sent_gifts"


@dataclass(frozen=True, slots=True)
class GiftRow:
    """What comes with a price of a shop's stock, and how it comes to whom."""

    what: str
    way: str


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """A gift of an order that is sent, and how it stands. `asks`: what its payer can do about its address, in words;
    empty where that is nothing. `urgent`: without an address nothing comes.
    """

    what: str
    said: str
    more: str = ""
    asks: str = ""
    urgent: bool = False


def gift_row(gift: GiftView, zone: str, wording: Wording) -> GiftRow:
    """A gift of a price."""
    day = fetched_by_words(gift.until, zone=zone, locale=wording.locale)
    way = wording.of(DOMAIN, "price_sent" if gift.is_sent else "price_fetched", day=day)
    return GiftRow(gift_words(gift.names, gift.quantity, locale=wording.locale), way)


def parcel_rows(parcels: Parcels, found: Mapping[str, OrderGift], wording: Wording) -> list[ParcelRow]:
    """The gifts of an order that are sent, as whoever has its id may see them: never where to. `found`: how each stands
    by its SKU.
    """
    return [_parcel_row(one, parcels, found[one.key.sku], wording) for one in parcels.gifts if one.key.sku in found]


def _parcel_row(gift: Gift, parcels: Parcels, found: OrderGift, wording: Wording) -> ParcelRow:
    what = gift_words(gift.names, gift.quantity, locale=wording.locale)
    if gift in parcels.wanted and gift.addressed_at is None:
        day = fetched_by_words(gift.until, zone=found.zone, locale=wording.locale)
        asks = wording.of(DOMAIN, "give" if parcels.is_theirs else "sign_in")
        return ParcelRow(what, wording.of(DOMAIN, "wanted_by", day=day), asks=asks, urgent=True)
    if gift in parcels.wanted:
        asks = wording.of(DOMAIN, "change") if parcels.is_theirs else ""
        return ParcelRow(what, wording.of(DOMAIN, "packed"), asks=asks)
    if gift.state is GiftState.HANDED_OVER and gift.since is not None:
        day = format_date(gift.since, wording.locale, zone=found.zone)
        more = wording.of(DOMAIN, "tracking", reference=gift.tracking) if gift.tracking else ""
        return ParcelRow(what, wording.of(DOMAIN, "sent_on", day=day), more)
    return ParcelRow(what, gift_standing_words(found, locale=wording.locale))
