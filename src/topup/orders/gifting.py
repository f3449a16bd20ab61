"""Gifts of shops' stock that orders come with: held, kept for the customer, let go or asked back, as the order goes.

A part of the saga that `promising` tells of, in transactions of its own: the stock of shops lies in no lane.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from topup.orders import queries
from topup.orders.queries import Order
from topup.orders.quotes import StoredQuote
from topup.orders.states import LET_GO, USED, OrderState
from topup.orders.stored_offers import StoredGift
from topup.payments import disputes
from topup.payments import queries as paid
from topup.payments.states import Disposition
from topup.platform.batching import Batcher
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.shops.stock import gifts
from topup.shops.stock.gifts import Gift, GiftKey
from topup.work.operations import Decision, list_for_person

BEYOND: Final = "gift_beyond_stock"
"""The kind of what a person hears of: a gift was promised with a price that was kept after the last piece had gone."""
_BEFORE = crash_label("offers.gifts.before_commit")
_AFTER = crash_label("offers.gifts.after_commit")


@dataclass(frozen=True, slots=True)
class Gifted:
    """An order whose price comes with gifts, and where it is."""

    order: Order
    quote: StoredQuote

    @property
    def keys(self) -> list[GiftKey]:
        """What it gets."""
        return [GiftKey(self.order.id, one.sku) for one in self.quote.gifts]


class Gifting:
    """Holds, keeps, lets go of and asks back the gifts of orders. `slack`: so much longer than an order may be paid."""

    def __init__(self, *, database: Database, slack: timedelta) -> None:
        self._database = database
        self._slack = slack
        self._hold = Batcher(database, "offers.hold_gifts", _held)
        self._release = Batcher(database, "offers.release_gifts", _released)

    async def aclose(self) -> None:
        """Finish what was taken in."""
        await self._hold.aclose()
        await self._release.aclose()

    async def hold(self, order_id: str, quote: StoredQuote, expires_at: datetime) -> StoredGift | None:
        """Hold all gifts of a price for an order, or none; the one of which there are too few pieces."""
        for place, one in enumerate(quote.gifts):
            if not await self._hold.submit(_gift(order_id, quote, one, expires_at)):
                await self._let_go([GiftKey(order_id, before.sku) for before in quote.gifts[:place]])
                return one
        return None

    async def let_go(self, order_id: str, quote: StoredQuote) -> None:
        """The order was not made after all, or will not be of this price."""
        await self._let_go([GiftKey(order_id, one.sku) for one in quote.gifts])

    async def _let_go(self, keys: Sequence[GiftKey]) -> None:
        for key in keys:
            await self._release.submit(key)

    async def follow(self, due: Sequence[Gifted]) -> set[str]:
        """Bring the gifts of these orders to where the orders are; those whose whole money went back."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            # Locked, and as they are now: of two sweeps the late one would promise what the other saw go back.
            due = await _as_they_are(connection, due)
            back = await _money_back(connection, [one.order for one in due])
            gone = [key for one in due if one.order.id in back for key in one.keys]
            await gifts.take_back(connection, gone, now)
            used = [one for one in due if one.order.state in USED and one.order.id not in back]
            beyond = await gifts.promise(connection, [key for one in used for key in one.keys], now)
            free = [key for one in due if one.order.state in LET_GO for key in one.keys]
            await gifts.let_go(connection, free, now)
            waiting = [one for one in due if one.order.state is OrderState.AWAITING_PAYMENT]
            longer = {key: one.order.expires_at + self._slack for one in waiting for key in one.keys}
            await gifts.prolong(connection, longer, now)
            await list_for_person(connection, [_decision(one, used) for one in beyond], now)
            crash_point(_BEFORE)
        crash_point(_AFTER)
        return back


async def gone_on(connection: Connection, due: Sequence[Gifted], back: set[str]) -> set[str]:
    """Those of these orders whose money went back since `follow` looked. They stay locked until the transaction ends,
    so that no more does.
    """
    if not due:
        return set()
    await queries.locked(connection, sorted((one.order.lane, str(one.order.id)) for one in due))
    return await _money_back(connection, [one.order for one in due]) - back


async def has_money_back(connection: Connection, order: Order) -> bool:
    """Whether the whole money of an order that is locked went back, or is on its way."""
    return bool(await _money_back(connection, [order]))


async def _as_they_are(connection: Connection, due: Sequence[Gifted]) -> list[Gifted]:
    """The same, with their orders as they are until the transaction ends."""
    orders = await queries.locked(connection, sorted((one.order.lane, str(one.order.id)) for one in due))
    return [replace(one, order=orders[one.order.id]) for one in due]


async def _held(connection: Connection, wanted: Sequence[Gift], now: datetime) -> list[bool]:
    return await gifts.hold(connection, wanted, now)


async def _released(connection: Connection, keys: Sequence[GiftKey], now: datetime) -> list[None]:
    await gifts.let_go(connection, keys, now)
    return [None] * len(keys)


def _gift(order_id: str, quote: StoredQuote, one: StoredGift, expires_at: datetime) -> Gift:
    return Gift(
        key=GiftKey(order_id, one.sku),
        place=one.shop,
        quantity=one.quantity,
        worth_minor=one.worth_minor,
        currency=quote.currency,
        until=one.until,
        expires_at=expires_at,
        is_sent=one.is_sent,
    )


async def _money_back(connection: Connection, orders: Sequence[Order]) -> set[str]:
    """The orders whose whole money went back, or is on its way, or was taken by the payer's bank in disputes that we
    lost: what is given besides goes by the last of it.
    """
    back = {str(order.id) for order in orders if order.state is OrderState.REFUNDED}
    used = [order for order in orders if order.state in USED]
    if not used:
        return back
    places = [(order.lane, str(order.kept_payment_id)) for order in used]
    captures = await paid.captures(connection, places)
    objections = await disputes.of_payments(connection, places)
    for order in used:
        # What we give back ourselves counts once it is delivered: until then it may yet arrive.
        gone_minor = disputes.gone_minor if order.state is OrderState.DELIVERED else disputes.lost_minor
        kept = [one for one in captures.get(str(order.kept_payment_id), ()) if one.disposition is Disposition.KEPT]
        if kept and all(gone_minor(one, objections) >= one.amount_minor for one in kept):
            back.add(str(order.id))
    return back


def _decision(gift: Gift, used: Sequence[Gifted]) -> Decision:
    order = next(one.order for one in used if one.order.id == gift.key.order_id)
    evidence = {"order": order.id, "shop": gift.place, "sku": gift.key.sku, "quantity": gift.quantity}
    return Decision(order.lane, BEYOND, f"{order.id}:{gift.key.sku}", evidence)
