"""Whether it is slow, as measured: top-ups just now, and those that run by themselves lately and at a month's end.

Nothing is told where too few were measured: what is chance is no advice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.care.waiting import BOUNDS_S, FEWEST, FEWEST_ALL, WINDOW, within
from topup.platform.database import Connection

LATELY: Final = timedelta(days=7)
NOW: Final = timedelta(hours=2)
"""What was paid in this hour and the one before is just now."""
SLOW_S: Final = 60.0
"""A wait that is told: nobody minds one that is shorter, however unusual."""
_NINE_OF_TEN: Final = 0.9
_LAST_S: Final = 2 * BOUNDS_S[-1]
"""Stands for what took longer than any class says."""

_NOW: Final = """
SELECT hour > %(recent)s, class, sum(orders)::bigint FROM care.waits WHERE hour > %(since)s GROUP BY 1, 2
"""
# The evening of a month's last day: the next day is the first of one.
_RUNS: Final = """
SELECT hour >= %(today)s, hour > %(lately)s,
    extract(day FROM there + interval '1 day') = 1 AND extract(hour FROM there) >= 18, class, sum(runs)::bigint
FROM care.automatic_waits, LATERAL (SELECT hour AT TIME ZONE %(zone)s AS there) AS local
WHERE hour > %(since)s GROUP BY 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long nine of ten waited at most, in seconds; `most_s` None is longer than an hour."""

    most_s: float | None

    @property
    def length_s(self) -> float:
        """To be compared with others."""
        return _LAST_S if self.most_s is None else self.most_s


@dataclass(frozen=True, slots=True)
class Slow:
    """Top-ups take longer just now than they do: nine of ten, now and usually."""

    now: Wait
    usual: Wait


@dataclass(frozen=True, slots=True)
class RunsWaited:
    """How long automatic top-ups waited from when they were due until they were credited, nine of ten of them: of those
    due `today`, else of the last seven days; and on the evenings of months' last days, of the last three months. None:
    too few were measured.
    """

    today: Wait | None
    lately: Wait | None
    month_end: Wait | None

    @property
    def rushes(self) -> bool:
        """Whether a month's end is known to be slower than other days."""
        usual = self.today or self.lately
        return self.month_end is not None and usual is not None and self.month_end.length_s > usual.length_s


async def slow_now(connection: Connection, now: datetime) -> Slow | None:
    """Whether top-ups that were paid just now took longer than they do in three months; None where they did not, or too
    few were measured.
    """
    rows = await (await connection.execute(_NOW, {"recent": now - NOW, "since": now - WINDOW})).fetchall()
    recent, usual = _classes(), _classes()
    for is_recent, place, orders in rows:
        usual[place] += orders
        if is_recent:
            recent[place] += orders
    told, known = _wait(recent, FEWEST), _wait(usual, FEWEST_ALL)
    if told is None or known is None or told.length_s <= max(known.length_s, SLOW_S):
        return None
    return Slow(told, known)


async def runs_waited(connection: Connection, *, zone: str, now: datetime) -> RunsWaited:
    """How long automatic top-ups waited, by the days of an IANA zone."""
    today = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    asked = {"today": today, "lately": now - LATELY, "since": now - WINDOW, "zone": zone}
    of_today, of_lately, of_ends = _classes(), _classes(), _classes()
    for is_today, is_late, at_end, place, runs in await (await connection.execute(_RUNS, asked)).fetchall():
        for counts, counted in ((of_today, is_today), (of_lately, is_late), (of_ends, at_end)):
            counts[place] += runs if counted else 0
    return RunsWaited(_wait(of_today, FEWEST), _wait(of_lately, FEWEST), _wait(of_ends, FEWEST))


def _classes() -> list[int]:
    return [0] * (len(BOUNDS_S) + 1)


def _wait(counts: Sequence[int], fewest: int) -> Wait | None:
    return Wait(within(counts, _NINE_OF_TEN)) if sum(counts) >= fewest else None
