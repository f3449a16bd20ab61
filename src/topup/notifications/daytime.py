"""When people may be disturbed: from nine in the morning to nine at night unless they said otherwise, by the clocks of
where their line lives.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_zone = lru_cache(maxsize=1024)(ZoneInfo)


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a day, by the clock, from `begins` up to but not including `ends`; past midnight where `ends` is the
    smaller one, all day where they are the same. Raises ValueError for what is no hour of a day.
    """

    begins: int = 9
    ends: int = 21

    def __post_init__(self) -> None:
        if not (0 <= self.begins <= 23 and 0 <= self.ends <= 23):  # noqa: PLR2004 - the hours of a day
            raise ValueError("not an hour of the day")

    def hold(self, clock: time) -> bool:
        """Whether a time of day is among them."""
        if self.begins == self.ends:
            return True
        if self.begins < self.ends:
            return self.begins <= clock.hour < self.ends
        return clock.hour >= self.begins or clock.hour < self.ends


USUAL: Final = Hours()


def is_daytime(at: datetime, zone: str, hours: Hours = USUAL) -> bool:
    """Whether an instant is in these hours of an IANA zone."""
    return hours.hold(at.astimezone(_zone(zone)).time())


def daytime(at: datetime, zone: str, hours: Hours = USUAL) -> datetime:
    """The first instant from `at` on that is in these hours there: `at` itself, or when they next begin. Where clocks
    are put forward over all of them it is no such instant, and who looks again then waits for the next day.
    """
    local = at.astimezone(_zone(zone))
    if hours.hold(local.time()):
        return at
    begins = time(hours.begins)
    day = local.date() + timedelta(days=local.time() >= begins)
    return datetime.combine(day, begins, local.tzinfo).astimezone(at.tzinfo)
