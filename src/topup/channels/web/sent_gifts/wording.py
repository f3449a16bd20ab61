"""Gifts in words: how those of a price come to the payer."""

from dataclasses import dataclass

from topup.channels.web.wording import Wording
from topup.orders.offer_views import GiftView
from topup.orders.wording import fetched_by_words, gift_words

DOMAIN = "sent_gifts"


@dataclass(frozen=True, slots=True)
class GiftRow:
    """What comes with a price of a shop's stock, and how it comes to whom."""

    what: str
    way: str


def gift_row(gift: GiftView, zone: str, wording: Wording) -> GiftRow:
    """A gift of a price."""
    day = fetched_by_words(gift.until, zone=zone, locale=wording.locale)
    way = wording.of(DOMAIN, "price_sent" if gift.is_sent else "price_fetched", day=day)
    return GiftRow(gift_words(gift.names, gift.quantity, locale=wording.locale), way)
