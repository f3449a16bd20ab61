"""What is told of lines without their being used: what ends soon, what a state blocks or frees, what is filled again.

Any number of processes may run these: each takes rows that nobody else has in hand, and an event is told once whoever
finds it. Lanes without anything to tell are passed over.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from topup.catalogue.life_cycle_rules import Blockable
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.catalogue.rates import ASSET_OF
from topup.charging.usage.events import Event, left_of, tell
from topup.kernel.ids import LineId
from topup.lines import changes
from topup.lines.queries import LineRef
from topup.lines.standing import standings
from topup.platform.arrays import columns
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction
from topup.platform.jobs import Sweep

BATCH: Final = 500
_EXPIRING_EVERY_S: Final = 60.0
_BLOCKED_EVERY_S: Final = 2.0
_RESTORED_EVERY_S: Final = 5.0
_SOONEST: Final = timedelta(seconds=_RESTORED_EVERY_S)
_LATEST: Final = timedelta(hours=1)
_PATIENCE: Final = 8
"""What waits is looked at again after an eighth of the time it has waited: most are filled soon, many never."""
_ASSETS: Final = frozenset(ASSET_OF.values())

_BEFORE_COMMIT = crash_label("usage.events.before_commit")
_AFTER_COMMIT = crash_label("usage.events.after_commit")

_HORIZON: Final = """
INSERT INTO charging.usage_horizons AS h (lane, days, until, bucket_id) VALUES (%s, %s, %s, '')
ON CONFLICT (lane, days) DO UPDATE SET days = h.days RETURNING until, bucket_id
"""
_REACHED: Final = "UPDATE charging.usage_horizons SET until = %s, bucket_id = %s WHERE lane = %s AND days = %s"
_ENDING: Final = """
SELECT b.id, b.line_id, b.asset, b.balance, b.usable_until, l.carrier_id
FROM (
    SELECT * FROM ledger.buckets AS b
    WHERE b.lane = %s AND b.closed_at IS NULL AND (b.usable_until, b.id) > (%s, %s) AND b.usable_until <= %s
    ORDER BY b.lane, b.usable_until, b.id LIMIT %s
) AS b
JOIN lines.lines AS l ON l.lane = b.lane AND l.id = b.line_id
ORDER BY b.usable_until, b.id
"""
_LANES_DUE: Final = """
SELECT w.lane FROM unnest(%s::smallint[]) AS w (lane)
WHERE EXISTS (SELECT FROM charging.usage_events AS e WHERE e.lane = w.lane AND e.look_at <= %s)
"""
_DUE: Final = """
SELECT e.line_id, e.id, e.facts ->> 'asset', e.occurred_at FROM charging.usage_events AS e
WHERE e.lane = %s AND e.look_at <= %s
ORDER BY e.lane, e.look_at, e.id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""
_LOOK_AT: Final = """
UPDATE charging.usage_events AS e SET look_at = u.look_at
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::timestamptz[]) AS u (lane, line_id, id, look_at)
WHERE e.lane = u.lane AND e.line_id = u.line_id AND e.id = u.id
"""


def sweeps(*, database: Database, catalogue: CatalogueCache, lanes: int) -> list[Sweep]:
    """What runs by itself."""
    telling = Telling(database=database, catalogue=catalogue, lanes=lanes)
    return [
        Sweep("usage.expiring", _EXPIRING_EVERY_S, telling.expiring, batch=BATCH),
        Sweep("usage.blocked", _BLOCKED_EVERY_S, telling.blocked, batch=BATCH),
        Sweep("usage.restored", _RESTORED_EVERY_S, telling.restored, batch=BATCH),
    ]


@dataclass(frozen=True, slots=True)
class _Ending:
    """A bucket that ends at `usable_until`."""

    bucket_id: str
    line: LineRef
    asset: str
    balance: int
    usable_until: datetime
    carrier_id: str


