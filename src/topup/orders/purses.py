"""Whose points a price is about, and what it keeps of them."""

from topup.offers.answers import Offer, PointsReason
from topup.offers.points.postings import AccountKey
from topup.orders.stored_offers import StoredPoints
from topup.platform.keys import KeyRing


def payer_marks(keys: KeyRing, payer_id: str) -> tuple[str, ...]:
    """Pseudonyms of a subscriber, by each key there was, the newest one's first."""
    return tuple(mark.hex() for mark in keys.marks(f"offers:subscriber:{payer_id}"))


def stored_points(keys: KeyRing, purse: AccountKey | None, offer: Offer, *, asked: int) -> StoredPoints | None:
    """What a price keeps of points; None for a guest, and where its carrier neither takes nor gives any."""
    found = offer.points
    if purse is None or (found.reason is PointsReason.NOT_HERE and not offer.earned):
        return None
    return StoredPoints(
        payer=payer_marks(keys, purse.subscriber_id)[0],
        reason=found.reason.value,
        earned=offer.earned,
        asked=asked,
        spent=found.spent,
        spent_minor=found.spent_minor,
        could=found.could,
        could_minor=found.could_minor,
        least=found.least,
    )
