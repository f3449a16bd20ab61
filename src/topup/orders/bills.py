"""The bills of gateways and carriers, day by day: the last net under lost events. What a gateway's bill knows and we do
not is settled.

The last day read is remembered for each gateway, so that a day's bill is read in the end however long we, or the
gateway, were away; up to CATCH_UP. Days before that are listed for a person.

Whoever holds bills against the books (reconciliation) is given each bill as it is read, so that none is read twice.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, timedelta
from typing import Final, Protocol

import structlog

from topup.fulfilment.ports import Carrier
from topup.kernel.errors import Invalid, NotFound, Problem, Unavailable
from topup.kernel.ids import PaymentId, is_id, lane_of
from topup.kernel.money import Money
from topup.orders.carrier_bills import billing_carriers
from topup.orders.disputing import DisputeHeard
from topup.orders.outside import Ears
from topup.orders.settlement import Told
from topup.payments import disputes
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.ports import (
    BillLine,
    BillUnavailable,
    Capability,
    DisputeFact,
    DisputeStanding,
    Gateway,
    LongBill,
    NoBillYet,
    PaymentFact,
    PaymentStanding,
)
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.work.operations import Decision, list_for_person

CATCH_UP: Final = timedelta(days=31)
"""How far back bills are read that were missed."""

_DAY: Final = timedelta(days=1)
_PAGE: Final = 1_000
_LISTED_IN: Final = 0
"""The lane of what concerns a whole gateway."""
_WON: Final = "dispute won"
_SETTLED: Final = frozenset({"payment", "dispute"})
"""The kinds of lines that are settled as an event would be."""
UNKNOWN_LINE: Final = "bill_line_unknown"
"""The kind of what is listed where a bill has a payment that cannot be settled."""

_log: Final = structlog.get_logger(__name__)

_BEFORE_BILL = crash_label("bill.before_read")
_AFTER_BILL = crash_label("bill.after_read")
_BEFORE_LISTING = crash_label("bill.before_list")
_AFTER_LISTING = crash_label("bill.after_list")
_BEFORE_REMEMBERING = crash_label("bill.before_remember")
_AFTER_REMEMBERING = crash_label("bill.after_remember")


Take = Callable[[Sequence[BillLine]], Awaitable[None]]
Keeping = Callable[[str, date], AbstractAsyncContextManager[Take]]
"""Given a method and a day, takes the pages of that bill. When the block ends, the bill was whole; when it raises, it
was not."""


class GivesBills(Protocol):
    """Who gives bills: a gateway, or a carrier (`carrier_bills`)."""

    capabilities: frozenset[Capability]

    async def bill(self, day: date) -> list[BillLine]:
        """The lines of that day by their clock. Raises BillUnavailable."""
        ...


class Bills:
    """Reads the bills of this installation's gateways and `carriers`, and has them kept by `keeping`."""

    def __init__(
        self,
        *,
        database: Database,
        gateways: Mapping[str, Gateway],
        ears: Ears,
        keeping: Keeping | None = None,
        carriers: Mapping[str, Carrier] | None = None,
    ) -> None:
        self._database = database
        self._givers: Mapping[str, GivesBills] = {**gateways, **billing_carriers(carriers or {})}
        self._ears = ears
        self._keeping = keeping or _not_kept

    @property
    def methods(self) -> list[str]:
        """The methods that give bills."""
        return [name for name, giver in self._givers.items() if Capability.BILL in giver.capabilities]

    async def read(self) -> int:
        """Read the bills of today, of yesterday, and of the days that were missed; how many payments were news."""
        async with self._database.read() as transaction:
            today = transaction.now.date()
            read_through = await paid.bills_read(transaction.connection)
        found = 0
        for name in self.methods:
            found += await self._catch_up(name, self._givers[name], today, read_through.get(name))
        return found

    async def _catch_up(self, name: str, giver: GivesBills, today: date, last: date | None) -> int:
        """Read every day that may have news, oldest first; one that cannot be had now does not hide the later ones."""
        wanted = first_day(today, last)
        first = max(wanted, today - CATCH_UP)
        # What was missed stays missed under one name until a bill is read again: it is listed once.
        through, is_unbroken, found = min(last or first, first - _DAY), True, 0
        for number in range((today - first).days + 1):
            day = first + number * _DAY
            settled = await self._read_bill(name, giver, day)
            is_unbroken = is_unbroken and settled is not None
            if is_unbroken:
                through = day
            found += settled or 0
        evidence = {"method": name, "from": wanted.isoformat()}
        missed = Decision(_LISTED_IN, "bills_missed", f"{name}:{wanted}", evidence)
        await self._remember(name, through, today, [missed] if wanted < first else [])
        return found

    async def _remember(self, name: str, through: date, today: date, missed: list[Decision]) -> None:
        async with self._database.transaction() as transaction:
            await payments.remember_bills(transaction.connection, method=name, through=through, today=today)
            await list_for_person(transaction.connection, missed, transaction.now)
            crash_point(_BEFORE_REMEMBERING)
        crash_point(_AFTER_REMEMBERING)

    async def read_day(self, *, method: str, day: date, progress: Callable[[int], None] | None = None) -> int | None:
        """Read the bill of one day now; `progress` is told how many lines were read so far. As `_read_bill`; raises
        NoBillYet, NotFound method_unknown, Invalid method_without_bill.
        """
        try:
            return await self._read_whole(method, self.giving(method), day, progress)
        except NoBillYet:
            raise
        except BillUnavailable:
            return None

    def giving(self, method: str) -> GivesBills:
        """Who gives the bills of a method. Raises NotFound method_unknown, Invalid method_without_bill."""
        giver = self._givers.get(method)
        if giver is None:
            raise NotFound("method_unknown")
        if Capability.BILL not in giver.capabilities:
            raise Invalid("method_without_bill", method=method)
        return giver

    async def _read_bill(self, name: str, giver: GivesBills, day: date) -> int | None:
        """How many payments of a day's bill were news; None when the bill cannot be had now."""
        try:
            return await self._read_whole(name, giver, day)
        except BillUnavailable:
            return None

    async def _read_whole(
        self, name: str, giver: GivesBills, day: date, progress: Callable[[int], None] | None = None
    ) -> int:
        """Raises BillUnavailable."""
        found = lines = 0
        async with self._keeping(name, day) as take:
            async for page in _pages(giver, day):
                await take(page)
                found += await self._settle_page(name, page)
                lines += len(page)
                if progress is not None:
                    progress(lines)
        return found

    async def _settle_page(self, name: str, page: Sequence[BillLine]) -> int:
        """Settle the payments and disputes of a page that we had not heard of; how many."""
        lines = [line for line in page if line.kind in _SETTLED and is_id("payment", line.our_id)]
        if not lines:
            return 0
        async with self._database.read() as transaction:
            places = [(lane_of(identifier), identifier) for identifier in {line.our_id for line in lines}]
            captures = await paid.captures(transaction.connection, places)
            objections = await disputes.of_payments(transaction.connection, places)
        known = {
            ("payment", capture.payment_id, capture.reference)
            for of in captures.values()
            for capture in of
            if capture.confirmed
        }
        known |= {("dispute", one.payment_id, one.dispute) for one in objections}
        known |= {(_WON, one.payment_id, one.dispute) for one in objections if one.standing is not DisputeStanding.OPEN}
        return sum(
            [
                await self._settle_line(name, line)
                for line in lines
                if (_kind(line), line.our_id, line.reference) not in known
            ]
        )

    async def _settle_line(self, name: str, line: BillLine) -> int:
        """Settle what only the bill knew of; what cannot be settled is for a person, and hides no other line."""
        try:
            await self._hear(name, line)
        except Unavailable:
            raise
        except Problem as problem:
            reason = problem.code
        except Exception as error:  # noqa: BLE001 - a poisoned line must not hide the others; it is listed
            _log.exception("bill_line_unknown", method=name)
            reason = type(error).__name__
        else:
            return 1
        await self._list(name, line, reason)
        return 0

    async def _hear(self, name: str, line: BillLine) -> None:
        """As an event would have told it; a bill knows no date to answer a dispute by."""
        payment_id = PaymentId(line.our_id)
        if line.kind == "payment":
            fact = PaymentFact(payment_id, PaymentStanding.PAID, line.reference, line.amount, line.at)
            await self._ears.payment(Told(fact, name))
            return
        standing = DisputeStanding.WON if _kind(line) == _WON else DisputeStanding.OPEN
        amount = Money(abs(line.amount.amount_minor), line.amount.currency)
        await self._ears.dispute(DisputeHeard(DisputeFact(payment_id, line.reference, standing, amount, None), name))

    async def _list(self, name: str, line: BillLine, reason: str) -> None:
        evidence = {
            "method": name,
            "line": line.kind,
            "payment": line.our_id,
            "reference": line.reference,
            "amount_minor": line.amount.amount_minor,
            "currency": line.amount.currency,
            "reason": reason,
        }
        async with self._database.transaction() as transaction:
            takes_back = line.amount.amount_minor < 0
            subject = subject_of_line(name, line.our_id, line.reference, takes_back=takes_back)
            decision = Decision(lane_of(line.our_id), UNKNOWN_LINE, subject, evidence)
            await list_for_person(transaction.connection, [decision], transaction.now)
            crash_point(_BEFORE_LISTING)
        crash_point(_AFTER_LISTING)


