"""Opening and closing lines, and moving numbers."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from topup.catalogue.queries import Snapshot
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import LineId, lane_for, new_id
from topup.kernel.msisdn import Msisdn
from topup.lines.course import UNRULED, Birth, born
from topup.lines.lives import as_json
from topup.lines.queries import LineRef
from topup.lines.rules import ruling_of
from topup.platform.database import Connection

# Both rows of a line appear in one statement: two that open a line for one number meet at the unique index of numbers,
# and the one who comes second opens nothing. The order of the insert keeps two batches from waiting for each other.
_OPEN = """
WITH wanted AS (
    SELECT * FROM unnest(%(msisdns)b::text[], %(lanes)b::smallint[], %(ids)b::text[], %(carriers)b::text[],
                         %(zones)b::text[], %(kinds)b::text[], %(statuses)b::text[], %(births)b::integer[])
        AS wanted (msisdn, lane, id, carrier_id, zone, kind, status, birth)
), named AS (
    INSERT INTO lines.numbers (msisdn, since, lane, line_id)
    SELECT msisdn, %(now)s, lane, id FROM wanted ORDER BY msisdn
    ON CONFLICT (msisdn) WHERE until IS NULL DO NOTHING
    RETURNING lane, line_id
)
INSERT INTO lines.lines (lane, id, carrier_id, kind, status, zone, opened_at, rules, state, state_since, shows, clocks,
    next_at, looked_at, funds_since, fee_at)
SELECT wanted.lane, wanted.id, wanted.carrier_id, wanted.kind, wanted.status, wanted.zone, %(now)s, birth.rules,
    birth.state, %(now)s, birth.shows, birth.clocks::jsonb, birth.next_at, %(now)s, %(now)s, birth.fee_at
FROM named
JOIN wanted ON wanted.lane = named.lane AND wanted.id = named.line_id
JOIN unnest(%(rules)b::integer[], %(states)b::text[], %(shows)b::text[], %(clocks)b::text[],
            %(next_ats)b::timestamptz[], %(fee_ats)b::timestamptz[])
    WITH ORDINALITY AS birth (rules, state, shows, clocks, next_at, fee_at, nth) ON birth.nth = wanted.birth
RETURNING id
"""
_NOW = "SELECT msisdn, lane, line_id FROM lines.numbers WHERE until IS NULL AND msisdn = ANY (%s)"
_SET_STATUS = """
UPDATE lines.lines SET status = %(status)s, closed_at = CASE WHEN %(status)s = 'closed' THEN %(now)s::timestamptz END,
    next_at = CASE WHEN %(status)s <> 'closed' THEN next_at END
