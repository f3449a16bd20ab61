"""The best time for a top-up, as measured: how long it took from paid to credited, by hour and by day of the month.

A sweep counts what was credited since it last looked; a page sums some thousand rows. Where too few were measured, it
says so instead of showing what is chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.orders.waiting import run_waits, waits
from topup.platform.arrays import columns
from topup.platform.database import Connection, Database
from topup.platform.jobs import Sweep

BOUNDS_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""The classes of waiting: at most so many seconds each; the last class took longer."""
WINDOW: Final = timedelta(days=92)
"""Three months: long enough to have each day of the month three times."""
FEWEST: Final = 20
"""Of fewer top-ups in an hour (or on a day) nothing is told."""
FEWEST_ALL: Final = 200
"""Of fewer in all there is no chart."""
_EVERY_S: Final = 300.0
_STRETCH: Final = timedelta(days=7)
_MARGIN: Final = timedelta(minutes=1)
"""Longer than any transaction: what commits late with an early time is counted all the same."""

_THROUGH = "SELECT through FROM care.waits_through FOR UPDATE"
_FIRST = "INSERT INTO care.waits_through (through) VALUES (%s) ON CONFLICT DO NOTHING"
_MOVE = "UPDATE care.waits_through SET through = %s"
_ADD = """
INSERT INTO care.waits (hour, class, orders)
SELECT * FROM unnest(%b::timestamptz[], %b::smallint[], %b::bigint[])
ON CONFLICT (hour, class) DO UPDATE SET orders = care.waits.orders + excluded.orders
"""
_ADD_RUNS = """
INSERT INTO care.automatic_waits (hour, class, runs)
SELECT * FROM unnest(%b::timestamptz[], %b::smallint[], %b::bigint[])
ON CONFLICT (hour, class) DO UPDATE SET runs = care.automatic_waits.runs + excluded.runs
"""
_FORGET = "DELETE FROM care.waits WHERE hour < %s"
_FORGET_RUNS = "DELETE FROM care.automatic_waits WHERE hour < %s"
_BY = {
    "hour": "extract(hour FROM hour AT TIME ZONE %(zone)s)",
    "day": "extract(day FROM hour AT TIME ZONE %(zone)s)",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """Of one hour or day: how many were measured, and within how many seconds nine of ten of them were credited (None:
    too few, or longer than any class says).
    """

    number: int
    orders: int
    most_s: float | None
    enough: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What was measured in the last three months: by hour of the day and by day of the month, in `zone`. `half_s` and
    `most_s`: within so long half, and nine of ten, of all were credited. `enough`: there is something to tell.
    """

    zone: str
    orders: int
    half_s: float | None
    most_s: float | None
    hours: tuple[Bar, ...]
    days: tuple[Bar, ...]

    @property
    def enough(self) -> bool:
        """Whether so many were measured that it is no chance."""
        return self.orders >= FEWEST_ALL

    def slower_at(self, now: datetime) -> float | None:
        """Within how many seconds nine of ten were credited at such an hour, or on such a day of the month, where that
        is longer than usual; None where it is not, or too few were measured.
        """
        local = now.astimezone(ZoneInfo(self.zone))
        bars = [bar for bar in self.hours if bar.number == local.hour]
        bars += [bar for bar in self.days if bar.number == local.day]
        told = [bar.most_s for bar in bars if bar.enough and bar.most_s is not None]
        if not self.enough or self.most_s is None or not told or max(told) <= self.most_s:
            return None
        return max(told)

    @property
    def best_hours(self) -> list[int]:
        """The hours in which it went quickest, of those that were measured; empty where all went alike."""
        return _best(self.hours)


async def count(database: Database) -> int:
    """Count what was credited since the last time; how many. Several processes may do it: one does."""
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        await connection.execute(_FIRST, (now - WINDOW,))
        row = await (await connection.execute(_THROUGH)).fetchone()
        through: datetime = row[0] if row else now
        last, after = now - _MARGIN, through
        found: list[tuple[datetime, int, int]] = []
        # Weeks in which nothing was credited are passed over at once.
        while not found and through < last:
            through, after = min(last, through + _STRETCH), through
            found = await waits(connection, after=after, until=through, bounds_s=BOUNDS_S)
        if found:
            await connection.execute(_ADD, columns(found))
            if runs := await run_waits(connection, after=after, until=through, bounds_s=BOUNDS_S):
                await connection.execute(_ADD_RUNS, columns(runs))
        await connection.execute(_MOVE, (through,))
        for forget in (_FORGET, _FORGET_RUNS):
            await connection.execute(forget, (now - WINDOW - timedelta(days=1),))
    return sum(orders for _, _, orders in found)


def sweeps(database: Database) -> list[Sweep]:
    """What runs by itself."""
    return [Sweep("care.waits", _EVERY_S, lambda: count(database), batch=1)]


async def waiting(connection: Connection, *, zone: str, now: datetime) -> Waiting:
    """What was measured, in an IANA zone."""
    hours = await _counted(connection, "hour", zone, now)
    days = await _counted(connection, "day", zone, now)
    total = [sum(counts[place] for counts in hours.values()) for place in range(len(BOUNDS_S) + 1)]
    return Waiting(
        zone=zone,
        orders=sum(total),
        half_s=within(total, 0.5),
        most_s=within(total, 0.9),
        hours=tuple(_bar(number, hours.get(number)) for number in range(24)),
        days=tuple(_bar(number, days.get(number)) for number in range(1, 32)),
    )


def within(counts: Sequence[int], share: float) -> float | None:
    """Within how many seconds that share was credited, at most: a bound of the classes; None beyond the last."""
    wanted, seen = share * sum(counts), 0
    for bound, orders in zip(BOUNDS_S, counts, strict=False):
        seen += orders
        if seen and seen >= wanted:
            return bound
    return None


async def _counted(connection: Connection, by: str, zone: str, now: datetime) -> Mapping[int, list[int]]:
    cursor = await connection.execute(
        f"SELECT {_BY[by]}::int, class, sum(orders)::bigint FROM care.waits WHERE hour > %(since)s GROUP BY 1, 2",
        {"zone": zone, "since": now - WINDOW},
    )
    found: dict[int, list[int]] = {}
    for number, place, orders in await cursor.fetchall():
        found.setdefault(number, [0] * (len(BOUNDS_S) + 1))[place] += orders
    return found


def _bar(number: int, counts: Sequence[int] | None) -> Bar:
    orders = sum(counts) if counts else 0
    enough = orders >= FEWEST
    return Bar(number, orders, within(counts, 0.9) if counts and enough else None, enough)


def _best(bars: Sequence[Bar]) -> list[int]:
    told = [bar for bar in bars if bar.enough and bar.most_s is not None]
    if not told:
        return []
    least = min(bar.most_s for bar in told if bar.most_s is not None)
    best = [bar.number for bar in told if bar.most_s == least]
    return best if len(best) < len([bar for bar in bars if bar.enough]) else []
