"""What is known of attempts, captures and refunds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeVar

from psycopg.rows import args_row

from topup.kernel.errors import Conflict
from topup.kernel.ids import OrderId, PaymentId, RefundId, lane_of
from topup.payments.ports import Scene
from topup.payments.states import BACK, Disposition, PaymentState, RefundState
from topup.platform.arrays import selected
from topup.platform.database import Connection

Row = TypeVar("Row")
Place = tuple[int, str]
"""A lane and an id."""


@dataclass(frozen=True, slots=True)
class Payment:
    """An attempt to pay. `fee_minor`: the method's fee, in the currency of the price; its amount may be in another."""

    lane: int
    id: PaymentId
    order_id: OrderId
    method: str
    scene: Scene
    amount_minor: int
    currency: str
    fee_minor: int
    state: PaymentState
    action: dict[str, Any] | None
    created_at: datetime
    expires_at: datetime
    asked: int
    reason: str = ""
    """Why it was declined, as `PaymentFact.reason` has it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", PaymentState(self.state))
        object.__setattr__(self, "scene", Scene(self.scene))


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
    confirmed: bool = True
    """Whether the gateway itself named the reference; else people typed it, and nothing is sent back by it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "disposition", Disposition(self.disposition))


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back. Of it the payer's bank gave back `taken_minor`, in a dispute that we lost: so much was not
    sent.
    """

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
    taken_minor: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", RefundState(self.state))


_PAYMENT = selected(Payment, "p")
_CAPTURE = selected(Capture, "c")
_REFUND = selected(Refund, "r")
_PLACES = "unnest(%b::smallint[], %b::text[]) AS place (lane, id)"

PAID_BY: Final = (
    "EXISTS (SELECT FROM payments.payments AS p WHERE p.lane = {lane} AND p.id = {payment} AND p.method = {method})"
)
"""In SQL, whether a payment was made by a method."""
PAID_AMOUNT: Final = (
    "(SELECT p.amount_minor = {minor} FROM payments.payments AS p WHERE p.lane = {lane} AND p.id = {payment})"
)
"""In SQL, whether a payment is of an amount; `minor` may say it by its currency, `p.currency`. Null for no payment."""
METHOD_OF: Final = "(SELECT p.method FROM payments.payments AS p WHERE p.lane = {lane} AND p.id = {payment})"
"""In SQL, by what a payment was made: looked up for each, where few are asked about, and never among all there are."""


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


async def methods_of(connection: Connection, places: Sequence[Place]) -> list[str]:
    """The methods of the payments that exist among `places`, each once."""
    cursor = await connection.execute(
        f"SELECT DISTINCT p.method FROM {_PLACES} JOIN payments.payments p ON p.lane = place.lane AND p.id = place.id",
        split(places),
    )
    return sorted(row[0] for row in await cursor.fetchall())


async def captures(connection: Connection, payments_: Sequence[Place]) -> dict[str, list[Capture]]:
    """The money that came under each attempt, in the order it was recorded."""
    sql = (
        f"SELECT {_CAPTURE} FROM {_PLACES} JOIN payments.captures c"
        " ON c.lane = place.lane AND c.payment_id = place.id ORDER BY c.recorded_at, c.reference"
    )
    return _grouped(await _read(connection, Capture, sql, payments_), lambda capture: capture.payment_id)


async def other_payment(
    connection: Connection, *, method: str, reference: str, payment_id: str, lanes: int
) -> str | None:
    """Another payment whose money a gateway knows by this reference, if there is one."""
    cursor = await connection.execute(
        "SELECT c.payment_id FROM payments.captures AS c"
        " JOIN payments.payments AS p ON p.lane = c.lane AND p.id = c.payment_id AND p.method = %s"
        " WHERE c.lane = ANY (%s::smallint[]) AND c.reference = %s AND c.payment_id <> %s LIMIT 1",
        (method, list(range(lanes)), reference, payment_id),
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def orders_of(connection: Connection, place: Place) -> list[Place]:
    """The order that an attempt to pay, or a refund, belongs to."""
    cursor = await connection.execute(
        "SELECT p.lane, p.order_id FROM payments.payments AS p WHERE p.lane = %(lane)s AND p.id = %(id)s"
        " UNION SELECT p.lane, p.order_id FROM payments.refunds AS r"
        " JOIN payments.payments AS p ON p.lane = r.lane AND p.id = r.payment_id"
        " WHERE r.lane = %(lane)s AND r.id = %(id)s",
        {"lane": place[0], "id": place[1]},
    )
    return await cursor.fetchall()


async def orders_called(connection: Connection, text: str, *, lanes: int, methods: Sequence[str]) -> list[Place]:
    """The orders whose money a gateway knows by this reference, or that an event of this id, of one of the methods'
    gateways, speaks of.
    """
    wanted = {"lanes": list(range(lanes)), "text": text, "methods": list(methods)}
    cursor = await connection.execute(_CALLED, wanted)
    return await cursor.fetchall()


_CALLED: Final = """
SELECT p.lane, p.order_id FROM payments.captures AS c
JOIN payments.payments AS p ON p.lane = c.lane AND p.id = c.payment_id
WHERE c.lane = ANY (%(lanes)s::smallint[]) AND c.reference = %(text)s
UNION
SELECT p.lane, p.order_id FROM unnest(%(methods)s::text[]) AS m (method)
CROSS JOIN unnest(%(lanes)s::smallint[]) AS l (lane)
JOIN payments.inbox AS i ON i.lane = l.lane AND i.source = m.method AND i.event_id = %(text)s
CROSS JOIN jsonb_path_query(i.facts, '$[*].about') AS f (about)
JOIN payments.payments AS p ON p.lane = i.lane AND p.id = f.about #>> '{}'
"""


async def refunds(connection: Connection, places: Sequence[Place]) -> dict[str, Refund]:
    """The refunds that exist among `places`, by id."""
    sql = f"SELECT {_REFUND} FROM {_PLACES} JOIN payments.refunds r ON r.lane = place.lane AND r.id = place.id"
    return {refund.id: refund for refund in await _read(connection, Refund, sql, places)}


async def still_open(connection: Connection, refund_id: RefundId) -> None:
    """Raises Conflict `refund_settled` where the payer has the money of a refund of ours already."""
    refund = (await refunds(connection, [(lane_of(refund_id), refund_id)])).get(refund_id)
    if refund is not None and refund.state in BACK:
        raise Conflict("refund_settled")


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
