"""Reading lines: where a number leads today."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from topup.catalogue.queries import Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.kernel.ids import LineId, lane_for
from topup.kernel.msisdn import Msisdn
from topup.lines.portability import PortedNumbers
from topup.lines.ports import PortabilityLookup
from topup.platform.database import Connection

_LINES_NOW = """
SELECT number.msisdn, line.lane, line.id, line.carrier_id, line.status
FROM lines.numbers AS number
JOIN lines.lines AS line ON line.lane = number.lane AND line.id = number.line_id
WHERE number.until IS NULL AND number.msisdn = ANY (%s)
"""

_OWN_TABLE: Final = PortedNumbers()


@dataclass(frozen=True, slots=True)
class LineRef:
    """A line: its lane and its id (which carries the lane)."""

    lane: int
    id: LineId


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is now; `status` is active, barred or closed."""

    ref: LineRef
    carrier_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Route:
    """Where a number leads.

    `carrier_id` is the carrier that serves it today, or None when it is none of ours. `line` is the line of that number
    in our own networks, if it has one; `lane` the line's, or the one a line opened for the number would get. A `barred`
    line takes no top-up.
    """

    carrier_id: str | None
    line: LineRef | None
    lane: int
    barred: bool


async def lines_now(connection: Connection, e164s: Sequence[str]) -> dict[str, Line]:
    """The lines that have these numbers (E.164) today; numbers without a line are absent. One query."""
    cursor = await connection.execute(_LINES_NOW, [list(e164s)])
    return {
        msisdn: Line(LineRef(lane, LineId(line_id)), carrier_id, status)
        for msisdn, lane, line_id, carrier_id, status in await cursor.fetchall()
    }


async def route(
    connection: Connection,
    numbers: Sequence[Msisdn],
    snapshot: Snapshot,
    *,
    lanes: int,
    portability: PortabilityLookup = _OWN_TABLE,
) -> list[Route]:
    """Where each number leads today, in the order given.

    One query for all of them, and one more only where a carrier's file says that its numbers may have been ported.
    """
    lines = await lines_now(connection, [number.e164 for number in numbers])
    by_range = {number.e164: snapshot.carrier_of(number.e164) for number in numbers}
    # Also those that have a line, whose carrier is known: who measures how long we take must not learn which have one.
    movable = [e164 for e164, carrier in by_range.items() if _may_have_moved(carrier)]
    moved = await portability.carriers_of(connection, movable) if movable else {}

    def leads(e164: str) -> Route:
        line = lines.get(e164)
        if line is not None:
            return Route(line.carrier_id, line.ref, line.ref.lane, line.status == "barred")
        carrier = by_range[e164]
        carrier_id = moved.get(e164) or (carrier.carrier_id if carrier else None)
        served = carrier_id is not None and snapshot.carrier(carrier_id) is not None
        return Route(carrier_id if served else None, None, lane_for(e164, lanes), barred=False)

    return [leads(number.e164) for number in numbers]


def _may_have_moved(carrier: CarrierVersion | None) -> bool:
    # A number of a range that is not ours may have come to us all the same.
    return carrier is None or carrier.document.numbering.portability == "table"
