"""Whose a line is by the operator's register: the document its owner showed when they got it (real-name registration).

Promise: no number of a document is kept. A document is known again by its mark (an HMAC with a key outside the
database) and its last four letters; who tries documents out is stopped, and a line that ended leads to nobody.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from topup.kernel.errors import Throttled
from topup.kernel.ids import LineId
from topup.lines.queries import LineRef
from topup.people import id_checks
from topup.people.id_checks import Shown
from topup.platform.database import Connection, Database
from topup.platform.guesses import WINDOW, Guesser, Guesses
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing

MOST_FOUND: Final = 20
"""Lines of one document that a search shows."""
WRONG_OF_A_LINE: Final = 3
WRONG_OF_A_CLERK: Final = 10
"""Documents that were not the owner's, in an hour; then none is looked at."""

_GUESSES: Final = Guesses("lines.document_guesses", {"line": WRONG_OF_A_LINE, "staff": WRONG_OF_A_CLERK})
_EVERY_S: Final = 3_600.0
_BATCH: Final = 500
_MARK: Final = "SELECT mark, last_four FROM lines.registered WHERE lane = %s AND line_id = %s"
_REGISTER: Final = """
INSERT INTO lines.registered (lane, line_id, document, mark, last_four, since) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (lane, line_id) DO UPDATE SET document = excluded.document, mark = excluded.mark,
    last_four = excluded.last_four, since = excluded.since
"""
# Few rows first, whatever the planner thinks of an empty table.
_BY_MARK: Final = f"""
WITH theirs AS MATERIALIZED (SELECT lane, line_id FROM lines.registered WHERE mark = ANY (%s))
SELECT n.msisdn, t.lane, t.line_id FROM theirs AS t
JOIN lines.lines AS l ON l.lane = t.lane AND l.id = t.line_id AND l.status <> 'closed'
JOIN lines.numbers AS n ON n.lane = t.lane AND n.line_id = t.line_id AND n.until IS NULL
ORDER BY n.msisdn LIMIT {MOST_FOUND}
"""
_GONE: Final = """
DELETE FROM lines.registered WHERE (lane, line_id) IN (
    SELECT r.lane, r.line_id FROM lines.registered AS r
    JOIN lines.lines AS l ON l.lane = r.lane AND l.id = r.line_id
    WHERE r.lane = %s AND l.status = 'closed' LIMIT %s FOR UPDATE OF r SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class LineOfOwner:
    """A line that a document's holder is registered for, by its number in E.164."""

    e164: str
    line: LineRef


async def register(connection: Connection, *, line: LineRef, seen: Shown, now: datetime, keys: KeyRing) -> None:
    """From now on the line is the holder's of this document."""
    mark, last = id_checks.marks(seen, keys)[0], id_checks.last_four(seen)
    await connection.execute(_REGISTER, (line.lane, line.id, seen.document, mark, last, now))


async def is_registered(connection: Connection, *, line: LineRef) -> bool:
    """Whether it is known whose the line is."""
    return await (await connection.execute(_MARK, (line.lane, line.id))).fetchone() is not None


async def is_owners(database: Database, *, line: LineRef, seen: Shown, by: str, keys: KeyRing) -> bool | None:
    """Whether the document is that of the line's owner; None where it is not known whose the line is.

    A transaction of its own, so that a wrong one counts whatever becomes of what it was shown for. Raises Throttled
    `documents_too_many`.
    """
    who = Guesser((("line", keys.pseudonym(f"line:{line.id}")), ("staff", keys.pseudonym(f"staff:{by}"))))
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        row = await (await connection.execute(_MARK, (line.lane, line.id))).fetchone()
        if row is None:
            return None
        shut_out = await _GUESSES.is_shut_out(connection, who, now)
        right = not shut_out and bytes(row[0]) in id_checks.marks(seen, keys)
        if not shut_out and not right:
            await _GUESSES.count(connection, who, now)
    if shut_out:
        raise Throttled("documents_too_many", retry_after_s=int(WINDOW.total_seconds()))
    return right


async def lines_of_document(connection: Connection, possible: list[Shown], keys: KeyRing) -> list[LineOfOwner]:
    """The lines whose owner has one of these documents, at most MOST_FOUND. For staff only, who come by `search`."""
    marks = [mark for seen in possible for mark in id_checks.marks(seen, keys)]
    cursor = await connection.execute(_BY_MARK, [marks])
    return [LineOfOwner(e164, LineRef(lane, LineId(line_id))) for e164, lane, line_id in await cursor.fetchall()]


async def search(
    connection: Connection, *, possible: list[Shown], by: str, now: datetime, keys: KeyRing
) -> list[LineOfOwner] | Throttled:
    """The lines whose owner has one of these documents, for one of the staff; or `documents_too_many`, by which nothing
    is found. It is for the caller to raise, once the transaction is committed: by then a document that leads nowhere
    has counted, among those that were shown for a line.
    """
    who = Guesser((("staff", keys.pseudonym(f"staff:{by}")),))
    if await _GUESSES.is_shut_out(connection, who, now):
        return Throttled("documents_too_many", retry_after_s=int(WINDOW.total_seconds()))
    found = await lines_of_document(connection, possible, keys)
    if not found:
        await _GUESSES.count(connection, who, now)
    return found


def sweeps(*, database: Database, lanes: int) -> list[Sweep]:
    """What runs by itself: who a line that ended belonged to is forgotten, and so are counters of long ago."""
    return [Sweep("lines.registered", _EVERY_S, partial(_forget, database, lanes), batch=_BATCH)]


async def _forget(database: Database, lanes: int) -> int:
    done = 0
    for lane in range(lanes):
        async with database.transaction() as transaction:
            done += (await transaction.connection.execute(_GONE, (lane, _BATCH))).rowcount
    async with database.transaction() as transaction:
        return done + await _GUESSES.forget(transaction.connection, _BATCH, transaction.now)
