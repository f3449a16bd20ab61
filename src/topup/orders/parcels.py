"""Gifts that are sent by post: where to, as their payer says.

In a transaction of its own that has the order locked before the gift, as whoever lets gifts follow their orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.errors import Conflict, NotFound
from topup.orders import queries
from topup.orders.queries import Order, place_of
from topup.orders.states import USED, OrderState
from topup.people.postal import PostalAddress
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing
from topup.shops.stock import addresses, gifts
from topup.shops.stock.gift_states import KEPT_BACK
from topup.shops.stock.gifts import Gift, GiftKey

_ADDRESSED: Final = USED - {OrderState.REFUNDING}
"""While it is so, an order's payer may say where its gifts are sent."""
_BEFORE_ADDRESS = crash_label("parcels.address.before_commit")
_AFTER_ADDRESS = crash_label("parcels.address.after_commit")


@dataclass(frozen=True, slots=True)
class Parcels:
    """The gifts of an order that are sent, as somebody sees them who has its id. `is_theirs`: they may say where to;
    else somebody else who was signed in ordered, and only they may.
    """

    gifts: tuple[Gift, ...]
    is_paid: bool
    is_theirs: bool
    now: datetime

    @property
    def wanted(self) -> tuple[Gift, ...]:
        """Those for which an address may be given, or another."""
        return tuple(one for one in self.gifts if self.is_paid and may_be_addressed(one, self.now))


def may_be_addressed(gift: Gift, now: datetime) -> bool:
    """Whether it is still to be sent, and not too late to say where to."""
    return gift.is_sent and gift.state in KEPT_BACK and (gift.addressed_at is not None or now < gift.until)


class Sending:
    """What is done about gifts that are sent."""

    def __init__(self, *, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def parcels(self, *, order_id: str, subscriber_id: str | None) -> Parcels:
        """What is sent with an order. Raises NotFound `order_unknown`."""
        async with self._database.read() as transaction:
            connection = transaction.connection
            found = await queries.orders(connection, [place_of("order", order_id)])
            if order_id not in found:
                raise NotFound("order_unknown")
            sent = [one for one in await gifts.of_order(connection, order_id) if one.is_sent]
            return _seen(found[order_id], sent, subscriber_id, transaction.now)

    async def address(self, *, order_id: str, subscriber_id: str) -> PostalAddress | None:
        """Where a subscriber's own gift is sent, to be shown to them again: the first of an order's. None for who did
        not order while signed in, whoever they are: an order's id may be in other hands by now.
        """
        async with self._database.read() as transaction:
            connection = transaction.connection
            found = await queries.orders(connection, [place_of("order", order_id)])
            if order_id not in found or found[order_id].payer_id != subscriber_id:
                return None
            known = await addresses.of_orders(connection, self._keyring, [order_id])
        return next(iter(known.values()), None)

    async def give_address(self, *, order_id: str, subscriber_id: str | None, address: PostalAddress) -> None:
        """Send the gifts of an order there that did not leave yet. Raises NotFound `order_unknown`, also for who is not
        the subscriber that ordered; Conflict `gift_not_to_send`.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            order = await _locked(connection, order_id)
            sent = await gifts.all_locked(connection, await _keys(connection, order_id))
            seen = _seen(order, sent, subscriber_id, now)
            if not seen.is_theirs:
                raise NotFound("order_unknown")
            if not seen.wanted:
                raise Conflict("gift_not_to_send")
            for one in seen.wanted:
                await addresses.give(connection, self._keyring, one.key, address, now)
            crash_point(_BEFORE_ADDRESS)
        crash_point(_AFTER_ADDRESS)


async def _locked(connection: Connection, order_id: str) -> Order:
    found = await queries.locked(connection, [place_of("order", order_id)])
    if order_id not in found:
        raise NotFound("order_unknown")
    return found[order_id]


async def _keys(connection: Connection, order_id: str) -> list[GiftKey]:
    return [one.key for one in await gifts.of_order(connection, order_id) if one.is_sent]


def _seen(order: Order, sent: Sequence[Gift], subscriber_id: str | None, now: datetime) -> Parcels:
    is_theirs = order.payer_id is None or order.payer_id == subscriber_id
    return Parcels(tuple(sent), order.state in _ADDRESSED, is_theirs, now)
