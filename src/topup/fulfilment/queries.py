"""What is known of attempts to deliver."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from topup.fulfilment.states import AttemptState
from topup.kernel.ids import FulfilmentId, OrderId
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Attempt:
    """One submission to one carrier. `number` counts the attempts of the order from 1."""

    lane: int
    id: FulfilmentId
    order_id: OrderId
    number: int
    carrier: str
    msisdn: str
    amount_minor: int
    currency: str
    product: str
    state: AttemptState
    reference: str | None
    code: str | None
    created_at: datetime
    submitted_at: datetime | None
    asked: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", AttemptState(self.state))


_COLUMNS = (
    "a.lane, a.id, a.order_id, a.number, a.carrier, a.msisdn, a.amount_minor, a.currency, a.product, a.state,"
    " a.reference, a.code, a.created_at, a.submitted_at, a.asked"
)


async def attempts(connection: Connection, places: Sequence[tuple[int, str]]) -> dict[str, Attempt]:
    """The attempts that exist among `places` (lane and id), by id."""
    async with connection.cursor(row_factory=class_row(Attempt), binary=True) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM unnest(%b::smallint[], %b::text[]) AS place (lane, id)"
            " JOIN fulfilment.attempts a ON a.lane = place.lane AND a.id = place.id",
            ([lane for lane, _ in places], [identifier for _, identifier in places]),
        )
        return {attempt.id: attempt for attempt in await cursor.fetchall()}


async def of_orders(connection: Connection, orders: Sequence[tuple[int, str]]) -> list[Attempt]:
    """The attempts to deliver these orders (lane and id), first to last."""
    async with connection.cursor(row_factory=class_row(Attempt), binary=True) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM unnest(%b::smallint[], %b::text[]) AS place (lane, id)"
            " JOIN fulfilment.attempts a ON a.lane = place.lane AND a.order_id = place.id ORDER BY a.lane, a.number",
            ([lane for lane, _ in orders], [identifier for _, identifier in orders]),
        )
        return await cursor.fetchall()


async def orders_called(connection: Connection, reference: str, *, lanes: int) -> list[tuple[int, str]]:
    """The orders (lane and id) whose delivery a carrier knows by this reference."""
    cursor = await connection.execute(
        "SELECT a.lane, a.order_id FROM fulfilment.attempts a WHERE a.lane = ANY (%s::smallint[]) AND a.reference = %s",
        (list(range(lanes)), reference),
    )
    return await cursor.fetchall()
