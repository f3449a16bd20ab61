"""What is written down of payments from a balance: reading and writing their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from topup.kernel.ids import HoldId, LineId, PaymentId, RefundId, lane_of
from topup.kernel.money import Money
from topup.kernel.transitions import Transitions
from topup.payments.ports import BillLine, PaymentRequest, RefundRequest
from topup.platform.arrays import selected
from topup.platform.database import Connection


class BalanceState(StrEnum):
    """Where a payment from a balance is."""

    BEGUN = "begun"
    """Written down; nothing is held yet. Nobody sees it: what follows is in the same transaction."""
    HELD = "held"
    """The credit is promised to this payment: nobody else can spend it."""
    PAID = "paid"
    """The credit is ours."""
    REFUSED = "refused"
    """The line may not or cannot pay: nothing moved."""
    CLOSED = "closed"
    """Given up before it was paid: nothing is held, and nothing will be."""


BALANCE: Final = Transitions(
    BalanceState.BEGUN,
    {
        BalanceState.BEGUN: frozenset({BalanceState.HELD, BalanceState.REFUSED, BalanceState.CLOSED}),
        BalanceState.HELD: frozenset({BalanceState.PAID, BalanceState.CLOSED}),
        BalanceState.PAID: frozenset(),
        BalanceState.REFUSED: frozenset(),
        BalanceState.CLOSED: frozenset(),
    },
)


@dataclass(frozen=True, slots=True)
class BalancePayment:
    """A payment from a line's credit. `portions` say what it was taken from; `postings.Portion` reads them.
    One that was closed before it was heard of has no amount.
    """

    lane: int
    payment_id: PaymentId
    line_id: LineId | None
    amount_minor: int | None
    currency: str | None
    kinds: list[str]
    state: BalanceState
    reason: str
    hold_id: HoldId | None
    portions: list[dict[str, Any]]
    created_at: datetime
    paid_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", BalanceState(self.state))

    @property
    def amount(self) -> Money:
        """What it is about; raises ValueError where that was never heard."""
        if self.amount_minor is None or self.currency is None:
            raise ValueError("it was closed before it was heard of")
        return Money(self.amount_minor, self.currency)


_COLUMNS: Final = selected(BalancePayment, "b")
_READ: Final = f"SELECT {_COLUMNS} FROM payments.balance_payments AS b WHERE b.lane = %s AND b.payment_id = %s"
_CREATE: Final = """
INSERT INTO payments.balance_payments (lane, payment_id, amount_minor, currency, kinds, state, created_at)
VALUES (%s, %s, %s, %s, '{}', %s, %s) ON CONFLICT DO NOTHING
"""
_ADVANCE: Final = """
UPDATE payments.balance_payments SET state = %(state)s, line_id = coalesce(%(line)s, line_id),
    kinds = coalesce(%(kinds)s, kinds), hold_id = coalesce(%(hold)s, hold_id), reason = %(reason)s,
    portions = coalesce(%(portions)s, portions), paid_at = %(paid_at)s
