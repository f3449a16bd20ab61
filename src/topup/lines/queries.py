"""Reading lines: where a number leads today."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from topup.catalogue.life_cycle_rules import IMPLICIT_STATE, Blockable
from topup.catalogue.queries import Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.kernel.ids import LineId, lane_for
from topup.kernel.msisdn import Msisdn
from topup.lines.portability import PortedNumbers
from topup.lines.ports import PortabilityLookup
from topup.platform.database import Connection

_LINES_NOW = """
SELECT number.msisdn, line.lane, line.id, line.carrier_id, line.status, line.state, line.rules <> 0,
    coalesce(line.plan_blocks, '{}')
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
    """A line as it is now; `status` is active, barred or closed.

    A closed line may have its number still, while that waits for its next line. `state` is one of its carrier's file;
    `lives`: it may change by itself; `plan_blocks`: what an unpaid plan blocks beside the state.
    """

    ref: LineRef
    carrier_id: str
    status: str
    state: str = IMPLICIT_STATE
    lives: bool = False
    plan_blocks: Sequence[Blockable] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Where a number leads.

    `carrier_id` is the carrier that serves it today, or None when it is none of ours. `line` is the line of that number
    in our own networks, if it has one; `lane` the line's, or the one a line opened for the number would get. A `barred`
    line takes no top-up: somebody barred it, the state it is in blocks them, or it is closed and its number waits.
    """

    carrier_id: str | None
    line: LineRef | None
    lane: int
    barred: bool


async def lines_now(connection: Connection, e164s: Sequence[str]) -> dict[str, Line]:
    """The lines that have these numbers (E.164) today; numbers without a line are absent. One query."""
    cursor = await connection.execute(_LINES_NOW, [list(e164s)])
    return {
        msisdn: Line(LineRef(lane, LineId(line_id)), *rest) for msisdn, lane, line_id, *rest in await cursor.fetchall()
    }


async def number_of(connection: Connection, line: LineRef) -> str | None:
    """The number (E.164) a line has today; None where it has none."""
    cursor = await connection.execute(
        "SELECT msisdn FROM lines.numbers WHERE lane = %s AND line_id = %s AND until IS NULL", (line.lane, line.id)
    )
    row = await cursor.fetchone()
    return str(row[0]) if row else None


def blocks_of(line: Line, snapshot: Snapshot) -> tuple[Blockable, ...]:
    """What cannot be done with a line in the state its life has brought it to, or while its plan is not paid.

    That it is barred or closed is apart.
    """
    carrier = snapshot.carrier(line.carrier_id)
    state = carrier.line_rules.states.get(line.state) if carrier else None
    blocks = state.blocks if state else ()
    return (*blocks, *(one for one in line.plan_blocks if one not in blocks))


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
    return await leading(connection, numbers, lines, snapshot, lanes=lanes, portability=portability)


async def leading(
    connection: Connection,
    numbers: Sequence[Msisdn],
    lines: Mapping[str, Line],
    snapshot: Snapshot,
    *,
    lanes: int,
    portability: PortabilityLookup = _OWN_TABLE,
) -> list[Route]:
    """The same where the caller has asked for `lines_now`."""
    by_range = {number.e164: snapshot.carrier_of(number.e164) for number in numbers}
    # Also those that have a line, whose carrier is known: who measures how long we take must not learn which have one.
    movable = [e164 for e164, carrier in by_range.items() if _may_have_moved(carrier)]
    moved = await portability.carriers_of(connection, movable) if movable else {}

    def leads(e164: str) -> Route:
        line = lines.get(e164)
        if line is not None:
            barred = line.status != "active" or "topup" in blocks_of(line, snapshot)
            return Route(line.carrier_id, line.ref, line.ref.lane, barred)
        carrier = by_range[e164]
        carrier_id = moved.get(e164) or (carrier.carrier_id if carrier else None)
        served = carrier_id is not None and snapshot.carrier(carrier_id) is not None
        return Route(carrier_id if served else None, None, lane_for(e164, lanes), barred=False)

    return [leads(number.e164) for number in numbers]


def _may_have_moved(carrier: CarrierVersion | None) -> bool:
    # A number of a range that is not ours may have come to us all the same.
    return carrier is None or carrier.document.numbering.portability == "table"
