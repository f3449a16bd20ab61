"""Publishing a directory of places: each a new version, and never changed."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import msgspec

from topup.platform.database import Connection
from topup.shops.files import BadEntry, Reading
from topup.shops.places import Directory
from topup.shops.queries import directory, newest

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('shops.directories', 0))"
_INSERT = "INSERT INTO shops.directories (version, body, published_at) VALUES (%s, %s, %s)"
_encode: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file. `version` is the new one, or the old where nothing changed."""

    version: int
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    refused: int = 0
    bad: list[BadEntry] = field(default_factory=list)


async def publish(connection: Connection, reading: Reading, now: datetime) -> Report:
    """Make what was read the newest directory, in the caller's transaction.

    A place that cannot be read stays as it was; one that the file does not name is no more. A file without services or
    without addresses of ours (a CSV) leaves those as they were.
    """
    await connection.execute(_LOCK)
    version = await newest(connection)
    before = await directory(connection, version)
    known = {place.id: place for place in before.places}
    kept = [known[one.id] for one in reading.bad if one.id in known]
    places = {place.id: place for place in (*kept, *reading.places)}
    after = Directory(
        places=tuple(places[place_id] for place_id in sorted(places)),
        services=before.services if reading.services is None else reading.services,
        ours=before.ours if reading.ours is None else reading.ours,
    )
    read = [place for place in reading.places if place.id in known]
    report = Report(
        version=version,
        added=len(reading.places) - len(read),
        changed=sum(place != known[place.id] for place in read),
        unchanged=sum(place == known[place.id] for place in read),
        removed=len(known.keys() - places.keys()),
        refused=len(reading.bad),
        bad=reading.bad,
    )
    if after == before:
        return report
    await connection.execute(_INSERT, (version + 1, _encode(after), now))
    return replace(report, version=version + 1)
