"""What moved the balance of whoever has buckets within a time: for statements that tie to the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from topup.kernel.errors import Invalid
from topup.kernel.ids import LineId
from topup.ledger.chain import REFERENCE
from topup.ledger.statements import BEGINS, NOW_THERE
from topup.platform.database import Connection

MOST: Final = 100_000
"""Entries of one list."""

_SIGNED: Final = """
    CASE WHEN starts_with(t.credit, 'acc_') THEN t.amount ELSE 0 END
    - CASE WHEN starts_with(t.debit, 'acc_') THEN t.amount ELSE 0 END
"""
# As a line's own statement: counted back from what there is, and never further than the period.
_MOVED: Final = f"""
WITH {BEGINS}, {NOW_THERE}, moved AS (
    SELECT t.purpose, t.created_at, {_SIGNED} AS amount FROM ledger.transfers AS t
    WHERE t.lane = %(lane)s AND t.line_id = %(line)s AND t.asset = %(asset)s AND t.created_at >= %(since)s
        AND t.sequence > (SELECT sequence FROM begins)
)
SELECT '', now_there.balance - (SELECT coalesce(sum(amount), 0) FROM moved)::bigint, 0, 0 FROM now_there
UNION ALL
SELECT purpose, 0, count(*), sum(amount)::bigint FROM moved
WHERE amount <> 0 AND created_at < %(until)s GROUP BY purpose
"""
_ENTRIES: Final = f"""
WITH {BEGINS}, {NOW_THERE}, moved AS (
    SELECT t.created_at, t.purpose, {REFERENCE} AS reference, {_SIGNED} AS amount, t.sequence
    FROM ledger.transfers AS t
    WHERE t.lane = %(lane)s AND t.line_id = %(line)s AND t.asset = %(asset)s
        AND t.sequence > (SELECT sequence FROM begins)
), counted AS (
    SELECT *, coalesce(sum(amount) OVER later, 0) AS since_then FROM moved
    WINDOW later AS (ORDER BY sequence DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT created_at, purpose, reference, amount, (now_there.balance - since_then)::bigint
FROM counted, now_there
WHERE created_at >= %(since)s AND created_at < %(until)s AND amount <> 0 ORDER BY sequence LIMIT %(most)s
"""
_BY_DAY: Final = f"""
WITH {BEGINS}
SELECT (t.created_at AT TIME ZONE %(zone)s)::date, count(*), sum({_SIGNED})::bigint
FROM ledger.transfers AS t
WHERE t.lane = %(lane)s AND t.line_id = %(line)s AND t.asset = %(asset)s AND t.purpose = %(purpose)s
    AND t.created_at >= %(since)s AND t.sequence > (SELECT sequence FROM begins)
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """What the balance was `before`, in minor units, and by purpose how often, and by how much in all, it moved."""

    before: int
    within: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class PeriodEntry:
    """Minor units that came (or went, below zero), what for, and what there was `after` it, promised money included."""

    at: datetime
    purpose: str
    reference: str
    amount: int
    after: int


async def moved_between(
    connection: Connection, *, lane: int, line_id: LineId, asset: str, since: datetime, until: datetime
) -> Moved:
    """What moved from `since` to before `until`, and what there was before. One statement: all of one moment."""
    wanted = {"lane": lane, "line": line_id, "asset": asset, "since": since, "until": until}
    rows = await (await connection.execute(_MOVED, wanted)).fetchall()
    within = {purpose: (count, minor) for purpose, _, count, minor in rows if count}
    return Moved(sum(before for _, before, _, _ in rows), within)


async def entries_between(
    connection: Connection, *, lane: int, line_id: LineId, asset: str, since: datetime, until: datetime
) -> list[PeriodEntry]:
    """Each movement from `since` to before `until`, oldest first. Raises Invalid `history_too_long` beyond MOST."""
    wanted = {"lane": lane, "line": line_id, "asset": asset, "since": since, "until": until, "most": MOST + 1}
    rows = await (await connection.execute(_ENTRIES, wanted)).fetchall()
    if len(rows) > MOST:
        raise Invalid("history_too_long", most=MOST)
    return [PeriodEntry(*row) for row in rows]


async def by_day(
    connection: Connection, *, lane: int, line_id: LineId, asset: str, purpose: str, since: datetime, zone: str
) -> dict[date, tuple[int, int]]:
    """By day of an IANA zone, from `since` on: how often it moved for a purpose, and by how much in all."""
    wanted = {"lane": lane, "line": line_id, "asset": asset, "purpose": purpose, "since": since, "zone": zone}
    rows = await (await connection.execute(_BY_DAY, wanted)).fetchall()
    return {day: (count, minor) for day, count, minor in rows}
