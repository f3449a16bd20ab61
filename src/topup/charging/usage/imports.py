"""Records of usage from a file: CSV in UTF-8 with the columns id, number, service, quantity, at; country and called.

Rows are charged for in portions, each a transaction of its own, so importing may be interrupted and repeated: what was
charged for is known by its id, and changes nothing. Rows that cannot be charged are kept with their line in the file,
and judged anew when the file comes again. Never is more than a portion in memory.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Final

import msgspec
from psycopg import errors

from topup.catalogue.queries import CatalogueCache
from topup.charging.usage.reading import UsageRecord, read_record
from topup.charging.usage.records import Known, Outcome, Rated, Refused, rate_records
from topup.kernel.errors import Invalid, NotFound, WhoMustAct
from topup.kernel.ids import lane_for
from topup.lines import files
from topup.lines.files import BadRow, Listener, Progress, Row, read_in_portions
from topup.platform.arrays import columns
from topup.platform.database import Connection, Database

COLUMNS: Final = ("id", "number", "service", "quantity", "at")
OPTIONAL: Final = ("country", "called")

_PORTION: Final = 1_000
"""Few enough that whoever else uses these lines does not wait long."""
_TRIES: Final = 5

_FORGET: Final = "DELETE FROM charging.usage_rejects WHERE lane = %s AND import_id = %s AND row BETWEEN %s AND %s"
_KEEP: Final = """
INSERT INTO charging.usage_rejects (lane, import_id, row, record_id, code, parameters, who, noted_at)
SELECT %(lane)s, %(import)s, u.row, u.record_id, u.code, u.parameters::jsonb, u.who, %(now)s
FROM unnest(%(rows)b::bigint[], %(ids)b::text[], %(codes)b::text[], %(parameters)b::text[], %(whos)b::text[])
    AS u (row, record_id, code, parameters, who)
ORDER BY u.row
ON CONFLICT (lane, import_id, row) DO UPDATE
SET record_id = EXCLUDED.record_id, code = EXCLUDED.code, parameters = EXCLUDED.parameters, who = EXCLUDED.who,
    noted_at = EXCLUDED.noted_at
"""
_BEGUN: Final = """
INSERT INTO charging.usage_imports (lane, id, file, first_at, last_at)
VALUES (%(lane)s, %(import)s, %(file)s, %(now)s, %(now)s)
ON CONFLICT (lane, id) DO UPDATE SET file = EXCLUDED.file, last_at = EXCLUDED.last_at
"""
_KNOWN: Final = "SELECT FROM charging.usage_imports AS i WHERE i.lane = %s AND i.id = %s"
_REJECTS: Final = """
SELECT r.row, r.record_id, r.code, r.parameters, r.who, r.noted_at FROM charging.usage_rejects AS r
WHERE r.lane = %s AND r.import_id = %s AND r.row > %s ORDER BY r.lane, r.import_id, r.row LIMIT %s
"""


@dataclass(slots=True)
class UsageReport:
    """What became of the rows: `charged` now, `known` from before, `refused`, of which `bad` names the first.

    `cost_minor` is what those charged now came to, by currency; `import_id` leads to what is kept of the refused.
    """

    import_id: str
    charged: int = 0
    known: int = 0
    refused: int = 0
    cost_minor: Counter[str] = field(default_factory=Counter)
    bad: list[BadRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row of a file that could not be charged, as it is kept: its line in the file, why, and who must act."""

    row: int
    record_id: str | None
    code: str
    parameters: dict[str, str | int]
    who: WhoMustAct
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class _Portion:
    """Rows by their lines in the file: records, or why they are none."""

    rows: Sequence[tuple[int, UsageRecord | Refused]]


async def import_usage(
    database: Database,
    path: Path,
    *,
    catalogue: CatalogueCache,
    lanes: int,
    progress: Progress,
    listener: Listener | None = None,
) -> UsageReport:
    """Charge for the records of the file at `path`; what became of them, each bad row told to `listener`.

    Raises UnreadableFile, and those of `Database`.
    """
    importing = _Importing(database, catalogue, lanes, await _import_id(path), listener)
    await importing.begin(path.name)
    await read_in_portions(
        path,
        columns=COLUMNS,
        optional=OPTIONAL,
        judge=_judge,
        store=importing.store,
        progress=progress,
        size=_PORTION,
    )
    report = importing.report
    report.refused, report.bad = importing.refused.count, importing.refused.bad
    return report


