"""Reading the portability table: CSV in UTF-8 with the columns number and carrier, who serves each number today.

A carrier is one of ours, or `-` for any that is none of ours. A number that is back in its range needs no entry any
more. The line that a number had with another of our carriers is closed, and its balance stays with that line. Rows go
to the database in portions, each a transaction of its own; reading a file again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from topup.catalogue.queries import Snapshot
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.lines.files import BadRow, Listener, Progress, Repeats, Report, import_rows
from topup.platform.arrays import columns
from topup.platform.database import Connection, Database

COLUMNS: Final = ("number", "carrier")
ELSEWHERE: Final = "-"
"""A carrier that is none of ours: its numbers are not served here."""
_NOWHERE: Final = "ZZ"
"""A region without numbers: what is written without its country code cannot be read."""

_ROWS: Final = "unnest(%(numbers)b::text[], %(carriers)b::text[], %(homes)b::text[]) AS row (msisdn, carrier_id, home)"
_CLOSE: Final = f"""
WITH gone AS (
    SELECT number.msisdn, line.lane, line.id, line.status
    FROM {_ROWS}
    JOIN lines.numbers AS number ON number.msisdn = row.msisdn AND number.until IS NULL
    JOIN lines.lines AS line ON line.lane = number.lane AND line.id = number.line_id
    WHERE line.carrier_id <> row.carrier_id
    ORDER BY line.lane, line.id
    FOR NO KEY UPDATE OF line
), ended AS (
    UPDATE lines.numbers AS number SET until = greatest(number.since, %(now)s) FROM gone
    WHERE number.msisdn = gone.msisdn AND number.until IS NULL
), closed AS (
    UPDATE lines.lines AS line SET status = 'closed', closed_at = coalesce(line.closed_at, %(now)s),
        number_free_at = NULL, next_at = CASE WHEN line.unfinished IS NOT NULL THEN line.next_at END
    FROM gone WHERE line.lane = gone.lane AND line.id = gone.id
)
SELECT count(*) FROM gone WHERE status <> 'closed'
"""
_PORT: Final = f"""
INSERT INTO lines.ported_numbers AS ported (msisdn, carrier_id, since)
SELECT row.msisdn, row.carrier_id, %(now)s FROM {_ROWS}
WHERE row.carrier_id IS DISTINCT FROM row.home ORDER BY row.msisdn
ON CONFLICT (msisdn) DO UPDATE SET carrier_id = excluded.carrier_id, since = excluded.since
    WHERE ported.carrier_id <> excluded.carrier_id
"""
_HOME: Final = f"""
DELETE FROM lines.ported_numbers AS ported USING {_ROWS}
WHERE ported.msisdn = row.msisdn AND row.carrier_id IS NOT DISTINCT FROM row.home
"""


@dataclass(slots=True)
class PortedReport(Report):
    """What became of the rows: numbers that have a new carrier, are back home, were so already, or were refused.

    `closed` are the lines that were closed because their numbers left.
    """

    ported: int = 0
    home: int = 0
    unchanged: int = 0
    closed: int = 0


Ported = tuple[str, str, str | None]
"""A number, who serves it, and whose range it is in."""


async def import_ported(
    database: Database, path: Path, *, snapshot: Snapshot, progress: Progress, listener: Listener | None = None
) -> PortedReport:
    """Read the file at `path`; gives what became of each row, and tells `listener` of each bad one.

    Raises UnreadableFile, and those of `Database`.
    """
    report = PortedReport()

    async def store(rows: Sequence[Ported]) -> Sequence[BadRow]:
        async with database.transaction() as transaction:
            parameters = dict(zip(("numbers", "carriers", "homes"), columns(rows), strict=True))
            await _store(transaction.connection, {**parameters, "now": transaction.now}, report)
        return ()

    await import_rows(
        path, columns=COLUMNS, read=_Reader(snapshot).read, store=store, report=report, progress=progress,
        listener=listener,
    )  # fmt: skip
    return report


class _Reader:
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._repeats = Repeats()
        self._countries = {carrier.carrier_id: carrier.document.country for carrier in snapshot.carriers()}
        countries = set(self._countries.values())
        self._countries[ELSEWHERE] = countries.pop() if len(countries) == 1 else _NOWHERE

    def read(self, line: int, fields: list[str]) -> Ported | BadRow:
        number, carrier_id = fields
        country = self._countries.get(carrier_id)
        if country is None:
            return BadRow(line, "ported_carrier_unknown", {"known": ", ".join(self._countries)})
        try:
            e164 = parse_msisdn(number, region=country).e164
        except InvalidNumber as problem:
            return BadRow(line, problem.code)
        first = self._repeats.first(e164, line)
        if first != line:
            return BadRow(line, "line_number_repeated", {"first": first})
        home = self._snapshot.carrier_of(e164)
        return e164, carrier_id, home.carrier_id if home else None


async def _store(connection: Connection, rows: dict[str, Any], report: PortedReport) -> None:
    closed = await (await connection.execute(_CLOSE, rows)).fetchone()
    ported = (await connection.execute(_PORT, rows)).rowcount
    home = (await connection.execute(_HOME, rows)).rowcount
    report.closed += closed[0] if closed else 0
    report.ported += ported
    report.home += home
    report.unchanged += len(rows["numbers"]) - ported - home
