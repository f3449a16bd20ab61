"""What must hold of stock at any time: what each shop has is what came less what went, and what is held of it is what
orders were promised.
"""

from dataclasses import dataclass
from typing import Final

from topup.platform.database import Connection
from topup.shops.stock.movements import OUTSIDE

_UNEQUAL: Final = """
WITH ends AS (
    SELECT target AS place, sku, quantity::bigint FROM shops.stock_movements
    UNION ALL SELECT source, sku, -quantity::bigint FROM shops.stock_movements
), sums AS (
    SELECT place, sku, sum(quantity) AS quantity FROM ends WHERE place <> ALL (%s) GROUP BY 1, 2
)
SELECT coalesce(s.place, l.place), coalesce(s.sku, l.sku), coalesce(l.quantity, 0), coalesce(s.quantity, 0)::bigint
FROM sums s FULL JOIN shops.stock_levels l ON l.place = s.place AND l.sku = s.sku
WHERE coalesce(l.quantity, 0) <> coalesce(s.quantity, 0) ORDER BY 1, 2
"""
_MISHELD: Final = """
WITH sums AS (
    SELECT place, sku, sum(quantity) AS held FROM shops.gifts WHERE state IN ('held', 'promised') GROUP BY 1, 2
)
SELECT coalesce(s.place, l.place), coalesce(s.sku, l.sku), coalesce(l.held, 0), coalesce(s.held, 0)::bigint
FROM sums s FULL JOIN shops.stock_levels l ON l.place = s.place AND l.sku = s.sku
WHERE coalesce(l.held, 0) <> coalesce(s.held, 0) ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Unequal:
    """A level that is not the sum of its movements."""

    place: str
    sku: str
    level: int
    moved: int


async def unequal(connection: Connection) -> list[Unequal]:
    """Every level that is not what its movements come to; none where all is well. Reads all movements."""
    cursor = await connection.execute(_UNEQUAL, (sorted(OUTSIDE),))
    return [Unequal(*row) for row in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Misheld:
    """What is held in a shop, and what orders were promised of it."""

    place: str
    sku: str
    held: int
    promised: int


async def misheld(connection: Connection) -> list[Misheld]:
    """Every level of which another number is held than orders were promised; none where all is well."""
    cursor = await connection.execute(_MISHELD)
    return [Misheld(*row) for row in await cursor.fetchall()]
