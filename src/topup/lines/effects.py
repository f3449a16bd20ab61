"""What a change of a line's state does to its money, as items of the ledger.

Forfeiting expires buckets before their time. Freezing moves what a bucket has into one whose time has ended, from which
nothing can be used; restoring moves it back, with the end and the order of use it had.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import json

from topup.catalogue.life_cycle_rules import ALL_KINDS
from topup.catalogue.line_facts import Effect
from topup.kernel.ids import lane_of
from topup.ledger import BucketSpec, Expire, Item, Move, Policy, Tier
from topup.ledger.items import AtEnd
from topup.ledger.queries import Bucket

FROZEN: Final = "life_cycle"
"""The source of a bucket that holds what a state froze."""
LOOK_AGAIN: Final = timedelta(minutes=5)
"""What somebody else had promised when it was to be forfeited is looked after again so much later."""
_MICROSECOND: Final = timedelta(microseconds=1)


def is_frozen(bucket: Bucket) -> bool:
    """Whether a state of the line keeps it from being used."""
    return bucket.source == FROZEN


def concerned(effect: Effect, buckets: Iterable[Bucket]) -> list[Bucket]:
    """The buckets that `effect` is still to be done to: none, when it is done."""
    return [
        bucket
        for bucket in buckets
        if bucket.balance > 0
        and (ALL_KINDS in effect.kinds or bucket.kind in effect.kinds)
        and (effect.do == "forfeit" or is_frozen(bucket) == (effect.do == "restore"))
    ]


def items_of(effects: Sequence[Effect], buckets: Sequence[Bucket], now: datetime) -> list[Item]:
    """What is to be posted for `effects`: one item for each bucket. What was forfeited is so, whatever came after.

    What is promised by a hold stays where it is.
    """
    chosen: dict[str, tuple[Effect, Bucket]] = {}
    for effect in sorted(effects, key=lambda effect: effect.do != "forfeit"):
        for bucket in concerned(effect, buckets):
            if bucket.available > 0:
                chosen.setdefault(bucket.id, (effect, bucket))
    return [_item(effect, bucket, place, now) for place, (effect, bucket) in enumerate(chosen.values())]


def _item(effect: Effect, bucket: Bucket, place: int, now: datetime) -> Item:
    if effect.do == "forfeit":
        return _expire(bucket, now)
    if effect.do == "freeze":
        return _move(bucket, _frozen(bucket, effect.at - place * _MICROSECOND), "freeze", now)
    until = _instant(bucket.rule["until"])
    if until is not None and until <= now:
        return _expire(bucket, now)
    return _move(bucket, _as_before(bucket.rule, bucket, until), "restore", now)


def _expire(bucket: Bucket, now: datetime) -> Expire:
    return Expire(
        lane=lane_of(bucket.id),
        key=_key("forfeit", bucket, now),
        purpose="forfeit",
        reference=bucket.line_id,
        bucket_id=bucket.id,
        forced=True,
    )


def _move(bucket: Bucket, to: BucketSpec, purpose: str, now: datetime) -> Move:
    return Move(
        lane=lane_of(bucket.id),
        key=_key(purpose, bucket, now),
        purpose=purpose,
        reference=bucket.line_id,
        line_id=bucket.line_id,
        bucket=to,
        asset=bucket.asset,
        amount=bucket.available,
        bucket_id=bucket.id,
    )


def _key(purpose: str, bucket: Bucket, now: datetime) -> str:
    """The line's row is locked and changed with the posting, so that one moment can do it once."""
    return f"{bucket.line_id}:{purpose}:{bucket.id}:{now.isoformat()}"


def _frozen(bucket: Bucket, ended_at: datetime) -> BucketSpec:
    """The bucket in which `bucket` waits. Each gets an end of its own: those of one end would become one bucket."""
    return BucketSpec(
        kind=bucket.kind,
        scope=bucket.scope,
        priority=bucket.priority,
        policy=Policy.SEPARATE,
        at_end=AtEnd.FREEZE,
        source=FROZEN,
        usable_until=ended_at,
        rule={
            "id": "frozen_by_state",
            "until": bucket.usable_until.isoformat() if bucket.usable_until else None,
            "policy": str(bucket.policy),
            "at_end": str(bucket.at_end),
            "source": bucket.source,
            "grace_days": _grace_days(bucket),
            "rule": json.encode(dict(bucket.rule)).decode(),
        },
    )


def _grace_days(bucket: Bucket) -> int | None:
    if bucket.at_end != AtEnd.FREEZE or bucket.usable_until is None or bucket.forfeit_at is None:
        return None
    return max((bucket.forfeit_at - bucket.usable_until).days, 1)


def _as_before(rule: Mapping[str, Any], bucket: Bucket, until: datetime | None) -> BucketSpec:
    """Where what was frozen goes back to. What rolled over is forfeited at its end now: it has rolled its period."""
    policy, at_end = Policy(rule["policy"]), AtEnd(rule["at_end"])
    return BucketSpec(
        kind=bucket.kind,
        scope=bucket.scope,
        priority=bucket.priority,
        policy=policy,
        at_end=AtEnd.FORFEIT if at_end is AtEnd.ROLL_OVER else at_end,
        source=rule["source"],
        usable_until=until,
        days=1 if policy is Policy.EXTEND else None,
        grace_days=rule["grace_days"],
        tiers=(Tier(from_amount=0, usable_until=until),) if policy is Policy.TIERS else (),
        rule=json.decode(rule["rule"]),
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
