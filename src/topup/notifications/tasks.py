"""Sending the messages that are due.

Taking, sending and writing down are three steps. Messages are taken with a lease and the taking is committed; then each
is sent, outside any transaction; then what came of it is written. A sender that dies in between leaves messages whose
lease ends: nobody knows whether those left, so they count as unknown once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog

from topup.kernel.outcome import Accepted, Done, NotSent, Outcome, Reason, Refused, Reversed, Throttled, Unknown
from topup.notifications.daytime import Hours, daytime
from topup.notifications.ports import AddressKind, Messenger, OutgoingMessage, kind_of
from topup.notifications.states import LEASE, MAXIMUM_TRIES, MAXIMUM_UNKNOWNS, MESSAGE, MessageState, pause_after
from topup.notifications.templates import opened, render, render_short
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.i18n import MissingText
from topup.platform.jobs import Sweep
from topup.platform.keys import CannotOpen, KeyRing

BATCH: Final = 20
"""Taken together and sent side by side: a lease must last as long as the slowest call, and no batch waits in a line."""
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
    WHERE kind = ANY (%(kinds)s) AND send_at <= %(now)s AND state = ANY (%(sources)s)
    ORDER BY send_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) AS due
WHERE message.lane = due.lane AND message.id = due.id
RETURNING message.lane, message.id, message.address, message.sealed_for, message.locale, message.template,
    message.parameters, message.tries, message.unknowns, message.daytime_of, message.day_begins, message.day_ends,
    message.until, message.created_at
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
    day_begins: int = 9
    day_ends: int = 21
    until: datetime | None = None
    created_at: datetime | None = None

    @property
    def hours(self) -> Hours:
        """When it may be sent, in `daytime_of`."""
        return Hours(self.day_begins, self.day_ends)


@dataclass(frozen=True, slots=True)
class Result:
    """What a message becomes; `send_at` is when it is tried again, or None."""

    state: MessageState
    unknowns: int
    send_at: datetime | None


def sweeps(*, database: Database, keyring: KeyRing, messengers: Mapping[AddressKind, Messenger]) -> list[Sweep]:
    """The recurring tasks of this room: each messenger has its own, so that one that is down holds up nobody else's."""
    serving: dict[str, tuple[Messenger, list[AddressKind]]] = {}
    for kind, messenger in messengers.items():
        serving.setdefault(messenger.name, (messenger, []))[1].append(kind)
    return [
        Sweep(f"notifications.send.{name}", 1.0, partial(send_due, database, keyring, messenger, kinds), BATCH)
        for name, (messenger, kinds) in serving.items()
    ]


async def send_due(
    database: Database, keyring: KeyRing, messenger: Messenger, kinds: Sequence[AddressKind] = tuple(AddressKind)
) -> int:
    """Send up to BATCH messages of these kinds that are due; gives how many were taken."""
    async with database.transaction() as transaction:
        taken = await take(transaction.connection, transaction.now, kinds=kinds)
        now = transaction.now
        if taken:
            crash_point(_BEFORE_TAKING)
    if not taken:
        return 0
    crash_point(_TAKEN)
    kept = {message.id: result for message in taken if (result := _kept(message, now)) is not None}
    sending = [message for message in taken if message.id not in kept]
    outcomes = await asyncio.gather(*(_send(message, keyring, messenger) for message in sending))
    async with database.transaction() as transaction:
        results = [(message, kept[message.id]) for message in taken if message.id in kept]
        results += [
            (message, judge(message, outcome, transaction.now))
            for message, outcome in zip(sending, outcomes, strict=True)
        ]
        await _write(transaction.connection, results)
        crash_point(_BEFORE_WRITING)
    crash_point(_WRITTEN)
    return len(taken)


def _kept(message: Taken, now: datetime) -> Result | None:
    """What becomes of a message that is not sent now; None for one that is."""
    if message.unknowns >= MAXIMUM_UNKNOWNS:
        return Result(MessageState.UNSURE, message.unknowns, None)
    if message.until is not None and message.until <= now:
        return Result(MessageState.UNSURE if message.unknowns else MessageState.FAILED, message.unknowns, None)
    later = _later(message, now)
    return Result(MessageState.WAITING, message.unknowns, later) if later > now else None


def _later(message: Taken, at: datetime) -> datetime:
    return daytime(at, message.daytime_of, message.hours) if message.daytime_of else at


async def take(
    connection: Connection,
    now: datetime,
    *,
    kinds: Sequence[AddressKind] = tuple(AddressKind),
    limit: int = BATCH,
) -> list[Taken]:
    """Take messages that are due into this sender's hands, for LEASE; no other sender gets them meanwhile."""
    parameters = {
        "kinds": [kind.value for kind in kinds],
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


async def _send(message: Taken, keyring: KeyRing, messenger: Messenger) -> Outcome:
    try:
        outgoing = _outgoing(message, keyring)
    except (MissingText, CannotOpen) as error:
        # Trying again would not help, and must not hold up the others.
        _log.error("message_unsendable", message=message.id, template=message.template, error=type(error).__name__)
        return Refused(Reason.CONFIGURATION, type(error).__name__)
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


def _outgoing(message: Taken, keyring: KeyRing) -> OutgoingMessage:
    """The message in its recipient's words. Raises MissingText and CannotOpen."""
    parameters = opened(message.parameters, lambda sealed: keyring.unseal(sealed, message.sealed_for))
    address = keyring.unseal(message.address, message.sealed_for).decode()
    rendered = render_short if kind_of(address) is AddressKind.SMS else render
    subject, body = rendered(message.template, parameters, message.locale)
    stop_url = str(parameters.get("stop_url", ""))
    return OutgoingMessage(message.id, address, message.locale, subject, body, message.created_at, stop_url)


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
