"""Changes of lines' states that somebody is still to be told of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from topup.kernel.ids import LineId
from topup.lines.queries import LineRef
from topup.platform.arrays import columns
from topup.platform.database import Connection

_UNTOLD = """
SELECT c.lane, c.line_id, c.sequence, c.at, c.left_state, c.entered, c.shows, l.carrier_id
FROM (
    SELECT * FROM lines.changes AS c
    WHERE c.lane = %s AND NOT c.told ORDER BY c.lane, c.sequence LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
) AS c
JOIN lines.lines AS l ON l.lane = c.lane AND l.id = c.line_id
ORDER BY c.sequence
"""
_TOLD = """
UPDATE lines.changes AS c SET told = TRUE
FROM unnest(%b::smallint[], %b::text[], %b::bigint[]) AS u (lane, line_id, sequence)
WHERE c.lane = u.lane AND c.line_id = u.line_id AND c.sequence = u.sequence
"""
_LANES = """
SELECT w.lane FROM unnest(%s::smallint[]) AS w (lane)
WHERE EXISTS (SELECT FROM lines.changes AS c WHERE c.lane = w.lane AND NOT c.told)
"""


@dataclass(frozen=True, slots=True)
class UntoldChange:
    """A line of `carrier_id` went from the state `left` to `entered` at `at`, and shows `shows` since."""

    line: LineRef
    sequence: int
    at: datetime
    left: str
    entered: str
    shows: str
    carrier_id: str


async def lanes_with_untold(connection: Connection, lanes: Sequence[int]) -> list[int]:
    """Those of `lanes` in which something is to be told."""
    cursor = await connection.execute(_LANES, (list(lanes),))
    return [lane for (lane,) in await cursor.fetchall()]


async def untold(connection: Connection, *, lane: int, limit: int) -> list[UntoldChange]:
    """Lock at most `limit` changes of a lane that nobody was told of, in their order; those others have in hand not."""
    cursor = await connection.execute(_UNTOLD, (lane, limit))
    return [
        UntoldChange(LineRef(lane, LineId(line_id)), sequence, at, left, entered, shows, carrier_id)
        for lane, line_id, sequence, at, left, entered, shows, carrier_id in await cursor.fetchall()
    ]


async def told(connection: Connection, changes: Sequence[UntoldChange]) -> None:
    """Note that these were told of, in the transaction that tells."""
    if changes:
        rows = [(change.line.lane, change.line.id, change.sequence) for change in changes]
        await connection.execute(_TOLD, columns(rows))
