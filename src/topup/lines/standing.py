"""How lines stand, whatever number they have or had: asked by their ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from topup.kernel.ids import LineId
from topup.lines.queries import Line, LineRef
from topup.platform.database import Connection

_STANDINGS = """
SELECT line.lane, line.id, line.carrier_id, line.status, line.state, line.zone
FROM unnest(%b::smallint[], %b::text[]) AS wanted (lane, id)
JOIN lines.lines AS line ON line.lane = wanted.lane AND line.id = wanted.id
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A line as it is now, and the zone its days begin and end in."""

    line: Line
    zone: ZoneInfo


async def standings(connection: Connection, refs: Sequence[LineRef]) -> dict[LineId, Standing]:
    """These lines as they are now, closed ones too; the unknown are absent. One query."""
    cursor = await connection.execute(_STANDINGS, ([ref.lane for ref in refs], [ref.id for ref in refs]))
    return {
        LineId(line_id): Standing(Line(LineRef(lane, LineId(line_id)), carrier_id, status, state), ZoneInfo(zone))
        for lane, line_id, carrier_id, status, state, zone in await cursor.fetchall()
    }
