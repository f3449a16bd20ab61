"""Gifts that are sent by post: where to, as their payer says, that they left, and what the payer hears of it.

Each in a transaction of its own that has the order locked before the gift, as whoever lets gifts follow their orders:
of a gift that is sent and money that goes back one comes first, and the other sees it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.orders import queries
from topup.orders.gifting import has_money_back
from topup.orders.news import tell_of_gift
from topup.orders.queries import Order, place_of
from topup.orders.quotes import decoded
from topup.orders.states import USED, OrderState
from topup.people.postal import PostalAddress
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing
from topup.platform.metrics import item_parked
from topup.platform.one_by_one import together_or_alone
from topup.shops.stock import addresses, gifts, handing_over, parcels
from topup.shops.stock.gift_states import KEPT_BACK
from topup.shops.stock.gifts import Gift, GiftKey
from topup.shops.stock.parcels import Waiting
from topup.work import trail

LONGEST_TRACKING: Final = 60
_BETWEEN: Final = " ./_-"
"""What couriers write between the letters and digits of a reference."""
SHOWN: Final = "stock.gift_address_shown"
REMINDED_BEFORE: Final = timedelta(days=7)
"""So long before it is too late to say where to, who did not is reminded, once."""
NOT_AT_ONCE: Final = timedelta(days=1)
"""Who has just paid is asked on the order's page."""
AGAIN: Final = timedelta(hours=1)
"""After that it is looked again at who could not be reminded."""
_WANTED: Final = "orders.gifts_wanted"
_EVERY_S: Final = 300.0
_AT_ONCE: Final = 100
_ADDRESSED: Final = USED - {OrderState.REFUNDING}
"""While it is so, an order's payer may say where its gifts are sent."""
_BEFORE_ADDRESS = crash_label("parcels.address.before_commit")
_AFTER_ADDRESS = crash_label("parcels.address.after_commit")
_BEFORE_LOOK = crash_label("parcels.look.before_commit")
_AFTER_LOOK = crash_label("parcels.look.after_commit")
_BEFORE_SEND = crash_label("parcels.send.before_commit")
_AFTER_SEND = crash_label("parcels.send.after_commit")
_BEFORE_REMIND = crash_label("parcels.remind.before_commit")
_AFTER_REMIND = crash_label("parcels.remind.after_commit")
_log: Final = structlog.get_logger(__name__)


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
    """What is done about gifts that are sent. `lanes`: of the installation; `public_url` begins the links in messages,
    without a slash.
    """

    def __init__(self, *, database: Database, keyring: KeyRing, lanes: int, public_url: str) -> None:
        self._database = database
        self._keyring = keyring
        self._lanes = lanes
        self._public_url = public_url

    def sweeps(self) -> list[Sweep]:
        """The sweep of gifts that nobody said where to send."""
        return [Sweep(_WANTED, _EVERY_S, self.remind, batch=_AT_ONCE)]

    async def gift(self, key: GiftKey) -> Gift:
        """One that is sent. Raises NotFound `gift_unknown`."""
        async with self._database.read() as transaction:
            found = await gifts.of_order(transaction.connection, key.order_id)
        for one in found:
            if one.key == key and one.is_sent:
                return one
        raise NotFound("gift_unknown")

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

    async def look(self, key: GiftKey, *, by: str) -> PostalAddress:
        """Where a gift is sent, for who packs it; who looked is in the trail. Raises NotFound `gift_unknown`, Conflict
        `gift_without_address`.
        """
        gift = await self.gift(key)
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            known = await addresses.of_orders(connection, self._keyring, [key.order_id])
            if key not in known:
                raise Conflict("gift_without_address")
            facts = {"sku": key.sku, "shop": gift.place}
            await trail.write(
                connection, actor=by, action=SHOWN, subject=key.order_id, facts=facts, now=transaction.now
            )
            crash_point(_BEFORE_LOOK)
        crash_point(_AFTER_LOOK)
        return known[key]

    async def send(self, key: GiftKey, *, by: str, tracking: str = "") -> None:
        """It left for its address: out of the stock of its place, and its payer hears of it. Again, it changes nothing.
        Raises Invalid `gift_tracking`; NotFound `order_unknown`, `gift_unknown`; Conflict `gift_not_yet`,
        `gift_money_back`, and those of `handing_over.send`.
        """
        said = " ".join(tracking.split())
        if len(said) > LONGEST_TRACKING or not all(sign.isalnum() or sign in _BETWEEN for sign in said):
            raise Invalid("gift_tracking", most=LONGEST_TRACKING)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            order = await _locked(connection, key.order_id)
            sent = await handing_over.send(connection, key, by=by, tracking=said, now=now, lanes=self._lanes)
            if sent is not None:
                if order.state is not OrderState.DELIVERED:
                    raise Conflict("gift_not_yet")
                if await has_money_back(connection, order):
                    raise Conflict("gift_money_back")
                await addresses.was_sent(connection, key, now)
                await self._tell(connection, order, sent, "gift_sent", now)
            crash_point(_BEFORE_SEND)
        crash_point(_AFTER_SEND)

    async def remind(self) -> int:
        """Remind some payers that nobody said where to send their gift, once each; of how many gifts that was tried.

        One that cannot be told of stops nobody: it is logged, counted as parked, and tried again after AGAIN.
        """
        async with self._database.read() as transaction:
            due = await parcels.to_remind(transaction.connection, _waiting(transaction.now), limit=_AT_ONCE)
        if due:
            await together_or_alone(due, self._remind, self._put_off)
        return len(due)

    async def _remind(self, due: Sequence[GiftKey], *, can_be: bool = True) -> None:
        """Remind of those of which their payer may say where to; the others, or all that cannot be, are put off."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            orders = await queries.locked(connection, sorted({place_of("order", key.order_id) for key in due}))
            open_now = [key for key in due if can_be and orders[key.order_id].state in _ADDRESSED]
            for one in await parcels.remind(connection, _waiting(now), open_now):
                await self._tell(connection, orders[one.key.order_id], one, "gift_wanted", now)
            await parcels.remind_later(connection, [key for key in due if key not in open_now], now + AGAIN)
            crash_point(_BEFORE_REMIND)
        crash_point(_AFTER_REMIND)

    async def _put_off(self, key: GiftKey, error: Exception) -> None:
        _log.error("gift_payer_not_reminded", order=key.order_id, sku=key.sku, error=type(error).__name__)
        item_parked(place=_WANTED)
        await self._remind([key], can_be=False)

    async def _tell(self, connection: Connection, order: Order, gift: Gift, news: str, now: datetime) -> None:
        quotes = await queries.quotes(connection, [(order.lane, order.quote_id)])
        zone = decoded(quotes[order.quote_id].body).zone
        await tell_of_gift(connection, order, gift, news, zone=zone, public_url=self._public_url, now=now)


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


def _waiting(now: datetime) -> Waiting:
    return Waiting(since=now - NOT_AT_ONCE, before=now + REMINDED_BEFORE, now=now)
