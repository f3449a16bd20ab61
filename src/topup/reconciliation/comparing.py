"""A stored bill held against the books and the ledger, in SQL and by sets: what is alike is never looked at one by one.

A gateway's bill has payments, refunds and disputes; a carrier's has deliveries, and reversals of them.
Everything happens on temporary tables of one transaction: `theirs` (the bill's lines; `nth` counts those that are the
same), `ours` (movements.py of payments, or of fulfilment), `booked` (ledger/booked.py), `matched` (which line is which
movement), `absent` (movements that no bill has), and `found`, the differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from topup.ledger.booked import book
from topup.platform.database import Connection
from topup.reconciliation.parties import party_of
from topup.reconciliation.storing import Day

NEAR_MIDNIGHT: Final = timedelta(hours=1)
"""A payment so near to the end of a day may stand in the next day's bill: it is not called missing before that is read.
A refund may take a day in any case."""
PATIENCE: Final = timedelta(days=3)
"""For so long the next day's bill is waited for."""

_SETTINGS: Final = """
SELECT set_config('statement_timeout', '0', TRUE), set_config('work_mem', '96MB', TRUE),
    set_config('plan_cache_mode', 'force_custom_plan', TRUE), set_config('temp_buffers', '64MB', TRUE)
"""
_THEIRS: Final = """
CREATE TEMPORARY TABLE theirs ON COMMIT DROP AS
SELECT b.n, b.kind, b.lane, b.our_id, b.reference, b.amount_minor, b.currency, b.fee_minor, b.fee_currency, b.at,
    row_number() OVER (
        PARTITION BY b.kind, b.our_id, b.amount_minor < 0,
            CASE
                WHEN b.kind = 'refund' AND b.our_id LIKE 'ref\\_%%' THEN ''
                WHEN b.kind IN ('delivery', 'reversal') AND b.our_id <> '' THEN ''
                ELSE b.reference
            END
        ORDER BY b.n
    )::integer AS nth
FROM reconciliation.bill_lines AS b
WHERE b.method = %(method)s AND b.day = %(day)s
    AND b.kind IN ('payment', 'refund', 'dispute', 'delivery', 'reversal')
"""
# The same line in the bill of the day before: then this is the second.
_AGAIN: Final = """
UPDATE theirs AS t SET nth = t.nth + 1
FROM reconciliation.bill_lines AS b
WHERE b.method = %(method)s AND b.day = %(before)s AND b.our_id = t.our_id
    AND (b.reference = t.reference OR t.kind IN ('delivery', 'reversal') AND t.our_id <> '')
    AND b.kind = t.kind AND (b.amount_minor < 0) = (t.amount_minor < 0)
"""
_MATCHED: Final = """
CREATE TEMPORARY TABLE matched ON COMMIT DROP AS
SELECT t.n, o.id FROM theirs AS t
JOIN ours AS o ON o.kind = 'payment' AND o.our_id = t.our_id AND o.reference = t.reference
WHERE t.kind = 'payment' AND t.nth = 1
UNION ALL
SELECT t.n, o.id FROM theirs AS t
JOIN ours AS o ON o.kind = t.kind AND o.our_id = t.our_id
WHERE t.kind IN ('refund', 'delivery', 'reversal') AND t.nth = 1 AND t.amount_minor > 0
UNION ALL
-- What a cancel gave back is told under the payment's number.
SELECT t.n, o.id FROM (
    SELECT n, our_id, amount_minor, currency,
        row_number() OVER (PARTITION BY our_id, amount_minor, currency ORDER BY n) AS turn
    FROM theirs WHERE kind = 'refund' AND nth = 1 AND amount_minor > 0 AND our_id LIKE 'pay\\_%%'
) AS t
JOIN (
    SELECT id, payment_id, amount_minor, currency,
        row_number() OVER (PARTITION BY payment_id, amount_minor, currency ORDER BY our_id) AS turn
    FROM ours AS o
    WHERE kind = 'refund' AND NOT EXISTS (
        SELECT FROM reconciliation.bill_lines AS b WHERE b.method = %(method)s AND b.our_id = o.our_id
    )
) AS o ON o.payment_id = t.our_id AND o.amount_minor = t.amount_minor AND o.currency = t.currency AND o.turn = t.turn
"""
_ABSENT: Final = """
CREATE TEMPORARY TABLE absent ON COMMIT DROP AS
SELECT o.id, NOT %(next_read)s AND (o.kind IN ('refund', 'reversal') OR o.at >= %(ends)s - %(near)s) AS waits
FROM ours AS o
WHERE o.of_day AND NOT EXISTS (SELECT FROM matched AS m WHERE m.id = o.id)
    AND NOT EXISTS (
        SELECT FROM reconciliation.bill_lines AS b
        WHERE o.kind = 'payment' AND b.method = %(method)s AND b.our_id = o.our_id AND b.kind = 'payment'
            AND b.reference = o.reference AND b.day BETWEEN %(before)s AND %(after)s
    )
    AND NOT EXISTS (
        SELECT FROM reconciliation.bill_lines AS b
        WHERE o.kind = 'refund' AND b.method = %(method)s AND b.kind = 'refund' AND (
            b.our_id = o.our_id
            OR b.our_id = o.payment_id AND b.amount_minor = o.amount_minor AND b.currency = o.currency
        )
    )
    AND NOT EXISTS (
        SELECT FROM reconciliation.bill_lines AS b
        WHERE o.kind IN ('delivery', 'reversal') AND b.method = %(method)s AND b.kind = o.kind AND b.our_id = o.our_id
    )
"""
_FOUND: Final = """
CREATE TEMPORARY TABLE found (
    class text COLLATE "C", kind text COLLATE "C", our_id text COLLATE "C", reference text COLLATE "C", nth integer,
    lane smallint, ours_minor bigint, ours_currency text, ours_state text, theirs_minor bigint, theirs_currency text,
    at timestamptz
) ON COMMIT DROP
"""
_MOVED: Final = "('paid', 'refunded', 'delivered', 'reversed')"
# A line that takes back is another than the one it takes back, under whatever numbers.
_LINE: Final = "t.kind, t.our_id, t.reference, CASE WHEN t.amount_minor < 0 THEN -t.nth ELSE t.nth END, t.lane"
_DUPLICATES: Final = f"""
INSERT INTO found SELECT 'duplicate', {_LINE}, NULL, NULL, NULL, t.amount_minor, t.currency, t.at
FROM theirs AS t WHERE t.nth > 1
"""
# A refund that failed came back: a line and another that takes it away again, which our books count as nothing.
_NET: Final = """
(SELECT sum(b.amount_minor) FROM reconciliation.bill_lines AS b
WHERE b.method = %(method)s AND b.kind = 'refund' AND b.our_id = t.our_id)
"""
_RETURNED: Final = f"""
CREATE TEMPORARY TABLE returned ON COMMIT DROP AS
SELECT t.n FROM theirs AS t
LEFT JOIN ours AS o ON o.kind = 'refund' AND o.our_id = t.our_id
WHERE t.kind = 'refund' AND t.nth = 1 AND t.our_id <> '' AND o.state IS DISTINCT FROM 'refunded' AND {_NET} = 0
"""
_LINES: Final = f"""
INSERT INTO found
SELECT CASE WHEN a.state IS NULL AND r.state IS NULL THEN 'missing_here' ELSE 'status' END, {_LINE}, NULL, NULL,
    coalesce(a.state, r.state), t.amount_minor, t.currency, t.at
FROM theirs AS t
LEFT JOIN ours AS a ON a.kind = 'attempt' AND a.our_id = t.our_id
    AND t.kind IN ('payment', 'delivery', 'reversal')
LEFT JOIN ours AS r ON r.kind = 'refund' AND r.our_id = t.our_id AND t.kind = 'refund'
WHERE t.nth = 1 AND t.kind IN ('payment', 'refund', 'delivery', 'reversal')
    AND NOT EXISTS (
        SELECT FROM matched AS m JOIN ours AS o ON o.id = m.id WHERE m.n = t.n AND o.state IN {_MOVED}
    )
    AND NOT EXISTS (SELECT FROM returned AS x WHERE x.n = t.n)
"""
_DISPUTES: Final = f"""
INSERT INTO found SELECT 'missing_here', {_LINE}, NULL, NULL, NULL, t.amount_minor, t.currency, t.at
FROM theirs AS t
WHERE t.kind = 'dispute' AND t.nth = 1
    AND NOT EXISTS (SELECT FROM ours AS o WHERE o.kind = 'payment' AND o.our_id = t.our_id)
"""
_UNLIKE: Final = f"""
INSERT INTO found
SELECT CASE WHEN t.currency <> o.currency THEN 'currency' ELSE 'amount' END, {_LINE}, o.amount_minor, o.currency,
    o.state, t.amount_minor, t.currency, t.at
FROM matched AS m JOIN theirs AS t ON t.n = m.n JOIN ours AS o ON o.id = m.id
WHERE o.state IN {_MOVED} AND (t.currency <> o.currency OR t.amount_minor <> o.amount_minor)
"""
_MOVEMENT: Final = "o.kind, o.our_id, o.reference, 1, o.lane, o.amount_minor, o.currency"
_MISSING: Final = f"""
INSERT INTO found
SELECT CASE WHEN EXISTS (
    SELECT FROM reconciliation.bill_lines AS b
    WHERE b.method = %(method)s AND b.kind = 'undelivered' AND b.our_id = o.our_id
) THEN 'status' ELSE 'missing_there' END, {_MOVEMENT}, o.state, NULL, NULL, o.at
FROM absent AS a JOIN ours AS o ON o.id = a.id WHERE NOT a.waits
"""
_COUNTED: Final = f"""
CREATE TEMPORARY TABLE counted ON COMMIT DROP AS
SELECT o.id, o.kind, o.currency, o.amount_minor, b.minor AS booked
FROM (SELECT m.id FROM matched AS m UNION ALL SELECT a.id FROM absent AS a WHERE NOT a.waits) AS c
JOIN ours AS o ON o.id = c.id AND o.state IN {_MOVED}
LEFT JOIN booked AS b ON b.id = c.id
"""
_LEDGER: Final = f"""
INSERT INTO found SELECT 'ledger', {_MOVEMENT}, o.state, c.booked, o.currency, o.at
FROM counted AS c JOIN ours AS o ON o.id = c.id WHERE c.booked IS DISTINCT FROM c.amount_minor
"""
_AGREED: Final = "(t.amount_minor * %(ppm)s::bigint + 500000) / 1000000 + %(fixed)s::bigint"
_FEES: Final = f"""
INSERT INTO found
SELECT 'fee', {_LINE}, {_AGREED}, t.currency, NULL, t.fee_minor, t.fee_currency, t.at
FROM theirs AS t
WHERE t.kind = 'payment' AND t.fee_minor IS NOT NULL AND t.nth = 1 AND CASE
    WHEN t.fee_currency <> t.currency THEN t.fee_minor < 0
    WHEN t.fee_minor < 0 OR t.fee_minor > t.amount_minor THEN TRUE
    ELSE abs(t.fee_minor - ({_AGREED})) > 1
END
"""
_EFFECT: Final = """
SELECT e.currency, sum(e.minor)::bigint AS minor, count(*) AS count FROM (
    SELECT f.theirs_currency AS currency,
        CASE WHEN f.kind IN ('refund', 'reversal') THEN -f.theirs_minor ELSE f.theirs_minor END AS minor
    FROM found AS f WHERE f.class NOT IN ('fee', 'ledger') AND f.kind <> 'dispute' AND f.theirs_minor IS NOT NULL
    UNION ALL
    SELECT f.ours_currency, CASE WHEN f.kind IN ('refund', 'reversal') THEN f.ours_minor ELSE -f.ours_minor END
    FROM found AS f WHERE f.class NOT IN ('fee', 'ledger') AND f.kind <> 'dispute' AND f.ours_minor IS NOT NULL
) AS e GROUP BY e.currency
"""
_TOTALS: Final = f"""
INSERT INTO reconciliation.totals (method, day, currency, figure, count, minor)
SELECT %(method)s, %(day)s, figures.* FROM (
    SELECT b.currency, 'bill_' || b.kind, count(*), sum(b.amount_minor)::bigint
    FROM reconciliation.bill_lines AS b WHERE b.method = %(method)s AND b.day = %(day)s GROUP BY 1, 2
    UNION ALL
    SELECT b.fee_currency, 'bill_fee', count(*), sum(b.fee_minor)::bigint
    FROM reconciliation.bill_lines AS b
    WHERE b.method = %(method)s AND b.day = %(day)s AND b.fee_minor IS NOT NULL GROUP BY 1
    UNION ALL
    SELECT c.currency, 'books_' || c.kind, count(*), sum(c.amount_minor)::bigint FROM counted AS c GROUP BY 1, 2
    UNION ALL
    SELECT c.currency, 'ledger_' || c.kind, count(*), sum(c.booked)::bigint
    FROM counted AS c WHERE c.booked IS NOT NULL GROUP BY 1, 2
    UNION ALL
    SELECT t.currency, 'returned', count(*), -sum(t.amount_minor)::bigint
    FROM returned AS r JOIN theirs AS t ON t.n = r.n GROUP BY 1
    UNION ALL
    SELECT o.currency, 'waiting', count(*), sum(o.amount_minor)::bigint
    FROM absent AS a JOIN ours AS o ON o.id = a.id WHERE a.waits GROUP BY 1
    UNION ALL
    SELECT e.currency, 'explained', e.count, e.minor FROM ({_EFFECT}) AS e
) AS figures
"""
_FORGET_TOTALS: Final = "DELETE FROM reconciliation.totals WHERE method = %(method)s AND day = %(day)s"
_KEY: Final = "class, kind, our_id, reference, nth"
_WRITE: Final = f"""
INSERT INTO reconciliation.differences AS d (method, day, {_KEY}, lane, ours_minor, ours_currency, ours_state,
    theirs_minor, theirs_currency, at, found_at)
SELECT %(method)s, %(day)s, {_KEY}, lane, ours_minor, ours_currency, ours_state, theirs_minor, theirs_currency, at,
    %(now)s
FROM found
ON CONFLICT (method, day, {_KEY}) DO UPDATE SET ours_minor = EXCLUDED.ours_minor,
    ours_currency = EXCLUDED.ours_currency, ours_state = EXCLUDED.ours_state, theirs_minor = EXCLUDED.theirs_minor,
    theirs_currency = EXCLUDED.theirs_currency, resolved_at = NULL, decided_at = NULL, decision = NULL,
    times = d.times + (d.resolved_at IS NOT NULL OR d.decided_at IS NOT NULL)::integer,
    listed = d.listed AND d.resolved_at IS NULL AND d.decided_at IS NULL
WHERE d.resolved_at IS NOT NULL
    OR (d.ours_minor, d.ours_currency, d.ours_state, d.theirs_minor, d.theirs_currency) IS DISTINCT FROM
        (EXCLUDED.ours_minor, EXCLUDED.ours_currency, EXCLUDED.ours_state, EXCLUDED.theirs_minor,
            EXCLUDED.theirs_currency)
"""
_RESOLVE: Final = """
UPDATE reconciliation.differences AS d SET resolved_at = %(now)s
WHERE d.method = %(method)s AND d.day = %(day)s AND d.resolved_at IS NULL AND NOT EXISTS (
    SELECT FROM found AS f WHERE f.class = d.class AND f.kind = d.kind AND f.our_id = d.our_id
        AND f.reference = d.reference AND f.nth = d.nth
)
"""
_COMPARED: Final = """
UPDATE reconciliation.bills SET compared_at = %(now)s, waiting = (SELECT count(*) FROM absent WHERE waits)
WHERE method = %(method)s AND day = %(day)s
"""
_NEXT_READ: Final = """
SELECT EXISTS (
    SELECT FROM reconciliation.bills AS b WHERE b.method = %(method)s AND b.day = %(after)s AND b.read_at >= b.ends
)
"""


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """What was agreed with a provider for a payment: parts per million of the amount, and minor units besides."""

    ppm: int
    fixed_minor: int


