"""What is kept of schedules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from psycopg.types.json import Jsonb

from topup.kernel.ids import LineId, check_id, lane_of
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.orders.schedules.rules import Agreement, Trigger
from topup.orders.schedules.states import ScheduleState
from topup.platform.arrays import columns
from topup.platform.database import Connection

MOST: Final = 20
"""Schedules of one subscriber that are not ended."""

_COLUMNS: Final = """
s.id, s.subscriber_id, s.msisdn, s.line_id, s.carrier_id, s.zone, s.currency, s.agreement, s.instrument_id, s.state,
s.reason, s.locale, s.created_at, s.since, s.look_at, s.next_at, s.runs
"""
_MAKE: Final = """
INSERT INTO orders.schedules (lane, id, subscriber_id, msisdn, line_id, carrier_id, zone, currency, agreement, keeps,
    instrument_id, state, locale, created_at, since, state_since, look_at)
VALUES (%(lane)s, %(id)s, %(subscriber_id)s, %(msisdn)s, %(line_id)s, %(carrier_id)s, %(zone)s, %(currency)s,
    %(agreement)s, %(keeps)s, %(instrument_id)s, 'active', %(locale)s, %(now)s, %(now)s, %(now)s, %(now)s)
ON CONFLICT DO NOTHING
"""
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('orders.schedules:' || %s, 0))"
_COUNT: Final = "SELECT count(*) FROM orders.schedules WHERE subscriber_id = %s AND state <> 'ended'"
_OF: Final = f"SELECT {_COLUMNS} FROM orders.schedules AS s WHERE subscriber_id = %s AND state <> 'ended' ORDER BY id"
_OF_NUMBER: Final = f"""
SELECT {_COLUMNS} FROM orders.schedules AS s WHERE lane = %s AND msisdn = %s AND state <> 'ended' ORDER BY id
"""
_ALL_OF: Final = f"SELECT {_COLUMNS} FROM orders.schedules AS s WHERE subscriber_id = %s ORDER BY id"
_ONE: Final = f"SELECT {_COLUMNS} FROM orders.schedules AS s WHERE lane = %s AND id = %s"
_DUE: Final = f"""
SELECT {_COLUMNS} FROM orders.schedules AS s WHERE look_at <= %s AND NOT keeps
ORDER BY look_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
_DUE_TO_KEEP: Final = f"""
SELECT {_COLUMNS} FROM orders.schedules AS s WHERE look_at <= %s AND keeps ORDER BY look_at LIMIT %s
"""
_STILL_DUE: Final = f"""
SELECT {_COLUMNS} FROM unnest(%b::smallint[], %b::text[]) AS t (lane, id)
JOIN orders.schedules AS s ON s.lane = t.lane AND s.id = t.id AND s.look_at <= %b FOR UPDATE OF s SKIP LOCKED
"""
_MOVE: Final = """
UPDATE orders.schedules SET state = %(state)s, reason = %(reason)s, state_since = %(now)s,
    since = CASE WHEN %(state)s = 'active' THEN %(now)s ELSE since END,
    look_at = CASE WHEN %(state)s = 'active' THEN %(now)s END, next_at = NULL
WHERE lane = %(lane)s AND id = %(id)s AND state = ANY (%(sources)s) RETURNING id
"""
_LOOK: Final = """
UPDATE orders.schedules AS s SET look_at = t.look_at, next_at = t.next_at, reason = t.reason
FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::text[])
    AS t (lane, id, look_at, next_at, reason)
WHERE s.lane = t.lane AND s.id = t.id AND s.state = 'active'
"""
_AGREE: Final = """
UPDATE orders.schedules SET agreement = %(agreement)s, instrument_id = %(instrument_id)s,
    look_at = CASE WHEN state = 'active' THEN %(now)s ELSE look_at END
WHERE lane = %(lane)s AND id = %(id)s
"""
_USE: Final = "UPDATE orders.schedules SET instrument_id = %s WHERE lane = %s AND id = %s"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it is kept. Never printed: the number is its owner's."""

    id: str
    subscriber_id: str
    msisdn: Msisdn
    line_id: LineId | None
    carrier_id: str
    zone: ZoneInfo
    currency: str
    agreement: Agreement
    instrument_id: str
    state: ScheduleState
    reason: str
    locale: str
    created_at: datetime
    since: datetime
    look_at: datetime | None
    next_at: datetime | None
    runs: int

    def __repr__(self) -> str:
        return f"Schedule(id={self.id!r})"

    @property
    def lane(self) -> int:
        """The lane it lies in."""
        return lane_of(self.id)

    @property
    def is_unseen(self) -> bool:
        """Whether it was agreed to, or taken up again, and nobody has looked at its line since."""
        return self.look_at is not None and self.look_at <= self.since


