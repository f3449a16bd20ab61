"""Spans of the calendar, and the instants when they end: days, months, ends of months, in a zone of one's own.

Whoever is promised days gets no fewer of them: the day something begins does not count, and a change of the clocks
neither adds nor takes a day.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

Ends = Literal["midnight", "exact", "month_end"]

MIDNIGHT: Final = time(0)
ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Term:
    """A span of `days`, or of calendar `months`; exactly one of the two.

    A month on is the same day of the next month, or that month's last day where it is shorter. `ends`: `midnight` at
    the end of the last day, `exact` at the same time of day, `month_end` at the end of the calendar month in which the
    last day lies (`months=0`: of the month it began in).
    """

    days: int | None = None
    months: int | None = None
    ends: Ends = "midnight"


def last_day(term: Term, day: date) -> date:
    """The last whole day of a term that begins in the course of `day`."""
    last = day + timedelta(days=term.days or 0) if term.months is None else months_on(day, term.months)
    return last.replace(day=monthrange(last.year, last.month)[1]) if term.ends == "month_end" else last


def months_on(day: date, months: int) -> date:
    """The same day `months` later, or the last day of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def end_of(term: Term, zone: ZoneInfo, start: datetime) -> datetime:
    """The instant (UTC) when a term ends that begins at `start` (aware), its days being those of `zone`."""
    local = local_of(start, zone)
    last = last_day(term, local.date())
    return latest_instant(last, local.time(), zone) if term.ends == "exact" else end_of_day(last, zone)


def end_in_state(term: Term, zone: ZoneInfo, since: datetime) -> datetime:
    """As `end_of`, but a term that begins at the very beginning of a day counts that day too.

    So a line that is blocked from midnight for 120 days is so for 120 days and not for 121.
    """
    day = local_of(since, zone).date()
    if term.ends == "exact" or since != latest_instant(day, MIDNIGHT, zone):
        return end_of(term, zone, since)
    if term.ends == "month_end":
        return end_of_day(last_day(term, day - ONE_DAY), zone)
    return latest_instant(last_day(term, day), MIDNIGHT, zone)


@lru_cache(maxsize=256)
def local_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """A moment in the zone: all grants of a top-up, and all top-ups of a batch, have the same."""
    return instant.astimezone(zone)


@lru_cache(maxsize=4096)
def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The end of a day, which all top-ups of a day with the same rule share."""
    return latest_instant(day + ONE_DAY, MIDNIGHT, zone)


@lru_cache(maxsize=8192)
def latest_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, when clocks of `zone` show `at` on `day`.

    Where they show it twice it is the second time; where they skip it, as much after the gap as it lay within it. So
    a change of the clocks never cuts anything short. Remembered: a night's job asks for the same few for a million
    lines.
    """
    shown = datetime.combine(day, at)
    first = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return max(first, second)
