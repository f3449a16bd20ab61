"""Reading an operator's file of existing lines: CSV in UTF-8 with the columns number, carrier, kind and status.

Rows go to the database in portions by COPY, each portion a transaction of its own, so importing may be interrupted and
repeated: a line that is there stays the line it is, and takes the kind and status of the file. A row that cannot be
taken is reported with its line number, and the others are taken.
"""

import csv
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Final

from topup.catalogue.queries import Snapshot
from topup.kernel.errors import Invalid
from topup.kernel.ids import lane_for, new_id
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.lines.operations import LineKind, LineStatus
from topup.platform.database import Database, Transaction

COLUMNS: Final = ("number", "carrier", "kind", "status")
PORTION: Final = 5_000
MAXIMUM_REPORTED: Final = 1_000
"""Bad rows named in a report; all are counted."""
_LONGEST_LINE: Final = 1_000
_KINDS: Final = tuple(kind.value for kind in LineKind)
_STATUSES: Final = (LineStatus.ACTIVE.value, LineStatus.BARRED.value)

_STAGING: Final = """
CREATE TEMPORARY TABLE IF NOT EXISTS lines_staging (
    row bigint, msisdn text COLLATE "C", lane smallint, id text COLLATE "C",
    carrier_id text, zone text, kind text, status text
) ON COMMIT DELETE ROWS
"""
_COPY: Final = "COPY lines_staging (row, msisdn, lane, id, carrier_id, zone, kind, status) FROM STDIN"
_ELSEWHERE: Final = """
SELECT staged.row, line.carrier_id
FROM lines_staging AS staged
JOIN lines.numbers AS number ON number.msisdn = staged.msisdn AND number.until IS NULL
JOIN lines.lines AS line ON line.lane = number.lane AND line.id = number.line_id
WHERE line.carrier_id <> staged.carrier_id
"""
_OPEN: Final = """
WITH named AS (
    INSERT INTO lines.numbers (msisdn, since, lane, line_id)
    SELECT msisdn, %(now)s, lane, id FROM lines_staging ORDER BY msisdn
    ON CONFLICT (msisdn) WHERE until IS NULL DO NOTHING
    RETURNING lane, line_id
)
INSERT INTO lines.lines (lane, id, carrier_id, kind, status, zone, opened_at)
SELECT staged.lane, staged.id, staged.carrier_id, staged.kind, staged.status, staged.zone, %(now)s
FROM named JOIN lines_staging AS staged ON staged.lane = named.lane AND staged.id = named.line_id
"""
_UPDATE: Final = """
UPDATE lines.lines AS line SET status = staged.status, kind = staged.kind
FROM lines_staging AS staged
JOIN lines.numbers AS number ON number.msisdn = staged.msisdn AND number.until IS NULL
WHERE line.lane = number.lane AND line.id = number.line_id AND line.carrier_id = staged.carrier_id
    AND (line.status, line.kind) <> (staged.status, staged.kind)
"""


