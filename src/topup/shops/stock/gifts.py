"""Gifts that go with orders, out of a shop's stock: held, promised, let go, asked back. On lists, in a caller's
transaction.

Each is idempotent by order and item. Whoever decides about pieces of a shop locks how many there are first, in one
order for all, so that one waits for the other; of the last piece one order is told that it has it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from psycopg.rows import tuple_row

from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.shops.places import Texts
from topup.shops.stock.gift_states import GIFT, KEPT_BACK, GiftState

Spot = tuple[str, str]
"""A shop, and what it may have."""

COLUMNS: Final = (
    # What `gift_of` reads, of `shops.gifts AS g` with what NAMED joins to it.
    "g.order_id, g.sku, g.place, g.quantity, g.worth_minor, g.currency, g.until, g.expires_at, g.state, g.is_sent,"
    " i.names, a.given_at, g.state_since, g.tracking, g.address_changed_at"
)
NAMED: Final = """
JOIN shops.stock_items AS i ON i.sku = g.sku
LEFT JOIN shops.gift_addresses AS a ON a.order_id = g.order_id AND a.sku = g.sku
"""
_FOUND: Final = f"""
SELECT {COLUMNS} FROM unnest(%b::text[], %b::text[]) AS k (order_id, sku)
JOIN shops.gifts AS g ON g.order_id = k.order_id AND g.sku = k.sku {NAMED}
"""
_OF_ORDER: Final = f"""
SELECT {COLUMNS} FROM shops.gifts AS g {NAMED} WHERE g.order_id = %s ORDER BY g.sku
"""
_FREE: Final = """
SELECT l.place, l.sku, greatest(l.quantity - l.held, 0), i.names
FROM unnest(%b::text[], %b::text[]) AS k (place, sku)
JOIN shops.stock_levels AS l USING (place, sku) JOIN shops.stock_items AS i ON i.sku = l.sku WHERE i.kind = 'gift'
"""
_LOCK: Final = """
SELECT l.place, l.sku, l.quantity - l.held FROM unnest(%b::text[], %b::text[]) AS k (place, sku)
JOIN shops.stock_levels AS l USING (place, sku) ORDER BY l.place, l.sku FOR UPDATE OF l
"""
_COUNT: Final = """
UPDATE shops.stock_levels AS l SET held = l.held + k.more
FROM unnest(%b::text[], %b::text[], %b::bigint[]) AS k (place, sku, more)
WHERE l.place = k.place AND l.sku = k.sku
"""
_WRITE: Final = """
INSERT INTO shops.gifts
    (order_id, sku, place, quantity, worth_minor, currency, until, expires_at, state, is_sent, tracking, state_since)
SELECT k.*, %b FROM unnest(%b::text[], %b::text[], %b::text[], %b::int[], %b::bigint[], %b::text[],
    %b::timestamptz[], %b::timestamptz[], %b::text[], %b::boolean[], %b::text[]) AS k
ON CONFLICT (order_id, sku) DO UPDATE SET place = excluded.place, quantity = excluded.quantity,
    worth_minor = excluded.worth_minor, currency = excluded.currency, until = excluded.until,
    expires_at = excluded.expires_at, state = excluded.state, is_sent = excluded.is_sent,
    tracking = excluded.tracking,
    state_since = CASE WHEN gifts.state = excluded.state THEN gifts.state_since ELSE excluded.state_since END
"""
_LAPSING: Final = """
SELECT order_id, sku FROM shops.gifts AS g WHERE state IN ('held', 'promised') AND expires_at <= %s
    AND NOT EXISTS (SELECT FROM shops.gift_addresses AS a WHERE a.order_id = g.order_id AND a.sku = g.sku)
