"""Tills as they were kept and counted over a time, for who holds cash against the ledger.

Who counts a drawer is not to read this: what should be in it is told.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.payments.cash import postings
from topup.platform.database import Connection

# Of a till that is kept, and of those that were counted in the time; with what each came to beside its float.
_KEPT: Final = """
WITH kept AS (
    SELECT * FROM payments.till_sessions
    WHERE closed_at >= %(begins)s AND closed_at < %(ends)s OR closed_at IS NULL AND opened_at < %(ends)s
)
SELECT k.lane, k.id, k.till, k.shop, k.currency, k.opened_by, k.opened_at, k.closed_at, k.z_number, k.float_minor,
    (coalesce(t.came, 0) + coalesce(m.came, 0))::bigint, (coalesce(r.went, 0) + coalesce(m.went, 0))::bigint,
    k.counted_minor, k.difference_minor, k.closed_by
FROM kept AS k
LEFT JOIN LATERAL (
    SELECT sum(amount_minor + slip_minor) AS came FROM payments.cash_takings WHERE session_id = k.id
) AS t ON TRUE
LEFT JOIN LATERAL (SELECT sum(amount_minor) AS went FROM payments.cash_refunds WHERE session_id = k.id) AS r ON TRUE
LEFT JOIN LATERAL (
    SELECT sum(amount_minor) FILTER (WHERE amount_minor > 0) AS came,
        -sum(amount_minor) FILTER (WHERE amount_minor < 0) AS went
    FROM payments.till_movements WHERE lane = k.lane AND session_id = k.id
) AS m ON TRUE
ORDER BY k.closed_at NULLS LAST, k.shop, k.till, k.id
"""
# What all tills together have made of our accounts, from the first one on.
_WHOLE: Final = """
SELECT currency, sum(safe)::bigint, sum(difference)::bigint, sum(expense)::bigint FROM (
    SELECT currency, coalesce(counted_minor, 0) - float_minor AS safe, coalesce(difference_minor, 0) AS difference,
        0 AS expense
    FROM payments.till_sessions
    UNION ALL
    SELECT s.currency, CASE WHEN m.why IN ('safe', 'change') THEN -m.amount_minor ELSE 0 END, 0,
        CASE m.why WHEN 'expense' THEN -m.amount_minor ELSE 0 END
    FROM payments.till_movements AS m JOIN payments.till_sessions AS s ON s.lane = m.lane AND s.id = m.session_id
) AS moved GROUP BY currency ORDER BY currency
"""
_DRAWERS: Final = """
SELECT currency, sum(float_minor + coalesce(t.came, 0) - coalesce(r.went, 0) + coalesce(m.moved, 0))::bigint
FROM payments.till_sessions AS k
LEFT JOIN LATERAL (
    SELECT sum(amount_minor + slip_minor) AS came FROM payments.cash_takings WHERE session_id = k.id
) AS t ON TRUE
LEFT JOIN LATERAL (SELECT sum(amount_minor) AS went FROM payments.cash_refunds WHERE session_id = k.id) AS r ON TRUE
LEFT JOIN LATERAL (
    SELECT sum(amount_minor) AS moved FROM payments.till_movements WHERE lane = k.lane AND session_id = k.id
) AS m ON TRUE
WHERE k.closed_at IS NULL GROUP BY currency
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """A till from its float to its count; without a count it is still kept. Amounts in minor units: `came_minor` went
    into the drawer beside the float (sales, slips for change, change from the safe, cards), `went_minor` out of it
    (money back, notes to the safe, expenses).
    """

    lane: int
    session_id: str
    till: str
    shop: str
    currency: str
    kept_by: str
    opened_at: datetime
    closed_at: datetime | None
    z_number: int | None
    float_minor: int
    came_minor: int
    went_minor: int
    counted_minor: int | None
    difference_minor: int | None
    counted_by: str | None

    @property
    def expected_minor(self) -> int:
        """What should be in the drawer, or should have been when it was counted."""
        return self.float_minor + self.came_minor - self.went_minor

    @property
    def key(self) -> tuple[int, str]:
        """Lane and id."""
        return self.lane, self.session_id


async def counted(connection: Connection, *, begins: datetime, ends: datetime) -> list[Counted]:
    """The tills that were counted from `begins` to before `ends`, and those that are kept still, since before then."""
    async with connection.cursor(row_factory=args_row(Counted)) as cursor:
        await cursor.execute(_KEPT, {"begins": begins, "ends": ends})
        return await cursor.fetchall()


async def accounts(connection: Connection) -> dict[tuple[str, str], int]:
    """By (account, currency), what our accounts of cash should have now by the tills: what is in the safe, what counts
    found too much (above zero) or too little, what was bought. Drawers are one, as `postings.drawer("")`.
    """
    found: dict[tuple[str, str], int] = {}
    for currency, safe, difference, expense in await (await connection.execute(_WHOLE)).fetchall():
        found |= {
            (postings.SAFE, currency): safe,
            (postings.DIFFERENCES, currency): difference,
            (postings.EXPENSES, currency): expense,
            (postings.drawer(""), currency): 0,
        }
    for currency, inside in await (await connection.execute(_DRAWERS)).fetchall():
        found[postings.drawer(""), currency] = inside
    return found
