"""A day's bill on its way into the database: page by page by COPY into a table of this connection's own, and then all
at once in the place of what was read before.

Never more than a page is in memory, and no transaction is open while the provider is waited for.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from hashlib import blake2b
from typing import Final

import psycopg

from topup.kernel.ids import InvalidId, lane_of
from topup.payments.ports import BillLine
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, problem_of

_LONGEST_TEXT: Final = 200
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:@/+-]{1,200}", re.ASCII)
_STAGE: Final = """
CREATE TEMPORARY TABLE bill_staging (
    n bigint, kind text, lane smallint, our_id text, reference text, amount_minor bigint, currency text,
    fee_minor bigint, fee_currency text, at timestamptz
)
"""
_COPY: Final = "COPY bill_staging FROM STDIN"
_PATIENCE: Final = "SELECT set_config('statement_timeout', '0', FALSE), set_config('plan_cache_mode', 'auto', FALSE)"
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('reconciliation:' || %s || ':' || %s, 0))"
_BEFORE: Final = "SELECT digest FROM reconciliation.bills WHERE method = %s AND day = %s"
_FORGET: Final = "DELETE FROM reconciliation.bill_lines WHERE method = %s AND day = %s"
_KEEP: Final = """
INSERT INTO reconciliation.bill_lines (method, day, n, kind, lane, our_id, reference, amount_minor, currency, fee_minor,
    fee_currency, at)
SELECT %s, %s, s.* FROM bill_staging AS s
"""
_READ: Final = """
INSERT INTO reconciliation.bills AS b (method, day, begins, ends, lines, digest, read_at, changed_at)
VALUES (%(method)s, %(day)s, %(begins)s, %(ends)s, %(lines)s, %(digest)s, now() + %(ahead)s, now() + %(ahead)s)
ON CONFLICT (method, day) DO UPDATE SET read_at = EXCLUDED.read_at, begins = EXCLUDED.begins, ends = EXCLUDED.ends,
    lines = EXCLUDED.lines, digest = EXCLUDED.digest,
    changed_at = CASE WHEN b.digest = EXCLUDED.digest THEN b.changed_at ELSE EXCLUDED.changed_at END,
    compared_at = CASE WHEN b.digest = EXCLUDED.digest THEN b.compared_at END
"""

_BEFORE_REPLACING = crash_label("reconciliation.before_replace")
_REPLACED = crash_label("reconciliation.replaced")


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a provider, by its own clock: from `begins` until before `ends`."""

    method: str
    day: date
    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, method: str, day: date, zone: tzinfo) -> "Day":
        """That day in the provider's zone."""
        begins, ends = (datetime.combine(day + timedelta(days=ahead), time(), zone) for ahead in (0, 1))
        return cls(method, day, begins, ends)


async def locked(connection: Connection, day: Day) -> None:
    """Have this day to oneself until the caller's transaction ends: what is stored of it, and what is compared."""
    await connection.execute(_LOCK, (day.method, day.day.isoformat()))


class Reading:
    """One reading of one day's bill; `add` takes its pages in their order."""

    def __init__(self, connection: Connection, day: Day) -> None:
        self._connection = connection
        self._day = day
        self._digest = blake2b(digest_size=16)
        self.lines = 0

    async def add(self, page: Sequence[BillLine]) -> None:
        """Take in a page."""
        rows = [_row(self.lines + place, line) for place, line in enumerate(page, 1)]
        self.lines += len(rows)
        block = "".join(rows).encode()
        self._digest.update(block)
        async with self._connection.cursor().copy(_COPY) as copy:
            await copy.write(block)

    async def replace(self, clock_offset: timedelta) -> None:
        """Put what was read in the place of what was read before; where it is the same, nothing is written anew."""
        connection, place = self._connection, (self._day.method, self._day.day)
        async with connection.transaction():
            await locked(connection, self._day)
            before = await (await connection.execute(_BEFORE, place)).fetchone()
            digest = self._digest.digest()
            if before is None or bytes(before[0]) != digest:
                await connection.execute(_FORGET, place)
                await connection.execute(_KEEP, place)
            said = {
                "method": self._day.method,
                "day": self._day.day,
                "begins": self._day.begins,
                "ends": self._day.ends,
            }
            await connection.execute(_READ, {**said, "lines": self.lines, "digest": digest, "ahead": clock_offset})
            crash_point(_BEFORE_REPLACING)
        crash_point(_REPLACED)


@asynccontextmanager
async def reading(database: Database, day: Day) -> AsyncIterator[Reading]:
    """Take a day's bill in; at the end of the block it is stored, and nothing of it where the block raises.

    Raises Unavailable.
    """
    connection = await database.connect()
    try:
        await connection.execute(_PATIENCE)
        await connection.execute(_STAGE)
        begun = Reading(connection, day)
        yield begun
        await begun.replace(database.clock_offset)
    except psycopg.Error as error:
        problem = problem_of(error, connection)
        if problem is None:
            raise
        raise problem from error
    finally:
        await connection.close()


def _row(n: int, line: BillLine) -> str:
    """A line as COPY takes it."""
    fee_minor, fee_currency = (line.fee.amount_minor, line.fee.currency) if line.fee is not None else ("\\N", "\\N")
    return (
        f"{n}\t{_text(line.kind)}\t{_lane(line.our_id)}\t{_text(line.our_id)}\t{_text(line.reference)}"
        f"\t{line.amount.amount_minor}\t{line.amount.currency}\t{fee_minor}\t{fee_currency}\t{line.at.isoformat()}\n"
    )


def _text(text: str) -> str:
    """Text of a provider as COPY takes it: no control characters, no backslash, bounded."""
    if _PLAIN.fullmatch(text) is not None:
        return text
    kept = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_LONGEST_TEXT])
    return kept.replace("\\", "\\\\")


def _lane(our_id: str) -> int | str:
    try:
        return lane_of(our_id)
    except InvalidId:
        return "\\N"
