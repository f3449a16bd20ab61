"""What time does to the ledger: buckets end, and holds that nobody closed give back what they promised.

Any number of processes may run these side by side: the key of each item is made of what was found, so that two who find
the same post it once, and one who finds something that has changed since is refused.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from topup.ledger.items import AtEnd, BucketSpec, Expire, Item, Move, Release
from topup.ledger.operations import post
from topup.ledger.queries import DueBucket, buckets_due, holds_due
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.jobs import Sweep

BATCH: Final = 500
ROLLED: Final = "rolled"
"""The kind of bucket that what rolls over goes to; what is in it does not roll over again."""

_EXPIRING: Final = crash_label("ledger.before_expire")
_EXPIRED: Final = crash_label("ledger.expired")


def sweeps(database: Database) -> list[Sweep]:
    """The sweeps of the ledger."""
    return [
        Sweep("ledger.expire", 5.0, partial(expire_buckets, database), batch=BATCH),
        Sweep("ledger.holds", 1.0, partial(release_holds, database), batch=BATCH),
    ]


async def expire_buckets(database: Database) -> int:
    """Expire the buckets that are due, BATCH at most; gives how many there were."""
    return await _run(database, _ends)


async def release_holds(database: Database) -> int:
    """Release the holds past their time, BATCH at most; gives how many there were."""
    return await _run(database, _releases)


async def _run(database: Database, find: Callable[[Connection, datetime], Awaitable[tuple[int, list[Item]]]]) -> int:
    async with database.transaction() as transaction:
        found, items = await find(transaction.connection, transaction.now)
        # Refused is what another did meanwhile: it will not be found again, or found as it is now.
        await post(transaction.connection, items, transaction.now)
        if found:
            crash_point(_EXPIRING)
    if found:
        crash_point(_EXPIRED)
    return found


async def _ends(connection: Connection, now: datetime) -> tuple[int, list[Item]]:
    due = await buckets_due(connection, now=now, limit=BATCH)
    return len(due), [item for bucket in due for item in ending(bucket)]


async def _releases(connection: Connection, now: datetime) -> tuple[int, list[Item]]:
    due = await holds_due(connection, now=now, limit=BATCH)
    return len(due), [
        Release(lane=hold.lane, key=f"timeout:{hold.id}", purpose="timeout", reference=hold.id, hold_id=hold.id)
        for hold in due
    ]


def ending(bucket: DueBucket) -> Sequence[Item]:
    """What ends a bucket: what may roll over moves on, the rest is forfeited."""
    key = f"{bucket.id}:{bucket.rest}:{bucket.held}"
    items: list[Item] = []
    if bucket.roll is not None and bucket.rest:
        items.append(_rolling(bucket, key))
    items.append(
        Expire(lane=bucket.lane, key=f"expire:{key}", purpose="expiry", reference=bucket.id, bucket_id=bucket.id)
    )
    return items


def _rolling(bucket: DueBucket, key: str) -> Move:
    roll = bucket.roll or {}
    zone = ZoneInfo(roll["zone"])
    local = bucket.usable_until.astimezone(zone).replace(tzinfo=None) + timedelta(days=roll["days"])
    cap = roll.get("cap")
    return Move(
        lane=bucket.lane,
        key=f"roll:{key}",
        purpose="roll_over",
        reference=bucket.id,
        line_id=bucket.line_id,
        asset=bucket.asset,
        amount=bucket.rest if cap is None else min(bucket.rest, cap),
        bucket_id=bucket.id,
        bucket=BucketSpec(
            kind=ROLLED,
            scope=bucket.scope,
            # What rolled over is used before what is new.
            priority=max(bucket.priority - 1, -32_768),
            at_end=AtEnd.FORFEIT,
            source="roll_over",
            rule={"id": "rolled_over", "days": roll["days"]},
            usable_until=local.replace(tzinfo=zone),
        ),
    )
