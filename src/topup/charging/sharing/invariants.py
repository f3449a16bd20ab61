"""What must hold of credit that is shared, at any moment, as SQL: for tests after each step, and for schedules.

Each invariant is a query of its violations: (lane, subject), as those of the ledger (`ledger.invariants`).
"""

from collections.abc import Mapping
from typing import Final

from topup.ledger.invariants import LIMIT, Violation
from topup.platform.database import Connection

INVARIANTS: Final[Mapping[str, str]] = {
    # Credited and not settled yet: taken out in the receiver's lane, and held with the sender still.
    "clearing_is_on_its_way": """
        SELECT NULL::smallint, coalesce(c.asset, s.currency)
        FROM (
            SELECT asset, sum(balance) AS balance FROM ledger.house_accounts WHERE code = 'clearing:sharing' GROUP BY 1
        ) AS c
        FULL JOIN (
            SELECT currency, sum(amount_minor) AS amount FROM charging.shares WHERE state = 'credited' GROUP BY 1
        ) AS s ON s.currency = c.asset
        WHERE coalesce(c.balance, 0) <> -coalesce(s.amount, 0)
    """,
    "open_holds_are_open_shares": """
        SELECT coalesce(s.lane, h.lane), coalesce(s.id, h.id)
        FROM (SELECT * FROM charging.shares WHERE state IN ('held', 'credited', 'returning')) AS s
        FULL JOIN (SELECT * FROM ledger.holds WHERE purpose = 'share' AND state = 'open') AS h
            ON h.lane = s.lane AND h.id = s.hold_id
        WHERE s.id IS NULL OR h.id IS NULL
    """,
    "given_is_got": """
        SELECT s.lane, s.id
        FROM charging.shares AS s
        LEFT JOIN LATERAL (
            SELECT sum(t.amount) AS amount FROM ledger.transfers AS t
            WHERE t.lane = s.lane AND t.key IN ('share:' || s.id || ':amount', 'share:' || s.id || ':fee')
        ) AS given ON TRUE
        LEFT JOIN LATERAL (
            SELECT sum(t.amount) AS amount FROM ledger.transfers AS t
            WHERE t.lane = s.receiver_lane AND t.key = 'share:' || s.id || ':credit'
        ) AS got ON TRUE
        WHERE coalesce(got.amount, 0) <> CASE WHEN s.state IN ('credited', 'shared') THEN s.amount_minor ELSE 0 END
            OR coalesce(given.amount, 0) <> CASE WHEN s.state = 'shared' THEN s.amount_minor + s.fee_minor ELSE 0 END
    """,
    "history_leads_there": """
        SELECT s.lane, s.id FROM charging.shares AS s
        LEFT JOIN charging.share_steps AS t ON t.lane = s.lane AND t.share_id = s.id
        GROUP BY s.lane, s.id, s.steps, s.state
        HAVING count(t.step) <> s.steps OR max(t.step) <> s.steps
            OR (array_agg(t.state ORDER BY t.step DESC))[1] <> s.state
    """,
}


async def violations(connection: Connection) -> list[Violation]:
    """Whatever does not hold, at most LIMIT of each."""
    found: list[Violation] = []
    for name, query in INVARIANTS.items():
        cursor = await connection.execute(f"{query} LIMIT {LIMIT}")
        found += [Violation(name, lane, subject) for lane, subject in await cursor.fetchall()]
    return found
