"""Charts drawn on our side, as shapes in the page: they need no script, and print."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEIGHT: Final = 40
"""In units of the drawing, as wide as a bar is 4."""
_STEP: Final = 4
_LEAST: Final = 2
"""What is there is seen, however much more there is beside it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its place from the left, and from the top, its height, and what it counts, as its class."""

    x: int
    y: int
    height: int
    kind: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A row of bars, one for each minute: what was ordered, in it what was delivered, and below what failed."""

    width: int
    height: int
    bars: tuple[Bar, ...]


def bars(ordered: Sequence[int], delivered: Sequence[int], failed: Sequence[int], *, top: int) -> Bars:
    """`top`: how many are as high as the drawing, so that rows can be compared."""
    found: list[Bar] = []
    for place, counts in enumerate(zip(ordered, delivered, failed, strict=True)):
        for kind, count in zip(("ordered", "delivered", "failed"), counts, strict=True):
            if count:
                height = max(_LEAST, min(HEIGHT, round(count * HEIGHT / max(top, 1))))
                found.append(Bar(place * _STEP, HEIGHT - height, height, kind))
    return Bars(len(ordered) * _STEP, HEIGHT, tuple(found))


def stacked(parts: Sequence[tuple[str, Sequence[int]]], *, top: int) -> Bars:
    """A row of bars, one for each day: what the `parts` count, named by their classes, upon one another."""
    days = len(parts[0][1]) if parts else 0
    found: list[Bar] = []
    for place in range(days):
        below = 0
        for kind, counts in parts:
            height = _height(counts[place], top, room=HEIGHT - below)
            if height:
                below += height
                found.append(Bar(place * _STEP, HEIGHT - below, height, kind))
    return Bars(days * _STEP, HEIGHT, tuple(found))


def level(count: int, *, top: int) -> int:
    """How far from the top of such a drawing `count` lies."""
    return HEIGHT - min(HEIGHT, round(count * HEIGHT / max(top, 1)))


def _height(count: int, top: int, *, room: int) -> int:
    return min(room, max(_LEAST, round(count * HEIGHT / max(top, 1)))) if count else 0


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of something is used and how much held, in hundredths of it; what is used at all is seen."""

    used: int
    held: int


def meter(used: int, held: int, *, most: int) -> Meter:
    """Of `most`, which is above 0."""
    first = _hundredths(used, most)
    return Meter(first, min(_hundredths(used + held, most) - first, 100 - first))


def _hundredths(count: int, most: int) -> int:
    return min(100, max(1, round(count * 100 / most))) if count else 0