async def make(connection: Connection, schedule: Schedule) -> bool:
    """Write a schedule down as active; False where it is there already. The caller holds `alone`."""
    row = {
        "lane": schedule.lane,
        "id": schedule.id,
        "subscriber_id": schedule.subscriber_id,
        "msisdn": schedule.msisdn.e164,
        "line_id": schedule.line_id,
        "carrier_id": schedule.carrier_id,
        "zone": schedule.zone.key,
        "currency": schedule.currency,
        "agreement": Jsonb(msgspec.to_builtins(schedule.agreement)),
        "keeps": schedule.agreement.trigger is Trigger.KEEP,
        "instrument_id": schedule.instrument_id,
        "locale": schedule.locale,
        "now": schedule.created_at,
    }
    return (await connection.execute(_MAKE, row)).rowcount == 1


async def alone(connection: Connection, subscriber_id: str) -> int:
    """Until the transaction ends nobody else makes schedules of theirs; how many there are."""
    await connection.execute(_ALONE, [subscriber_id])
    row = await (await connection.execute(_COUNT, [subscriber_id])).fetchone()
    return row[0] if row else 0


async def schedules_of(connection: Connection, subscriber_id: str, *, ended: bool = False) -> list[Schedule]:
    """Somebody's, oldest first; with `ended` those they removed too."""
    rows = await (await connection.execute(_ALL_OF if ended else _OF, [subscriber_id])).fetchall()
    return [_schedule(row) for row in rows]


async def schedules_for(connection: Connection, lane: int, e164: str) -> list[Schedule]:
    """Everybody's of a number, oldest first."""
    rows = await (await connection.execute(_OF_NUMBER, (lane, e164))).fetchall()
    return [_schedule(row) for row in rows]


async def schedule(connection: Connection, schedule_id: str) -> Schedule | None:
    """One of them. Raises InvalidId."""
    place = (lane_of(check_id("schedule", schedule_id)), schedule_id)
    row = await (await connection.execute(_ONE, place)).fetchone()
    return _schedule(row) if row else None


async def due(connection: Connection, limit: int, now: datetime) -> list[Schedule]:
    """Up to `limit` to look at, but those of KEEP; locked until the transaction ends."""
    return [_schedule(row) for row in await (await connection.execute(_DUE, (now, limit))).fetchall()]


async def due_to_keep(connection: Connection, limit: int, now: datetime) -> list[Schedule]:
    """Up to `limit` of KEEP to look at; locked by nobody."""
    return [_schedule(row) for row in await (await connection.execute(_DUE_TO_KEEP, (now, limit))).fetchall()]


async def still_due(connection: Connection, found: Sequence[Schedule], now: datetime) -> list[Schedule]:
    """Those of `found` that are still to be looked at, as they are now; locked until the transaction ends."""
    rows = await connection.execute(_STILL_DUE, [*columns([(one.lane, one.id) for one in found]), now])
    return [_schedule(row) for row in await rows.fetchall()]


async def move(
    connection: Connection,
    schedule_id: str,
    *,
    state: ScheduleState,
    sources: frozenset[str],
    reason: str,
    at: datetime,
) -> bool:
    """Change a schedule's state from one of `sources`; whether it was in one of them."""
    row = {
        "lane": lane_of(schedule_id),
        "id": schedule_id,
        "state": state.value,
        "sources": sorted(sources),
        "reason": reason,
        "now": at,
    }
    return await (await connection.execute(_MOVE, row)).fetchone() is not None


async def look_again(connection: Connection, looks: Sequence[tuple[Schedule, datetime, datetime | None, str]]) -> None:
    """When each active one is looked at next, when it will run as far as that is known, and what it waits for."""
    if looks:
        rows = [(one.lane, one.id, at, next_at, reason) for one, at, next_at, reason in looks]
        await connection.execute(_LOOK, columns(rows))


async def agree(
    connection: Connection, schedule_id: str, agreement: Agreement, *, instrument_id: str, now: datetime
) -> None:
    """Another agreement of the same trigger from now on, paid by this instrument. One that is active is looked at now:
    it may have waited for what is allowed since.
    """
    row = {
        "lane": lane_of(schedule_id),
        "id": schedule_id,
        "agreement": Jsonb(msgspec.to_builtins(agreement)),
        "instrument_id": instrument_id,
        "now": now,
    }
    await connection.execute(_AGREE, row)


async def use(connection: Connection, schedule_id: str, instrument_id: str) -> None:
    """Pay by another instrument from now on."""
    await connection.execute(_USE, (instrument_id, lane_of(schedule_id), schedule_id))


async def drop(connection: Connection, subscriber_id: str) -> None:
    """Forget somebody's schedules and their runs."""
    await connection.execute("DELETE FROM orders.schedules WHERE subscriber_id = %s", [subscriber_id])


def _schedule(row: Any) -> Schedule:
    found = Schedule(*row)
    return replace(
        found,
        msisdn=parse_msisdn(row[2]),
        zone=ZoneInfo(row[5]),
        agreement=msgspec.convert(row[7], Agreement),
        state=ScheduleState(row[9]),
    )
