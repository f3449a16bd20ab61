"""What must hold of the ledger at any moment, as SQL: for tests after each step, and for schedules.

Each invariant is a query of its violations: (lane, subject). The audit replays the chain besides, which costs more and
sees more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
        CROSS JOIN LATERAL (
            SELECT sum(p.amount) AS amount, sum(p.taken) AS taken, bool_and(p.taken BETWEEN 0 AND p.amount) AS within,
                bool_and(EXISTS (SELECT FROM ledger.buckets AS b WHERE b.lane = h.lane AND b.id = p.bucket_id)) AS there
            FROM unnest(h.bucket_ids, h.amounts, h.taken) AS p (bucket_id, amount, taken)
        ) AS p
        WHERE p.amount IS DISTINCT FROM h.amount OR p.taken IS DISTINCT FROM h.settled OR NOT p.within OR NOT p.there
    """,
    "settled_is_posted": """
        SELECT h.lane, h.id
        FROM ledger.holds AS h
        LEFT JOIN ledger.bound_keys AS k ON k.lane = h.lane AND k.subject = h.id AND k.kind = 'settle'
        LEFT JOIN ledger.transfers AS t ON t.lane = k.lane AND t.key = k.key
        GROUP BY h.lane, h.id, h.settled HAVING coalesce(sum(t.amount), 0) <> h.settled
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
    found: list[Violation] = []
    for name, query in {**STANDING, **(SUMS if sums else {})}.items():
        cursor = await connection.execute(f"{query} LIMIT {LIMIT}")
        found += [Violation(name, lane, subject) for lane, subject in await cursor.fetchall()]
    return found