ORDER BY expires_at LIMIT %s
"""
_FORGET: Final = """
DELETE FROM shops.gift_addresses AS a USING unnest(%b::text[], %b::text[]) AS k (order_id, sku)
WHERE a.order_id = k.order_id AND a.sku = k.sku
"""


_FREED: Final = frozenset({GiftState.RELEASED, GiftState.LAPSED})


class GiftDiffers(RuntimeError):
    """An order asks for a gift that it has already, elsewhere or another number of it: two orders were mixed up."""


class NeverHeld(RuntimeError):
    """What was to be promised, let go or asked back was never held for that order."""


@dataclass(frozen=True, slots=True)
class GiftKey:
    """What one order gets of one item."""

    order_id: str
    sku: str


@dataclass(frozen=True, slots=True)
class Gift:
    """So many pieces of a shop's stock for an order, to be handed over before `until`; worth so much in all.
    `expires_at`: of what is held or promised, when that ends by itself. `is_sent`: by post, to where somebody
    said at `addressed_at`; then it does not end by itself.
    """

    key: GiftKey
    place: str
    quantity: int
    worth_minor: int
    currency: str
    until: datetime
    expires_at: datetime
    state: GiftState = GiftState.HELD
    is_sent: bool = False
    names: Texts = field(default_factory=dict)
    addressed_at: datetime | None = None
    since: datetime | None = None
    """When it came to its state; None where it was not read."""
    tracking: str = ""
    """Of one that was sent: what the courier calls it, if anything."""
    changed_at: datetime | None = None
    """When another address took the place of the one before."""

    @property
    def spot(self) -> Spot:
        """Where its pieces are."""
        return self.place, self.key.sku


@dataclass(frozen=True, slots=True)
class Free:
    """How many pieces of a gift a shop has that nobody was promised, and what it is called."""

    pieces: int
    names: Texts


async def free(connection: Connection, spots: Iterable[Spot]) -> dict[Spot, Free]:
    """What there is of each; not there: the shop never had it, or it is no gift."""
    wanted = sorted(set(spots))
    if not wanted:
        return {}
    cursor = await connection.execute(_FREE, columns(wanted))
    return {(place, sku): Free(int(pieces), names) for place, sku, pieces, names in await cursor.fetchall()}


async def of_order(connection: Connection, order_id: str) -> list[Gift]:
    """The gifts of an order, whatever became of them."""
    cursor = await connection.execute(_OF_ORDER, (order_id,))
    return [gift_of(row) for row in await cursor.fetchall()]


async def hold(connection: Connection, wanted: Sequence[Gift], now: datetime) -> list[bool]:
    """Hold each for its order; whether there were pieces enough (or it has them already). What was let go of may be
    asked for again by another price. Raises GiftDiffers.
    """
    left = await _lock(connection, [one.spot for one in wanted])
    there = await _found(connection, [one.key for one in wanted])
    answers, change = [], _Change(now)
    for one in wanted:
        known = there.get(one.key)
        if known is not None and known.state is not GiftState.RELEASED:
            if (known.spot, known.quantity, known.is_sent) != (one.spot, one.quantity, one.is_sent):
                raise GiftDiffers(one.key.order_id)
            answers.append(True)
            continue
        enough = left.get(one.spot, 0) >= one.quantity
        answers.append(enough)
        if enough:
            left[one.spot] -= one.quantity
            there[one.key] = change.note(None, replace(one, state=GiftState.HELD))
    await change.write(connection)
    return answers


async def promise(connection: Connection, keys: Sequence[GiftKey], now: datetime) -> list[Gift]:
    """Keep for the customer what is held: the orders are paid. What had lapsed meanwhile is kept all the same: it was
    promised with the price.

    Gives those of which there are too few pieces left, of which a person should hear. Raises NeverHeld.
    """
    found, left = await _locked(connection, keys)
    beyond, change = [], _Change(now)
    for one in found:
        if not GIFT.permits(one.state, GiftState.PROMISED):
            continue
        if one.state is GiftState.RELEASED:
            if left.get(one.spot, 0) < one.quantity:
                beyond.append(one)
            left[one.spot] = left.get(one.spot, 0) - one.quantity
        change.note(one, replace(one, state=GiftState.PROMISED, expires_at=one.until))
    await change.write(connection)
    return beyond


async def let_go(connection: Connection, keys: Sequence[GiftKey], now: datetime) -> int:
    """The orders were not made, or not paid: what is held for them is there for others. How many that were. What was
    never held, or is promised, stays as it is.
    """
    found, _ = await _locked(connection, keys, are_there=False)
    change = _Change(now)
    for one in found:
        if one.state is GiftState.HELD:
            change.note(one, replace(one, state=GiftState.RELEASED))
    await change.write(connection)
    return change.count


async def take_back(connection: Connection, keys: Sequence[GiftKey], now: datetime) -> int:
    """The money of the orders went back: what waits for the customer is there for others, and what the customer has is
    asked back. How many changed. Raises NeverHeld.
    """
    found, _ = await _locked(connection, keys)
    change = _Change(now)
    for one in found:
        if one.state in KEPT_BACK:
            change.note(one, replace(one, state=GiftState.RELEASED))
        elif one.state is GiftState.HANDED_OVER:
            change.note(one, replace(one, state=GiftState.ASKED_BACK))
    await change.write(connection)
    return change.count


async def prolong(connection: Connection, until: Mapping[GiftKey, datetime], now: datetime) -> int:
    """Hold longer what is still held; how many that were. Raises NeverHeld."""
    found, _ = await _locked(connection, list(until))
    change = _Change(now)
    for one in found:
        if one.state is GiftState.HELD and one.expires_at < until[one.key]:
            change.note(one, replace(one, expires_at=until[one.key]))
    await change.write(connection)
    return change.count


async def lapse(connection: Connection, limit: int, now: datetime) -> int:
    """Let go of some that were held for orders which nobody made or paid, or that nobody came for, or said where to
    send. How many. What has an address waits to be sent: it was paid for, though it may not be noted yet.
    """
    cursor = await connection.execute(_LAPSING, (now, limit))
    found, _ = await _locked(connection, [GiftKey(*row) for row in await cursor.fetchall()])
    change = _Change(now)
    for one in found:
        if one.state in KEPT_BACK and one.expires_at <= now and one.addressed_at is None:
            state = GiftState.RELEASED if one.state is GiftState.HELD else GiftState.LAPSED
            change.note(one, replace(one, state=state))
    await change.write(connection)
    return change.count


async def locked(connection: Connection, key: GiftKey) -> Gift | None:
    """One gift, which nobody else decides about until the transaction ends."""
    found = await all_locked(connection, [key])
    return found[0] if found else None


async def all_locked(connection: Connection, keys: Sequence[GiftKey]) -> list[Gift]:
    """The same of several; those there are."""
    found, _ = await _locked(connection, keys, are_there=False)
    return found


async def moved(connection: Connection, gift: Gift, state: GiftState, now: datetime) -> None:
    """Write what became of a gift that is locked, whose pieces its caller moves."""
    if not GIFT.permits(gift.state, state):
        raise RuntimeError(f"{gift.state} -> {state}")
    await _write(connection, [replace(gift, state=state)], now)


class _Change:
    """What gifts became in one go, and what is held more or less for them."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._gifts: list[Gift] = []
        self._held: defaultdict[Spot, int] = defaultdict(int)

    @property
    def count(self) -> int:
        return len(self._gifts)

    def note(self, before: Gift | None, after: Gift) -> Gift:
        self._gifts.append(after)
        for gift, sign in ((before, -1), (after, 1)):
            if gift is not None and gift.state in KEPT_BACK:
                self._held[gift.spot] += sign * gift.quantity
        return after

    async def write(self, connection: Connection) -> None:
        held = [(place, sku, more) for (place, sku), more in sorted(self._held.items()) if more]
        if held:
            await connection.execute(_COUNT, columns(held))
        if self._gifts:
            await _write(connection, self._gifts, self._now)
        # What is not sent any more needs no address: nobody may read it from now on.
        free = [one.key for one in self._gifts if one.is_sent and one.state in _FREED]
        if free:
            await connection.execute(_FORGET, columns([(key.order_id, key.sku) for key in free]))


