"""What lines were told of their use, for whoever tells the people who have them: each event once, in its order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.kernel.ids import LineId
from topup.lines.queries import LineRef
from topup.platform.arrays import columns
from topup.platform.database import Connection

_LANES: Final = """
SELECT w.lane FROM unnest(%s::smallint[]) AS w (lane)
WHERE EXISTS (SELECT FROM charging.usage_events AS e WHERE e.lane = w.lane AND NOT e.heard)
"""
_UNHEARD: Final = """
SELECT e.line_id, e.id, e.name, e.occurred_at, e.facts FROM charging.usage_events AS e
WHERE e.lane = %s AND NOT e.heard ORDER BY e.lane, e.id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""
_HEARD: Final = """
UPDATE charging.usage_events AS e SET heard = TRUE
FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS u (lane, line_id, id)
WHERE e.lane = u.lane AND e.line_id = u.line_id AND e.id = u.id
"""


@dataclass(frozen=True, slots=True)
class Unheard:
    """An event that nobody was told of; `facts` as `charging.usage.events` writes them."""

    line: LineRef
    id: str
    name: str
    occurred_at: datetime
    facts: Mapping[str, Any]


async def lanes_unheard(connection: Connection, lanes: Sequence[int]) -> list[int]:
    """Those of `lanes` in which there is something to hear."""
    cursor = await connection.execute(_LANES, (list(lanes),))
    return [lane for (lane,) in await cursor.fetchall()]


async def unheard(connection: Connection, *, lane: int, limit: int) -> list[Unheard]:
    """Lock at most `limit` events of a lane that were not heard; those others have in hand not."""
    cursor = await connection.execute(_UNHEARD, (lane, limit))
    return [Unheard(LineRef(lane, LineId(line_id)), *rest) for line_id, *rest in await cursor.fetchall()]


async def heard(connection: Connection, events: Sequence[Unheard]) -> None:
    """Note that these were heard, in the transaction that acts upon them."""
    if events:
        await connection.execute(_HEARD, columns([(one.line.lane, one.line.id, one.id) for one in events]))
