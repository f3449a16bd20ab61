"""Sending the messages that are due.

Taking, sending and writing down are three steps. Messages are taken with a lease and the taking is committed; then each
is sent, outside any transaction; then what came of it is written. A sender that dies in between leaves messages whose
lease ends: nobody knows whether those left, so they count as unknown once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog

from topup.kernel.outcome import Accepted, Done, NotSent, Outcome, Reason, Refused, Reversed, Throttled, Unknown
from topup.notifications.daytime import daytime, is_daytime
from topup.notifications.ports import Messenger, OutgoingMessage
from topup.notifications.states import LEASE, MAXIMUM_TRIES, MAXIMUM_UNKNOWNS, MESSAGE, MessageState, pause_after
from topup.notifications.templates import render
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.i18n import MissingText
from topup.platform.jobs import Sweep
from topup.platform.keys import CannotOpen, KeyRing

BATCH: Final = 50
AT_ONCE: Final = 10
"""Calls to the messenger side by side."""
LONGEST_SEND_S: Final = 60.0

_BEFORE_TAKING = crash_label("notifications.before_take")
_TAKEN = crash_label("notifications.taken")
_BEFORE_SEND = crash_label("notifications.before_send")
_AFTER_SEND = crash_label("notifications.after_send")
_BEFORE_WRITING = crash_label("notifications.before_write")
_WRITTEN = crash_label("notifications.written")
_log = structlog.get_logger(__name__)

_TAKE: Final = """
UPDATE notifications.messages AS message
SET state = 'sending', tries = message.tries + 1, send_at = %(now)s + %(lease)s,
    unknowns = message.unknowns + CASE WHEN message.state = 'sending' THEN 1 ELSE 0 END
FROM (
    SELECT lane, id FROM notifications.messages
    WHERE send_at <= %(now)s AND state = ANY (%(sources)s)
    ORDER BY send_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) AS due
WHERE message.lane = due.lane AND message.id = due.id
RETURNING message.lane, message.id, message.address, message.sealed_for, message.locale, message.template,
    message.parameters, message.tries, message.unknowns, message.daytime_of
"""
_WRITE: Final = """
UPDATE notifications.messages AS message
SET state = result.state, unknowns = result.unknowns, send_at = result.send_at
FROM unnest(%(lanes)b::smallint[], %(ids)b::text[], %(tries)b::smallint[], %(states)b::text[], %(unknowns)b::smallint[],
            %(times)b::timestamptz[]) AS result (lane, id, tries, state, unknowns, send_at)
