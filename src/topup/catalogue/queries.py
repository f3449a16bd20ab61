"""Reading published versions: a snapshot in memory, and a cache that notices when it is old.

Carriers are few and their files small, so a process holds all that was ever published; old versions stay as text until
somebody asks for one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from psycopg.rows import tuple_row

from topup.catalogue.numbering import Numbering
from topup.catalogue.versions import CarrierVersion, from_json
from topup.platform.database import Connection

_NEWEST: Final = "SELECT coalesce(max(sequence), 0) FROM catalogue.versions"
_SINCE: Final = """
SELECT sequence, carrier_id, version, document::text FROM catalogue.versions WHERE sequence > %s ORDER BY sequence
"""

Key = tuple[str, int]
"""Carrier id and version."""


@dataclass(slots=True)
class _Stored:
    """A version as the database holds it, made ready when it is first asked for."""

    carrier_id: str
    version: int
    text: str
    ready: CarrierVersion | None = None

    def open(self) -> CarrierVersion:
        if self.ready is None:
            self.ready = CarrierVersion(self.carrier_id, self.version, from_json(self.text))
            self.text = ""
        return self.ready


class Snapshot:
    """Everything published up to one publication. Never changes."""

    def __init__(self, *, sequence: int, stored: Mapping[Key, _Stored]) -> None:
        self.sequence = sequence
        """Of the newest publication in it; 0 when there is none."""
        self._stored = stored
        newest = dict(sorted(stored))
        self._current = {carrier_id: stored[carrier_id, version].open() for carrier_id, version in newest.items()}
        self._numbering = Numbering(
            (prefix, carrier.carrier_id)
            for carrier in self._current.values()
            for prefix in carrier.document.numbering.ranges
        )

    @classmethod
    async def load(cls, connection: Connection, *, after: "Snapshot | None" = None) -> Self:
        """What is published now; `after` an older snapshot, only what is new is read."""
        known = after._stored if after else {}  # noqa: SLF001 - of the same class
        sequence = after.sequence if after else 0
        fresh: dict[Key, _Stored] = {}
        async with connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(_SINCE, (sequence,))
            async for newest, carrier_id, version, text in cursor:
                fresh[carrier_id, version] = _Stored(carrier_id, version, text)
                sequence = newest
        return cls(sequence=sequence, stored={**known, **fresh})

    def carrier_of(self, e164: str) -> CarrierVersion | None:
        """The carrier whose range `e164` lies in, as published now. Says nothing of portability."""
        carrier_id = self._numbering.carrier_of(e164)
        return None if carrier_id is None else self._current[carrier_id]

    def carrier(self, carrier_id: str) -> CarrierVersion | None:
        """The current version of a carrier, or None where there is no such carrier."""
        return self._current.get(carrier_id)

    def version(self, carrier_id: str, version: int) -> CarrierVersion | None:
        """One version, however old, or None where it was never published."""
        stored = self._stored.get((carrier_id, version))
        return stored.open() if stored else None

    def carriers(self) -> list[CarrierVersion]:
        """The current version of every carrier, by id."""
        return list(self._current.values())


class CatalogueCache:
    """A process's snapshot, read again when something was published."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None

    async def current(self, connection: Connection) -> Snapshot:
        """The catalogue as `connection` sees it: one read of an index when nothing is new."""
        held = self._snapshot
        if held is not None and held.sequence == await _newest(connection):
            return held
        loaded = await Snapshot.load(connection, after=held)
        if self._snapshot is None or self._snapshot.sequence < loaded.sequence:
            self._snapshot = loaded
        return loaded


async def _newest(connection: Connection) -> int:
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_NEWEST)
        row = await cursor.fetchone()
    return int(row[0]) if row else 0
