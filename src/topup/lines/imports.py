"""Reading an operator's file of existing lines: CSV in UTF-8 with the columns number, carrier, kind and status.

Rows go to the database in portions by COPY, each portion a transaction of its own, so importing may be interrupted and
repeated: a line that is there stays the line it is, and takes the kind and status of the file. A row that cannot be
taken is reported with its line number, and the others are taken. The life of a line begins when it is imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from topup.catalogue.queries import Snapshot
from topup.kernel.ids import lane_for, new_id
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.lines.files import PORTION, BadRow, Listener, Progress, Repeats, Report, import_rows
from topup.lines.lives import as_json
from topup.lines.operations import LineKind, LineStatus, birth_of
from topup.platform.arrays import columns
from topup.platform.database import Connection, Database

COLUMNS: Final = ("number", "carrier", "kind", "status")
_KINDS: Final = frozenset(kind.value for kind in LineKind)
_STATUSES: Final = frozenset({LineStatus.ACTIVE.value, LineStatus.BARRED.value})

_STAGING: Final = """
CREATE TEMPORARY TABLE IF NOT EXISTS lines_staging (
    row bigint, msisdn text COLLATE "C", lane smallint, id text COLLATE "C", carrier smallint, kind text, status text
) ON COMMIT DELETE ROWS
"""
_COPY: Final = "COPY lines_staging (row, msisdn, lane, id, carrier, kind, status) FROM STDIN"
_CARRIERS: Final = """
unnest(%(carriers)s::text[], %(zones)s::text[], %(rules)s::integer[], %(states)s::text[], %(shows)s::text[],
    %(clocks)s::text[], %(next_ats)s::timestamptz[], %(fee_ats)s::timestamptz[])
    WITH ORDINALITY AS birth (carrier_id, zone, rules, state, shows, clocks, next_at, fee_at, nth)
"""
_OPEN: Final = f"""
WITH named AS (
    INSERT INTO lines.numbers (msisdn, since, lane, line_id)
    SELECT msisdn, %(now)s, lane, id FROM lines_staging ORDER BY msisdn
    ON CONFLICT (msisdn) WHERE until IS NULL DO NOTHING
    RETURNING lane, line_id
)
INSERT INTO lines.lines (lane, id, carrier_id, kind, status, zone, opened_at, rules, state, state_since, shows, clocks,
    next_at, looked_at, funds_since, fee_at)
SELECT staged.lane, staged.id, birth.carrier_id, staged.kind, staged.status, birth.zone, %(now)s, birth.rules,
    birth.state, %(now)s, birth.shows, birth.clocks::jsonb, birth.next_at, %(now)s, %(now)s, birth.fee_at
