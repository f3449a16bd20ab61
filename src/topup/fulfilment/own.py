"""Delivery to the operator's own network: the ledger itself. It happens in the transaction that settles the payment,
so it is never unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.pricing import Grant
from topup.catalogue.validity import validity_of
from topup.kernel.ids import LineId, OrderId
from topup.kernel.money import is_currency
from topup.ledger import AtCap, AtEnd, BucketSpec, Credit, Policy, Posted, Roll, Tier

ISSUED: Final = "issued"
"""Where data, minutes and messages come from: what we owe lines in kind."""
PROMOTIONS: Final = "promotions"
"""What we give on top of what was paid."""
OVER_CAP: Final = "over_cap"
"""Where the ledger puts what a line may not hold."""


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a grant: `amount` was credited, and may be used until then (None: without end)."""

    amount: int
    usable_until: datetime | None


def credits_of(
    *, order_id: OrderId, lane: int, line_id: LineId, grants: Sequence[Grant], paid_from: str, now: datetime
) -> list[Credit]:
    """The credits of an order's grants, one for each, under a key of its own: `<order>:grant:<n>`.

    Validity counts from `now`, when the line is credited. Main credit is taken from the account `paid_from`, money on
    top from `promotions`, usage from `issued`.
    """
    return [
        Credit(
            lane=lane,
            key=f"{order_id}:grant:{grant.index}",
            from_code=source_of(grant, paid_from),
            line_id=line_id,
            bucket=_bucket(grant, now),
            asset=grant.asset,
            amount=grant.amount,
            purpose="grant",
            reference=order_id,
        )
        for grant in grants
    ]


def foreseen(credit: Credit) -> Given | None:
    """What will become of a credit, where that is certain whatever the line has; None: only the ledger can say."""
    bucket = credit.bucket
    if bucket.cap is not None and bucket.at_cap is AtCap.CLIP:
        return None
    if bucket.policy in {Policy.SEPARATE, Policy.RENEW} or (bucket.usable_until is None and not bucket.tiers):
        return Given(credit.amount, bucket.usable_until)
    return None


def given(posted: Posted) -> Given:
    """What the ledger made of a credit."""
    found = [leg for leg in posted.legs if leg.credit != OVER_CAP]
    return Given(sum(leg.amount for leg in found), found[0].usable_until if found else None)


def source_of(grant: Grant, paid_from: str) -> str:
    """The account a grant is taken from."""
    if not is_currency(grant.asset):
        return ISSUED
    return paid_from if grant.kind == "main" else PROMOTIONS


def _bucket(grant: Grant, now: datetime) -> BucketSpec:
    rule = grant.validity.as_rule()
    today, why = validity_of(rule, ZoneInfo(grant.validity.zone), now, balance=grant.amount, asset=grant.asset)
    return BucketSpec(
        kind=grant.kind,
        scope=grant.scope or "any",
        priority=grant.priority,
        policy=Policy(rule.policy),
        at_end=AtEnd(rule.at_end),
        rule={"id": why["id"], **why["inputs"]},
        usable_until=today.usable_until,
        days=today.days,
        # None where the span is of days, and where it is none but the end of the month it began in.
        months=today.months or None,
        zone=today.zone,
        grace_days=rule.grace_days,
        tiers=tuple(Tier(from_amount=start, usable_until=end) for start, end in today.tiers),
        cap=grant.cap,
        at_cap=AtCap(grant.at_cap),
        roll=Roll(days=rule.roll.days, zone=today.zone, cap=rule.roll.cap) if rule.roll else None,
    )
