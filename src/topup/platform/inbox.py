"""Verified events from outside: stored in a commit of their own before they are acknowledged, settled afterwards.

The rooms that are told things have a table each, of one shape: `<room>.inbox (lane, source, event_id, received_at, raw,
facts, due_at, settled_at)`. The raw bytes are sealed; the facts are the room's to write and read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from topup.platform.arrays import columns
from topup.platform.database import Connection

SETTLED_BY_ITSELF: Final = timedelta(seconds=2)
"""How long an event is left to the process that took it in, before a sweep takes it up."""

_LONGEST: Final = timedelta(hours=1)

Facts = TypeVar("Facts")

EventKey = tuple[int, str, str]
"""Lane, source (the plugin), and the source's id of the event."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event to be stored: its raw bytes sealed, its facts as the room writes them (`[]` where it says nothing)."""

    key: EventKey
    raw: bytes
    facts: str


def readable(read: Callable[[str], Facts], text: str) -> Facts | None:
    """What `read` makes of stored facts, or None: a row that cannot be read must not hide those behind it."""
    try:
        return read(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as it is stored: when it came, and when it had its effect (None: not yet)."""

    key: EventKey
    received_at: datetime
    settled_at: datetime | None
    facts: str


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox of one room; `table` is its name in the database."""

    table: str

    async def store(self, connection: Connection, events: Sequence[Incoming], now: datetime) -> list[bool]:
        """Store events; whether each was new. A repeated one changes nothing; one without facts is settled thereby."""
        first = {event.key: event for event in events}
        cursor = await connection.execute(
            f"INSERT INTO {self.table} (lane, source, event_id, raw, facts, received_at, settled_at)"
            " SELECT u.lane, u.source, u.event_id, u.raw, u.facts::jsonb, %s, CASE WHEN u.facts = '[]' THEN %s END"
            " FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[], %b::text[])"
            " AS u (lane, source, event_id, raw, facts) ON CONFLICT DO NOTHING RETURNING lane, source, event_id",
            (now, now, *columns((*key, first[key].raw, first[key].facts) for key in sorted(first))),
        )
        new = set(await cursor.fetchall())
        return [event.key in new for event in events]

    async def settled(self, connection: Connection, keys: Sequence[EventKey], now: datetime) -> None:
        """Note that these events have had their effect; in the transaction that has it."""
        if keys:
            await connection.execute(
                f"UPDATE {self.table} i SET settled_at = %s FROM unnest(%b::smallint[], %b::text[], %b::text[])"
                " AS u (lane, source, event_id) WHERE i.lane = u.lane AND i.source = u.source"
                " AND i.event_id = u.event_id AND i.settled_at IS NULL",
                (now, *columns(keys)),
            )

    async def unsettled(self, connection: Connection, limit: int, now: datetime) -> list[tuple[EventKey, str]]:
        """Events that a process took in and did not settle, with their facts, oldest first."""
        cursor = await connection.execute(
            f"SELECT lane, source, event_id, facts::text FROM {self.table}"
            " WHERE settled_at IS NULL AND received_at <= %s AND (due_at IS NULL OR due_at <= %s)"
            " ORDER BY received_at LIMIT %s",
            (now - SETTLED_BY_ITSELF, now, limit),
        )
        return [((lane, source, event_id), facts) for lane, source, event_id, facts in await cursor.fetchall()]

    async def put_off(self, connection: Connection, key: EventKey, now: datetime, *, patience: timedelta) -> bool:
        """Leave an event that cannot be settled yet for later: for as long again as it has waited, an hour at most.

        False once it has waited for `patience`. One that somebody else has settled waits for nothing more.
        """
        cursor = await connection.execute(
            f"UPDATE {self.table} SET due_at = %(now)s + least(greatest(%(now)s - received_at, %(least)s), %(most)s)"
            " WHERE lane = %(lane)s AND source = %(source)s AND event_id = %(event)s AND settled_at IS NULL"
            " RETURNING received_at > %(now)s - %(patience)s",
            {
                "now": now,
                "least": SETTLED_BY_ITSELF,
                "most": _LONGEST,
                "patience": patience,
                "lane": key[0],
                "source": key[1],
                "event": key[2],
            },
        )
        row = await cursor.fetchone()
        return row is None or bool(row[0])

    async def find(self, connection: Connection, event_id: str, lanes: int) -> list[Kept]:
        """The events of this id, from whichever source; it is looked for in each of the lanes."""
        cursor = await connection.execute(
            f"SELECT i.lane, i.source, i.event_id, i.received_at, i.settled_at, i.facts::text"
            f" FROM generate_series(0, %s - 1) AS l (lane) JOIN {self.table} i ON i.lane = l.lane"
            " WHERE i.event_id = %s ORDER BY i.received_at",
            (lanes, event_id),
        )
        return [Kept((lane, source, event), *rest) for lane, source, event, *rest in await cursor.fetchall()]