FROM named
JOIN lines_staging AS staged ON staged.lane = named.lane AND staged.id = named.line_id
JOIN {_CARRIERS} ON birth.nth = staged.carrier
"""
_FOUND: Final = """
FROM lines_staging AS staged
JOIN unnest(%(carriers)s::text[]) WITH ORDINALITY AS wanted (carrier_id, nth) ON wanted.nth = staged.carrier
JOIN lines.numbers AS number ON number.msisdn = staged.msisdn AND number.until IS NULL
JOIN lines.lines AS line ON line.lane = number.lane AND line.id = number.line_id
"""
_REFUSED: Final = f"""
SELECT staged.row, line.carrier_id, line.carrier_id <> wanted.carrier_id
{_FOUND}
WHERE line.carrier_id <> wanted.carrier_id OR line.status = 'closed'
"""
_UPDATE: Final = f"""
UPDATE lines.lines AS target SET status = found.status, kind = found.kind
FROM (
    SELECT line.lane, line.id, staged.status, staged.kind
    {_FOUND}
    WHERE line.carrier_id = wanted.carrier_id AND line.status <> 'closed'
        AND (line.status, line.kind) <> (staged.status, staged.kind)
) AS found
WHERE target.lane = found.lane AND target.id = found.id
"""


@dataclass(slots=True)
class ImportReport(Report):
    """What became of the rows."""

    opened: int = 0
    changed: int = 0
    unchanged: int = 0


async def import_lines(
    database: Database,
    path: Path,
    *,
    snapshot: Snapshot,
    lanes: int,
    progress: Progress,
    listener: Listener | None = None,
) -> ImportReport:
    """Import the file at `path`; gives what became of each row, and tells `listener` of each bad one.

    Raises UnreadableFile, and those of `Database`.
    """
    report = ImportReport()
    reader = _Reader(snapshot, lanes)

    async def store(rows: Sequence[str]) -> list[BadRow]:
        async with database.transaction() as transaction:
            births = _births(reader.carriers, snapshot, transaction.now)
            return await _store(transaction.connection, rows, births, report)

    await import_rows(
        path, columns=COLUMNS, read=reader.read, store=store, report=report, progress=progress, listener=listener,
        size=PORTION,
    )  # fmt: skip
    return report


class _Reader:
    """Judges rows, in another thread than the database is spoken to in."""

    def __init__(self, snapshot: Snapshot, lanes: int) -> None:
        self._lanes = lanes
        self._repeats = Repeats()
        self.carriers = [carrier for carrier in snapshot.carriers() if carrier.is_own_network]
        """Whose lines a file may hold; rows name them by their place here, from 1."""
        self._places = {carrier.carrier_id: place for place, carrier in enumerate(self.carriers, 1)}

    def read(self, line: int, fields: list[str]) -> str | BadRow:
        """A row as a line of COPY. Nothing in it needs escaping: all its words are of ours."""
        number, carrier_id, kind, status = fields
        if kind not in _KINDS:
            return BadRow(line, "line_kind_unknown", {"known": ", ".join(map(str, LineKind))})
        if status not in _STATUSES:
            return BadRow(line, "line_status_unknown", {"known": "active, barred"})
        place = self._places.get(carrier_id)
        if place is None:
            return BadRow(line, "line_carrier_unknown", {"known": ", ".join(self._places)})
        try:
            e164 = parse_msisdn(number, region=self.carriers[place - 1].document.country).e164
        except InvalidNumber as problem:
            return BadRow(line, problem.code)
        first = self._repeats.first(e164, line)
        if first != line:
            return BadRow(line, "line_number_repeated", {"first": first})
        lane = lane_for(e164, self._lanes)
        return f"{line}\t{e164}\t{lane}\t{new_id('line', lane)}\t{place}\t{kind}\t{status}\n"


def _births(carriers: Sequence[Any], snapshot: Snapshot, now: datetime) -> dict[str, Any]:
    """How the lines of each carrier begin, as columns: it is the same for all that are imported at one moment."""
    births = [birth_of(snapshot, carrier.carrier_id, carrier.document.time_zone, now) for carrier in carriers]
    rows = [
        (c.carrier_id, c.document.time_zone, b.rules, b.state, b.shows, as_json(b.clocks), b.next_at, b.fee_at)
        for c, b in zip(carriers, births, strict=True)
    ]
    names = ("carriers", "zones", "rules", "states", "shows", "clocks", "next_ats", "fee_ats")
    return {**dict(zip(names, columns(rows), strict=True)), "now": now}


async def _store(
    connection: Connection, rows: Sequence[str], births: dict[str, Any], report: ImportReport
) -> list[BadRow]:
    """Those that could not be taken."""
    await connection.execute(_STAGING)
    async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        await copy.write("".join(rows))
    opened = (await connection.execute(_OPEN, births)).rowcount
    report.opened += opened
    if opened == len(rows):
        return []
    elsewhere = await (await connection.execute(_REFUSED, births)).fetchall()
    changed = (await connection.execute(_UPDATE, births)).rowcount
    report.changed += changed
    report.unchanged += len(rows) - opened - changed - len(elsewhere)
    return [
        BadRow(line, "line_elsewhere", {"carrier": carrier_id}) if is_others else BadRow(line, "line_number_waits")
        for line, carrier_id, is_others in elsewhere
    ]
