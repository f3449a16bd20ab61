"""Verified events of gateways: stored in a commit of their own before they are acknowledged, settled afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.payments.facts import read, written
from topup.payments.ports import Fact
from topup.platform.arrays import columns
from topup.platform.database import Connection

SETTLED_BY_ITSELF: Final = timedelta(seconds=2)
"""How long an event is left to the process that took it in, before a sweep takes it up."""
QUARANTINE: Final = 1000
"""How many unverified events are kept; a new one takes the place of an old one."""

EventKey = tuple[int, str, str]
"""Lane, method, and the gateway's id of the event."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event to be stored: its raw bytes sealed, its facts as they were verified."""

    key: EventKey
    raw: bytes
    facts: tuple[Fact, ...]


async def store(connection: Connection, events: Sequence[StoredEvent], now: datetime) -> list[bool]:
    """Store events; whether each was new. A repeated one changes nothing. One without facts is settled thereby."""
    first = {event.key: event for event in events}
    ordered = sorted(first)
    cursor = await connection.execute(
        "INSERT INTO payments.inbox (lane, method, event_id, raw, facts, received_at, settled_at)"
        " SELECT u.lane, u.method, u.event_id, u.raw, u.facts::jsonb, %s, CASE WHEN u.facts = '[]' THEN %s END"
        " FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[], %b::text[])"
        " AS u (lane, method, event_id, raw, facts) ON CONFLICT DO NOTHING RETURNING lane, method, event_id",
        (now, now, *columns((*key, first[key].raw, written(first[key].facts)) for key in ordered)),
    )
    new = set(await cursor.fetchall())
    return [event.key in new for event in events]


async def settled(connection: Connection, keys: Sequence[EventKey], now: datetime) -> None:
    """Note that these events have had their effect; in the transaction that has it."""
    if keys:
        await connection.execute(
            "UPDATE payments.inbox i SET settled_at = %s FROM unnest(%b::smallint[], %b::text[], %b::text[])"
            " AS u (lane, method, event_id) WHERE i.lane = u.lane AND i.method = u.method"
            " AND i.event_id = u.event_id AND i.settled_at IS NULL",
            (now, *columns(keys)),
        )


async def unsettled(connection: Connection, limit: int, now: datetime) -> list[tuple[EventKey, tuple[Fact, ...]]]:
    """Events that a process took in and did not settle, oldest first."""
    cursor = await connection.execute(
        "SELECT lane, method, event_id, facts::text FROM payments.inbox WHERE settled_at IS NULL AND received_at <= %s"
        " ORDER BY received_at LIMIT %s",
        (now - SETTLED_BY_ITSELF, limit),
    )
    return [((lane, method, event_id), read(facts)) for lane, method, event_id, facts in await cursor.fetchall()]


async def quarantine(connection: Connection, *, method: str, reason: str, raw: bytes, now: datetime) -> None:
    """Keep an event that did not verify for a while: sealed, bounded in number, and believed in nothing."""
    await connection.execute(
        "INSERT INTO payments.quarantine (slot, method, received_at, reason, raw)"
        " VALUES ((SELECT coalesce((SELECT slot + 1 FROM payments.quarantine ORDER BY received_at DESC, slot DESC"
        " LIMIT 1), 0) %% %s), %s, %s, %s, %s)"
        " ON CONFLICT (slot) DO UPDATE SET method = excluded.method, received_at = excluded.received_at,"
        " reason = excluded.reason, raw = excluded.raw",
        (QUARANTINE, method, now, reason, raw),
    )
