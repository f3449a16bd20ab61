"""Books and bills for tests of reconciliation: rows as the rooms would have written them, and what is known of both."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest

from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.ledger import Transfer, post
from topup.ledger.queries import house_balances
from topup.payments.ports import BillLine
from topup.payments.postings import SUSPENSE, clearing
from topup.reconciliation.desk import Reconciliation
from topup.reconciliation.queries import report
from topup.reconciliation.storing import Day, reading

METHOD = "scripted"
DAY = date(2026, 3, 10)
NOON = datetime.combine(DAY, time(12), UTC)
LATER = datetime.combine(DAY + timedelta(days=8), time(12), UTC)
_PAYMENT = (
    "INSERT INTO payments.payments (lane, id, order_id, method, scene, amount_minor, currency, fee_minor, state,"
    " created_at, state_since, expires_at) VALUES (%s, %s, %s, %s, 'phone', %s, %s, 0, %s, %s, %s, %s)"
)
_CAPTURE = (
    "INSERT INTO payments.captures (lane, payment_id, reference, amount_minor, currency, paid_at, recorded_at,"
    " disposition, refunded_minor) VALUES (%s, %s, %s, %s, %s, %s, %s, 'kept', %s)"
)
_REFUND = (
    "INSERT INTO payments.refunds (lane, id, payment_id, reference, amount_minor, currency, reason, state, created_at,"
    " state_since) VALUES (%s, %s, %s, %s, %s, %s, 'test', %s, %s, %s)"
)


@dataclass
class Paid:
    """A payment of the books: its capture, if money came, and the transfer of that."""

    amount: int = 5000
    currency: str = "CNY"
    at: datetime = NOON
    state: str = "paid"
    booked: int | None = None
    """What the ledger has instead of the amount; 0: nothing."""
    lane: int = 0
    method: str = METHOD
    id: str = ""
    reference: str = ""

    def __post_init__(self):
        self.id = self.id or new_id("payment", self.lane)
        self.reference = self.reference or f"their-{self.id[-8:]}"

    def line(self, **changes) -> BillLine:
        money = Money(changes.pop("amount", self.amount), changes.pop("currency", self.currency))
        fields = {"kind": "payment", "our_id": self.id, "reference": self.reference, "amount": money, "at": self.at}
        return BillLine(**{**fields, **changes})


@dataclass
class Back:
    """A refund of the books."""

    payment: Paid
    amount: int = 5000
    at: datetime = NOON
    state: str = "refunded"
    id: str = ""

    def __post_init__(self):
        self.id = self.id or new_id("refund", self.payment.lane)

    def line(self, **changes) -> BillLine:
        money = Money(changes.pop("amount", self.amount), changes.pop("currency", self.payment.currency))
        fields = {
            "kind": "refund",
            "our_id": self.id,
            "reference": f"back-{self.id[-8:]}",
            "amount": money,
            "at": self.at,
        }
        return BillLine(**{**fields, **changes})


@dataclass
class Auditor:
    """Writes books and bills, compares them, and says what was found."""

    database: object
    desk: Reconciliation
    method: str = METHOD

    async def books(self, *things) -> None:
        items = []
        async with self.database.transaction() as transaction:
            connection = transaction.connection
            back = {}
            for thing in things:
                if isinstance(thing, Back):
                    back[thing.payment.id] = back.get(thing.payment.id, 0) + thing.amount
            for one in [thing for thing in things if isinstance(thing, Paid)]:
                order = new_id("order", one.lane)
                times = (one.at, one.at, one.at + timedelta(minutes=15))
                row = (one.lane, one.id, order, one.method, one.amount, one.currency, one.state, *times)
                await connection.execute(_PAYMENT, row)
                if one.state != "paid":
                    continue
                row = (one.lane, one.id, one.reference, one.amount, one.currency, one.at, one.at, back.get(one.id, 0))
                await connection.execute(_CAPTURE, row)
                minor = one.amount if one.booked is None else one.booked
                key = f"{one.id}:capture:{one.reference}"
                items += [_transfer(one, key, (clearing(one.method), SUSPENSE), minor, "capture")] if minor else []
            for one in [thing for thing in things if isinstance(thing, Back)]:
                paid = one.payment
                row = (paid.lane, one.id, paid.id, paid.reference, one.amount, paid.currency, one.state, one.at, one.at)
                await connection.execute(_REFUND, row)
                if one.state == "refunded":
                    items.append(
                        _transfer(paid, f"{one.id}:refund", (SUSPENSE, clearing(paid.method)), one.amount, "refund")
                    )
            await post(connection, items, transaction.now)

    async def bill(self, *lines, day=DAY, page=3) -> None:
        """Store a bill as it is read."""
        async with reading(self.database, Day.of(self.method, day, UTC)) as begun:
            for start in range(0, len(lines), page):
                await begun.add(lines[start : start + page])

    async def compared(self, day=DAY):
        """The report after comparing, which must tie."""
        await self.desk.compare(method=self.method, day=day)
        return await self.report(day)

    async def report(self, day=DAY):
        async with self.database.read() as transaction:
            found = await report(transaction.connection, method=self.method, day=day)
        assert found.is_tied, found.ties
        return found

    async def differences(self, *, day=DAY):
        """After comparing: (class, number) of each open difference."""
        return sorted((one.cls.value, one.our_id) for one in (await self.compared(day)).differences)

    async def open_work(self) -> list[tuple[str, str]]:
        async with self.database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT kind, subject FROM work.items WHERE state = 'open' ORDER BY kind, subject"
            )
            return await cursor.fetchall()

    async def house(self, code: str, currency: str = "CNY") -> int:
        async with self.database.read() as transaction:
            return (await house_balances(transaction.connection)).get((code, currency), 0)

    async def dump(self) -> list:
        """Everything the room has, but when it was last read and compared."""
        async with self.database.read() as transaction:
            rows = []
            for table, columns in _TABLES.items():
                ours = "WHERE method = %(method)s" if table.startswith("reconciliation.") else "WHERE %(method)s <> ''"
                sql = f"SELECT {columns} FROM {table} {ours} ORDER BY 1, 2, 3, 4, 5"
                cursor = await transaction.connection.execute(sql, {"method": self.method})
                rows.append(await cursor.fetchall())
            return rows


_TABLES = {
    "reconciliation.bills": "method, day, begins, ends, lines, digest, changed_at, waiting",
    "reconciliation.bill_lines": "*",
    "reconciliation.differences": "method, day, class, kind, our_id, reference, nth, ours_minor, theirs_minor,"
    " found_at, resolved_at, times, listed",
    "reconciliation.totals": "method, day, currency, figure, count, minor",
    "reconciliation.posted": "method, day, account, currency, minor, times",
    "work.items": "lane, kind, subject, state, created_at, decided_at, evidence",
    "ledger.transfers": "lane, sequence, key, amount, debit, credit",
}


def _transfer(paid, key, way, minor, purpose):
    debit, credit = way
    return Transfer(
        lane=paid.lane, key=key, debit_code=debit, credit_code=credit, asset=paid.currency, amount=minor,
        purpose=purpose, reference=paid.id,
    )  # fmt: skip


@pytest.fixture
async def auditor(database) -> Auditor:
    """Reconciliation on a fresh database, a week after DAY."""
    database.clock_offset = LATER - datetime.now(UTC)
    return Auditor(database, Reconciliation(database=database, gateways={}))
