"""Writing shares. One function changes the state of a share, and writes its history with it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from topup.charging.sharing.queries import Share
from topup.charging.sharing.states import SHARE, ShareCause, ShareState
from topup.kernel.ids import HoldId, ShareId
from topup.lines.queries import LineRef
from topup.platform.database import Connection

LEFT_FOR: Final = timedelta(seconds=10)
"""How long a share is left to whoever drives it before a sweep takes it up."""

# In one order, so that two that share credit with each other do not wait for each other in a circle.
_LOCK: Final = """
SELECT pg_advisory_xact_lock(k)
FROM (SELECT DISTINCT hashtextextended(line, 13) AS k FROM unnest(%s::text[]) AS line ORDER BY 1) AS keys
"""
_INSERT: Final = """
INSERT INTO charging.shares (lane, id, carrier_id, catalogue_version, sender_id, sender_msisdn, receiver_lane,
    receiver_id, receiver_msisdn, currency, amount_minor, fee_minor, keeps_minor, conditions, asked_by, state,
    created_at, state_since, act_at, steps)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1)
ON CONFLICT (lane, id) DO NOTHING RETURNING id
"""
_ADVANCE: Final = """
WITH moved AS (
    UPDATE charging.shares AS s
    SET state = %(state)s, state_since = %(now)s, steps = s.steps + 1, act_at = %(act_at)s,
        reason = coalesce(%(reason)s, s.reason), usable_until = coalesce(%(usable_until)s, s.usable_until),
        hold_id = coalesce(%(hold_id)s, s.hold_id)
    WHERE s.lane = %(lane)s AND s.id = %(id)s AND s.state = ANY (%(sources)s)
    RETURNING s.lane, s.id, s.steps
)
INSERT INTO charging.share_steps (lane, share_id, step, state, cause, at)
SELECT m.lane, m.id, m.steps, %(state)s, %(cause)s, %(now)s FROM moved AS m
RETURNING share_id
"""
_FIRST_STEP: Final = """
INSERT INTO charging.share_steps (lane, share_id, step, state, cause, at) VALUES (%s, %s, 1, %s, %s, %s)
"""
_LEASE: Final = """
UPDATE charging.shares AS s SET act_at = %s
FROM (
    SELECT d.lane, d.id FROM charging.shares AS d WHERE d.act_at <= %s ORDER BY d.act_at LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED
) AS due
WHERE s.lane = due.lane AND s.id = due.id RETURNING s.lane, s.id
"""


class ForbiddenStep(RuntimeError):
    """The share was not in a state from which that one may be reached: a defect of ours."""


async def lock_lines(connection: Connection, lines: Sequence[LineRef]) -> None:
    """Let nobody else share credit from or to these lines until the transaction ends: limits are counted under it."""
    await connection.execute(_LOCK, ([str(line.id) for line in lines],))


async def create(connection: Connection, share: Share, now: datetime) -> bool:
    """Write a new share, and the first step of its history; False where its id is there already."""
    cursor = await connection.execute(
        _INSERT,
        (
            share.lane,
            share.id,
            share.carrier_id,
            share.catalogue_version,
            share.sender_id,
            share.sender_msisdn,
            share.receiver_lane,
            share.receiver_id,
            share.receiver_msisdn,
            share.currency,
            share.amount_minor,
            share.fee_minor,
            share.keeps_minor,
            list(share.conditions),
            share.asked_by,
            SHARE.initial.value,
            now,
            now,
            now + LEFT_FOR,
        ),
    )
    if await cursor.fetchone() is None:
        return False
    first = (share.lane, share.id, SHARE.initial.value, ShareCause.ASKED_FOR.value, now)
    await connection.execute(_FIRST_STEP, first)
    return True


async def advance(
    connection: Connection,
    share: Share,
    state: ShareState,
    cause: ShareCause,
    now: datetime,
    *,
    hold_id: HoldId | None = None,
    usable_until: datetime | None = None,
) -> None:
    """Move a share to `state`. The cause of a refusal or return is its reason too. Raises ForbiddenStep."""
    cursor = await connection.execute(
        _ADVANCE,
        {
            "lane": share.lane,
            "id": share.id,
            "state": state.value,
            "cause": cause.value,
            "now": now,
            "act_at": None if state in SHARE.final else now + LEFT_FOR,
            "reason": cause.value if state in {ShareState.REFUSED, ShareState.RETURNING} else None,
            "hold_id": hold_id,
            "usable_until": usable_until,
            "sources": [source.value for source in SHARE.sources(state)],
        },
    )
    if await cursor.fetchone() is None:
        raise ForbiddenStep(f"{share.state} -> {state}")


async def lease_due(
    connection: Connection, now: datetime, *, limit: int, lease: timedelta
) -> list[tuple[int, ShareId]]:
    """Take up to `limit` shares that nobody drives: (lane, id). Left unfinished, they come due again after `lease`."""
    cursor = await connection.execute(_LEASE, (now + lease, now, limit))
    return [(lane, ShareId(identifier)) for lane, identifier in await cursor.fetchall()]
