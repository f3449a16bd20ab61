"""What is written down of sales from floats, and of what went back: reading and writing their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.kernel.ids import AccountId, AgentId, OrderId, PaymentId, RefundId, lane_of
from topup.kernel.money import Money
from topup.payments.ports import BillLine, RefundRequest
from topup.platform.arrays import selected, texts
from topup.platform.database import Connection

LONGEST_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale from a float; amounts in minor units of `currency`. `plan` is that of the commission, with its version."""

    lane: int
    payment_id: PaymentId
    order_id: OrderId
    agent_id: AgentId
    bucket_id: AccountId
    amount_minor: int
    commission_minor: int
    currency: str
    plan: str
    paid_at: datetime
    back_minor: int = 0
    commission_back_minor: int = 0

    @property
    def price(self) -> Money:
        """What it took from the float."""
        return Money(self.amount_minor, self.currency)

    def commission_with(self, back_minor: int) -> int:
        """What leaves of the commission when so much more goes back: its share, so that with the whole price the whole
        of it has left.
        """
        gone = self.commission_minor * (self.back_minor + back_minor) // self.amount_minor
        return gone - self.commission_back_minor


_COLUMNS: Final = selected(Sale, "f")
_READ: Final = f"SELECT {_COLUMNS} FROM payments.float_payments AS f WHERE f.lane = %s AND f.payment_id = %s"
_WRITE: Final = """
INSERT INTO payments.float_payments
    (paid_at, lane, payment_id, order_id, agent_id, bucket_id, amount_minor, commission_minor, currency, plan)
SELECT %s, u.* FROM unnest(string_to_array(%s, E'\\n')::smallint[], string_to_array(%s, E'\\n'),
    string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'),
    string_to_array(%s, E'\\n')::bigint[], string_to_array(%s, E'\\n')::bigint[], string_to_array(%s, E'\\n'),
    %b::text[]) AS u
"""
_BACK: Final = """
UPDATE payments.float_payments SET back_minor = back_minor + %s, commission_back_minor = commission_back_minor + %s
WHERE lane = %s AND payment_id = %s
"""
_REFUND: Final = """
INSERT INTO payments.float_refunds (lane, refund_id, payment_id, amount_minor, commission_minor, currency, refunded_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
_REFUNDED: Final = "SELECT 1 FROM payments.float_refunds WHERE lane = %s AND refund_id = %s"
_PAGE: Final = f"""
SELECT {_COLUMNS} FROM payments.float_payments AS f
WHERE f.agent_id = %(agent)s AND (f.paid_at, f.payment_id) < (%(before)s, %(id)s)
ORDER BY f.paid_at DESC, f.payment_id DESC LIMIT %(limit)s
"""
_BILL: Final = """
SELECT 'payment', payment_id, payment_id, amount_minor, currency, paid_at FROM payments.float_payments
WHERE paid_at >= %(begin)s AND paid_at < %(end)s
UNION ALL
SELECT 'refund', refund_id, refund_id, amount_minor, currency, refunded_at FROM payments.float_refunds
WHERE refunded_at >= %(begin)s AND refunded_at < %(end)s
ORDER BY 6, 2
"""


async def sale_of(connection: Connection, payment_id: str, *, lock: bool = False) -> Sale | None:
    """The sale as its row is; with `lock`, nobody else changes it before the transaction ends."""
    async with connection.cursor(row_factory=args_row(Sale)) as cursor:
        await cursor.execute(_READ + (" FOR UPDATE" if lock else ""), (lane_of(payment_id), payment_id))
        return await cursor.fetchone()


async def write(connection: Connection, sales: Sequence[Sale], now: datetime) -> None:
    """Write new sales down, paid at `now`."""
    if sales:
        await connection.execute(_WRITE, (now, *texts(map(_row, sales)), [sale.plan for sale in sales]))


def _row(s: Sale) -> tuple[object, ...]:
    lane, payment = s.lane, s.payment_id
    return lane, payment, s.order_id, s.agent_id, s.bucket_id, s.amount_minor, s.commission_minor, s.currency


async def write_refund(
    connection: Connection, sale: Sale, request: RefundRequest, commission_minor: int, now: datetime
) -> None:
    """Write down that it goes back, and so much of the commission with it."""
    minor = request.amount.amount_minor
    row = (lane_of(request.refund_id), request.refund_id, request.payment_id, minor, commission_minor)
    await connection.execute(_REFUND, (*row, request.amount.currency, now))
    await connection.execute(_BACK, (minor, commission_minor, sale.lane, sale.payment_id))


async def was_refunded(connection: Connection, refund_id: RefundId) -> bool:
    """Whether it went back under this number."""
    cursor = await connection.execute(_REFUNDED, (lane_of(refund_id), refund_id))
    return await cursor.fetchone() is not None


async def sales_of(
    connection: Connection, *, agent_id: AgentId, before: tuple[datetime, str], limit: int = 50
) -> list[Sale]:
    """A page of an agent's sales, newest first: those before the given time and payment."""
    at, identifier = before
    wanted = {"agent": agent_id, "before": at, "id": identifier, "limit": min(limit, LONGEST_PAGE)}
    async with connection.cursor(row_factory=args_row(Sale)) as cursor:
        await cursor.execute(_PAGE, wanted)
        return await cursor.fetchall()


async def bill_of(connection: Connection, begin: datetime, end: datetime) -> list[BillLine]:
    """What was sold and went back from `begin` until before `end`."""
    cursor = await connection.execute(_BILL, {"begin": begin, "end": end})
    return [
        BillLine(kind, our_id, reference, Money(amount_minor, currency), at)
        for kind, our_id, reference, amount_minor, currency, at in await cursor.fetchall()
    ]
