"""Moving pieces and counting them, in the caller's transaction. What raises must not commit."""

import re
from datetime import datetime
from typing import Final

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from topup.kernel.errors import Conflict, Invalid
from topup.kernel.ids import lane_for, new_id
from topup.platform.database import Connection
from topup.shops.places import Texts
from topup.shops.stock.movements import COUNTING, OUTSIDE, Act, Moved, Movement
from topup.shops.stock.queries import Count, Item, count_under, free, item, level, movement_under
from topup.work.operations import Decision, list_for_person

DIFFERENCE: Final = "stock_difference"
"""The kind of what a count found otherwise."""
MOST: Final = 1_000_000
LONGEST_TEXT: Final = 200
_SKU: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_KEY: Final = re.compile(r"[!-~]{1,120}", re.ASCII)

_INSERT: Final = """
INSERT INTO shops.stock_movements
    (id, key, act, sku, source, target, quantity, reference, reason, moved_by, at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING 1
"""
_ADD: Final = """
INSERT INTO shops.stock_levels AS l (place, sku, quantity) VALUES (%(place)s, %(sku)s, %(quantity)s)
ON CONFLICT (place, sku) DO UPDATE SET quantity = l.quantity + excluded.quantity
"""
_TAKE: Final = """
UPDATE shops.stock_levels SET quantity = quantity - %(quantity)s
WHERE place = %(place)s AND sku = %(sku)s AND quantity >= %(quantity)s
    AND (NOT %(spares_held)s OR quantity - held >= %(quantity)s) RETURNING 1
"""
_TAKE_HELD: Final = """
UPDATE shops.stock_levels SET quantity = quantity - %(quantity)s, held = held - %(quantity)s
WHERE place = %(place)s AND sku = %(sku)s AND quantity >= %(quantity)s RETURNING 1
"""
_FACTS: Final = frozenset({Act.DAMAGED, Act.MISSING})
"""What nobody decides: it happens to pieces that are promised too."""


async def add_item(connection: Connection, found: Item, now: datetime) -> None:
    """Something that shops may have. Raises Invalid stock_sku, stock_kind, stock_name; Conflict stock_item_there."""
    if _SKU.fullmatch(found.sku) is None:
        raise Invalid("stock_sku")
    if found.kind not in {"card", "gift", "sim"}:
        raise Invalid("stock_kind")
    if not _named(found.names):
        raise Invalid("stock_name")
    cursor = await connection.execute(
        "INSERT INTO shops.stock_items (sku, kind, names, created_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING 1",
        (found.sku, found.kind, Jsonb(found.names), now),
    )
    if await cursor.fetchone() is None and await item(connection, found.sku) != found:
        raise Conflict("stock_item_there", sku=found.sku)


async def move(
    connection: Connection, movement: Movement, now: datetime, *, lanes: int, from_held: bool = False
) -> Moved:
    """Write a movement, and what is left; the same again under its key moves nothing. What is promised with orders
    stays, unless it broke or is missing, or these are the very pieces (`from_held`).

    Raises Invalid stock_quantity, stock_key, stock_reason; NotFound stock_item_unknown; Conflict stock_short (with what
    there is), stock_key_reused, stock_card_sold, gift_given_already.
    """
    _check(movement)
    await item(connection, movement.sku)
    movement_id = new_id("movement", lane_for(movement.source, lanes))
    try:
        cursor = await connection.execute(
            _INSERT,
            (
                movement_id,
                movement.key,
                movement.act.value,
                movement.sku,
                movement.source,
                movement.target,
                movement.quantity,
                movement.reference,
                movement.reason,
                movement.by,
                now,
            ),
        )
    except UniqueViolation:
        if movement.act is Act.GIVEN:
            raise Conflict("gift_given_already") from None
        raise Conflict("stock_card_sold", serial=movement.reference) from None
    if await cursor.fetchone() is None:
        before = await movement_under(connection, movement.key)
        if before is None or before.movement != movement:
            raise Conflict("stock_key_reused")
        return before
    # In one order, whichever way pieces go: two that move against each other must not wait for each other.
    for place in sorted({movement.source, movement.target} - OUTSIDE):
        await _change(connection, movement, place, from_held=from_held)
    return Moved(movement_id, movement, now, is_new=True)


