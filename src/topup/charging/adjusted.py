"""The adjustments of a line, for those who look at it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.lines.queries import LineRef
from topup.platform.database import Connection

_OF_LINE: Final = """
SELECT id, amount_minor, currency, reason, made_by, state, created_at FROM charging.adjustments
WHERE lane = %s AND line_id = %s ORDER BY created_at DESC, id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One: what was given, or below zero taken, in minor units; why and by whom."""

    id: str
    amount_minor: int
    currency: str
    reason: str
    made_by: str
    state: str
    created_at: datetime


async def adjusted(connection: Connection, line: LineRef, *, limit: int) -> list[Adjusted]:
    """The newest adjustments of a line."""
    async with connection.cursor(row_factory=args_row(Adjusted)) as cursor:
        await cursor.execute(_OF_LINE, (line.lane, line.id, limit))
        return await cursor.fetchall()
