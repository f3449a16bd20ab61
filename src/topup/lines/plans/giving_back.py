"""What a cycle gives back that another plan cuts short: money of the kind that paid for it, and with the same end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from topup.ledger import AtEnd, BucketSpec, Credit, Item
from topup.ledger.queries import Bucket
from topup.lines.plans.postings import PLANS, SOURCE, key_of
from topup.lines.queries import LineRef

USABLE_FOR_AT_LEAST: Final = timedelta(days=7)
"""What is given back may be used for so long, though the money that paid would have ended sooner."""
_DAY: Final = timedelta(days=1)


class NotPaid(RuntimeError):
    """More is to be given back than the cycle cost: a defect of ours."""


def back_of(
    line: LineRef, cycle: int, amount_minor: int, gave: Sequence[tuple[Bucket, int]], now: datetime
) -> list[Item]:
    """Give back `amount_minor` of what buckets gave for the cycle before `cycle`. Raises NotPaid.

    What was taken last goes back first: it was what the line would have used last.
    """
    items: list[Item] = []
    left = amount_minor
    for place in reversed(range(len(gave))):
        bucket, given = gave[place]
        if part := min(left, given):
            left -= part
            items.append(
                Credit(
                    lane=line.lane,
                    key=f"{key_of(line, cycle)}:back:{place}",
                    purpose="plan_back",
                    reference=line.id,
                    line_id=line.id,
                    from_code=PLANS,
                    bucket=_like(bucket, now),
                    asset=bucket.asset,
                    amount=part,
                )
            )
    if left > 0:
        raise NotPaid
    return items


def _like(bucket: Bucket, now: datetime) -> BucketSpec:
    """A bucket for the same use as that one, and with its end."""
    ends, freezes = bucket.usable_until, bucket.at_end == AtEnd.FREEZE
    grace = None
    if freezes and ends is not None and bucket.forfeit_at is not None:
        grace = max(1, ceil((bucket.forfeit_at - ends) / _DAY))
    return BucketSpec(
        kind=bucket.kind,
        scope=bucket.scope,
        priority=bucket.priority,
        at_end=AtEnd.FREEZE if freezes else AtEnd.FORFEIT,
        grace_days=grace,
        source=SOURCE,
        rule=_why(ends),
        usable_until=max(ends, now + USABLE_FOR_AT_LEAST) if ends else None,
    )


def _why(ends: datetime | None) -> dict[str, str | int | bool | None]:
    if ends is None:
        return {"id": "why_never_ends"}
    return {"id": "refund_keeps_its_end", "end": ends.isoformat(), "at_least_days": USABLE_FOR_AT_LEAST.days}
