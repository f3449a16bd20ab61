"""What the books have of a day of a gateway's, all at once: read by sets, for who holds them against its bill."""

from datetime import datetime
from typing import Final

from topup.platform.database import Connection

_TABLE: Final = """
CREATE TEMPORARY TABLE ours (
    id bigint GENERATED ALWAYS AS IDENTITY, kind text COLLATE "C", lane smallint, our_id text COLLATE "C",
    payment_id text COLLATE "C", reference text COLLATE "C", amount_minor bigint, currency text COLLATE "C",
    at timestamptz, state text, of_day boolean, key text COLLATE "C"
) ON COMMIT DROP
"""
_INTO: Final = """
INSERT INTO ours (kind, lane, our_id, payment_id, reference, amount_minor, currency, at, state, of_day, key)
"""
_CAPTURE: Final = """
SELECT 'payment', c.lane, c.payment_id, c.payment_id, c.reference, c.amount_minor, c.currency, c.paid_at, 'paid',
    c.paid_at >= %(begins)s AND c.paid_at < %(ends)s,
    c.payment_id || ':capture:' || coalesce('typed:' || c.typed, c.reference)
FROM payments.captures AS c
JOIN payments.payments AS p ON p.lane = c.lane AND p.id = c.payment_id AND p.method = %(method)s
"""
_REFUND: Final = """
SELECT 'refund', r.lane, r.id, r.payment_id, r.reference, r.amount_minor - r.taken_minor, r.currency, r.state_since,
    r.state,
    r.state = 'refunded' AND r.state_since >= %(begins)s AND r.state_since < %(ends)s, r.id || ':refund'
FROM payments.refunds AS r
JOIN payments.payments AS p ON p.lane = r.lane AND p.id = r.payment_id AND p.method = %(method)s
"""
_OF_THE_DAY: Final = (
    f"{_INTO} {_CAPTURE} WHERE c.paid_at >= %(begins)s AND c.paid_at < %(ends)s",
    f"{_INTO} {_REFUND} WHERE r.state = 'refunded' AND r.state_since >= %(begins)s AND r.state_since < %(ends)s",
    "ANALYZE ours",
)
_ABSENT: Final = """
WITH absent AS (
    SELECT DISTINCT t.lane, t.our_id FROM theirs AS t
    WHERE t.lane IS NOT NULL AND NOT EXISTS (
        SELECT FROM ours AS o WHERE o.our_id = t.our_id AND (o.kind <> 'payment' OR o.reference = t.reference)
    )
)
"""
_NAMED: Final = (
    # What the bill names, and is no movement of this day by our books.
    f"""{_ABSENT} {_INTO} {_CAPTURE} JOIN absent AS a ON a.lane = c.lane AND a.our_id = c.payment_id
    WHERE NOT (c.paid_at >= %(begins)s AND c.paid_at < %(ends)s)""",
    f"""{_ABSENT} {_INTO} {_REFUND} JOIN absent AS a ON a.lane = r.lane AND a.our_id = r.id""",
    f"""{_INTO} {_REFUND} JOIN (
        SELECT DISTINCT t.lane, t.our_id FROM theirs AS t WHERE t.kind = 'refund' AND t.our_id LIKE 'pay\\_%%'
    ) AS a ON a.lane = r.lane AND a.our_id = r.payment_id
    WHERE NOT EXISTS (SELECT FROM ours AS o WHERE o.our_id = r.id)""",
    f"""{_ABSENT} {_INTO}
    SELECT 'attempt', p.lane, p.id, p.id, '', NULL, p.currency, p.state_since, p.state, FALSE, NULL
    FROM payments.payments AS p JOIN absent AS a ON a.lane = p.lane AND a.our_id = p.id
    WHERE p.method = %(method)s AND NOT EXISTS (
        SELECT FROM payments.captures AS c WHERE c.lane = p.lane AND c.payment_id = p.id
    )""",
    "ANALYZE ours",
)

_IDLE: Final = f"""
SELECT NOT EXISTS ({_CAPTURE} WHERE c.paid_at >= %(begins)s AND c.paid_at < %(ends)s)
    AND NOT EXISTS (
        SELECT FROM payments.refunds AS r
        JOIN payments.payments AS p ON p.lane = r.lane AND p.id = r.payment_id AND p.method = %(method)s
        WHERE r.created_at < %(ends)s AND (r.state NOT IN ('refunded', 'taken_back') OR r.state_since >= %(begins)s)
    )
    AND NOT EXISTS (
        SELECT FROM payments.payments AS p
        WHERE p.method = %(method)s AND p.created_at < %(ends)s AND p.expires_at >= %(begins)s
    )
"""


async def collect(connection: Connection, *, method: str, begins: datetime, ends: datetime) -> None:
    """Collect into the temporary table `ours` what moved by our books from `begins` until before `ends`, and whatever
    else the temporary table `theirs` (`lane`, `our_id`, `kind`, `reference`) names by a number of ours.

    Of the kind `payment` are captures, with the time the gateway gave them; `refund` are refunds, as much as was
    sent, with the time we heard of their end; `attempt` is an attempt that `theirs` names, and that brought no money.
    `of_day` says whether it moved in that time; `key` is its transfer's. In the caller's transaction, of which both
    tables are.
    """
    said = {"method": method, "begins": begins, "ends": ends}
    await connection.execute(_TABLE)
    for statement in (*_OF_THE_DAY, *_NAMED):
        await connection.execute(statement, None if statement.startswith("ANALYZE") else said, prepare=False)


async def is_idle(connection: Connection, *, method: str, begins: datetime, ends: datetime) -> bool:
    """Whether by our books nothing can have moved from `begins` until before `ends`: no attempt could be paid then, no
    money came, and none went back or was on its way. In the caller's transaction, which may take long.
    """
    await connection.execute("SELECT set_config('statement_timeout', '0', TRUE)")
    cursor = await connection.execute(_IDLE, {"method": method, "begins": begins, "ends": ends})
    row = await cursor.fetchone()
    return bool(row and row[0])