class UnreadableFile(Invalid):
    """The file as a whole.

    `lines_file_unreadable` (with `reason`), `lines_file_not_utf8`, or `lines_file_columns` (with `wanted`).
    """


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not taken: its line in the file (from 1), and why: a message id with its parameters.

    `number_…` as of `kernel.msisdn`, `line_columns`, `line_carrier_unknown` (or not an own network),
    `line_kind_unknown`, `line_status_unknown`, `line_number_repeated` (first on line `first`), `line_elsewhere` (it is
    a line of `carrier`).
    """

    line: int
    code: str
    parameters: dict[str, str | int] = field(default_factory=dict)


@dataclass(slots=True)
class ImportReport:
    """What became of the rows. `bad` names the first MAXIMUM_REPORTED of `refused`."""

    opened: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    bad: list[BadRow] = field(default_factory=list)

    def refuse(self, row: BadRow) -> None:
        """Count a bad row, and name it while there is room."""
        self.refused += 1
        if len(self.bad) < MAXIMUM_REPORTED:
            self.bad.append(row)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    msisdn: str
    carrier_id: str
    zone: str
    kind: LineKind
    status: LineStatus


Progress = Callable[[int], Awaitable[None]]
"""Told how many bytes of the file are done."""


async def import_lines(
    database: Database, path: Path, *, snapshot: Snapshot, lanes: int, progress: Progress
) -> ImportReport:
    """Import the file at `path`; gives what became of each row. Raises UnreadableFile, and those of `Database`."""
    report = ImportReport()
    seen: dict[str, int] = {}
    try:
        with path.open("rb") as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            records = _records(file)
            while portion := list(islice(records, PORTION)):
                rows = _judge(portion, snapshot, seen, report)
                if rows:
                    async with database.transaction() as transaction:
                        await _store(transaction, rows, lanes=lanes, report=report)
                await progress(raw.tell())
    except UnicodeDecodeError:
        raise UnreadableFile("lines_file_not_utf8") from None
    except csv.Error as error:
        raise UnreadableFile("lines_file_unreadable", reason=str(error)) from None
    except OSError as error:
        raise UnreadableFile("lines_file_unreadable", reason=error.strerror or "unknown") from None
    report.bad.sort(key=lambda row: row.line)
    return report


def _records(file: Iterator[str]) -> Iterator[tuple[int, dict[str, str] | None]]:
    """Each row with the line it ends on, None where it has other columns than the head; raises UnreadableFile."""
    reader = csv.reader(_bounded(file), strict=True)
    head = [column.strip().lower() for column in next(reader, [])]
    if sorted(head) != sorted(COLUMNS):
        raise UnreadableFile("lines_file_columns", wanted=", ".join(COLUMNS))
    for fields in reader:
        if fields:
            matches = len(fields) == len(head)
            yield reader.line_num, dict(zip(head, map(str.strip, fields), strict=True)) if matches else None


def _bounded(file: Iterator[str]) -> Iterator[str]:
    """Lines of the file; one that is absurdly long is cut, and so refused for what is in it."""
    for line in file:
        yield line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE].replace('"', "") + "\n"


def _judge(
    portion: Sequence[tuple[int, dict[str, str] | None]], snapshot: Snapshot, seen: dict[str, int], report: ImportReport
) -> list[_Row]:
    """The rows that can be stored; the others go to the report."""
    good = []
    for line, record in portion:
        row = _read(line, record, snapshot)
        if isinstance(row, _Row):
            first = seen.setdefault(row.msisdn, line)
            if first != line:
                row = BadRow(line, "line_number_repeated", {"first": first})
        if isinstance(row, BadRow):
            report.refuse(row)
        else:
            good.append(row)
    return good


def _read(line: int, record: dict[str, str] | None, snapshot: Snapshot) -> _Row | BadRow:
    if record is None:
        return BadRow(line, "line_columns", {"wanted": ", ".join(COLUMNS)})
    for column, known in (("kind", _KINDS), ("status", _STATUSES)):
        if record[column] not in known:
            return BadRow(line, f"line_{column}_unknown", {"known": ", ".join(known)})
    carrier = snapshot.carrier(record["carrier"])
    if carrier is None or not carrier.is_own_network:
        ours = [carrier.carrier_id for carrier in snapshot.carriers() if carrier.is_own_network]
        return BadRow(line, "line_carrier_unknown", {"known": ", ".join(ours)})
    try:
        number = parse_msisdn(record["number"], region=carrier.document.country)
    except InvalidNumber as problem:
        return BadRow(line, problem.code)
    zone = carrier.document.time_zone
    return _Row(line, number.e164, carrier.carrier_id, zone, LineKind(record["kind"]), LineStatus(record["status"]))


async def _store(transaction: Transaction, rows: Sequence[_Row], *, lanes: int, report: ImportReport) -> None:
    connection = transaction.connection
    await connection.execute(_STAGING)
    async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            lane = lane_for(row.msisdn, lanes)
            await copy.write_row(
                (row.line, row.msisdn, lane, new_id("line", lane), row.carrier_id, row.zone, row.kind, row.status)
            )
    elsewhere = await (await connection.execute(_ELSEWHERE)).fetchall()
    opened = (await connection.execute(_OPEN, {"now": transaction.now})).rowcount
    changed = (await connection.execute(_UPDATE)).rowcount
    for line, carrier_id in elsewhere:
        report.refuse(BadRow(line, "line_elsewhere", {"carrier": carrier_id}))
    report.opened += opened
    report.changed += changed
    report.unchanged += len(rows) - opened - changed - len(elsewhere)
