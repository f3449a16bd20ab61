"""The gifts of an order in words, as whoever keeps a till sees them."""

from dataclasses import dataclass

from topup.channels.counter.booth import Booth
from topup.channels.counter.wording import Wording
from topup.orders.views import OrderView
from topup.orders.wording import fetched_by_words, gift_state_words, gift_words
from topup.payments.cash.records import Session
from topup.shops.stock import gifts
from topup.shops.stock.gift_states import KEPT_BACK, GiftState


@dataclass(frozen=True, slots=True)
class GiftRow:
    """A gift of an order in words. `open`: it is to be handed over here and now; `asked_back`: the customer is asked
    whether they bring it. `note` says what else there is to know: until when, or where it is.
    """

    sku: str
    name: str
    state: str
    note: str
    open: bool
    asked_back: bool


async def gift_rows(booth: Booth, order: OrderView | None, session: Session | None, words: Wording) -> list[GiftRow]:
    """The gifts of an order as who keeps this till sees them; none of an order that is not made yet."""
    if order is None:
        return []
    async with booth.database.read() as transaction:
        connection, now = transaction.connection, transaction.now
        found = await gifts.of_order(connection, order.id)
        directory = await booth.directories.current(connection) if found else None
    rows = []
    for gift in found:
        waits = gift.state in KEPT_BACK and order.status == "delivered" and now < gift.until and not gift.is_sent
        is_here = session is not None and session.shop == gift.place
        day = fetched_by_words(gift.until, zone=order.zone, locale=words.locale)
        place = directory.place(gift.place) if directory else None
        shop = words.name(place.names) if place else gift.place
        rows.append(
            GiftRow(
                gift.key.sku,
                gift_words(gift.names, gift.quantity, locale=words.locale),
                gift_state_words(gift.state, locale=words.locale, is_sent=gift.is_sent),
                words.text("gift_waits", shop=shop, day=day) if waits else "",
                waits and is_here,
                gift.state is GiftState.ASKED_BACK and session is not None,
            )
        )
    return rows