async def compare(connection: Connection, day: Day, now: datetime, *, terms: FeeTerms | None) -> None:
    """Hold the stored bill of a day against the books, and write down what differs, the sums, and what is gone.

    In the caller's transaction, which nobody else has for this day (`storing.locked`).
    """
    said: dict[str, Any] = {
        "method": day.method,
        "day": day.day,
        "before": day.day - timedelta(days=1),
        "after": day.day + timedelta(days=1),
        "ends": day.ends,
        "near": NEAR_MIDNIGHT,
        "now": now,
    }
    await connection.execute(_SETTINGS)
    [next_read] = await (await connection.execute(_NEXT_READ, said, prepare=False)).fetchone() or [False]
    said["next_read"] = next_read or now >= day.ends + PATIENCE
    await _run(connection, said, [_THEIRS, _AGAIN, "ANALYZE theirs"])
    party = party_of(day.method)
    await party.collect(connection, begins=day.begins, ends=day.ends)
    await book(connection, account=party.account)
    await _run(connection, said, [_MATCHED, "ANALYZE matched", _ABSENT, _FOUND, _RETURNED, _COUNTED, "ANALYZE counted"])
    await _run(connection, said, [_DUPLICATES, _LINES, _DISPUTES, _UNLIKE, _MISSING, _LEDGER])
    await _fees(connection, terms)
    await _run(connection, said, ["ANALYZE found", _FORGET_TOTALS, _TOTALS, _WRITE, _RESOLVE, _COMPARED])


async def _fees(connection: Connection, terms: FeeTerms | None) -> None:
    """Without terms only what cannot be is asked about: a fee below nothing, or above the payment."""
    statement = _FEES if terms is not None else _FEES.replace(f"ELSE abs(t.fee_minor - ({_AGREED})) > 1", "ELSE FALSE")
    said = {"ppm": terms.ppm if terms else 0, "fixed": terms.fixed_minor if terms else 0}
    await connection.execute(statement, said, prepare=False)


async def _run(connection: Connection, said: dict[str, Any], statements: Sequence[str]) -> None:
    for statement in statements:
        plain = statement.startswith("ANALYZE")
        await connection.execute(statement, None if plain else said, prepare=False)
