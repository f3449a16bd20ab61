"""The audit trail: who did what, to what, and when; each entry chained by a hash to the one before.

Promise: an entry is written in the transaction of what it tells, so that one is never without the other. Editing,
deleting or reordering entries shows (`verify`), and cutting the end off shows against a head that was exported.
The facts are ids, codes and amounts: nothing personal. Of what staff change they have `before` and `after` (`change`).
"""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from psycopg.rows import tuple_row

from topup.kernel.errors import Invalid
from topup.platform.database import Connection
from topup.platform.keys import KeyRing
from topup.platform.signed_documents import Unsound, opened, sealed

PURPOSE: Final = "trail-heads"
"""The purpose of the keys that sign heads."""
FORMAT: Final = "topup-trail-head-1"
MAXIMUM_PAGE: Final = 200
_noticed: ContextVar[list[str] | None] = ContextVar("noticed", default=None)
_GENESIS: Final = hashlib.sha256(b"topup audit trail").digest()
_BATCH: Final = 5_000
_MOST_FAULTS: Final = 100

_APPEND = "SELECT work.append_trail(%s, %s, %s, %s, %s)"
_COLUMNS = "sequence, at, actor, action, subject, facts"
_ASKED: Final = {
    "before": "sequence < %(before)s",
    "subject": "subject = %(subject)s",
    "actor": "actor = %(actor)s",
    "group": "split_part(action, '.', 1) || '.' = %(group)s",
    "action": "starts_with(action, %(action)s)",
}
"""What entries may be asked for, each by an index of its own."""


class FaultKind(StrEnum):
    """What can be wrong with a trail."""

    MISSING = "missing"
    """Entries are not there that must have been."""
    ALTERED = "altered"
    """An entry is not what was written, or not where."""
    CUT = "cut"
    """The end is missing that the chain's head, or an exported one, had reached."""
    REWRITTEN = "rewritten"
    """At the exported head there is another chain."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at (or from) an entry."""

    kind: FaultKind
    sequence: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """After the entry `sequence`, whose hash is `hash`."""

    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class TrailReport:
    """What `verify` found."""

    entries: int
    head: Head
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


async def write(
    connection: Connection, *, actor: str, action: str, subject: str, facts: Mapping[str, object], now: datetime
) -> int:
    """Add an entry, in the caller's transaction; gives its number.

    It locks the trail's head until the transaction ends: to be called last.
    """
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    cursor = await connection.execute(_APPEND, (actor, action, subject, text, now))
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("the trail gave no number")
    notice(action)
    return int(row[0])


def change(before: Mapping[str, object] | None, after: Mapping[str, object] | None) -> dict[str, object]:
    """The part of an entry's facts that tells what changed, by what is known of it: None before what is made, and None
    after what is gone.
    """
    return {"before": dict(before) if before else None, "after": dict(after) if after else None}


def notice(action: str) -> None:
    """Say that an entry was written for whoever waits here, by a batch that runs elsewhere (`noticing`)."""
    if (noticed := _noticed.get()) is not None:
        noticed.append(action)


@contextmanager
def noticing() -> Iterator[Sequence[str]]:
    """The actions that are written within, as they are written: so that a deed which writes none can be seen."""
    noticed: list[str] = []
    before = _noticed.set(noticed)
    try:
        yield noticed
    finally:
        _noticed.reset(before)


async def entries(
    connection: Connection,
    *,
    before: int | None = None,
    subject: str = "",
    actor: str = "",
    action: str = "",
    limit: int = 50,
) -> list[Entry]:
    """The newest entries first, up to MAXIMUM_PAGE; those `before` a number, of one subject, one actor, or actions
    that begin so (`staff.`).
    """
    group, dot, _ = action.partition(".")
    asked = {"before": before, "subject": subject, "actor": actor, "action": action, "group": dot and f"{group}."}
    conditions = [_ASKED[name] for name, value in asked.items() if value not in {None, ""}]
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM work.trail WHERE {' AND '.join(conditions) or 'true'}"
        " ORDER BY sequence DESC LIMIT %(limit)s",
        asked | {"limit": min(limit, MAXIMUM_PAGE)},
    )
    return [
        Entry(number, at, who, action, about, json.loads(facts))
        for number, at, who, action, about, facts in await cursor.fetchall()
    ]


async def head_of(connection: Connection) -> Head:
    """Where the chain stands, by its own word."""
    cursor = await connection.execute("SELECT sequence, hash FROM work.trail_head")
    row = await cursor.fetchone()
    return Head(int(row[0]), bytes(row[1])) if row else Head(0, _GENESIS)


def head_document(head: Head, keyring: KeyRing, *, now: datetime) -> dict[str, Any]:
    """The head, signed; keep it where whoever may change the database may not."""
    document = {
        "format": FORMAT,
        "exported_at": now.isoformat(),
        "sequence": head.sequence,
        "hash": head.hash.hex(),
    }
    return sealed(document, keyring, PURPOSE)


class TrailHeadRejected(Invalid):
    """`trail_head_unreadable` (no such document) or `trail_head_forged` (the signature is none of ours)."""


def read_head(document: Any, keyring: KeyRing) -> Head:
    """The head of an exported document, after its signature held; raises TrailHeadRejected."""
    try:
        return opened(
            document, keyring, PURPOSE, FORMAT, lambda found: Head(int(found["sequence"]), bytes.fromhex(found["hash"]))
        )
    except Unsound as error:
        raise TrailHeadRejected("trail_head_forged" if error.forged else "trail_head_unreadable") from error


async def verify(connection: Connection, *, exported: Sequence[Head] = ()) -> TrailReport:
    """Read the whole trail of a snapshot, and compare it with its head and with those that were exported."""
    wanted = {head.sequence: head for head in exported}
    faults: list[Fault] = []
    reached, link, count = 0, _GENESIS, 0
    async for sequence, at, actor, action, subject, facts, stored in _rows(connection):
        if sequence != reached + 1:
            faults.append(Fault(FaultKind.MISSING, reached + 1))
        link = _link(link, sequence, at, (actor, action, subject, facts))
        if link != stored:
            faults.append(Fault(FaultKind.ALTERED, sequence))
            # What follows is judged by what stands here: each fault is told once.
            link = stored
        if sequence in wanted and wanted[sequence].hash != stored:
            faults.append(Fault(FaultKind.REWRITTEN, sequence))
        reached, count = sequence, count + 1
        if len(faults) >= _MOST_FAULTS:
            break
    else:
        own = await head_of(connection)
        if own.sequence > reached or any(head.sequence > reached for head in exported):
            faults.append(Fault(FaultKind.CUT, reached + 1))
        elif own != Head(reached, link):
            faults.append(Fault(FaultKind.ALTERED, reached))
    return TrailReport(count, Head(reached, link), tuple(faults))


def _link(before: bytes, sequence: int, at: datetime, parts: Sequence[str]) -> bytes:
    """What `work.append_trail` computes."""
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    said = "|".join([str(sequence), moment, *(f"{len(part)}|{part}" for part in parts)])
    return hashlib.sha256(before + said.encode()).digest()


async def _rows(connection: Connection) -> AsyncIterator[tuple[Any, ...]]:
    after = -(2**63)
    while True:
        cursor = connection.cursor(row_factory=tuple_row)
        await cursor.execute(
            f"SELECT {_COLUMNS}, hash FROM work.trail WHERE sequence > %s ORDER BY sequence LIMIT %s", (after, _BATCH)
        )
        page = await cursor.fetchall()
        for row in page:
            yield (*row[:6], bytes(row[6]))
        if len(page) < _BATCH:
            return
        after = page[-1][0]
