"""The rows of papers, and what changes them. Each is an operation in the caller's transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from topup.kernel.errors import NotFound
from topup.kernel.ids import new_id
from topup.kernel.outcome import Done, NotSent, Outcome, Refused, Throttled, Unknown
from topup.platform.database import Connection
from topup.platform.keys import CannotOpen, KeyRing
from topup.shops.printing.paper import Paper, decode, encode
from topup.shops.printing.ports import Trouble
from topup.shops.printing.states import PrintState

GIVEN_UP_AFTER: Final = timedelta(minutes=10)
"""From being asked for: after that nobody stands at the counter any more."""
STALE_AFTER: Final = timedelta(minutes=5)
"""Longer than any printer may take: whoever had it is gone, and what became of it is unknown."""
KEPT_FOR: Final = timedelta(days=90)
INTERRUPTED: Final = "interrupted"
"""The reason of one whose process ended in the middle."""
_AGAIN_SOON: Final = timedelta(seconds=3)
_AGAIN: Final = timedelta(seconds=15)
_SOON: Final = timedelta(minutes=1)

_COLUMNS: Final = "id, till, kind, subject, copy, state, reason, asked_by, asked_at, done_at"


@dataclass(frozen=True, slots=True)
class Job:
    """A paper that was asked for. `copy` 0 is the first of its subject; the others say that they are copies."""

    id: str
    till: str
    kind: str
    subject: str
    copy: int
    state: PrintState
    reason: str
    """What kept it from printing: a `ports.Trouble` or INTERRUPTED; empty where nothing did."""
    asked_by: str
    asked_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A paper that is ours to send; None where it cannot be opened (its key was lost)."""

    job: Job
    paper: Paper | None


def _job(row: tuple[Any, ...]) -> Job:
    job_id, till, kind, subject, copy, state, reason, asked_by, asked_at, done_at, *_ = row
    return Job(job_id, till, kind, subject, copy, PrintState(state), reason, asked_by, asked_at, done_at)


async def lock_subject(connection: Connection, kind: str, subject: str) -> None:
    """Be the only one who asks for papers of this."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"shops.print:{kind}:{subject}",)
    )


async def jobs_of(connection: Connection, subject: str) -> list[Job]:
    """All papers of a subject, the first first."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM shops.print_jobs WHERE subject = %s ORDER BY kind, copy", (subject,)
    )
    return [_job(row) for row in await cursor.fetchall()]


