"""The newest directory of places, and looking for one in it."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from topup.platform.database import Connection
from topup.shops.distance import Spot, metres, middle
from topup.shops.hours import Standing, standing
from topup.shops.places import Directory, Place

MOST_SHOWN: Final = 60
_NEAR_M: Final = 30_000
"""Around places that were looked for by name, others as far as that are shown with them."""
_LONGEST_SEARCH: Final = 60

_NEWEST = "SELECT version FROM shops.directories ORDER BY version DESC LIMIT 1"
_BODY = "SELECT body FROM shops.directories WHERE version = %s"
_decode: Final = msgspec.json.Decoder(Directory).decode


class Directories:
    """The newest directory, read again only when there is a newer one."""

    def __init__(self) -> None:
        self._version = 0
        self._directory = Directory()

    async def current(self, connection: Connection) -> Directory:
        """What the newest file says; empty where there never was one."""
        version = await newest(connection)
        if version != self._version:
            self._directory = await directory(connection, version)
            self._version = version
        return self._directory


async def newest(connection: Connection) -> int:
    """The number of the newest version; 0 where there is none."""
    row = await (await connection.execute(_NEWEST)).fetchone()
    return int(row[0]) if row else 0


async def directory(connection: Connection, version: int) -> Directory:
    """A version; an empty one where there is none of that number."""
    row = await (await connection.execute(_BODY, (version,))).fetchone()
    return _decode(row[0]) if row else Directory()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: words of a name, an area or a postcode; a service; only what is open; from where."""

    text: str = ""
    service: str = ""
    open_now: bool = False
    spot: Spot | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A place, how it stands now, and how far it is (None: from nowhere in particular)."""

    place: Place
    standing: Standing
    distance_m: float | None


def look(directory: Directory, wanted: Wanted, now: datetime) -> list[Found]:
    """The places that fit, the nearest first where it is known from where; at most MOST_SHOWN.

    Words that name places also bring what is near them: who types a postcode wants what is around it.
    """
    fitting = [place for place in directory.places if not wanted.service or wanted.service in place.services]
    words = [_plain(word) for word in wanted.text[:_LONGEST_SEARCH].split()]
    named = [place for place in directory.places if words and all(word in _haystack(place) for word in words)]
    spot = wanted.spot
    if words:
        spot = spot or (middle(named) if named else None)
        fitting = [place for place in fitting if place in named or (named and spot and metres(spot, place) <= _NEAR_M)]
    found = [Found(place, standing(place, now), metres(spot, place) if spot else None) for place in fitting]
    if wanted.open_now:
        found = [one for one in found if one.standing.open]
    return _sorted(found, named)[:MOST_SHOWN]


def by_code(directory: Directory, text: str) -> Place | None:
    """The place whose code that is, however it was typed."""
    code = _plain(text).replace(" ", "").replace("-", "")
    return next((p for p in directory.places if p.code and _plain(p.code).replace("-", "") == code), None)


def by_name(directory: Directory, text: str) -> list[Place]:
    """The places that are called so in any language."""
    name = _plain(text)
    return [p for p in directory.places if any(_plain(one) == name for one in p.names.values())]


def _sorted(found: Sequence[Found], named: Sequence[Place]) -> list[Found]:
    return sorted(found, key=lambda one: (one.place not in named if named else False, one.distance_m or 0.0))


def _haystack(place: Place) -> str:
    texts = [*place.names.values(), *place.areas.values(), *place.addresses.values(), place.postcode, place.code]
    return _plain(" ".join(texts))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()