class Telling:
    """Tells lines of what came about without their being used. Each run takes at most BATCH of a lane."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, lanes: int) -> None:
        self._database = database
        self._catalogue = catalogue
        self._lanes = range(lanes)

    async def expiring(self) -> int:
        """Tell of buckets that will end in so many days as their carriers' files say; how many were looked at."""
        snapshot = await self._snapshot()
        days = {day for carrier in snapshot.carriers() for day in carrier.marks.expiring_days}
        return _more([await self._told(self._lanes, partial(_expiring, snapshot, ahead)) for ahead in sorted(days)])

    async def blocked(self) -> int:
        """Tell of changes of states that blocked something, or freed it; how many were looked at."""
        async with self._database.read() as transaction:
            lanes = await changes.lanes_with_untold(transaction.connection, self._lanes)
        return await self._told(lanes, partial(_blocked, await self._snapshot())) if lanes else 0

    async def restored(self) -> int:
        """Tell of what was used up and is there again; how many that were due were looked at."""
        async with self._database.read() as transaction:
            cursor = await transaction.connection.execute(_LANES_DUE, (list(self._lanes), transaction.now))
            lanes = [lane for (lane,) in await cursor.fetchall()]
        return await self._told(lanes, self._restored) if lanes else 0

    async def _restored(self, transaction: Transaction, lane: int) -> int:
        """A portion of those that are due; who still waits is looked at again later, and each time later."""
        connection, now = transaction.connection, transaction.now
        cursor = await connection.execute(_DUE, (lane, now, BATCH))
        found = [
            (LineRef(lane, LineId(line_id)), event, asset, since)
            for line_id, event, asset, since in await cursor.fetchall()
        ]
        lines = [line for line, _, _, _ in found]
        here, lives = await left_of(connection, lines, now), await standings(connection, lines)
        events, looked = [], []
        for line, event, asset, since in found:
            left = here.get(line.id, {}).get(asset, 0)
            if left > 0:
                events.append(Event(line, "restored", event, {"asset": asset, "left": left}))
            over = left > 0 or lives[line.id].line.status == "closed"
            looked.append((lane, line.id, event, None if over else _next_look(since, now)))
        await tell(connection, events, now)
        if looked:
            await connection.execute(_LOOK_AT, columns(looked))
        return len(found)

    async def _snapshot(self) -> Snapshot:
        async with self._database.read() as transaction:
            return await self._catalogue.current(transaction.connection)

    async def _told(self, lanes: Iterable[int], work: Callable[[Transaction, int], Awaitable[int]]) -> int:
        """Do the work of each lane, all in one transaction; how many were looked at, as `Sweep` wants it."""
        async with self._database.transaction() as transaction:
            found = _more([await work(transaction, lane) for lane in lanes])
            if found:
                crash_point(_BEFORE_COMMIT)
        if found:
            crash_point(_AFTER_COMMIT)
        return found


def _next_look(since: datetime, now: datetime) -> datetime:
    """When to look again at what waits `since` then."""
    return now + min(max((now - since) / _PATIENCE, _SOONEST), _LATEST)


def _more(found: Sequence[int]) -> int:
    """How many were looked at; a full batch only where a lane had one, which has more behind it."""
    return BATCH if any(count >= BATCH for count in found) else min(sum(found), BATCH - 1)


async def _expiring(snapshot: Snapshot, days: int, transaction: Transaction, lane: int) -> int:
    """Look at the ends from where the last look came to up to `days` ahead. What came with less to go is not told."""
    connection, now = transaction.connection, transaction.now
    # The first look ever begins with today's ends.
    cursor = await connection.execute(_HORIZON, (lane, days, now), prepare=True)
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("a horizon was neither there nor made")
    ahead = now + timedelta(days=days)
    found = await _ends(connection, lane, row[0], row[1], ahead)
    events = [
        Event(
            one.line,
            "expiring",
            f"{one.bucket_id}:{one.usable_until.isoformat()}:{days}",
            {
                "asset": one.asset,
                "left": one.balance,
                "bucket_id": one.bucket_id,
                "usable_until": one.usable_until.isoformat(),
                "days": days,
            },
        )
        for one in found
        if one.balance > 0 and one.usable_until > now and _is_told(one, days, snapshot)
    ]
    await tell(connection, events, now)
    full = len(found) == BATCH
    reached = (found[-1].usable_until, found[-1].bucket_id) if full else (max(ahead, row[0]), "~")
    await connection.execute(_REACHED, (*reached, lane, days))
    return len(found)


def _is_told(ending: _Ending, days: int, snapshot: Snapshot) -> bool:
    carrier = snapshot.carrier(ending.carrier_id)
    if carrier is None or days not in carrier.marks.expiring_days:
        return False
    return ending.asset == carrier.currency or ending.asset in _ASSETS


async def _ends(connection: Connection, lane: int, after: datetime, bucket_id: str, until: datetime) -> list[_Ending]:
    cursor = await connection.execute(_ENDING, (lane, after, bucket_id, until, BATCH))
    return [
        _Ending(identifier, LineRef(lane, LineId(line_id)), asset, balance, usable_until, carrier_id)
        for identifier, line_id, asset, balance, usable_until, carrier_id in await cursor.fetchall()
    ]


async def _blocked(snapshot: Snapshot, transaction: Transaction, lane: int) -> int:
    connection, now = transaction.connection, transaction.now
    found = await changes.untold(connection, lane=lane, limit=BATCH)
    events = []
    for change in found:
        before, after = (_blocks(change.carrier_id, state, snapshot) for state in (change.left, change.entered))
        facts = {"state": change.entered, "shows": change.shows, "at": change.at.isoformat()}
        occasion = f"change:{change.sequence}"
        if more := [name for name in after if name not in before]:
            events.append(Event(change.line, "blocked", occasion, {**facts, "blocks": more}))
        if fewer := [name for name in before if name not in after]:
            events.append(Event(change.line, "restored", occasion, {**facts, "blocks": fewer}))
    await tell(connection, events, now)
    await changes.told(connection, found)
    return len(found)


def _blocks(carrier_id: str, state: str, snapshot: Snapshot) -> tuple[Blockable, ...]:
    carrier = snapshot.carrier(carrier_id)
    found = carrier.line_rules.states.get(state) if carrier else None
    return found.blocks if found else ()
