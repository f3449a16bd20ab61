"""The gifts of an order on its payer's page."""

from collections.abc import Sequence
from dataclasses import dataclass

from topup.channels.web.wording import Wording
from topup.orders.order_gifts import OrderGift, gift_standing_words
from topup.orders.wording import gift_words


@dataclass(frozen=True, slots=True)
class GiftRow:
    """A gift in words; `shop_path` leads to where it is, while it is to be fetched there."""

    sku: str
    what: str
    standing: str
    said: str
    shop_path: str


def gift_rows(found: Sequence[OrderGift], wording: Wording) -> list[GiftRow]:
    """The gifts of an order as its payer reads of them."""
    return [
        GiftRow(
            sku=one.sku,
            what=gift_words(one.names, one.quantity, locale=wording.locale),
            standing=one.standing.value,
            said=gift_standing_words(one, locale=wording.locale),
            shop_path=f"/help/shops/{one.shop}" if one.is_to_be_fetched and one.shop_names else "",
        )
        for one in found
    ]
