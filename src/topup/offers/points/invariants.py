"""What must hold of points at any time: what orders hold, spent, earned and owe is what the ledger has of it."""

from dataclasses import dataclass
from typing import Final

from topup.ledger.queries import house_balances
from topup.offers.points.postings import POINTS, POINTS_EARNED, POINTS_OWED, POINTS_SPENT
from topup.platform.database import Connection

_SUMS: Final = """
SELECT coalesce((SELECT sum(kept) FROM offers.points_earned), 0)::bigint,
    coalesce((SELECT sum(points) FROM offers.points_spent WHERE state = 'settled'), 0)::bigint,
    coalesce((SELECT sum(owed) FROM offers.point_accounts), 0)::bigint
"""


@dataclass(frozen=True, slots=True)
class Unequal:
    """An account of the ledger that has not what the orders say."""

    account: str
    said: int
    there: int


async def unequal(connection: Connection) -> list[Unequal]:
    """Every such account; none where all is well. Reads what all orders did with points."""
    row = await (await connection.execute(_SUMS)).fetchone()
    kept, spent, owed = row or (0, 0, 0)
    there = await house_balances(connection)
    said = {POINTS_EARNED: -kept, POINTS_SPENT: spent, POINTS_OWED: -owed}
    found = {name: there.get((name, POINTS), 0) for name in said}
    return [Unequal(name, points, found[name]) for name, points in said.items() if found[name] != points]