async def rejects_of(
    connection: Connection, *, import_id: str, lanes: int, after: int = 0, limit: int = 1_000
) -> list[Reject]:
    """What is kept of an import's refused rows, in the order of the file, from behind the line `after` on.

    Raises NotFound usage_import_unknown.
    """
    lane = lane_for(import_id, lanes)
    if not await (await connection.execute(_KNOWN, (lane, import_id))).fetchall():
        raise NotFound("usage_import_unknown")
    cursor = await connection.execute(_REJECTS, (lane, import_id, after, limit))
    return [
        Reject(row, record_id, code, parameters, WhoMustAct(who), noted_at)
        for row, record_id, code, parameters, who, noted_at in await cursor.fetchall()
    ]


async def _import_id(path: Path) -> str:
    """The same for the same content. What can be read only once goes by its name."""

    def digest() -> str:
        if not path.is_file():
            return blake2b(str(path).encode(), digest_size=10).hexdigest()
        with path.open("rb") as file:
            return file_digest(file, lambda: blake2b(digest_size=10)).hexdigest()

    try:
        return f"imp_{await asyncio.to_thread(digest)}"
    except OSError as error:
        raise files.UnreadableFile("lines_file_unreadable", reason=error.strerror or "unknown") from None


def _judge(rows: Sequence[Row]) -> _Portion:
    """Read rows, in another thread than the database is spoken to in."""
    return _Portion([(line, _read(fields)) for line, fields in rows])


def _read(fields: list[str] | None) -> UsageRecord | Refused:
    if fields is None:
        return Refused.by("", Invalid("usage_columns", wanted=", ".join((*COLUMNS, *OPTIONAL))))
    identifier, number, service, quantity, at, country, called = fields
    try:
        return read_record(
            identifier=identifier,
            number=number,
            service=service,
            quantity=quantity,
            at=at,
            country=country,
            called=called,
            source="file",
        )
    except Invalid as problem:
        # What is no id is nothing to look a record up by, and may be no text a database takes.
        return Refused.by("" if problem.code == "usage_id_unreadable" else identifier, problem)


class _Importing:
    """A file on its way into the books, portion by portion."""

    def __init__(
        self, database: Database, catalogue: CatalogueCache, lanes: int, import_id: str, listener: Listener | None
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._lanes = lanes
        self.report = UsageReport(import_id)
        self.refused = files.Refused(listener)

    async def begin(self, name: str) -> None:
        """Note that there is such an import, whether any of its rows will be refused or not."""
        async with self._database.transaction() as transaction:
            import_id = self.report.import_id
            said = {"lane": lane_for(import_id, self._lanes), "import": import_id, "now": transaction.now}
            await transaction.connection.execute(_BEGUN, {**said, "file": name.encode(errors="replace").decode()})

    async def store(self, portion: _Portion) -> None:
        """Charge for a portion, and keep what was refused of it."""
        outcomes = await _repeated(lambda: self._charge(portion))
        for (line, _), outcome in zip(portion.rows, outcomes, strict=True):
            if isinstance(outcome, Rated):
                self.report.charged += 1
                self.report.cost_minor[outcome.row.currency] += outcome.row.cost_minor
            elif isinstance(outcome, Known):
                self.report.known += 1
            else:
                self.refused.add(BadRow(line, outcome.code, outcome.parameters))

    async def _charge(self, portion: _Portion) -> list[Outcome]:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            snapshot = await self._catalogue.current(connection)
            readable = [record for _, record in portion.rows if isinstance(record, UsageRecord)]
            charged = iter(await rate_records(connection, readable, now, snapshot=snapshot, lanes=self._lanes))
            outcomes = [row if isinstance(row, Refused) else next(charged) for _, row in portion.rows]
            lines = [line for line, _ in portion.rows]
            refused = [
                (line, outcome) for line, outcome in zip(lines, outcomes, strict=True) if isinstance(outcome, Refused)
            ]
            await self._keep(connection, lines, refused, now)
        return outcomes

    async def _keep(
        self, connection: Connection, lines: Sequence[int], refused: Sequence[tuple[int, Refused]], now: datetime
    ) -> None:
        lane, import_id = lane_for(self.report.import_id, self._lanes), self.report.import_id
        await connection.execute(_FORGET, (lane, import_id, lines[0], lines[-1]))
        if refused:
            rows = [
                (line, one.id or None, one.code, msgspec.json.encode(one.parameters).decode(), one.who.value)
                for line, one in refused
            ]
            names = ("rows", "ids", "codes", "parameters", "whos")
            said = dict(zip(names, columns(rows), strict=True))
            await connection.execute(_KEEP, {**said, "lane": lane, "import": import_id, "now": now})


async def _repeated(work: Callable[[], Awaitable[list[Outcome]]]) -> list[Outcome]:
    """Do what others' transactions may have been in the way of: the database let one go on, and undid this one."""
    for _ in range(_TRIES - 1):
        try:
            return await work()
        except (errors.DeadlockDetected, errors.SerializationFailure):
            continue
    return await work()