WHERE lane = %(lane)s AND id = %(id)s AND status <> 'closed'
RETURNING id
"""
_END_NUMBERS = "UPDATE lines.numbers SET until = %(now)s WHERE lane = %(lane)s AND line_id = %(id)s AND until IS NULL"
_STATUS = "SELECT status FROM lines.lines WHERE lane = %s AND id = %s"
_LOCK_NOW = """
SELECT line.lane, line.id, line.carrier_id
FROM lines.numbers AS number
JOIN lines.lines AS line ON line.lane = number.lane AND line.id = number.line_id
WHERE number.msisdn = %s AND number.until IS NULL
FOR UPDATE OF number
"""
_PORT = """
INSERT INTO lines.ported_numbers (msisdn, carrier_id, since) VALUES (%(msisdn)s, %(carrier)s, %(now)s)
ON CONFLICT (msisdn) DO UPDATE SET carrier_id = excluded.carrier_id, since = excluded.since
"""
_UNPORT = "DELETE FROM lines.ported_numbers WHERE msisdn = %s"


class LineStatus(StrEnum):
    """What may be done with a line."""

    ACTIVE = "active"
    BARRED = "barred"
    """Takes no top-up until it is active again; its balance stays."""
    CLOSED = "closed"
    """For ever. Its numbers are free, and whoever gets one gets a new line."""


class LineKind(StrEnum):
    """What a line lives in."""

    PHYSICAL = "physical"
    ESIM = "esim"
    NUMBER_KEEPING = "number_keeping"
    TRAVEL = "travel"


async def open_lines(
    connection: Connection,
    wanted: Sequence[tuple[Msisdn, str, str]],
    now: datetime,
    *,
    lanes: int,
    snapshot: Snapshot | None = None,
) -> dict[str, LineRef]:
    """The line of each number, opened where it has none: (number, carrier id, IANA zone) -> by E.164.

    Repeating it, or doing it twice at once, opens nothing twice: whoever was first decides, and all get that line. With
    `snapshot` their lives begin by their carriers' rules; else when the sweep of lines finds them.
    """
    rows = [
        (number.e164, carrier_id, zone, LineKind.PHYSICAL, LineStatus.ACTIVE) for number, carrier_id, zone in wanted
    ]
    await open_rows(connection, rows, now, lanes=lanes, snapshot=snapshot)
    cursor = await connection.execute(_NOW, [[row[0] for row in rows]])
    return {msisdn: LineRef(lane, LineId(line_id)) for msisdn, lane, line_id in await cursor.fetchall()}


async def open_rows(
    connection: Connection,
    rows: Sequence[tuple[str, str, str, LineKind, LineStatus]],
    now: datetime,
    *,
    lanes: int,
    snapshot: Snapshot | None = None,
) -> int:
    """Open lines of given kinds and statuses where their numbers have none: (E.164, carrier id, zone, kind, status).

    Gives how many were opened. A number named twice gets one line.
    """
    unique = {row[0]: row for row in reversed(rows)}
    kinds = list(dict.fromkeys((row[1], row[2]) for row in unique.values()))
    births = [birth_of(snapshot, carrier_id, zone, now) for carrier_id, zone in kinds]
    placed = [lane_for(e164, lanes) for e164 in unique]
    parameters = {
        "now": now,
        "msisdns": list(unique),
        "lanes": placed,
        "ids": [new_id("line", lane) for lane in placed],
        "carriers": [row[1] for row in unique.values()],
        "zones": [row[2] for row in unique.values()],
        "kinds": [row[3].value for row in unique.values()],
        "statuses": [row[4].value for row in unique.values()],
        "births": [kinds.index((row[1], row[2])) + 1 for row in unique.values()],
        "rules": [birth.rules for birth in births],
        "states": [birth.state for birth in births],
        "shows": [birth.shows for birth in births],
        "clocks": [as_json(birth.clocks) for birth in births],
        "next_ats": [birth.next_at for birth in births],
        "fee_ats": [birth.fee_at for birth in births],
    }
    cursor = await connection.execute(_OPEN, parameters)
    return len(await cursor.fetchall())


def birth_of(snapshot: Snapshot | None, carrier_id: str, zone: str, now: datetime) -> Birth:
    """How a line's life begins with a carrier; without any rules where these are not known or say nothing."""
    carrier = snapshot.carrier(carrier_id) if snapshot else None
    ruling = ruling_of(carrier) if carrier else None
    return born(ruling, now=now, zone=zone) if ruling and ruling.lives else UNRULED


async def set_status(connection: Connection, line: LineRef, status: LineStatus, now: datetime) -> None:
    """Bar a line, make it active again, or close it, which also ends its numbers.

    Closing a closed line changes nothing. Raises NotFound `line_unknown`, Conflict `line_closed`.
    """
    parameters = {"lane": line.lane, "id": line.id, "status": status.value, "now": now}
    cursor = await connection.execute(_SET_STATUS, parameters)
    if await cursor.fetchone() is None:
        await _refuse_unless_closed(connection, line, status)
    elif status is LineStatus.CLOSED:
        await connection.execute(_END_NUMBERS, parameters)


async def _refuse_unless_closed(connection: Connection, line: LineRef, status: LineStatus) -> None:
    cursor = await connection.execute(_STATUS, [line.lane, line.id])
    if await cursor.fetchone() is None:
        raise NotFound("line_unknown")
    if status is not LineStatus.CLOSED:
        raise Conflict("line_closed")


async def port_number(
    connection: Connection, number: Msisdn, carrier_id: str, now: datetime, *, range_carrier_id: str | None
) -> None:
    """From `now` on `number` is served by `carrier_id`.

    The line it had with another carrier is closed; its balance stays with that line. `range_carrier_id` is whose range
    the number belongs to (None: nobody's of ours): a number that comes home needs no entry. Raises Invalid
    `number_already_there` when the number's line is that carrier's already.
    """
    cursor = await connection.execute(_LOCK_NOW, [number.e164])
    row = await cursor.fetchone()
    if row is not None and row[2] == carrier_id:
        raise Invalid("number_already_there")
    if row is not None:
        await set_status(connection, LineRef(row[0], LineId(row[1])), LineStatus.CLOSED, now)
    if carrier_id == range_carrier_id:
        await connection.execute(_UNPORT, [number.e164])
    else:
        await connection.execute(_PORT, {"msisdn": number.e164, "carrier": carrier_id, "now": now})
