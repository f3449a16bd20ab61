"""The gifts of an offer: where their pieces are, how many are free there, and what a price keeps of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from topup.catalogue.campaigns import GIFT_DAYS, Source
from topup.catalogue.terms import end_of_day
from topup.offers.answers import Offer
from topup.orders.stored_offers import StoredGift
from topup.shops.stock.gifts import Free, Spot


def spot_of(source: Source, shop: str | None) -> Spot | None:
    """Where the pieces of a gift are; None for one that is handed over, where no counter (`shop`) asks."""
    place, sku = source
    at = place or shop
    return (at, sku) if at else None


def pieces(stock: Mapping[Spot, Free], shop: str | None) -> dict[Source, int]:
    """What is free, as campaigns name it for who asks at `shop`, or at none."""
    sent = {spot: one.pieces for spot, one in stock.items()}
    return sent | {("", sku): one.pieces for (place, sku), one in stock.items() if place == shop}


def gifts_of(
    offer: Offer, *, shop: str | None, zone: ZoneInfo, stock: Mapping[Spot, Free], now: datetime
) -> tuple[StoredGift, ...]:
    """What the shop hands over with it, or is sent, each item once: the first of the campaigns that give it stands for
    all, and of their days the last counts.
    """
    found: dict[str, StoredGift] = {}
    for campaign in (one.campaign for one in offer.applied):
        gift = campaign.gift
        spot = spot_of(gift.source, shop) if gift else None
        if gift is None or spot is None:
            continue
        until = end_of_day(gift.until or now.astimezone(zone).date() + timedelta(days=GIFT_DAYS), zone)
        names, worth, is_sent = dict(stock[spot].names), campaign.worth_minor, gift.sent_from is not None
        new = StoredGift(campaign.id, gift.sku, gift.quantity, spot[0], names, worth, until, is_sent)
        found[gift.sku] = _both(found[gift.sku], new) if gift.sku in found else new
    return tuple(found.values())


def _both(one: StoredGift, other: StoredGift) -> StoredGift:
    return msgspec.structs.replace(
        one,
        quantity=one.quantity + other.quantity,
        worth_minor=one.worth_minor + other.worth_minor,
        until=max(one.until, other.until),
    )
