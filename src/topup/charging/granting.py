"""From what a carrier's file grants to the bucket of the ledger that takes it."""

from topup.catalogue.pricing import Grant
from topup.ledger import AtCap, AtEnd, BucketSpec, Policy, Roll, Tier


def bucket_of(grant: Grant, *, source: str) -> BucketSpec:
    """The bucket that a grant of this instant goes to. What would exceed a cap is refused, never clipped."""
    validity, rule = grant.validity, grant.validity.as_rule()
    return BucketSpec(
        kind=grant.kind,
        scope=grant.scope or "any",
        priority=grant.priority,
        policy=Policy(rule.policy),
        at_end=AtEnd(rule.at_end),
        source=source,
        rule={"id": grant.rule["id"], **grant.rule["inputs"]},
        usable_until=validity.usable_until,
        days=validity.days,
        months=validity.months or None,
        zone=validity.zone,
        grace_days=rule.grace_days,
        tiers=tuple(Tier(from_amount=start, usable_until=end) for start, end in validity.tiers),
        cap=grant.cap,
        at_cap=AtCap.REFUSE,
        roll=Roll(days=rule.roll.days, zone=validity.zone, cap=rule.roll.cap) if rule.roll else None,
    )
