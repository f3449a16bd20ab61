"""The best time for a top-up, as measured, in two small charts that the server draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log
from typing import Final

from topup.care.desk import Care
from topup.care.waiting import BOUNDS_S, FEWEST, Bar, Waiting
from topup.channels.web.helping.speaking import Speech, zone_of
from topup.channels.web.rendering import Page, WebRequest, page, reader_of
from topup.platform.i18n import format_number
from topup.platform.web import limit

_HEIGHT: Final = 96
_LEAST: Final = 6
"""The height of the lowest bar: what was measured is seen."""
_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class BarSheet:
    """A bar: where it stands, how high, and its words for who cannot see it."""

    x: float
    y: float
    height: float
    label: str
    words: str
    best: bool
    measured: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars side by side, in a picture of `width` by `height`; what the lowest and the highest of them say."""

    bars: list[BarSheet]
    width: int
    height: int
    bar_width: float
    least: str
    most: str


class TimePages:
    """When it goes quickest."""

    def __init__(self, care: Care) -> None:
        self._care = care

    async def times(self, request: WebRequest) -> Page:
        """The last three months."""
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        zone = await zone_of(self._care, request)
        measured = await self._care.waiting(zone)
        enough = measured.enough
        return page(
            request,
            "help/times.html",
            h=speech.say,
            enough=enough,
            orders=format_number(measured.orders, speech.locale),
            half=seconds_words(measured.half_s, speech),
            most=seconds_words(measured.most_s, speech),
            best=_best(measured, speech) if enough else "",
            hours=_chart(measured.hours, speech, every=6, best=measured.best_hours) if enough else None,
            days=_chart(measured.days, speech, every=5, best=[]) if enough else None,
            fewest=FEWEST,
            zone=zone,
        )


def seconds_words(seconds: float | None, speech: Speech) -> str:
    """A time of waiting: `5 s`, `2 min`; None is more than an hour."""
    if seconds is None:
        return speech.say("longer_than_hour")
    if seconds < _MINUTE_S:
        return speech.say("seconds", count=int(seconds))
    if seconds < _HOUR_S:
        return speech.say("minutes", count=int(seconds // _MINUTE_S))
    return speech.say("one_hour")


def _best(measured: Waiting, speech: Speech) -> str:
    """The quickest hours, those that follow one another together; empty where all are alike."""
    hours = measured.best_hours
    spans: list[tuple[int, int]] = []
    for hour in hours:
        if spans and spans[-1][1] == hour:
            spans[-1] = (spans[-1][0], hour + 1)
        else:
            spans.append((hour, hour + 1))
    told = [speech.say("hours_between", first=f"{first:02d}:00", last=f"{last:02d}:00") for first, last in spans]
    return speech.say("comma").join(told)


def _chart(bars: Sequence[Bar], speech: Speech, *, every: int, best: Sequence[int]) -> Chart:
    """Bars by the logarithm of the waiting: seconds and hours in one picture."""
    width = 320
    step = width / len(bars)
    top = log(BOUNDS_S[-1] * 2)
    drawn = []
    for place, bar in enumerate(bars):
        seconds = bar.most_s if bar.most_s is not None else BOUNDS_S[-1] * 2
        height = max(_LEAST, round(_HEIGHT * log(seconds + 1) / top, 1)) if bar.enough else 0
        words = seconds_words(bar.most_s, speech) if bar.enough else speech.say("too_few")
        label = str(bar.number) if place % every == 0 else ""
        x = round(place * step, 1)
        drawn.append(
            BarSheet(
                x, round(_HEIGHT - height, 1), height, label, f"{bar.number}: {words}", bar.number in best, bar.enough
            )
        )
    told = [bar.most_s if bar.most_s is not None else inf for bar in bars if bar.enough]
    least, most = (_words(end(told), speech) for end in (min, max)) if told else ("", "")
    return Chart(drawn, width, _HEIGHT + 26, round(step * 0.72, 1), least, most)


def _words(seconds: float, speech: Speech) -> str:
    return seconds_words(None if seconds == inf else seconds, speech)
