"""When people may be disturbed: from nine in the morning to nine at night, by the clocks of where their line lives."""

from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

BEGINS: Final = time(9)
ENDS: Final = time(21)

_zone = lru_cache(maxsize=1024)(ZoneInfo)


def is_daytime(at: datetime, zone: str) -> bool:
    """Whether an instant is in the daytime of an IANA zone."""
    return BEGINS <= at.astimezone(_zone(zone)).time() < ENDS


def daytime(at: datetime, zone: str) -> datetime:
    """The first instant from `at` on that is daytime there: `at` itself, or the next nine o'clock."""
    local = at.astimezone(_zone(zone))
    if BEGINS <= local.time() < ENDS:
        return at
    day = local.date() + timedelta(days=local.time() >= ENDS)
    return datetime.combine(day, BEGINS, local.tzinfo).astimezone(at.tzinfo)