async def _change(connection: Connection, movement: Movement, place: str, *, from_held: bool) -> None:
    spares_held = movement.act not in _FACTS
    parameters = {"place": place, "sku": movement.sku, "quantity": movement.quantity, "spares_held": spares_held}
    if place == movement.target:
        await connection.execute(_ADD, parameters)
        return
    cursor = await connection.execute(_TAKE_HELD if from_held else _TAKE, parameters)
    if await cursor.fetchone() is None:
        left = await (level if from_held or not spares_held else free)(connection, place, movement.sku)
        raise Conflict("stock_short", sku=movement.sku, left=left)


async def count(connection: Connection, counted: Count, now: datetime, *, lanes: int) -> Count:
    """Write down what was counted, without being told what should be there; what differs becomes a movement and goes
    on the list of what a person must look at. The same again under its key is the same count.

    Raises Invalid stock_quantity, stock_key; NotFound stock_item_unknown; Conflict stock_key_reused.
    """
    if not 0 <= counted.counted <= MOST:
        raise Invalid("stock_quantity", most=MOST)
    if _KEY.fullmatch(counted.key) is None:
        raise Invalid("stock_key")
    await item(connection, counted.sku)
    # Nothing is moved between looking and writing.
    await connection.execute(
        "INSERT INTO shops.stock_levels (place, sku, quantity) VALUES (%s, %s, 0) ON CONFLICT DO NOTHING",
        (counted.place, counted.sku),
    )
    expected = await level(connection, counted.place, counted.sku, lock=True)
    before = await count_under(connection, counted.key)
    if before is not None:
        if (before.place, before.sku, before.counted) != (counted.place, counted.sku, counted.counted):
            raise Conflict("stock_key_reused")
        return before
    await connection.execute(
        "INSERT INTO shops.stock_counts (key, place, sku, expected, counted, counted_by, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (counted.key, counted.place, counted.sku, expected, counted.counted, counted.by, now),
    )
    difference = counted.counted - expected
    if difference:
        await _differs(connection, counted, expected, now, lanes=lanes)
    return Count(counted.key, counted.place, counted.sku, counted.counted, counted.by, expected, now)


async def _differs(connection: Connection, counted: Count, expected: int, now: datetime, *, lanes: int) -> None:
    more = counted.counted > expected
    movement = Movement(
        key=f"count:{counted.key}",
        act=Act.FOUND if more else Act.MISSING,
        sku=counted.sku,
        source=COUNTING if more else counted.place,
        target=counted.place if more else COUNTING,
        quantity=abs(counted.counted - expected),
        by=counted.by,
    )
    written = await move(connection, movement, now, lanes=lanes)
    evidence = {
        "shop": counted.place,
        "sku": counted.sku,
        "expected": expected,
        "counted": counted.counted,
        "counted_by": counted.by,
    }
    await list_for_person(connection, [Decision(lane_for(counted.place, lanes), DIFFERENCE, written.id, evidence)], now)


def _check(movement: Movement) -> None:
    if not 0 < movement.quantity <= MOST:
        raise Invalid("stock_quantity", most=MOST)
    if _KEY.fullmatch(movement.key) is None:
        raise Invalid("stock_key")
    if len(movement.reason) > LONGEST_TEXT or (movement.act is Act.DAMAGED and not movement.reason.strip()):
        raise Invalid("stock_reason", most=LONGEST_TEXT)
    if movement.source == movement.target:
        raise Invalid("stock_same_place")


def _named(names: Texts) -> bool:
    return "zh_Hans" in names and all(0 < len(name) <= LONGEST_TEXT for name in names.values())
