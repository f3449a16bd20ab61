"""How long top-ups took, from paid to credited, of those that were credited in a span of time."""

from collections.abc import Sequence
from datetime import datetime

from topup.platform.database import Connection

_WAITS = """
SELECT date_trunc('hour', w.paid_at), w.class, count(*) FROM (
    SELECT p.at AS paid_at,
        (SELECT count(*) FROM unnest(%(bounds)b::float8[]) AS b (seconds)
            WHERE b.seconds < extract(epoch FROM d.at - p.at)) AS class
    FROM orders.history AS d
    JOIN orders.history AS p ON p.lane = d.lane AND p.order_id = d.order_id AND p.state = 'paid'
    WHERE d.state = 'delivered' AND d.at > %(after)s AND d.at <= %(until)s
) AS w GROUP BY 1, 2
"""


async def waits(
    connection: Connection, *, after: datetime, until: datetime, bounds_s: Sequence[float]
) -> list[tuple[datetime, int, int]]:
    """For each hour of paying and each class of seconds: how many orders that were credited after `after`, up to
    `until`. Class n is of those that took at most bounds_s[n] seconds and more than the bound before; the last one, of
    number len(bounds_s), took longer. Reads the span's rows alone (a BRIN index of the time).
    """
    parameters = {"bounds": list(bounds_s), "after": after, "until": until}
    cursor = await connection.execute(_WAITS, parameters)
    return [(hour, int(number), int(count)) for hour, number, count in await cursor.fetchall()]
