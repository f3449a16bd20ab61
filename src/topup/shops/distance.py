"""How far it is, as the crow flies, from where somebody roughly is."""

from dataclasses import dataclass
from math import asin, cos, isfinite, radians, sin, sqrt
from typing import Final

from topup.kernel.errors import Invalid
from topup.shops.places import Place

_EARTH_M: Final = 6_371_009
"""Mean radius (IUGG)."""
_DECIMALS: Final = 2
"""Of degrees: a hundredth is about a kilometre. Nobody's house is that large."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Roughly where somebody is: degrees of WGS 84, rounded to about a kilometre."""

    latitude: float
    longitude: float


def read_spot(latitude: str, longitude: str) -> Spot:
    """Coordinates as a browser tells them, rounded at once. Raises Invalid `place_unreadable`."""
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        raise Invalid("place_unreadable") from None
    if not (isfinite(north) and isfinite(east) and abs(north) <= 90 and abs(east) <= 180):  # noqa: PLR2004 - degrees
        raise Invalid("place_unreadable")
    return Spot(round(north, _DECIMALS), round(east, _DECIMALS))


def metres(spot: Spot, place: Place) -> float:
    """The great-circle distance (haversine)."""
    north, south = radians(spot.latitude), radians(place.latitude)
    half_north = sin((south - north) / 2) ** 2
    half_east = sin(radians(place.longitude - spot.longitude) / 2) ** 2
    return 2 * _EARTH_M * asin(min(1.0, sqrt(half_north + cos(north) * cos(south) * half_east)))


def middle(places: list[Place]) -> Spot:
    """The middle of some places that lie near one another; at least one."""
    return Spot(
        round(sum(place.latitude for place in places) / len(places), _DECIMALS),
        round(sum(place.longitude for place in places) / len(places), _DECIMALS),
    )
