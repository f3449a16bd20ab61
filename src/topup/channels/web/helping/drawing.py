"""Small pictures that the server draws: a map of dots, and bars. All numbers, no style: the stylesheet colours them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians
from typing import Final

WIDTH: Final = 320
HEIGHT: Final = 200
_MARGIN: Final = 26
_DEGREE_M: Final = 111_195
"""Metres of a degree of latitude."""
_LEAST_DEGREES: Final = 0.004
"""What a map shows at least from side to side, so that two neighbours do not stand at its ends."""
_WIDEST_M: Final = 120_000
"""Beyond that it would be dots without any meaning."""
_SCALES_M: Final = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
_SCALE_MOST: Final = 110


@dataclass(frozen=True, slots=True)
class Dot:
    """A place on the map."""

    number: int
    latitude: float
    longitude: float
    open: bool
    x: float = 0
    y: float = 0


@dataclass(frozen=True, slots=True)
class MapSheet:
    """Dots at their places in a picture of WIDTH by HEIGHT, and how long `scale_m` metres are in it."""

    dots: list[Dot]
    here: tuple[float, float] | None
    scale: float
    scale_m: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def scale_label(self) -> str:
        """`500 m`, `2 km`."""
        return f"{self.scale_m} m" if self.scale_m < 1000 else f"{self.scale_m // 1000} km"  # noqa: PLR2004 - metres


def map_sheet(dots: Sequence[Dot], here: tuple[float, float] | None) -> MapSheet | None:
    """Dots drawn to scale around their middle, north above; what is too far from the first to be drawn with it is left
    out. None where less than two things would be seen.
    """
    near = _near(dots, here)
    points = [(dot.latitude, dot.longitude) for dot in near] + ([here] if here else [])
    if len(points) < 2:  # noqa: PLR2004 - one dot is no map
        return None
    south, north = min(p[0] for p in points), max(p[0] for p in points)
    west, east = min(p[1] for p in points), max(p[1] for p in points)
    shrink = cos(radians((south + north) / 2))
    tall, wide = max(north - south, _LEAST_DEGREES), max((east - west) * shrink, _LEAST_DEGREES)
    unit = min((HEIGHT - 2 * _MARGIN) / tall, (WIDTH - 2 * _MARGIN) / wide)

    def at(latitude: float, longitude: float) -> tuple[float, float]:
        x = WIDTH / 2 + (longitude - (west + east) / 2) * shrink * unit
        return round(x, 1), round(HEIGHT / 2 - (latitude - (south + north) / 2) * unit, 1)

    placed = [Dot(d.number, d.latitude, d.longitude, d.open, *at(d.latitude, d.longitude)) for d in near]
    per_metre = unit / _DEGREE_M
    scale_m = max((s for s in _SCALES_M if s * per_metre <= _SCALE_MOST), default=_SCALES_M[0])
    return MapSheet(placed, at(*here) if here else None, round(scale_m * per_metre, 1), scale_m)


def _near(dots: Sequence[Dot], here: tuple[float, float] | None) -> list[Dot]:
    if not dots:
        return []
    middle = here or (dots[0].latitude, dots[0].longitude)
    shrink = cos(radians(middle[0]))

    def is_near(dot: Dot) -> bool:
        north, east = dot.latitude - middle[0], (dot.longitude - middle[1]) * shrink
        return max(abs(north), abs(east)) * _DEGREE_M <= _WIDEST_M

    return [dot for dot in dots if is_near(dot)]
