"""What shops have, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.kernel.errors import NotFound
from topup.platform.database import Connection
from topup.shops.places import Texts
from topup.shops.stock.movements import Act, Moved, Movement

MOST_SHOWN: Final = 500


@dataclass(frozen=True, slots=True)
class Item:
    """Something that shops may have; `kind` is card (a voucher card), gift or sim (SIM cards)."""

    sku: str
    kind: str
    names: Texts


@dataclass(frozen=True, slots=True)
class Level:
    """How many pieces of something a shop has; `held` of them are promised with orders."""

    place: str
    item: Item
    quantity: int
    held: int = 0

    @property
    def free(self) -> int:
        """How many are promised to nobody."""
        return max(self.quantity - self.held, 0)


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted, and what should have been there."""

    key: str
    place: str
    sku: str
    counted: int
    by: str
    expected: int = 0
    at: datetime | None = None

    @property
    def difference(self) -> int:
        """More (above zero) or less than there should be."""
        return self.counted - self.expected


_MOVEMENT: Final = "id, key, act, sku, source, target, quantity, reference, reason, moved_by, at"


async def items(connection: Connection) -> list[Item]:
    """All that shops may have."""
    cursor = await connection.execute("SELECT sku, kind, names FROM shops.stock_items ORDER BY kind, sku")
    return [Item(*row) for row in await cursor.fetchall()]


async def item(connection: Connection, sku: str) -> Item:
    """Something by its code; raises NotFound stock_item_unknown."""
    cursor = await connection.execute("SELECT sku, kind, names FROM shops.stock_items WHERE sku = %s", (sku,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("stock_item_unknown", sku=sku)
    return Item(*row)


async def level(connection: Connection, place: str, sku: str, *, lock: bool = False) -> int:
    """How many pieces a shop has of something."""
    cursor = await connection.execute(
        f"SELECT quantity FROM shops.stock_levels WHERE place = %s AND sku = %s{' FOR UPDATE' if lock else ''}",
        (place, sku),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def free(connection: Connection, place: str, sku: str) -> int:
    """How many of these are promised to nobody."""
    cursor = await connection.execute(
        "SELECT greatest(quantity - held, 0) FROM shops.stock_levels WHERE place = %s AND sku = %s", (place, sku)
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def levels(connection: Connection, place: str | None = None) -> list[Level]:
    """What a shop has, or all of them, of everything that was ever there."""
    cursor = await connection.execute(
        "SELECT l.place, i.sku, i.kind, i.names, l.quantity, l.held FROM shops.stock_levels l"
        " JOIN shops.stock_items i ON i.sku = l.sku WHERE %(place)s::text IS NULL OR l.place = %(place)s"
        " ORDER BY l.place, i.kind, i.sku",
        {"place": place},
    )
    return [
        Level(place_, Item(sku, kind, names), quantity, held)
        for place_, sku, kind, names, quantity, held in await cursor.fetchall()
    ]


async def history(connection: Connection, place: str, *, sku: str = "", limit: int = 100) -> list[Moved]:
    """What came into a shop and left it, the newest first."""
    cursor = await connection.execute(
        f"SELECT {_MOVEMENT} FROM shops.stock_movements WHERE (source = %(place)s OR target = %(place)s)"
        " AND (%(sku)s = '' OR sku = %(sku)s) ORDER BY at DESC, id DESC LIMIT %(limit)s",
        {"place": place, "sku": sku, "limit": min(limit, MOST_SHOWN)},
    )
    return [_moved(row) for row in await cursor.fetchall()]


async def movement_under(connection: Connection, key: str) -> Moved | None:
    """What was moved under a key."""
    cursor = await connection.execute(f"SELECT {_MOVEMENT} FROM shops.stock_movements WHERE key = %s", (key,))
    row = await cursor.fetchone()
    return _moved(row) if row else None


async def handed_over(connection: Connection, serial: str) -> Moved | None:
    """Where and by whom a card was handed over."""
    cursor = await connection.execute(
        f"SELECT {_MOVEMENT} FROM shops.stock_movements WHERE act = 'sold' AND reference <> '' AND reference = %s",
        (serial,),
    )
    row = await cursor.fetchone()
    return _moved(row) if row else None


async def given_with(connection: Connection, order_id: str) -> list[Level]:
    """The gifts that were handed over with an order and not returned, each with its shop and how many."""
    cursor = await connection.execute(
        "SELECT m.source, i.sku, i.kind, i.names, sum(m.quantity)::bigint FROM shops.stock_movements m"
        " JOIN shops.stock_items i ON i.sku = m.sku WHERE m.act = 'given' AND m.reference <> '' AND m.reference = %s"
        " AND NOT EXISTS (SELECT FROM shops.stock_movements r WHERE r.act = 'returned' AND r.reference <> ''"
        " AND r.reference = m.reference AND r.sku = m.sku)"
        " GROUP BY 1, 2, 3, 4 ORDER BY min(m.at), i.sku",
        (order_id,),
    )
    return [
        Level(place, Item(sku, kind, names), quantity) for place, sku, kind, names, quantity in await cursor.fetchall()
    ]


async def count_under(connection: Connection, key: str) -> Count | None:
    """What was counted under a key."""
    cursor = await connection.execute(
        "SELECT key, place, sku, counted, counted_by, expected, at FROM shops.stock_counts WHERE key = %s", (key,)
    )
    row = await cursor.fetchone()
    return Count(*row) if row else None


def _moved(row: tuple[Any, ...]) -> Moved:
    movement_id, key, act, sku, source, target, quantity, reference, reason, by, at = row
    return Moved(
        movement_id, Movement(key, Act(act), sku, source, target, quantity, by, reference, reason), at, is_new=False
    )
