"""How long top-ups took, of those that were credited in a span of time: from paid to credited, and those that run by
themselves from when they were due.
"""

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
# What was declined waited for its owner's card: only first attempts are ours to answer for.
_RUN_WAITS = """
SELECT date_trunc('hour', w.due_at), w.class, count(*) FROM (
    SELECT r.due_at,
        (SELECT count(*) FROM unnest(%(bounds)b::float8[]) AS b (seconds)
            WHERE b.seconds < extract(epoch FROM d.at - r.due_at)) AS class
    FROM orders.history AS d
    JOIN orders.schedule_runs AS r ON r.lane = d.lane AND r.order_id = d.order_id AND r.attempt = 1
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


async def run_waits(
    connection: Connection, *, after: datetime, until: datetime, bounds_s: Sequence[float]
) -> list[tuple[datetime, int, int]]:
    """As `waits`, of automatic top-ups that were paid at the first attempt: by the hour they were due in."""
    parameters = {"bounds": list(bounds_s), "after": after, "until": until}
    cursor = await connection.execute(_RUN_WAITS, parameters)
    return [(hour, int(number), int(count)) for hour, number, count in await cursor.fetchall()]
