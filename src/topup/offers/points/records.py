"""Rows of points: accounts locked, what orders hold and spend of them, what orders earned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from psycopg.rows import args_row

from topup.kernel.ids import HoldId, lane_of
from topup.offers.points.postings import AccountKey
from topup.offers.states import ReservationState
from topup.platform.arrays import columns, selected
from topup.platform.database import Connection

_KNOW: Final = """
INSERT INTO offers.point_accounts (lane, subscriber_id, carrier_id)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[]) ON CONFLICT DO NOTHING
"""
_LOCK: Final = """
SELECT a.subscriber_id, a.carrier_id, a.owed, a.steps
FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS k (lane, subscriber_id, carrier_id)
JOIN offers.point_accounts AS a USING (lane, subscriber_id, carrier_id)
ORDER BY a.lane, a.subscriber_id, a.carrier_id FOR UPDATE OF a
"""
_OWED: Final = """
SELECT a.subscriber_id, a.carrier_id, a.owed
FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS k (lane, subscriber_id, carrier_id)
JOIN offers.point_accounts AS a USING (lane, subscriber_id, carrier_id)
"""
_OWE: Final = """
UPDATE offers.point_accounts AS a SET owed = k.owed, steps = a.steps + 1
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bigint[]) AS k (lane, subscriber_id, carrier_id, owed)
WHERE a.lane = k.lane AND a.subscriber_id = k.subscriber_id AND a.carrier_id = k.carrier_id
"""
_ACCOUNTS: Final = """
SELECT carrier_id, owed FROM offers.point_accounts WHERE lane = %b AND subscriber_id = %b ORDER BY carrier_id
"""
_WRITE_SPENT: Final = """
INSERT INTO offers.points_spent
    (order_id, subscriber_id, carrier_id, points, state, hold_id, holds, expires_at, lane, state_since)
SELECT k.*, %b FROM unnest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::text[], %b::text[], %b::smallint[],
    %b::timestamptz[], %b::smallint[])
    AS k (order_id, subscriber_id, carrier_id, points, state, hold_id, holds, expires_at, lane)
ON CONFLICT (lane, order_id) DO UPDATE SET points = excluded.points, state = excluded.state,
    hold_id = excluded.hold_id, holds = excluded.holds, expires_at = excluded.expires_at,
    state_since = CASE WHEN points_spent.state = excluded.state THEN points_spent.state_since
        ELSE excluded.state_since END
"""
_WRITE_EARNED: Final = """
INSERT INTO offers.points_earned
    (order_id, subscriber_id, carrier_id, earned, kept, usable_until, lane, earned_at)
SELECT k.*, %b FROM unnest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::timestamptz[],
    %b::smallint[]) AS k (order_id, subscriber_id, carrier_id, earned, kept, usable_until, lane)
ON CONFLICT (lane, order_id) DO UPDATE SET kept = excluded.kept
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """Points that pay for an order, or would have. `holds`: how often they were held, the last time as `hold_id`."""

    order_id: str
    subscriber_id: str
    carrier_id: str
    points: int
    state: ReservationState
    hold_id: HoldId
    holds: int
    expires_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", ReservationState(self.state))

    @property
    def lane(self) -> int:
        """The subscriber's."""
        return lane_of(self.subscriber_id)


@dataclass(frozen=True, slots=True)
class Earned:
    """Points that came of an order, of which `kept` were not taken back."""

    order_id: str
    subscriber_id: str
    carrier_id: str
    earned: int
    kept: int
    usable_until: datetime | None

    @property
    def lane(self) -> int:
        """The subscriber's."""
        return lane_of(self.subscriber_id)


_PLACES: Final = "unnest(%b::smallint[], %b::text[]) AS k (lane, order_id)"


async def locked(connection: Connection, keys: Iterable[AccountKey]) -> dict[AccountKey, tuple[int, int]]:
    """What is owed of these accounts, and how many steps they took; each locked until the transaction ends: in one
    order for all who lock some.
    """
    rows = columns(sorted({(key.lane, key.subscriber_id, key.carrier_id) for key in keys}))
    await connection.execute(_KNOW, rows)
    cursor = await connection.execute(_LOCK, rows)
    return {AccountKey(who, carrier): (owed, steps) for who, carrier, owed, steps in await cursor.fetchall()}


async def owed(connection: Connection, keys: Iterable[AccountKey]) -> dict[AccountKey, int]:
    """What is owed of these accounts; of who never had points there is no entry."""
    rows = columns([(key.lane, key.subscriber_id, key.carrier_id) for key in set(keys)])
    cursor = await connection.execute(_OWED, rows)
    return {AccountKey(who, carrier): owes for who, carrier, owes in await cursor.fetchall()}


async def accounts(connection: Connection, subscriber_id: str) -> dict[AccountKey, int]:
    """What somebody owes of each account they have."""
    cursor = await connection.execute(_ACCOUNTS, (lane_of(subscriber_id), subscriber_id))
    return {AccountKey(subscriber_id, carrier): owes for carrier, owes in await cursor.fetchall()}


async def owe(connection: Connection, owing: Mapping[AccountKey, int]) -> None:
    """Write what is owed of accounts that the caller holds locked, each one step further."""
    rows = [(key.lane, key.subscriber_id, key.carrier_id, points) for key, points in owing.items()]
    await connection.execute(_OWE, columns(rows))


async def spent(connection: Connection, places: Sequence[tuple[int, str]]) -> dict[str, Spent]:
    """What was held of points for orders, given as (the subscriber's lane, the order's id), by order."""
    async with connection.cursor(row_factory=args_row(Spent), binary=True) as cursor:
        sql = f"SELECT {selected(Spent, 's')} FROM {_PLACES} JOIN offers.points_spent AS s USING (lane, order_id)"
        await cursor.execute(sql, columns(places))
        return {row.order_id: row for row in await cursor.fetchall()}


async def earned(connection: Connection, places: Sequence[tuple[int, str]]) -> dict[str, Earned]:
    """What orders earned, likewise."""
    async with connection.cursor(row_factory=args_row(Earned), binary=True) as cursor:
        sql = f"SELECT {selected(Earned, 'e')} FROM {_PLACES} JOIN offers.points_earned AS e USING (lane, order_id)"
        await cursor.execute(sql, columns(places))
        return {row.order_id: row for row in await cursor.fetchall()}


async def write_spent(connection: Connection, rows: Sequence[Spent], now: datetime) -> None:
    """Write rows of accounts that the caller holds locked."""
    if rows:
        await connection.execute(_WRITE_SPENT, (now, *columns(_values(row) for row in rows)))


async def write_earned(connection: Connection, rows: Sequence[Earned], now: datetime) -> None:
    """Write rows of accounts that the caller holds locked."""
    if rows:
        await connection.execute(_WRITE_EARNED, (now, *columns(_values(row) for row in rows)))


def _values(row: Spent | Earned) -> tuple[object, ...]:
    return (*(getattr(row, field.name) for field in fields(row)), row.lane)
