"""How the ways to pay are doing: what became of the attempts of the last hour, and what is on its way back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.platform.database import Connection

_HEALTH: Final = """
SELECT p.method, count(*), count(*) FILTER (WHERE p.state = 'paid'), count(*) FILTER (WHERE p.state = 'declined'),
    count(*) FILTER (WHERE p.state IN ('starting', 'needs_person')),
    (SELECT count(*) FROM payments.quarantine AS q WHERE q.method = p.method AND q.received_at >= %(since)s)
FROM orders.orders AS o JOIN payments.payments AS p ON p.lane = o.lane AND p.order_id = o.id
WHERE o.created_at >= %(since)s GROUP BY p.method ORDER BY p.method
"""
# The states as in the index `refunds_open`: what waits for a person is on its way back too.
_GOING_BACK: Final = """
SELECT currency, sum(amount_minor - taken_minor)::bigint FROM payments.refunds
WHERE state NOT IN ('refunded', 'taken_back') GROUP BY currency
"""


@dataclass(frozen=True, slots=True)
class Health:
    """Attempts by one method: how many were begun, paid, declined; how many nobody outside has answered for; and how
    many events came that were not the gateway's word.
    """

    method: str
    begun: int
    paid: int
    declined: int
    unanswered: int
    rejected: int


async def health(connection: Connection, since: datetime) -> list[Health]:
    """Of each method, the attempts to pay orders made since then."""
    async with connection.cursor(row_factory=args_row(Health)) as cursor:
        await cursor.execute(_HEALTH, {"since": since})
        return await cursor.fetchall()


async def going_back(connection: Connection) -> dict[str, int]:
    """What payers do not have back yet, by currency in minor units; without what their banks gave back."""
    return dict(await (await connection.execute(_GOING_BACK)).fetchall())
