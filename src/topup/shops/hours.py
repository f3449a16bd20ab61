"""Opening hours: as files write them, and what they mean at an instant."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from topup.shops.places import DAYS, MIDNIGHT, Busy, Place, Span, Spans

_LOOK_AHEAD_DAYS: Final = 21
"""Longer than any holiday a hall closes for."""
_SPAN: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])-([01]?[0-9]|2[0-4]):([0-5][0-9])", re.ASCII)


class UnreadableHours(ValueError):
    """Not hours as files write them."""


def read_week(texts: Iterable[str]) -> tuple[Spans, ...]:
    """`["Mon-Fri 09:00-12:00,13:30-18:00", "Sat 10:00-16:00"]`: a day that is not named is closed, `24:00` ends a day.

    Raises UnreadableHours, also for a day that is named twice.
    """
    week: list[Spans | None] = [None] * len(DAYS)
    for text in texts:
        named, _, hours = text.strip().partition(" ")
        spans = read_spans(hours)
        for day in _days(named):
            if week[day] is not None:
                raise UnreadableHours(text)
            week[day] = spans
    return tuple(spans or () for spans in week)


def read_spans(text: str) -> Spans:
    """`09:00-12:00,13:30-18:00`, or `closed`. Raises UnreadableHours, also for spans that touch or overlap."""
    if text.strip() == "closed":
        return ()
    spans = tuple(_span(part.strip()) for part in text.split(","))
    if any(before.closes >= after.opens for before, after in pairwise(spans)):
        raise UnreadableHours(text)
    return spans


def read_busy(texts: Iterable[str]) -> tuple[Busy, ...]:
    """`["Mon 10:00-11:30"]`, as `read_week` reads it."""
    return tuple(Busy(day, span) for day, spans in enumerate(read_week(texts)) for span in spans)


def write_spans(spans: Spans) -> str:
    """Spans as `read_spans` reads them."""
    return ",".join(f"{clock(span.opens)}-{clock(span.closes)}" for span in spans) or "closed"


def clock(minute: int) -> str:
    """A minute of the day: `09:00`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise UnreadableHours(text)
        begin = DAYS.index(first)
        end = DAYS.index(last) if dash else begin
        if end < begin:
            raise UnreadableHours(text)
        yield from range(begin, end + 1)


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise UnreadableHours(text)
    opens, closes = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if not 0 <= opens < closes <= MIDNIGHT:
        raise UnreadableHours(text)
    return Span(opens, closes)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a place is open, until when it stays so (None: not within three weeks), and whether many come now."""

    open: bool
    until: datetime | None
    busy: bool


def standing(place: Place, now: datetime) -> Standing:
    """How it is at `now`. An opening that lasts over midnight is one."""
    zone = ZoneInfo(place.zone)
    today = now.astimezone(zone).date()
    is_open, until = False, None
    for opens, closes in _joined(_openings(place, today, zone)):
        if opens <= now < closes:
            is_open, until = True, closes
            break
        if opens > now:
            until = opens
            break
    horizon = _at(today + timedelta(days=_LOOK_AHEAD_DAYS), 0, zone)
    return Standing(is_open, until if until is not None and until < horizon else None, is_open and is_busy(place, now))


def is_busy(place: Place, now: datetime) -> bool:
    """Whether this is a time when many come."""
    local = now.astimezone(ZoneInfo(place.zone))
    minute = local.hour * 60 + local.minute
    return any(one.day == local.weekday() and one.span.opens <= minute < one.span.closes for one in place.busy)


def spans_on(place: Place, day: date) -> Spans:
    """The hours of a day, by the calendar of exceptions first."""
    special = place.special.get(day.isoformat())
    return place.week[day.weekday()] if special is None else special


def _openings(place: Place, today: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    for offset in range(-1, _LOOK_AHEAD_DAYS + 1):
        day = today + timedelta(days=offset)
        for span in spans_on(place, day):
            yield _at(day, span.opens, zone), _at(day, span.closes, zone)


def _joined(openings: Iterator[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    current: tuple[datetime, datetime] | None = None
    for opens, closes in openings:
        if current is not None and opens == current[1]:
            current = (current[0], closes)
            continue
        if current is not None:
            yield current
        current = (opens, closes)
    if current is not None:
        yield current


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """A minute of a day by the clocks on the wall there, in UTC: where they are put forward, the minute after."""
    moved, left = (day + timedelta(days=1), 0) if minute == MIDNIGHT else (day, minute)
    return datetime.combine(moved, time(left // 60, left % 60), tzinfo=zone).astimezone(UTC)
