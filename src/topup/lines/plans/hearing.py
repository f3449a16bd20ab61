"""What became of lines' plans, for whoever tells the people who have them: each change once, in its order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.ids import LineId
from topup.lines.plans.states import PlanChange
from topup.lines.queries import LineRef
from topup.platform.arrays import columns
from topup.platform.database import Connection

_LANES: Final = """
SELECT w.lane FROM unnest(%s::smallint[]) AS w (lane)
WHERE EXISTS (SELECT FROM lines.plan_changes AS c WHERE c.lane = w.lane AND NOT c.heard)
"""
_UNHEARD: Final = """
SELECT c.line_id, c.sequence, c.what, c.plan_id, c.cycle, c.at, c.until, c.amount_minor, l.carrier_id
FROM (
    SELECT * FROM lines.plan_changes AS c
    WHERE c.lane = %s AND NOT c.heard ORDER BY c.lane, c.sequence LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
) AS c
JOIN lines.lines AS l ON l.lane = c.lane AND l.id = c.line_id
ORDER BY c.sequence
"""
_HEARD: Final = """
UPDATE lines.plan_changes AS c SET heard = TRUE
FROM unnest(%b::smallint[], %b::text[], %b::bigint[]) AS u (lane, line_id, sequence)
WHERE c.lane = u.lane AND c.line_id = u.line_id AND c.sequence = u.sequence
"""


@dataclass(frozen=True, slots=True)
class Unheard:
    """A change that nobody was told of, as `lines.plan_changes` has it; `carrier_id` is whose the line is."""

    line: LineRef
    sequence: int
    what: PlanChange
    plan_id: str
    cycle: int
    at: datetime
    until: datetime | None
    amount_minor: int
    carrier_id: str


async def lanes_unheard(connection: Connection, lanes: Sequence[int]) -> list[int]:
    """Those of `lanes` in which there is something to hear."""
    cursor = await connection.execute(_LANES, (list(lanes),))
    return [lane for (lane,) in await cursor.fetchall()]


async def unheard(connection: Connection, *, lane: int, limit: int) -> list[Unheard]:
    """Lock at most `limit` changes of a lane that were not heard; those others have in hand not."""
    cursor = await connection.execute(_UNHEARD, (lane, limit))
    return [
        Unheard(LineRef(lane, LineId(line_id)), sequence, PlanChange(what), *rest)
        for line_id, sequence, what, *rest in await cursor.fetchall()
    ]


async def heard(connection: Connection, changes: Sequence[Unheard]) -> None:
    """Note that these were heard, in the transaction that acts upon them."""
    if changes:
        rows = [(one.line.lane, one.line.id, one.sequence) for one in changes]
        await connection.execute(_HEARD, columns(rows))
