"""Publishing at the command line, by whoever may sit at the machine: at once, alone, and in the trail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.catalogue.checking import CarrierFile
from topup.catalogue.operations import publish
from topup.catalogue.publishing.drafts import short, text_mark
from topup.catalogue.publishing.history import in_force
from topup.platform.database import Connection
from topup.work import trail

COMMAND: Final = "cli"
"""Who the trail says it was."""
_PLANNED: Final = "SELECT starts_at FROM catalogue.publications WHERE carrier_id = %s AND state = 'planned'"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The version that was published; `spoils` is when one that two people planned was to begin, which does not fit any
    more: at its time a person is told.
    """

    version: int
    spoils: datetime | None


async def load(connection: Connection, carrier: CarrierFile, now: datetime) -> Loaded:
    """Publish a file within the caller's transaction; raises those of `operations.publish`."""
    carrier_id = carrier.document.id
    before = await in_force(connection, carrier_id)
    version = await publish(connection, carrier, now)
    row = await (await connection.execute(_PLANNED, [carrier_id])).fetchone()
    facts = {
        "before": f"{before.version} {short(text_mark(before.source))}" if before else None,
        "after": f"{version} {short(text_mark(carrier.source))}",
    }
    await trail.write(connection, actor=COMMAND, action="catalogue.loaded", subject=carrier_id, facts=facts, now=now)
    return Loaded(version, row[0] if row else None)
