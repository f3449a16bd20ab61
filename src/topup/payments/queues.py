"""What of this room waits to be done by itself (`platform.queues`), and the events that are believed in nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.platform.database import Connection
from topup.platform.queues import Swept

QUEUES: Final = (
    Swept(
        "gateway_events",
        "payments.inbox",
        due="coalesce(due_at, received_at)",
        since="received_at",
        id="source || ' ' || event_id",
        where="settled_at IS NULL",
    ),
    Swept("payments", "payments.payments", due="ask_at", since="created_at", id="id", about="order_id"),
    Swept("refunds", "payments.refunds", due="act_at", since="created_at", id="id"),
    Swept(
        "transfers",
        "payments.bank_entries",
        due="imported_at",
        since="imported_at",
        id="id",
        where="state = 'matched'",
    ),
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that did not verify: from whom it said it was, when it came, and why it was not believed."""

    method: str
    received_at: datetime
    reason: str


async def rejected(connection: Connection, *, limit: int) -> list[Rejected]:
    """The events in quarantine, newest first: a thousand at most are kept."""
    async with connection.cursor(row_factory=args_row(Rejected)) as cursor:
        await cursor.execute(
            "SELECT method, received_at, reason FROM payments.quarantine ORDER BY received_at DESC LIMIT %s", (limit,)
        )
        return await cursor.fetchall()


async def rejected_count(connection: Connection) -> tuple[int, datetime | None]:
    """How many events are in quarantine, and when the oldest of them came."""
    cursor = await connection.execute("SELECT count(*), min(received_at) FROM payments.quarantine")
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else (0, None)
