"""What must hold of offers at any time: a counter is what its reservations come to, and no limit is passed."""

from dataclasses import dataclass
from typing import Final

from topup.platform.database import Connection

_UNEQUAL: Final = """
WITH counted AS (
    SELECT r.lane, r.carrier_id, r.campaign_id, s.scope,
        count(*) FILTER (WHERE r.state = 'held') AS held, count(*) FILTER (WHERE r.state = 'settled') AS used,
        coalesce(sum(r.off_minor) FILTER (WHERE r.state = 'held'), 0) AS held_minor,
        coalesce(sum(r.off_minor) FILTER (WHERE r.state = 'settled'), 0) AS used_minor
    FROM offers.reservations AS r CROSS JOIN LATERAL unnest(r.scopes) AS s (scope) GROUP BY 1, 2, 3, 4
)
SELECT lane, carrier_id, campaign_id, scope
FROM counted AS n FULL JOIN offers.counters AS c USING (lane, carrier_id, campaign_id, scope)
WHERE (c.held, c.used, c.held_minor, c.used_minor) IS DISTINCT FROM (n.held, n.used, n.held_minor, n.used_minor)
    OR c.held + c.used > c.most OR c.held_minor + c.used_minor > c.most_minor
ORDER BY 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True)
class Miscounted:
    """A counter that is not what its reservations come to, or is beyond its limit."""

    lane: int
    carrier_id: str
    campaign_id: str
    scope: str


async def miscounted(connection: Connection) -> list[Miscounted]:
    """Every such counter; none where all is well. Reads all reservations."""
    cursor = await connection.execute(_UNEQUAL)
    return [Miscounted(*row) for row in await cursor.fetchall()]