WHERE message.lane = result.lane AND message.id = result.id AND message.tries = result.tries
    AND message.state = 'sending'
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message in this sender's hands. `tries` counts this one; `unknowns` those before it that nobody knows of."""

    lane: int
    id: str
    address: bytes
    sealed_for: str
    locale: str
    template: str
    parameters: dict[str, Any]
    tries: int
    unknowns: int
    daytime_of: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a message becomes; `send_at` is when it is tried again, or None."""

    state: MessageState
    unknowns: int
    send_at: datetime | None


def sweeps(*, database: Database, keyring: KeyRing, messenger: Messenger) -> list[Sweep]:
    """The recurring tasks of this room."""
    return [Sweep("notifications.send", 1.0, partial(send_due, database, keyring, messenger), BATCH)]


async def send_due(database: Database, keyring: KeyRing, messenger: Messenger) -> int:
    """Send up to BATCH messages that are due; gives how many were taken."""
    async with database.transaction() as transaction:
        taken = await take(transaction.connection, transaction.now)
        asleep = [message for message in taken if _is_asleep(message, transaction.now)]
        if taken:
            crash_point(_BEFORE_TAKING)
    if not taken:
        return 0
    crash_point(_TAKEN)
    exhausted = [message for message in taken if message.unknowns >= MAXIMUM_UNKNOWNS]
    turns = asyncio.Semaphore(AT_ONCE)
    sending = [message for message in taken if message not in exhausted and message not in asleep]
    outcomes = await asyncio.gather(*(_send(message, keyring, messenger, turns) for message in sending))
    async with database.transaction() as transaction:
        results = [(message, Result(MessageState.UNSURE, message.unknowns, None)) for message in exhausted]
        results += [
            (message, Result(MessageState.WAITING, message.unknowns, _later(message, transaction.now)))
            for message in asleep
            if message not in exhausted
        ]
        results += [
            (message, judge(message, outcome, transaction.now))
            for message, outcome in zip(sending, outcomes, strict=True)
        ]
        await _write(transaction.connection, results)
        crash_point(_BEFORE_WRITING)
    crash_point(_WRITTEN)
    return len(taken)


def _is_asleep(message: Taken, now: datetime) -> bool:
    return message.daytime_of is not None and not is_daytime(now, message.daytime_of)


def _later(message: Taken, at: datetime) -> datetime:
    return daytime(at, message.daytime_of) if message.daytime_of else at


async def take(connection: Connection, now: datetime, *, limit: int = BATCH) -> list[Taken]:
    """Take messages that are due into this sender's hands, for LEASE; no other sender gets them meanwhile."""
    parameters = {
        "now": now,
        "lease": LEASE,
        "limit": limit,
        "sources": [state.value for state in MESSAGE.sources(MessageState.SENDING)],
    }
    cursor = await connection.execute(_TAKE, parameters)
    return [Taken(*row) for row in await cursor.fetchall()]


def judge(message: Taken, outcome: Outcome, now: datetime) -> Result:
    """What becomes of a message after a try that ended in `outcome`."""
    match outcome:
        case Done() | Accepted():
            return Result(MessageState.SENT, message.unknowns, None)
        case Refused() | Reversed():
            return Result(MessageState.FAILED, message.unknowns, None)
        case Unknown() if message.unknowns + 1 >= MAXIMUM_UNKNOWNS:
            return Result(MessageState.UNSURE, message.unknowns + 1, None)
        case NotSent() | Throttled() | Unknown():
            unknowns = message.unknowns + isinstance(outcome, Unknown)
            if message.tries >= MAXIMUM_TRIES:
                return Result(MessageState.UNSURE if unknowns else MessageState.FAILED, unknowns, None)
            return Result(MessageState.WAITING, unknowns, _later(message, now + pause_after(message.tries)))


async def _send(message: Taken, keyring: KeyRing, messenger: Messenger, turns: asyncio.Semaphore) -> Outcome:
    try:
        subject, body = render(message.template, message.parameters, message.locale)
        address = keyring.unseal(message.address, message.sealed_for).decode()
    except (MissingText, CannotOpen) as error:
        # Trying again would not help, and must not hold up the others.
        _log.error("message_unsendable", message=message.id, template=message.template, error=type(error).__name__)
        return Refused(Reason.CONFIGURATION, type(error).__name__)
    outgoing = OutgoingMessage(message.id, address, message.locale, subject, body)
    async with turns:
        try:
            async with asyncio.timeout(LONGEST_SEND_S):
                crash_point(_BEFORE_SEND)
                outcome = await messenger.send(outgoing)
                crash_point(_AFTER_SEND)
                return outcome
        except TimeoutError:
            return Unknown("no answer in time")
        except Exception as error:  # noqa: BLE001 - a messenger's defect must not make the others' outcomes unknown
            _log.exception("messenger_failed", messenger=messenger.name, message=message.id)
            return Unknown(type(error).__name__)


async def _write(connection: Connection, results: Sequence[tuple[Taken, Result]]) -> None:
    parameters = {
        "lanes": [message.lane for message, _ in results],
        "ids": [message.id for message, _ in results],
        "tries": [message.tries for message, _ in results],
        "states": [result.state.value for _, result in results],
        "unknowns": [result.unknowns for _, result in results],
        "times": [result.send_at for _, result in results],
    }
    await connection.execute(_WRITE, parameters)