async def _write(connection: Connection, gifts: Sequence[Gift], now: datetime) -> None:
    rows = [
        (
            one.key.order_id,
            one.key.sku,
            one.place,
            one.quantity,
            one.worth_minor,
            one.currency,
            one.until,
            one.expires_at,
            one.state.value,
            one.is_sent,
            one.tracking,
        )
        for one in gifts
    ]
    await connection.execute(_WRITE, (now, *columns(rows)))


async def _locked(
    connection: Connection, keys: Sequence[GiftKey], *, are_there: bool = True
) -> tuple[list[Gift], dict[Spot, int]]:
    """The gifts, with how many free pieces there are where they are, all locked. Raises NeverHeld."""
    seen = await _found(connection, keys)
    missing = next((key for key in keys if key not in seen), None) if are_there else None
    if missing is not None:
        raise NeverHeld(missing.order_id)
    left = await _lock(connection, [one.spot for one in seen.values()])
    # Again, under the lock: a gift stays where it is, so it is the right one.
    return list((await _found(connection, list(seen))).values()), left


async def _lock(connection: Connection, spots: Iterable[Spot]) -> dict[Spot, int]:
    wanted = sorted(set(spots))
    if not wanted:
        return {}
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(_LOCK, columns(wanted))
    return {(place, sku): int(left) for place, sku, left in await cursor.fetchall()}


async def _found(connection: Connection, keys: Sequence[GiftKey]) -> dict[GiftKey, Gift]:
    rows = [(key.order_id, key.sku) for key in dict.fromkeys(keys)]
    if not rows:
        return {}
    cursor = await connection.execute(_FOUND, columns(rows))
    return {gift.key: gift for gift in map(gift_of, await cursor.fetchall())}


def gift_of(row: tuple[Any, ...]) -> Gift:
    """A gift, of a row with COLUMNS."""
    (
        order_id,
        sku,
        place,
        quantity,
        worth_minor,
        currency,
        until,
        expires_at,
        state,
        is_sent,
        names,
        given,
        since,
        tracking,
        changed,
    ) = row
    key = GiftKey(order_id, sku)
    at = GiftState(state)
    gift = Gift(
        key, place, quantity, worth_minor, currency, until, expires_at, at, is_sent, names, given, since, tracking
    )
    return replace(gift, changed_at=changed)
