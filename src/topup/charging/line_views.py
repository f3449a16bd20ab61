"""Whose books and history are shown: the line that has a number today, by its carrier's file and in its own days."""

from dataclasses import dataclass

from topup.catalogue.queries import CatalogueCache
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import NotFound
from topup.kernel.msisdn import Msisdn
from topup.lines.queries import Line, lines_now
from topup.lines.standing import standings
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class LineShown:
    """The line that something is of; its days are those of `zone` (IANA)."""

    msisdn: Msisdn
    line: Line
    carrier: CarrierVersion
    zone: str


async def line_shown(connection: Connection, msisdn: Msisdn, catalogue: CatalogueCache) -> LineShown:
    """The line that has this number. Raises NotFound line_unknown, also for one that is closed."""
    line = (await lines_now(connection, [msisdn.e164])).get(msisdn.e164)
    snapshot = await catalogue.current(connection)
    carrier = snapshot.carrier(line.carrier_id) if line else None
    if line is None or carrier is None or line.status == "closed":
        raise NotFound("line_unknown")
    stands = (await standings(connection, [line.ref]))[line.ref.id]
    return LineShown(msisdn, line, carrier, stands.zone.key)
