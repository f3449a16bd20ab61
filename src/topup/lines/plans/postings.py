"""What a plan's cycle is in the ledger: the price that the line pays, and what it gets for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from topup.catalogue.grant_rules import GrantRule
from topup.catalogue.plan_cycles import Terms
from topup.catalogue.pricing import scope_of
from topup.catalogue.terms import local_of
from topup.ledger import AtEnd, BucketSpec, Credit, Debit, Item, Roll
from topup.ledger.queries import Bucket
from topup.lines.plans.rows import Held
from topup.lines.queries import LineRef

PLANS: Final = "plans"
"""Our account of what plans cost."""
ISSUED: Final = "issued"
"""Where data, minutes and messages come from: what we owe lines in kind."""
SOURCE: Final = "plan"
PRICE: Final = "plan"
"""What the taking of a price is for."""
FORFEITED: Final = "expired"


def price_of(line: LineRef, cycle: int, amount_minor: int, currency: str) -> list[Item]:
    """What a cycle costs, taken in the order of use; nothing where it costs nothing."""
    if amount_minor <= 0:
        return []
    return [
        Debit(
            lane=line.lane,
            key=key_of(line, cycle),
            purpose=PRICE,
            reference=line.id,
            line_id=line.id,
            to_code=PLANS,
            asset=currency,
            amount=amount_minor,
        )
    ]


def included_in(terms: Terms, line: LineRef, cycle: int, zone: ZoneInfo) -> list[Item]:
    """What a cycle includes, until it ends."""
    return [
        Credit(
            lane=line.lane,
            key=f"{key_of(line, cycle)}:{place}",
            purpose="plan_grant",
            reference=line.id,
            line_id=line.id,
            from_code=ISSUED,
            bucket=_bucket(grant, terms.ends_at, zone),
            asset=grant.asset,
            amount=grant.amount,
        )
        for place, grant in enumerate(terms.grants)
    ]


def written(grants: Sequence[GrantRule]) -> list[dict[str, Any]]:
    """What a cycle includes, as it is kept with it."""
    return [
        {"asset": one.asset, "scope": scope_of(one) or "any", "priority": one.priority, "amount": one.amount}
        for one in grants
    ]


def buckets_of(held: Held, buckets: Sequence[Bucket]) -> list[Bucket | None]:
    """The bucket of each thing that the cycle at hand includes; None: nothing is left of it."""
    return [
        next(
            (
                bucket
                for bucket in buckets
                if (bucket.asset, bucket.scope, bucket.priority) == (one["asset"], one["scope"], one["priority"])
                and bucket.kind == SOURCE
                and bucket.usable_until == held.ends_at
            ),
            None,
        )
        for one in held.included
    ]


def share_left(held: Held, buckets: Sequence[Bucket]) -> Fraction:
    """The least share that is left of anything the cycle includes; of nothing included, all."""
    shares = [Fraction(_left(bucket, amount), amount) for bucket, amount in _each(held, buckets)]
    return min(shares, default=Fraction(1))


def forfeited(held: Held, buckets: Sequence[Bucket]) -> list[Item]:
    """What is left of what the cycle includes is ours again: never more than it included, whatever else is there."""
    return [
        Debit(
            lane=held.lane,
            key=f"{key_of(held.line, held.cycle)}:{place}:over",
            purpose="plan_over",
            reference=held.line_id,
            line_id=held.line_id,
            to_code=FORFEITED,
            asset=bucket.asset,
            amount=left,
            bucket_id=bucket.id,
        )
        for place, (bucket, amount) in enumerate(_each(held, buckets))
        if bucket is not None and (left := _left(bucket, amount)) > 0
    ]


def _each(held: Held, buckets: Sequence[Bucket]) -> list[tuple[Bucket | None, int]]:
    """Each bucket of the cycle at hand once, with all that the cycle put into it."""
    amounts: dict[str, tuple[Bucket | None, int]] = {}
    for place, (one, bucket) in enumerate(zip(held.included, buckets_of(held, buckets), strict=True)):
        name = bucket.id if bucket is not None else str(place)
        _, before = amounts.get(name, (bucket, 0))
        amounts[name] = (bucket, before + int(one["amount"]))
    return list(amounts.values())


def _left(bucket: Bucket | None, amount: int) -> int:
    return min(bucket.available, amount) if bucket is not None else 0


@lru_cache(maxsize=1024)
def _bucket(grant: GrantRule, ends_at: datetime, zone: ZoneInfo) -> BucketSpec:
    """One object for all whose cycle ends then: the ledger writes down once what the items of a call share."""
    roll = grant.validity.roll
    # The cycle ends as its last day does, or as the next begins: that is the last day it can be used on.
    last = local_of(ends_at - timedelta(seconds=1), zone).date()
    return BucketSpec(
        kind=SOURCE,
        scope=scope_of(grant) or "any",
        priority=grant.priority,
        at_end=AtEnd.ROLL_OVER if roll else AtEnd.FORFEIT,
        source=SOURCE,
        rule={"id": "why_plan", "last_day": last.isoformat(), "zone": zone.key},
        usable_until=ends_at,
        roll=Roll(days=roll.days, zone=zone.key, cap=roll.cap) if roll else None,
    )


def key_of(line: LineRef, cycle: int) -> str:
    """The ledger's key of a cycle's price, with which those of all its other items begin."""
    return f"plan:{line.id}:{cycle}"
