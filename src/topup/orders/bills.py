"""The bills of gateways, day by day: the last net under lost events. What a bill knows and we do not is settled.

The last day read is remembered for each gateway, so that a day's bill is read in the end however long we, or the
gateway, were away; up to CATCH_UP. Days before that are listed for a person.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

import structlog

from topup.kernel.errors import Problem, Unavailable
from topup.kernel.ids import PaymentId, is_id, lane_of
from topup.orders.outside import Ears
from topup.orders.settlement import Told
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.ports import BillLine, BillUnavailable, Capability, Gateway, PaymentFact, PaymentStanding
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.work.operations import Decision, list_for_person

CATCH_UP: Final = timedelta(days=31)
"""How far back bills are read that were missed."""

_DAY: Final = timedelta(days=1)
_PAGE: Final = 500
_LISTED_IN: Final = 0
"""The lane of what concerns a whole gateway."""

_log: Final = structlog.get_logger(__name__)

_BEFORE_BILL = crash_label("bill.before_read")
_AFTER_BILL = crash_label("bill.after_read")
_BEFORE_LISTING = crash_label("bill.before_list")
_AFTER_LISTING = crash_label("bill.after_list")
_BEFORE_REMEMBERING = crash_label("bill.before_remember")
_AFTER_REMEMBERING = crash_label("bill.after_remember")


class Bills:
    """Reads the bills of this installation's gateways."""

    def __init__(self, *, database: Database, gateways: Mapping[str, Gateway], ears: Ears) -> None:
        self._database = database
        self._gateways = gateways
        self._ears = ears

    async def read(self) -> int:
        """Read the bills of today, of yesterday, and of the days that were missed; how many payments were news."""
        async with self._database.read() as transaction:
            today = transaction.now.date()
            read_through = await paid.bills_read(transaction.connection)
        found = 0
        for name, gateway in self._gateways.items():
            if Capability.BILL in gateway.capabilities:
                found += await self._catch_up(name, gateway, today, read_through.get(name))
        return found

    async def _catch_up(self, name: str, gateway: Gateway, today: date, last: date | None) -> int:
        """Read every day that may have news, oldest first; one that cannot be had now does not hide the later ones."""
        wanted = first_day(today, last)
        first = max(wanted, today - CATCH_UP)
        # What was missed stays missed under one name until a bill is read again: it is listed once.
        through, is_unbroken, found = min(last or first, first - _DAY), True, 0
        for number in range((today - first).days + 1):
            day = first + number * _DAY
            settled = await self._read_bill(name, gateway, day)
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

    async def _read_bill(self, name: str, gateway: Gateway, day: date) -> int | None:
        """How many payments of a day's bill were news; None when the bill cannot be had now."""
        crash_point(_BEFORE_BILL)
        try:
            bill = await gateway.bill(day)
        except BillUnavailable:
            return None
        crash_point(_AFTER_BILL)
        lines = [line for line in bill if line.kind == "payment"]
        found = 0
        for start in range(0, len(lines), _PAGE):
            page = {line.our_id: line for line in lines[start : start + _PAGE] if is_id("payment", line.our_id)}
            async with self._database.read() as transaction:
                places = [(lane_of(identifier), identifier) for identifier in page]
                captures = await paid.captures(transaction.connection, places)
            known = {(capture.payment_id, capture.reference) for of in captures.values() for capture in of}
            for line in lines[start : start + _PAGE]:
                if line.our_id in page and (line.our_id, line.reference) not in known:
                    found += await self._settle_line(name, line)
        return found

    async def _settle_line(self, name: str, line: BillLine) -> int:
        """Settle money that only the bill knew of; what cannot be settled is for a person, and hides no other line."""
        fact = PaymentFact(PaymentId(line.our_id), PaymentStanding.PAID, line.reference, line.amount, line.at)
        try:
            await self._ears.payment(Told(fact, name))
        except Unavailable:
            raise
        except Problem as problem:
            reason = problem.code
        except Exception as error:  # noqa: BLE001 - a poisoned line must not hide the others; it is listed
            _log.exception("bill_line_unknown", method=name)
            reason = type(error).__name__
        else:
            return 1
        evidence = {
            "method": name,
            "payment": line.our_id,
            "reference": line.reference,
            "amount_minor": line.amount.amount_minor,
            "currency": line.amount.currency,
            "reason": reason,
        }
        async with self._database.transaction() as transaction:
            subject = f"{name}:{line.our_id}:{line.reference}"
            decision = Decision(lane_of(line.our_id), "bill_line_unknown", subject, evidence)
            await list_for_person(transaction.connection, [decision], transaction.now)
            crash_point(_BEFORE_LISTING)
        crash_point(_AFTER_LISTING)
        return 0


def first_day(today: date, last: date | None) -> date:
    """The day to begin with, `last` being the last one read: yesterday, or the day before the last one.

    The last one was not over when it was read; and by the gateway's clock, wherever that is, neither was the one
    before.
    """
    return min(today, last or today) - _DAY
