"""The gifts of an order as its payer sees them: what it is, how many, where and until when, and how it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from topup.orders.offer_views import GiftView
from topup.orders.states import OrderState
from topup.orders.views import OrderView, QuoteView
from topup.orders.wording import fetched_by_words, name_in
from topup.platform.database import Database
from topup.platform.i18n import has_text, translate
from topup.shops.places import Directory
from topup.shops.queries import Directories
from topup.shops.stock import gifts
from topup.shops.stock.gift_states import KEPT_BACK, GiftState


class GiftStanding(StrEnum):
    """How a gift stands for who is to have it; each has a sentence `gift_yours.…` of the catalogue `orders`."""

    IF_PAID = "if_paid"
    """The order waits for its payment."""
    ON_ARRIVAL = "on_arrival"
    """The order is paid, and on its way."""
    WAITS = "waits"
    """It can be fetched now."""
    HAS = "has"
    LAPSED = "lapsed"
    """Nobody came for it in time."""
    NOT_GIVEN = "not_given"
    """The order was not paid, or its money goes back, or went."""
    ASKED_BACK = "asked_back"
    """Its money went back, so it is to come back too."""
    RETURNED = "returned"
    KEPT = "kept"


_TO_FETCH: Final = frozenset({GiftStanding.IF_PAID, GiftStanding.ON_ARRIVAL, GiftStanding.WAITS})
_DECIDED: Final = {
    GiftState.HANDED_OVER: GiftStanding.HAS,
    GiftState.RELEASED: GiftStanding.NOT_GIVEN,
    GiftState.LAPSED: GiftStanding.LAPSED,
    GiftState.ASKED_BACK: GiftStanding.ASKED_BACK,
    GiftState.RETURNED: GiftStanding.RETURNED,
    GiftState.KEPT: GiftStanding.KEPT,
}
_BEFORE_PAYMENT: Final = frozenset({OrderState.QUOTED, OrderState.AWAITING_PAYMENT})
_NOTHING: Final = frozenset({OrderState.EXPIRED, OrderState.CANCELLED, OrderState.REFUNDING, OrderState.REFUNDED})


@dataclass(frozen=True, slots=True)
class OrderGift:
    """A gift of an order. It is at the `shop`, whose name per language is in `shop_names`, handed over before `until`,
    a day of `zone`; or sent from there (`is_sent`) where its payer says before then.
    """

    sku: str
    names: Mapping[str, str]
    quantity: int
    standing: GiftStanding
    shop: str
    shop_names: Mapping[str, str]
    until: datetime
    zone: str
    is_sent: bool = False

    @property
    def is_to_be_fetched(self) -> bool:
        """Whether its customer has it yet to come for, now or later."""
        return self.standing in _TO_FETCH and not self.is_sent


class OrderGifts:
    """Reads what became of gifts."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._directories = Directories()

    async def of_order(self, order: OrderView) -> list[OrderGift]:
        """The gifts of an order as they stand now. One with none costs no question."""
        if not order.gifts:
            return []
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            states = {one.key.sku: one.state for one in await gifts.of_order(connection, order.id)}
            directory = await self._directories.current(connection)
        status = OrderState(order.status)
        return [
            _gift(one, standing_of(states[one.sku], status, is_late=now >= one.until), directory, order.zone)
            for one in order.gifts
            if one.sku in states
        ]

    async def of_price(self, quote: QuoteView) -> list[OrderGift]:
        """Those that come with a price of which no order was made yet."""
        if not quote.gifts:
            return []
        async with self._database.read() as transaction:
            directory = await self._directories.current(transaction.connection)
        return [_gift(one, GiftStanding.IF_PAID, directory, quote.zone) for one in quote.gifts]


def standing_of(state: GiftState, status: OrderState, *, is_late: bool) -> GiftStanding:
    """How a gift stands; `is_late`: the last day to fetch it is over."""
    if state not in KEPT_BACK:
        return _DECIDED[state]
    if status in _NOTHING:
        return GiftStanding.NOT_GIVEN
    if status in _BEFORE_PAYMENT:
        return GiftStanding.IF_PAID
    if status is not OrderState.DELIVERED:
        return GiftStanding.ON_ARRIVAL
    return GiftStanding.LAPSED if is_late else GiftStanding.WAITS


def gift_standing_words(gift: OrderGift, *, locale: str) -> str:
    """How it stands, where it is and until when, as a sentence to who is to have it."""
    day = fetched_by_words(gift.until, zone=gift.zone, locale=locale)
    shop = name_in(gift.shop_names, locale=locale) if gift.shop_names else gift.shop
    said = f"gift_yours.{gift.standing}"
    message_id = f"{said}.sent" if gift.is_sent and has_text("orders", f"{said}.sent") else said
    return translate(locale, "orders", message_id, shop=shop, day=day)


def _gift(one: GiftView, standing: GiftStanding, directory: Directory, zone: str) -> OrderGift:
    place = directory.place(one.shop)
    names = place.names if place else {}
    return OrderGift(one.sku, one.names, one.quantity, standing, one.shop, names, one.until, zone, one.is_sent)
