"""What the ledger has of one line, for whoever asks from outside: each thing with an id, a status and its times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from topup.kernel.ids import HoldId, LineId
from topup.ledger.queries import LONGEST_PAGE
from topup.platform.arrays import columns
from topup.platform.database import Connection

_HOLDS: Final = """
SELECT h.id, h.asset, h.amount, h.settled, h.state::text AS state, h.purpose, h.reference, h.created_at, h.expires_at
FROM ledger.holds AS h
WHERE h.lane = %s AND h.line_id = %s AND h.state = 'open'
ORDER BY h.created_at, h.id LIMIT %s
"""

_LEFT: Final = """
SELECT h.id, h.amount - h.settled
FROM unnest(%b::smallint[], %b::text[]) AS wanted (lane, id)
JOIN ledger.holds AS h ON h.lane = wanted.lane AND h.id = wanted.id AND h.state = 'open'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """Something of a line's that is promised: `amount`, of which `settled` was taken. Open until it is closed."""

    id: HoldId
    asset: str
    amount: int
    settled: int
    state: str
    purpose: str
    reference: str
    created_at: datetime
    expires_at: datetime


async def holds_of_line(connection: Connection, *, lane: int, line_id: LineId) -> Sequence[HoldRow]:
    """The open holds of a line, the oldest first, at most LONGEST_PAGE."""
    cursor = connection.cursor(row_factory=class_row(HoldRow))
    await cursor.execute(_HOLDS, (lane, line_id, LONGEST_PAGE))
    return await cursor.fetchall()


async def left_of_holds(connection: Connection, holds: Iterable[tuple[int, str]]) -> dict[str, int]:
    """What is promised still of holds given as (lane, id); those that are closed, or unknown, are absent."""
    wanted = sorted(set(holds))
    if not wanted:
        return {}
    cursor = await connection.execute(_LEFT, columns(wanted))
    return dict(await cursor.fetchall())
