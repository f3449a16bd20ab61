"""Verified events of gateways, stored before they are acknowledged; and those that did not verify."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.payments.facts import read, written
from topup.payments.ports import Fact
from topup.platform.database import Connection
from topup.platform.inbox import EventKey, Inbox, Incoming, readable

_INBOX: Final = Inbox("payments.inbox")
settled: Final = _INBOX.settled
find: Final = _INBOX.find
put_off: Final = _INBOX.put_off


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event to be stored: its raw bytes sealed, its facts as they were verified."""

    key: EventKey
    raw: bytes
    facts: tuple[Fact, ...]


async def store(connection: Connection, events: Sequence[StoredEvent], now: datetime) -> list[bool]:
    """Store events; whether each was new."""
    incoming = [Incoming(event.key, event.raw, written(event.facts)) for event in events]
    return await _INBOX.store(connection, incoming, now)


async def unsettled(
    connection: Connection, limit: int, now: datetime
) -> list[tuple[EventKey, tuple[Fact, ...] | None]]:
    """Events that a process took in and did not settle, oldest first; None for facts that cannot be read."""
    return [(key, readable(read, facts)) for key, facts in await _INBOX.unsettled(connection, limit, now)]


async def quarantine(connection: Connection, *, method: str, reason: str, raw: bytes, now: datetime) -> None:
    """Keep an event that did not verify for a while: sealed, and believed in nothing. There are a thousand slots, and
    a new one takes the place of the oldest.

    The slots are taken in turn, from a sequence: two at once take two, and neither waits.
    """
    await connection.execute(
        "INSERT INTO payments.quarantine (slot, method, received_at, reason, raw)"
        " VALUES (nextval('payments.quarantine_slots'), %s, %s, %s, %s)"
        " ON CONFLICT (slot) DO UPDATE SET method = excluded.method, received_at = excluded.received_at,"
        " reason = excluded.reason, raw = excluded.raw",
        (method, now, reason, raw),
    )
