"""What became of top-ups becomes notices: that one arrived, of those who have the line in their account and of the
subscriber who ordered; that one failed, that money went back, and what becomes of gifts that are sent with one, of who
ordered alone.

Who ordered waits for it, and is told by day and by night. Whose address was left with the order was written to already.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from topup.care.reminders.hearing import HEARD, STALE
from topup.kernel.errors import NotFound
from topup.kernel.ids import lane_of
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.statements import Around, around
from topup.lines.owners import Owned, owned
from topup.lines.queries import lines_now
from topup.notifications import notices
from topup.notifications.notices import Notice
from topup.notifications.ports import AddressKind
from topup.notifications.templates import LocalTime, Parameter
from topup.orders.hearing import Arrived, Unheard, hear, lanes_with_news, news, news_heard, unheard
from topup.orders.news import gift_parameters
from topup.people.queries import sealed_contacts
from topup.people.subscribers.accounts import Account, account
from topup.people.subscribers.reminders import Subject
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import CannotOpen, KeyRing
from topup.shops.stock import gifts

_BEFORE_ARRIVED = crash_label("reminders.before_arrived")
_ARRIVED = crash_label("reminders.arrived")
_BEFORE_NEWS = crash_label("reminders.before_news")
_NEWS = crash_label("reminders.news")
_MAIL: Final = (AddressKind.MAIL.value,)
_ZONE: Final = "Asia/Shanghai"
"""Of who ordered for a line that is not theirs, and has chosen none."""


class OrdersHearing:
    """Hears what became of top-ups."""

    def __init__(self, *, database: Database, keyring: KeyRing, lanes: int) -> None:
        self._database = database
        self._keyring = keyring
        self._lanes = list(range(lanes))

    async def arrived(self) -> int:
        """Take the receipts that are new, a portion of each lane; how many."""
        async with self._database.read() as transaction:
            places = await unheard(transaction.connection)
        found = [await self._arrived(lane, year) for lane, year in places]
        return max([sum(found), *(HEARD for count in found if count >= HEARD)])

    async def others(self) -> int:
        """Take what else is new, a portion of each lane; how much."""
        async with self._database.read() as transaction:
            lanes = await lanes_with_news(transaction.connection, self._lanes)
        found = [await self._others(lane) for lane in lanes]
        return max([sum(found), *(HEARD for count in found if count >= HEARD)])

    async def _arrived(self, lane: int, year: int) -> int:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            found = await hear(connection, lane=lane, year=year, since=now - STALE, limit=HEARD)
            await notices.add(connection, await self._of_arrivals(connection, found, now), now)
            if found:
                crash_point(_BEFORE_ARRIVED)
        if found:
            crash_point(_ARRIVED)
        return len(found)

    async def _others(self, lane: int) -> int:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            found = await news(connection, lane=lane, limit=HEARD)
            told = [await self._of_news(connection, one) for one in found if now - one.at < STALE]
            await notices.add(connection, [notice for notice in told if notice is not None], now)
            await news_heard(connection, found)
            if found:
                crash_point(_BEFORE_NEWS)
        if found:
            crash_point(_NEWS)
        return len(found)

    async def _of_arrivals(self, connection: Connection, found: Sequence[Arrived], now: datetime) -> list[Notice]:
        fresh = [one for one in found if now - one.at < STALE]
        lines = await lines_now(connection, sorted({one.msisdn for one in fresh})) if fresh else {}
        owners = await owned(connection, [line.ref for line in lines.values()])
        theirs = [one for one in fresh if one.msisdn in lines and lines[one.msisdn].ref.id in owners]
        credited = [(lane_of(one.order_id), one.order_id, one.amount.currency) for one in theirs]
        balances = await around(connection, credited)
        told = []
        for one in fresh:
            line = lines.get(one.msisdn)
            who = {owner.subscriber_id: owner for owner in (owners.get(line.ref.id, ()) if line else ())}
            balance = balances.get(one.order_id)
            told += [await self._of_arrival(connection, one, owner, balance) for owner in who.values()]
            if one.payer_id is not None and one.payer_id not in who:
                payer = Owned(one.payer_id, one.msisdn, _ZONE)
                told.append(await self._of_arrival(connection, one, payer, None))
        return [notice for notice in told if notice is not None]

    async def _of_arrival(
        self, connection: Connection, arrived: Arrived, owner: Owned, balance: Around | None
    ) -> Notice | None:
        """What a reader is told; who has the line in their account, with its `balance` where money came."""
        reader = await self._account(connection, owner.subscriber_id)
        if reader is None:
            return None
        said: dict[str, Parameter] = {
            "number": parse_msisdn(owner.e164).masked(),
            "amount": arrived.amount,
            "at": LocalTime(arrived.at, owner.zone),
        }
        if balance is not None:
            currency = arrived.amount.currency
            said |= {"before": Money(balance.before, currency), "after": Money(balance.after, currency)}
        return Notice(
            reader=reader.id,
            cause=f"{arrived.order_id}:delivered",
            kind=Subject.ARRIVED.value,
            template="arrived" if balance is None else "credited",
            parameters=said,
            zone=owner.zone,
            urgent=reader.id == arrived.payer_id,
            not_by=_MAIL if await self._was_mailed(connection, arrived.contact_id, reader) else (),
        )

    async def _of_news(self, connection: Connection, one: Unheard) -> Notice | None:
        reader = await self._account(connection, one.payer_id)
        if reader is None:
            return None
        if one.news.startswith("gift_"):
            return await self._of_gift(connection, one, reader)
        number, zone = parse_msisdn(one.msisdn).masked(), reader.zone or _ZONE
        refunded = one.news == "refunded"
        return Notice(
            reader=reader.id,
            cause=":".join(filter(None, (one.order_id, one.news, one.key))),
            kind=(Subject.REFUNDED if refunded else Subject.FAILED).value,
            template="money_is_back" if refunded else "money_back",
            parameters={"number": number, "refunded": one.money, "at": LocalTime(one.at, zone)}
            if refunded
            else {"number": number, "amount": one.face, "paid": one.money},
            zone=zone,
            urgent=not refunded,
            not_by=_MAIL if await self._was_mailed(connection, one.contact_id, reader) else (),
        )

    async def _of_gift(self, connection: Connection, one: Unheard, reader: Account) -> Notice | None:
        """Of a gift that is sent with an order: that it left, or that nobody said where to yet."""
        found = await gifts.of_order(connection, one.order_id)
        gift = next((gift for gift in found if gift.key.sku == one.key), None)
        is_asked = one.news == "gift_wanted"
        if gift is None or (is_asked and gift.addressed_at is not None):
            return None
        said = gift_parameters(gift, one.news, zone=reader.zone or _ZONE, now=one.at)
        return Notice(
            reader=reader.id,
            cause=f"{one.order_id}:{one.news}:{one.key}",
            kind=Subject.ARRIVED.value,
            template="gift_address" if is_asked else "gift_left",
            parameters=said | {"number": parse_msisdn(one.msisdn).masked()},
            zone=reader.zone or _ZONE,
            urgent=False,
            not_by=_MAIL if await self._was_mailed(connection, one.contact_id, reader) else (),
        )

    async def _account(self, connection: Connection, subscriber_id: str) -> Account | None:
        """Somebody's account; None where it is gone."""
        try:
            return await account(connection, self._keyring, subscriber_id=subscriber_id)
        except (NotFound, CannotOpen):
            return None

    async def _was_mailed(self, connection: Connection, contact_id: str | None, reader: Account) -> bool:
        """Whether who ordered left the reader's own address: it was written to already."""
        if contact_id is None or reader.email is None:
            return False
        contact = (await sealed_contacts(connection, [(lane_of(contact_id), contact_id)])).get(contact_id)
        try:
            return contact is not None and reader.email == self._keyring.unseal(contact.address, contact.id).decode()
        except CannotOpen:
            return False