WHERE lane = %(lane)s AND payment_id = %(payment)s AND state = ANY (%(sources)s) RETURNING 1
"""
_BILL: Final = """
SELECT 'payment', payment_id, hold_id, amount_minor, currency, paid_at FROM payments.balance_payments
WHERE paid_at >= %(begin)s AND paid_at < %(end)s
UNION ALL
SELECT 'refund', refund_id, refund_id, amount_minor, currency, refunded_at FROM payments.balance_refunds
WHERE refunded_at >= %(begin)s AND refunded_at < %(end)s
ORDER BY 6, 2
"""


class NotMoved(RuntimeError):
    """A payment was not where its lock said it was: a defect, and nothing of it may take hold."""


async def payment_of(connection: Connection, payment_id: str, *, lock: bool = False) -> BalancePayment | None:
    """The payment as its row is; with `lock`, nobody else changes it before the transaction ends."""
    async with connection.cursor(row_factory=args_row(BalancePayment)) as cursor:
        await cursor.execute(_READ + (" FOR UPDATE" if lock else ""), (lane_of(payment_id), payment_id))
        return await cursor.fetchone()


async def create(connection: Connection, request: PaymentRequest, now: datetime) -> bool:
    """Write a payment down as `begun`; False where it is there already. Waits for whoever is just writing it."""
    return await _created(connection, request.payment_id, request.amount, BalanceState.BEGUN, now)


async def close_before(connection: Connection, payment_id: PaymentId, now: datetime) -> bool:
    """Write a payment down that we never heard of as closed, so that it never begins; False where it is there."""
    return await _created(connection, payment_id, None, BalanceState.CLOSED, now)


async def _created(
    connection: Connection, payment_id: PaymentId, amount: Money | None, state: BalanceState, now: datetime
) -> bool:
    said = (amount.amount_minor, amount.currency) if amount else (None, None)
    row = (lane_of(payment_id), payment_id, *said, state.value, now)
    return (await connection.execute(_CREATE, row)).rowcount == 1


async def advance(
    connection: Connection,
    payment: BalancePayment,
    state: BalanceState,
    *,
    reason: str = "",
    line_id: LineId | None = None,
    kinds: Sequence[str] | None = None,
    hold_id: HoldId | None = None,
    portions: Sequence[Mapping[str, Any]] | None = None,
    paid_at: datetime | None = None,
) -> None:
    """Move a locked payment along its table, with what is known since. Raises NotMoved."""
    parameters = {
        "state": state.value,
        "reason": reason,
        "line": line_id,
        "kinds": list(kinds) if kinds is not None else None,
        "hold": hold_id,
        "portions": Jsonb(list(portions)) if portions is not None else None,
        "paid_at": paid_at,
        "lane": payment.lane,
        "payment": payment.payment_id,
        "sources": [source.value for source in BALANCE.sources(state)],
    }
    cursor = await connection.execute(_ADVANCE, parameters)
    if cursor.rowcount != 1:
        raise NotMoved(f"{payment.payment_id} to {state}")


async def write_refund(connection: Connection, request: RefundRequest, now: datetime) -> bool:
    """Write down that it goes back; False where it went back already under this number."""
    cursor = await connection.execute(
        "INSERT INTO payments.balance_refunds (lane, refund_id, payment_id, amount_minor, currency, refunded_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            lane_of(request.refund_id),
            request.refund_id,
            request.payment_id,
            request.amount.amount_minor,
            request.amount.currency,
            now,
        ),
    )
    return cursor.rowcount == 1


async def write_portions(
    connection: Connection, payment: BalancePayment, portions: Sequence[Mapping[str, Any]]
) -> None:
    """Note how much of each portion went back by now."""
    await connection.execute(
        "UPDATE payments.balance_payments SET portions = %s WHERE lane = %s AND payment_id = %s",
        (Jsonb(list(portions)), payment.lane, payment.payment_id),
    )


async def was_refunded(connection: Connection, refund_id: RefundId) -> bool:
    """Whether it went back under this number."""
    cursor = await connection.execute(
        "SELECT 1 FROM payments.balance_refunds WHERE lane = %s AND refund_id = %s", (lane_of(refund_id), refund_id)
    )
    return await cursor.fetchone() is not None


async def bill_of(connection: Connection, begin: datetime, end: datetime) -> list[BillLine]:
    """What was paid and went back from `begin` until before `end`."""
    cursor = await connection.execute(_BILL, {"begin": begin, "end": end})
    return [
        BillLine(kind, our_id, reference, Money(amount_minor, currency), at)
        for kind, our_id, reference, amount_minor, currency, at in await cursor.fetchall()
    ]


def day_of(day: date) -> tuple[datetime, datetime]:
    """The beginning and the end of a day in UTC, which is the clock of these bills."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return begin, begin + timedelta(days=1)
