"""What must hold of the ledger at any moment, as SQL: for tests after each step, and for schedules.

Each invariant is a query of its violations: (lane, subject). The audit replays the chain besides, which costs more and
sees more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from topup.ledger.snapshots import linear
from topup.platform.database import Connection

LIMIT: Final = 20
"""Violations told of one invariant."""

STANDING: Final[Mapping[str, str]] = {
    "conserved": """
        SELECT NULL::smallint, asset FROM (
            SELECT asset, balance FROM ledger.house_accounts UNION ALL SELECT asset, balance FROM ledger.buckets
        ) AS balances GROUP BY asset HAVING sum(balance) <> 0
    """,
    "above_floor": "SELECT lane, id FROM ledger.buckets WHERE held < 0 OR balance < held",
    "below_limit": "SELECT lane, id FROM ledger.buckets WHERE balance > 9007199254740991",
    "closed_is_empty": "SELECT lane, id FROM ledger.buckets WHERE closed_at IS NOT NULL AND balance <> 0",
    "ends_in_order": """
        SELECT lane, id FROM ledger.buckets
        WHERE CASE at_end
            WHEN 'freeze' THEN forfeit_at < usable_until
            ELSE forfeit_at IS DISTINCT FROM usable_until
        END
    """,
    "held_is_promised": """
        SELECT coalesce(b.lane, p.lane), coalesce(b.id, p.bucket_id)
        FROM (SELECT * FROM ledger.buckets WHERE held <> 0) AS b
        FULL JOIN (
            SELECT h.lane, p.bucket_id, sum(p.amount - p.taken) AS amount
            FROM ledger.holds AS h
            CROSS JOIN LATERAL unnest(h.bucket_ids, h.amounts, h.taken) AS p (bucket_id, amount, taken)
            WHERE h.state = 'open'
            GROUP BY h.lane, p.bucket_id
        ) AS p ON p.lane = b.lane AND p.bucket_id = b.id
        WHERE coalesce(b.held, 0) <> coalesce(p.amount, 0)
    """,
    "holds_are_well_formed": """
        SELECT lane, id FROM ledger.holds
        WHERE amount <= 0 OR settled NOT BETWEEN 0 AND amount OR (state = 'open') <> (closed_at IS NULL)
            OR (state <> 'open' AND (state = 'settled') <> (settled > 0))
    """,
    "holds_have_parts": """
        SELECT h.lane, h.id
        FROM ledger.holds AS h
        WHERE CASE
            WHEN cardinality(h.bucket_ids) = 1 AND cardinality(h.amounts) = 1 AND cardinality(h.taken) = 1
            THEN h.amounts[1] <> h.amount OR h.taken[1] <> h.settled
            ELSE (
                SELECT sum(p.amount) IS DISTINCT FROM h.amount OR sum(p.taken) IS DISTINCT FROM h.settled
                    OR bool_and(p.taken BETWEEN 0 AND p.amount) IS NOT TRUE
                FROM unnest(h.bucket_ids, h.amounts, h.taken) AS p (bucket_id, amount, taken)
            )
        END
    """,
    "holds_are_of_their_line": """
        SELECT h.lane, h.id
        FROM (
            SELECT h.lane, h.id, h.line_id, h.asset, h.bucket_ids[1] AS bucket_id
            FROM ledger.holds AS h WHERE cardinality(h.bucket_ids) = 1
            UNION ALL
            SELECT h.lane, h.id, h.line_id, h.asset, p.bucket_id
            FROM ledger.holds AS h
            CROSS JOIN LATERAL unnest(h.bucket_ids) AS p (bucket_id)
            WHERE cardinality(h.bucket_ids) <> 1
        ) AS h
        LEFT JOIN ledger.buckets AS b ON b.lane = h.lane AND b.id = h.bucket_id
        WHERE b.id IS NULL OR b.line_id <> h.line_id OR b.asset <> h.asset
    """,
    "keys_have_subjects": """
        SELECT k.lane, k.key
        FROM ledger.bound_keys AS k
        LEFT JOIN ledger.holds AS h ON h.lane = k.lane AND h.id = k.subject
        LEFT JOIN ledger.buckets AS b ON b.lane = k.lane AND b.id = k.subject
        WHERE CASE k.kind
            WHEN 'expire' THEN b.id IS NULL
            WHEN 'release' THEN h.id IS NULL OR h.state = 'open'
            ELSE h.id IS NULL
        END
    """,
    "holds_have_keys": """
        SELECT h.lane, h.id
        FROM (
            SELECT h.lane, h.id, 'hold' AS kind FROM ledger.holds AS h
            UNION ALL
            SELECT h.lane, h.id, 'release' FROM ledger.holds AS h WHERE h.state = 'released'
        ) AS h
        LEFT JOIN ledger.bound_keys AS k ON k.lane = h.lane AND k.subject = h.id AND k.kind = h.kind
        WHERE k.key IS NULL
    """,
    "settled_is_posted": """
        SELECT h.lane, h.id
        FROM ledger.holds AS h
        LEFT JOIN (
            SELECT k.lane, k.subject, sum(t.amount) AS amount
            FROM ledger.transfers AS t
            JOIN ledger.bound_keys AS k ON k.lane = t.lane AND k.key = t.key AND k.kind = 'settle'
            GROUP BY k.lane, k.subject
        ) AS t ON t.lane = h.lane AND t.subject = h.id
        WHERE coalesce(t.amount, 0) <> h.settled
    """,
    "heads_are_last": """
        SELECT l.lane, 'head'
        FROM ledger.lanes AS l
        LEFT JOIN LATERAL (
            SELECT t.sequence, t.hash FROM ledger.transfers AS t WHERE t.lane = l.lane ORDER BY t.sequence DESC LIMIT 1
        ) AS t ON TRUE
        WHERE l.head_sequence <> coalesce(t.sequence, 0) OR (t.hash IS NOT NULL AND l.head_hash <> t.hash)
    """,
}
"""Those that read balances and what is promised, and no long history."""

SUMS: Final[Mapping[str, str]] = {
    "balances_are_sums": """
        SELECT coalesce(a.lane, t.lane), coalesce(a.account, t.account)
        FROM (
            SELECT lane, code AS account, asset, balance FROM ledger.house_accounts
            UNION ALL SELECT lane, id, asset, balance FROM ledger.buckets
        ) AS a
        FULL JOIN (
            SELECT t.lane, moved.account, t.asset, sum(moved.amount) AS balance
            FROM ledger.transfers AS t
            CROSS JOIN LATERAL (VALUES (t.debit, -t.amount), (t.credit, t.amount)) AS moved (account, amount)
            GROUP BY t.lane, moved.account, t.asset
        ) AS t ON t.lane = a.lane AND t.account = a.account AND t.asset = a.asset
        WHERE a.balance IS DISTINCT FROM t.balance
    """,
    "transfers_are_well_formed": """
        SELECT lane, sequence::text FROM ledger.transfers
        WHERE sequence <= 0 OR key = '' OR leg < 0 OR amount <= 0 OR amount > 9007199254740991 OR debit = credit
    """,
    "sequences_without_gaps": """
        SELECT lane, count(*)::text || ' of ' || max(sequence) FROM ledger.transfers
        GROUP BY lane HAVING count(*) <> max(sequence)
    """,
}
"""Those that read every transfer."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and where: `lane` is None where it concerns all lanes together."""

    invariant: str
    lane: int | None
    subject: str


async def violations(connection: Connection, *, sums: bool = True) -> list[Violation]:
    """Whatever does not hold, at most LIMIT of each; without `sums`, only those that read no long history."""
    async with linear(connection):
        return [
            violation
            for name in (*STANDING, *(SUMS if sums else ()))
            for violation in await violations_of(connection, name)
        ]


async def violations_of(connection: Connection, name: str) -> list[Violation]:
    """The violations of one invariant, at most LIMIT; with plans as `linear` makes them."""
    cursor = await connection.execute(query_of(name))
    return [Violation(name, lane, subject) for lane, subject in await cursor.fetchall()]


def query_of(name: str) -> str:
    """The query of an invariant.

    A WITH, or its LIMIT would have it planned for the few rows it hopes for: a minute instead of a second.
    """
    return f"WITH found AS MATERIALIZED ({STANDING.get(name) or SUMS[name]}) SELECT * FROM found LIMIT {LIMIT}"
