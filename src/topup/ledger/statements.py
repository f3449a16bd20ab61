"""A line's account as a statement: what came and went of one asset, with what there was after each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.ids import LineId
from topup.platform.arrays import columns
from topup.platform.database import Connection

MOST: Final = 3_000
"""Entries of one statement: a hundred a day of a month."""
# A line's transfers are found by their order, not by their time: it is looked back to the first that is a day too old,
# however many years lie before it. A day, because clocks may jump.
BEGINS: Final = """
begins AS (
    SELECT coalesce((
        SELECT sequence FROM ledger.transfers
        WHERE lane = %(lane)s AND line_id = %(line)s AND created_at < %(since)s - interval '1 day'
        ORDER BY line_id DESC, lane DESC, sequence DESC LIMIT 1
    ), 0) AS sequence
)"""
"""The last transfer of `line` in `lane` that is surely from before `since`: what came then has a later `sequence`."""
NOW_THERE: Final = """
now_there AS (
    SELECT coalesce(sum(balance), 0)::bigint AS balance FROM ledger.buckets
    WHERE lane = %(lane)s AND line_id = %(line)s AND asset = %(asset)s AND closed_at IS NULL
)"""
"""What `line` has of `asset` now."""
# What moves between two buckets of the line changes nothing. Counted back from what there is: one statement, so that
# both are of the same moment.
_ENTRIES: Final = f"""
WITH {BEGINS}, {NOW_THERE}, moved AS (
    SELECT sequence, created_at, purpose,
        CASE WHEN starts_with(credit, 'acc_') THEN amount ELSE 0 END
        - CASE WHEN starts_with(debit, 'acc_') THEN amount ELSE 0 END AS amount
    FROM ledger.transfers
    WHERE lane = %(lane)s AND line_id = %(line)s AND asset = %(asset)s AND created_at >= %(since)s
        AND sequence > (SELECT sequence FROM begins)
), counted AS (
    SELECT *, coalesce(sum(amount) OVER later, 0) AS since_then FROM moved
    WINDOW later AS (ORDER BY sequence DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT created_at, purpose, amount, (now_there.balance - since_then)::bigint
FROM counted, now_there
WHERE created_at < %(until)s AND amount <> 0
ORDER BY sequence DESC LIMIT %(most)s
"""
_AROUND: Final = """
WITH came AS (
    SELECT w.*, c.* FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS w (lane, prefix, asset), LATERAL (
        SELECT t.line_id, max(t.sequence) AS sequence, sum(t.amount) AS amount FROM ledger.transfers AS t
        WHERE t.lane = w.lane AND t.key >= w.prefix AND t.key < w.prefix || chr(127) AND t.asset = w.asset
            AND starts_with(t.credit, 'acc_') AND NOT starts_with(t.debit, 'acc_') AND t.line_id IS NOT NULL
        GROUP BY t.line_id
    ) AS c
)
SELECT came.prefix, came.line_id, (there.balance - since.amount - came.amount)::bigint,
    (there.balance - since.amount)::bigint
FROM came, LATERAL (
    SELECT coalesce(sum(CASE WHEN starts_with(t.credit, 'acc_') THEN t.amount ELSE 0 END
        - CASE WHEN starts_with(t.debit, 'acc_') THEN t.amount ELSE 0 END), 0) AS amount
    FROM ledger.transfers AS t
    WHERE t.lane = came.lane AND t.line_id = came.line_id AND t.sequence > came.sequence AND t.asset = came.asset
) AS since, LATERAL (
    SELECT coalesce(sum(b.balance), 0) AS balance FROM ledger.buckets AS b
    WHERE b.lane = came.lane AND b.line_id = came.line_id AND b.asset = came.asset AND b.closed_at IS NULL
) AS there
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """Minor units that came (or went, below zero), what for, and what there was `after` it, promised money included."""

    at: datetime
    purpose: str
    amount: int
    after: int


async def statement_of(
    connection: Connection, *, lane: int, line_id: LineId, asset: str, since: datetime, until: datetime
) -> list[Entry]:
    """What came and went from `since` to before `until`, newest first; MOST at the most."""
    parameters = {"lane": lane, "line": line_id, "asset": asset, "since": since, "until": until, "most": MOST}
    return [Entry(*row) for row in await (await connection.execute(_ENTRIES, parameters)).fetchall()]


@dataclass(frozen=True, slots=True)
class Around:
    """What a line had before something was credited, and after, in minor units, promised money included."""

    line_id: LineId
    before: int
    after: int


async def around(connection: Connection, credited: Sequence[tuple[int, str, str]]) -> dict[str, Around]:
    """What lines had before and after what was credited under keys that begin with a prefix (an order's id), by prefix;
    `credited` is lane, prefix and asset of each. Where nothing of that asset was, no entry. One query.
    """
    if not credited:
        return {}
    cursor = await connection.execute(_AROUND, columns(credited))
    return {prefix: Around(*rest) for prefix, *rest in await cursor.fetchall()}