def _kind(line: BillLine) -> str:
    """Of a dispute what was taken, and what came again."""
    return _WON if line.kind == "dispute" and line.amount.amount_minor < 0 else line.kind


def subject_of_line(method: str, our_id: str, reference: str, *, takes_back: bool) -> str:
    """The subject under which a bill's line that cannot be settled is listed; one that takes back is another."""
    return f"{method}:{our_id}:{reference}{':-1' if takes_back else ''}"


async def _pages(giver: GivesBills, day: date) -> AsyncIterator[Sequence[BillLine]]:
    """The day's bill, page by page. Raises BillUnavailable."""
    if isinstance(giver, LongBill):
        crash_point(_BEFORE_BILL)
        async for page in giver.bill_lines(day):
            yield page
        crash_point(_AFTER_BILL)
        return
    crash_point(_BEFORE_BILL)
    bill = await giver.bill(day)
    crash_point(_AFTER_BILL)
    for start in range(0, len(bill), _PAGE):
        yield bill[start : start + _PAGE]


@asynccontextmanager
async def _not_kept(method: str, day: date) -> AsyncIterator[Take]:  # noqa: ARG001 - a Keeping
    """Where nobody keeps bills."""

    async def pass_over(page: Sequence[BillLine]) -> None:
        """Nothing is done with it."""

    yield pass_over


def first_day(today: date, last: date | None) -> date:
    """The day to begin with, `last` being the last one read: yesterday, or the day before the last one.

    The last one was not over when it was read; and by the gateway's clock, wherever that is, neither was the one
    before.
    """
    return min(today, last or today) - _DAY
