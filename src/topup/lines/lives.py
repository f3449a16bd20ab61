"""What the database knows of each line's life: taken up under a lock, and written down again, many at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from psycopg.rows import args_row

from topup.catalogue.line_facts import Change, Gone, Reminder
from topup.kernel.ids import LineId
from topup.notifications.daytime import daytime
from topup.platform.arrays import columns, selected
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Life:
    """A line's life as it was written down at `looked_at`: the columns of `lines.lines`, which say what each means."""

    lane: int
    id: LineId
    carrier_id: str
    zone: str
    status: str
    rules: int
    state: str
    state_since: datetime
    shows: str
    clocks: Mapping[str, str] | None
    next_at: datetime | None
    looked_at: datetime
    active_at: datetime | None
    has_funds: bool
    funds_until: datetime | None
    funds_since: datetime | None
    gone: Gone
    arrears_minor: int
    fee_at: datetime | None
    unfinished: Sequence[Mapping[str, Any]] | None
    number_free_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lived:
    """What became of a line: its life now, and what is to be noted of the way there."""

    life: Life
    changes: Sequence[Change] = ()
    reminder: Reminder | None = None
    gives_number_back: bool = False


_LIFE: Final = selected(Life, "l")
_DUE: Final = f"""
SELECT {_LIFE} FROM lines.lines AS l
WHERE l.lane = %s AND l.next_at <= %s
ORDER BY l.lane, l.next_at LIMIT %s
FOR NO KEY UPDATE SKIP LOCKED
"""
_OF: Final = f"""
SELECT {_LIFE} FROM unnest(%b::smallint[], %b::text[]) AS wanted (lane, id)
CROSS JOIN LATERAL (
    SELECT * FROM lines.lines AS l WHERE l.lane = wanted.lane AND l.id = wanted.id
"""
_LOCKED: Final = f"{_OF} FOR NO KEY UPDATE) AS l"
_SEEN: Final = f"{_OF}) AS l"
_SAVE: Final = """
UPDATE lines.lines AS l SET
    status = u.status, rules = u.rules, state = u.state, state_since = u.state_since, shows = u.shows,
    clocks = u.clocks::jsonb, next_at = u.next_at, looked_at = u.looked_at, active_at = u.active_at,
    has_funds = u.has_funds, funds_until = u.funds_until, funds_since = u.funds_since, gone = u.gone,
    arrears_minor = u.arrears_minor, fee_at = u.fee_at, unfinished = u.unfinished::jsonb,
    number_free_at = u.number_free_at, closed_at = u.closed_at
FROM unnest(
    %b::smallint[], %b::text[], %b::text[], %b::integer[], %b::text[], %b::timestamptz[], %b::text[], %b::text[],
    %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::boolean[], %b::timestamptz[], %b::timestamptz[],
    %b::text[], %b::bigint[], %b::timestamptz[], %b::text[], %b::timestamptz[], %b::timestamptz[]
) AS u (lane, id, status, rules, state, state_since, shows, clocks, next_at, looked_at, active_at, has_funds,
    funds_until, funds_since, gone, arrears_minor, fee_at, unfinished, number_free_at, closed_at)
WHERE l.lane = u.lane AND l.id = u.id
"""
_NOTE: Final = """
INSERT INTO lines.changes (lane, line_id, at, left_state, entered, reason, shows, noted_at)
SELECT u.*, %s
FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::text[]) AS u
"""
_REMIND: Final = """
INSERT INTO lines.reminders (lane, line_id, due, days, entering, tell_at, noted_at)
SELECT u.*, %s
FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[], %b::smallint[], %b::text[], %b::timestamptz[]) AS u
ON CONFLICT DO NOTHING
"""
_GIVE_BACK: Final = """
UPDATE lines.numbers AS n SET until = greatest(n.since, %s)
FROM unnest(%b::smallint[], %b::text[]) AS u (lane, id)
WHERE n.lane = u.lane AND n.line_id = u.id AND n.until IS NULL
"""
_REST: Final = """
UPDATE lines.lines AS l SET next_at = %s
FROM unnest(%b::smallint[], %b::text[]) AS u (lane, id)
WHERE l.lane = u.lane AND l.id = u.id
"""
REST: Final = timedelta(hours=1)


async def due(connection: Connection, *, lane: int, now: datetime, limit: int) -> list[Life]:
    """Lock the lines of a lane to which something may happen now, those first that waited longest.

    Lines that somebody else works on are passed over.
    """
    cursor = connection.cursor(row_factory=args_row(Life))
    await cursor.execute(_DUE, (lane, now, limit))
    return await cursor.fetchall()


async def locked(connection: Connection, places: Iterable[tuple[int, str]]) -> dict[str, Life]:
    """Lock these lines, given as (lane, id), in one order, so that none waits in a circle; by id, unknown ones not."""
    return await _lives(connection, _LOCKED, places)


async def seen(connection: Connection, places: Iterable[tuple[int, str]]) -> dict[str, Life]:
    """The same without a lock, for showing."""
    return await _lives(connection, _SEEN, places)


async def _lives(connection: Connection, statement: str, places: Iterable[tuple[int, str]]) -> dict[str, Life]:
    wanted = sorted(set(places))
    if not wanted:
        return {}
    cursor = connection.cursor(row_factory=args_row(Life))
    await cursor.execute(statement, columns(wanted))
    return {life.id: life for life in await cursor.fetchall()}


async def rest(connection: Connection, left: Sequence[Life], now: datetime) -> None:
    """Let lines be that nothing could be done with; they are looked at again after REST."""
    if left:
        await connection.execute(_REST, (now + REST, *columns((life.lane, life.id) for life in left)))


async def save(connection: Connection, lived: Sequence[Lived], now: datetime) -> None:
    """Write down what became of lines that are locked; where nothing happened at all, nothing is to be given."""
    if not lived:
        return
    await connection.execute(_SAVE, columns(map(_row, lived)))
    changes = [
        (one.life.lane, one.life.id, change.at, change.left, change.entered, change.exit.when, change.shows)
        for one in lived
        for change in one.changes
    ]
    if changes:
        await connection.execute(_NOTE, (now, *columns(changes)))
    reminders = [
        (life.lane, life.id, reminder.due, reminder.days, reminder.exit.to, daytime(now, life.zone))
        for life, reminder in ((one.life, one.reminder) for one in lived)
        if reminder is not None
    ]
    if reminders:
        await connection.execute(_REMIND, (now, *columns(reminders)))
    given = [(one.life.lane, one.life.id) for one in lived if one.gives_number_back]
    if given:
        await connection.execute(_GIVE_BACK, (now, *columns(given)))


def _row(one: Lived) -> tuple[Any, ...]:
    life = one.life
    return (
        life.lane,
        life.id,
        life.status,
        life.rules,
        life.state,
        life.state_since,
        life.shows,
        as_json(life.clocks),
        life.next_at,
        life.looked_at,
        life.active_at,
        life.has_funds,
        life.funds_until,
        life.funds_since,
        life.gone,
        life.arrears_minor,
        life.fee_at,
        as_json(life.unfinished),
        life.number_free_at,
        life.closed_at,
    )


def as_json(value: object) -> str | None:
    """As `jsonb` takes it; nothing and empty alike are null."""
    return msgspec.json.encode(value).decode() if value else None
