"""What time does to sessions: those of which nobody spoke in time are closed, and old ones are forgotten."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from topup.catalogue.queries import CatalogueCache
from topup.charging.sessions import openings
from topup.charging.sessions.requests import Expiry
from topup.charging.sessions.work import take_in
from topup.kernel.ids import SessionId
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Sweep
from topup.platform.metrics import item_parked
from topup.platform.one_by_one import PASSING, alone

BATCH: Final = 200
KEPT_FOR: Final = timedelta(days=7)
"""How long a session that is over can be seen; its record stays for ever."""
PUT_OFF_FOR: Final = timedelta(hours=1)
"""When a session that could not be closed is tried again; what it holds, the ledger gives back after a day."""
_NAME: Final = "usage.sessions"
_EVERY_S: Final = 2.0
_FORGET_EVERY_S: Final = 300.0

# Each process takes some of every lane, and passes over those that somebody works on.
_DUE: Final = """
SELECT s.lane, s.id
FROM unnest(%s::smallint[]) AS wanted (lane)
CROSS JOIN LATERAL (
    SELECT s.lane, s.id FROM charging.usage_sessions AS s
    WHERE s.lane = wanted.lane AND s.look_at <= %s
    ORDER BY s.lane, s.look_at LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED
) AS s
LIMIT %s
"""
_PUT_OFF: Final = "UPDATE charging.usage_sessions SET look_at = %s WHERE lane = %s AND id = %s AND look_at IS NOT NULL"
_FORGET: Final = """
DELETE FROM charging.usage_sessions AS s
USING (
    SELECT s.lane, s.id
    FROM unnest(%s::smallint[]) AS wanted (lane)
    CROSS JOIN LATERAL (
        SELECT s.lane, s.id FROM charging.usage_sessions AS s
        WHERE s.lane = wanted.lane AND s.closed_at <= %s
        ORDER BY s.lane, s.closed_at LIMIT %s
        FOR UPDATE SKIP LOCKED
    ) AS s
    LIMIT %s
) AS old
WHERE s.lane = old.lane AND s.id = old.id
RETURNING s.opened_by, s.client_key
"""
_BEFORE_EXPIRY: Final = crash_label("usage.sessions.before_expiry")
_EXPIRED: Final = crash_label("usage.sessions.expired")
_BEFORE_FORGETTING: Final = crash_label("usage.sessions.before_forgetting")
_FORGOTTEN: Final = crash_label("usage.sessions.forgotten")
_log = structlog.get_logger(__name__)


def sweeps(*, database: Database, catalogue: CatalogueCache, lanes: int) -> list[Sweep]:
    """What runs by itself."""
    return [
        Sweep(_NAME, _EVERY_S, partial(expire, database, catalogue, lanes), batch=BATCH),
        Sweep("usage.sessions_forget", _FORGET_EVERY_S, partial(forget, database, lanes), batch=BATCH),
    ]


async def expire(database: Database, catalogue: CatalogueCache, lanes: int) -> int:
    """Close the sessions whose deadline has passed, BATCH at most; how many were looked at.

    One that cannot be closed does not stop the others: it is logged, counted as parked, and put off.
    """
    due: list[Expiry] = []
    try:
        async with database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            cursor = await connection.execute(_DUE, (list(range(lanes)), now, BATCH, BATCH))
            due = [Expiry(lane, SessionId(identifier)) for lane, identifier in await cursor.fetchall()]
            if due:
                await take_in(connection, due, now, catalogue=catalogue, lanes=lanes)
                crash_point(_BEFORE_EXPIRY)
    except PASSING:
        raise
    except Exception:
        if not due:
            raise
        for expiry in due:
            await _expire_alone(database, catalogue, expiry, lanes)
    if due:
        crash_point(_EXPIRED)
    return len(due)


async def _expire_alone(database: Database, catalogue: CatalogueCache, expiry: Expiry, lanes: int) -> None:
    """Close one session if it is due still; where that fails, look at it later."""

    async def close(items: Sequence[Expiry]) -> None:
        async with database.transaction() as transaction:
            await take_in(transaction.connection, items, transaction.now, catalogue=catalogue, lanes=lanes)

    async def put_off(_: Expiry, error: Exception) -> None:
        _log.error("usage_session_not_closed", session=expiry.session_id, error=type(error).__name__)
        item_parked(place=_NAME)
        async with database.transaction() as transaction:
            values = (transaction.now + PUT_OFF_FOR, expiry.lane, expiry.session_id)
            await transaction.connection.execute(_PUT_OFF, values)

    await alone(expiry, close, put_off)


async def forget(database: Database, lanes: int) -> int:
    """Delete the sessions that ended KEPT_FOR ago, BATCH at most, and free their keys; how many."""
    async with database.transaction() as transaction:
        connection = transaction.connection
        old = (list(range(lanes)), transaction.now - KEPT_FOR, BATCH, BATCH)
        keys = await (await connection.execute(_FORGET, old)).fetchall()
        await openings.forget(connection, [(opened_by, key) for opened_by, key in keys], lanes)
        if keys:
            crash_point(_BEFORE_FORGETTING)
    if keys:
        crash_point(_FORGOTTEN)
    return len(keys)