async def latest(connection: Connection, kind: str, subject: str) -> Job | None:
    """The last paper of this kind and subject."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM shops.print_jobs WHERE kind = %s AND subject = %s ORDER BY copy DESC LIMIT 1",
        (kind, subject),
    )
    row = await cursor.fetchone()
    return _job(row) if row else None


async def by_key(connection: Connection, key: str) -> Job | None:
    """What was asked for under a key."""
    cursor = await connection.execute(f"SELECT {_COLUMNS} FROM shops.print_jobs WHERE key = %s", (key,))
    row = await cursor.fetchone()
    return _job(row) if row else None


async def job(connection: Connection, job_id: str) -> Job:
    """A paper; raises NotFound print_job_unknown."""
    cursor = await connection.execute(f"SELECT {_COLUMNS} FROM shops.print_jobs WHERE id = %s", (job_id,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("print_job_unknown")
    return _job(row)


async def add(
    connection: Connection,
    *,
    key: str,
    till: str,
    kind: str,
    subject: str,
    copy: int,
    paper: Paper,
    by: str,
    now: datetime,
    keys: KeyRing,
) -> Job:
    """A new paper that waits."""
    job_id = new_id("print", 0)
    await connection.execute(
        "INSERT INTO shops.print_jobs (id, key, till, kind, subject, copy, state, paper, asked_by, asked_at, next_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, 'waiting', %s, %s, %s, %s)",
        (job_id, key, till, kind, subject, copy, keys.seal(encode(paper), bound_to=job_id), by, now, now),
    )
    return await job(connection, job_id)


async def once_more(
    connection: Connection, failed: Job, *, till: str, paper: Paper, by: str, now: datetime, keys: KeyRing
) -> Job:
    """A paper that failed waits again: nothing of it ever left, so it is still the same one."""
    await connection.execute(
        "UPDATE shops.print_jobs SET state = 'waiting', reason = '', till = %s, paper = %s, asked_by = %s,"
        " asked_at = %s, next_at = %s, claimed_at = NULL, done_at = NULL WHERE id = %s AND state = 'failed'",
        (till, keys.seal(encode(paper), bound_to=failed.id), by, now, now, failed.id),
    )
    return await job(connection, failed.id)


async def tills_with_work(connection: Connection, tills: Collection[str], now: datetime) -> list[str]:
    """Those of the tills that have a paper to send now."""
    cursor = await connection.execute(
        "SELECT DISTINCT till FROM shops.print_jobs WHERE till = ANY(%s) AND state = 'waiting' AND next_at <= %s",
        (list(tills), now),
    )
    return [till for (till,) in await cursor.fetchall()]


async def claim(connection: Connection, till: str, now: datetime, *, keys: KeyRing) -> Claimed | None:
    """The till's next paper, for us alone; None where none is due or its printer has one in hand."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"shops.printer:{till}",))
    cursor = await connection.execute(
        f"UPDATE shops.print_jobs SET state = 'printing', claimed_at = %s WHERE id = ("
        " SELECT id FROM shops.print_jobs WHERE till = %s AND state = 'waiting' AND next_at <= %s"
        " AND NOT EXISTS (SELECT 1 FROM shops.print_jobs WHERE till = %s AND state = 'printing')"
        f" ORDER BY asked_at, id LIMIT 1) RETURNING {_COLUMNS}, paper",
        (now, till, now, till),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    found = _job(row)
    try:
        return Claimed(found, decode(keys.unseal(bytes(row[10]), bound_to=found.id)))
    except (CannotOpen, msgspec.MsgspecError):
        return Claimed(found, None)


async def answered(connection: Connection, printed: Job, outcome: Outcome, now: datetime) -> None:
    """Write down what became of a paper that was claimed."""
    state, reason = _judged(printed, outcome, now)
    waits = state is PrintState.WAITING
    again = _AGAIN_SOON if now - printed.asked_at < _SOON else _AGAIN
    await connection.execute(
        "UPDATE shops.print_jobs SET state = %s, reason = %s, next_at = %s, claimed_at = NULL, done_at = %s,"
        " paper = CASE WHEN %s THEN paper END WHERE id = %s AND state = 'printing'",
        (state.value, reason, now + again, None if waits else now, waits, printed.id),
    )


def _judged(printed: Job, outcome: Outcome, now: datetime) -> tuple[PrintState, str]:
    match outcome:
        case Done():
            return PrintState.PRINTED, ""
        case NotSent(detail=detail):
            return _kept(printed, now), detail
        case Throttled():
            return _kept(printed, now), Trouble.BUSY.value
        case Refused(code=code):
            return PrintState.FAILED, code
        case Unknown(detail=detail):
            return PrintState.UNSURE, detail
        case _:
            return PrintState.UNSURE, "silent"


def _kept(printed: Job, now: datetime) -> PrintState:
    """Of what positively did not leave: it waits, as long as somebody may stand there."""
    return PrintState.FAILED if now - printed.asked_at >= GIVEN_UP_AFTER else PrintState.WAITING


async def let_go(connection: Connection, now: datetime) -> int:
    """Papers whose process is gone in the middle are unsure; how many."""
    cursor = await connection.execute(
        "UPDATE shops.print_jobs SET state = 'unsure', reason = %s, paper = NULL, claimed_at = NULL, done_at = %s"
        " WHERE state = 'printing' AND claimed_at < %s RETURNING 1",
        (INTERRUPTED, now, now - STALE_AFTER),
    )
    return len(await cursor.fetchall())


async def forget(connection: Connection, limit: int, now: datetime) -> int:
    """Let go of rows that nobody asks for any more; how many."""
    cursor = await connection.execute(
        "DELETE FROM shops.print_jobs WHERE id IN (SELECT id FROM shops.print_jobs WHERE asked_at < %s"
        " AND state NOT IN ('waiting', 'printing') ORDER BY asked_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING 1",
        (now - KEPT_FOR, limit),
    )
    return len(await cursor.fetchall())
