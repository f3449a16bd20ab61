"""What a line used day by day, for who has it: sums of its records."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from topup.catalogue.rates import Service
from topup.lines.queries import LineRef
from topup.platform.database import Connection

_DAYS: Final = """
SELECT (r.at AT TIME ZONE %(zone)s)::date AS day, r.service, sum(r.quantity)::bigint, sum(r.cost_minor)::bigint
FROM charging.usage_records AS r
WHERE r.lane = %(lane)s AND r.line_id = %(line)s AND r.at >= %(since)s AND r.at < %(until)s
GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class UsedOnDay:
    """How much of a service was used on a day of the line's zone (bytes, seconds or messages), and its cost."""

    day: date
    service: Service
    quantity: int
    cost_minor: int


async def used_by_day(
    connection: Connection, *, line: LineRef, zone: str, since: datetime, until: datetime
) -> list[UsedOnDay]:
    """What a line used from `since` to before `until`, the first day first; days without any are absent."""
    parameters = {"lane": line.lane, "line": line.id, "zone": zone, "since": since, "until": until}
    cursor = await connection.execute(_DAYS, parameters)
    return [UsedOnDay(*row) for row in await cursor.fetchall()]
