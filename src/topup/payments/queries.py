"""What is known of attempts, captures and refunds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from psycopg.rows import args_row

from topup.kernel.ids import OrderId, PaymentId, RefundId
from topup.payments.states import Disposition, PaymentState, RefundState
from topup.platform.arrays import selected
from topup.platform.database import Connection

Row = TypeVar("Row")
Place = tuple[int, str]
"""A lane and an id."""


@dataclass(frozen=True, slots=True)
class Payment:
    """An attempt to pay. `fee_minor` is the part of the amount that is the method's fee."""

    lane: int
    id: PaymentId
    order_id: OrderId
    method: str
    amount_minor: int
    currency: str
    fee_minor: int
    state: PaymentState
    action: dict[str, str] | None
    created_at: datetime
    expires_at: datetime
    asked: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", PaymentState(self.state))


@dataclass(frozen=True, slots=True)
class Capture:
    """Money that really came. `refunded_minor` is promised back, refunds of unknown outcome included."""

    lane: int
    payment_id: PaymentId
    reference: str
    amount_minor: int
    currency: str
    paid_at: datetime
    disposition: Disposition
    refunded_minor: int
    recorded_at: datetime | None = None
    """When we heard of it; None until it is stored."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "disposition", Disposition(self.disposition))


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back."""

    lane: int
    id: RefundId
    payment_id: PaymentId
    reference: str
    amount_minor: int
    currency: str
    reason: str
    state: RefundState
    created_at: datetime
    tries: int
    state_since: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", RefundState(self.state))


_PAYMENT = selected(Payment, "p")
_CAPTURE = selected(Capture, "c")
_REFUND = selected(Refund, "r")
_PLACES = "unnest(%b::smallint[], %b::text[]) AS place (lane, id)"


def split(places: Sequence[Place]) -> tuple[list[int], list[str]]:
    """Lanes and ids as two arrays, the way SQL takes them."""
    return [lane for lane, _ in places], [identifier for _, identifier in places]


async def payments(connection: Connection, places: Sequence[Place]) -> dict[str, Payment]:
    """The attempts that exist among `places`, by id."""
    sql = f"SELECT {_PAYMENT} FROM {_PLACES} JOIN payments.payments p ON p.lane = place.lane AND p.id = place.id"
    return {payment.id: payment for payment in await _read(connection, Payment, sql, places)}


async def payments_of_orders(connection: Connection, orders: Sequence[Place]) -> dict[str, list[Payment]]:
    """The attempts of each order, oldest first."""
    sql = (
        f"SELECT {_PAYMENT} FROM {_PLACES} JOIN payments.payments p"
        " ON p.lane = place.lane AND p.order_id = place.id ORDER BY p.created_at, p.id"
    )
    return _grouped(await _read(connection, Payment, sql, orders), lambda payment: payment.order_id)


async def captures(connection: Connection, payments_: Sequence[Place]) -> dict[str, list[Capture]]:
    """The money that came under each attempt, in the order it was recorded."""
    sql = (
        f"SELECT {_CAPTURE} FROM {_PLACES} JOIN payments.captures c"
        " ON c.lane = place.lane AND c.payment_id = place.id ORDER BY c.recorded_at, c.reference"
    )
    return _grouped(await _read(connection, Capture, sql, payments_), lambda capture: capture.payment_id)


async def refunds(connection: Connection, places: Sequence[Place]) -> dict[str, Refund]:
    """The refunds that exist among `places`, by id."""
    sql = f"SELECT {_REFUND} FROM {_PLACES} JOIN payments.refunds r ON r.lane = place.lane AND r.id = place.id"
    return {refund.id: refund for refund in await _read(connection, Refund, sql, places)}


async def refunds_of_payments(connection: Connection, payments_: Sequence[Place]) -> dict[str, list[Refund]]:
    """The refunds of each attempt, oldest first."""
    sql = (
        f"SELECT {_REFUND} FROM {_PLACES} JOIN payments.refunds r"
        " ON r.lane = place.lane AND r.payment_id = place.id ORDER BY r.created_at, r.id"
    )
    return _grouped(await _read(connection, Refund, sql, payments_), lambda refund: refund.payment_id)


async def bills_read(connection: Connection) -> dict[str, date]:
    """The last day whose bill was read, it and all days before it, for each method that ever had one read."""
    cursor = await connection.execute("SELECT method, read_through FROM payments.bills")
    return dict(await cursor.fetchall())


async def _read(connection: Connection, row: type[Row], sql: str, places: Sequence[Place]) -> list[Row]:
    async with connection.cursor(row_factory=args_row(row), binary=True) as cursor:
        await cursor.execute(sql, split(places))
        return await cursor.fetchall()


def _grouped(rows: Sequence[Row], key: Callable[[Row], str]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
