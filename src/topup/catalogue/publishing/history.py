"""What was published, version by version, with the texts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.catalogue.checking import CarrierFile
from topup.catalogue.versions import CarrierVersion, from_json
from topup.kernel.errors import NotFound
from topup.platform.database import Connection

_COLUMNS: Final = "carrier_id, version, published_at, source, document::text"
_IN_FORCE: Final = f"""
SELECT DISTINCT ON (carrier_id) {_COLUMNS} FROM catalogue.versions
WHERE %(carrier)s = '' OR carrier_id = %(carrier)s ORDER BY carrier_id, version DESC
"""
_ONE: Final = f"SELECT {_COLUMNS} FROM catalogue.versions WHERE carrier_id = %s AND version = %s"
_MARKS: Final = """
SELECT version, published_at FROM catalogue.versions WHERE carrier_id = %s ORDER BY version DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Published:
    """A version as it was published."""

    carrier_id: str
    version: int
    published_at: datetime
    source: str
    stored: str

    def ready(self) -> CarrierVersion:
        """Ready for prices and explanations."""
        return CarrierVersion(self.carrier_id, self.version, from_json(self.stored))

    def file(self) -> CarrierFile:
        """As a file: what it said then, whatever this release would say of the text."""
        return CarrierFile(f"{self.carrier_id}.toml", self.source, from_json(self.stored))


async def all_in_force(connection: Connection) -> list[Published]:
    """The version in force of every carrier, by id."""
    cursor = await connection.execute(_IN_FORCE, {"carrier": ""})
    return [Published(*row) for row in await cursor.fetchall()]


async def in_force(connection: Connection, carrier_id: str) -> Published | None:
    """The version in force of a carrier; None where there is none."""
    if not carrier_id:
        return None
    row = await (await connection.execute(_IN_FORCE, {"carrier": carrier_id})).fetchone()
    return Published(*row) if row else None


async def published(connection: Connection, carrier_id: str, version: int) -> Published:
    """One version; raises NotFound `catalogue_version_unknown`."""
    row = await (await connection.execute(_ONE, (carrier_id, version))).fetchone()
    if row is None:
        raise NotFound("catalogue_version_unknown", carrier=carrier_id, version=version)
    return Published(*row)


async def times_of(connection: Connection, carrier_id: str, *, limit: int = 50) -> list[tuple[int, datetime]]:
    """The numbers of a carrier's versions and when each was published, the newest first."""
    cursor = await connection.execute(_MARKS, (carrier_id, limit))
    return [(int(version), at) for version, at in await cursor.fetchall()]
