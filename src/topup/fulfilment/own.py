"""Delivery to the operator's own network: the ledger itself. It happens in the transaction that settles the payment,
so it is never unknown.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.pricing import Grant
from topup.catalogue.validity import validity_of
from topup.kernel.ids import LineId, OrderId
from topup.kernel.money import is_currency
from topup.ledger import BucketSpec, Credit, Policy

ISSUED: Final = "issued"
"""Where data, minutes and messages come from: what we owe lines in kind."""
PROMOTIONS: Final = "promotions"
"""What we give on top of what was paid."""


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


def source_of(grant: Grant, paid_from: str) -> str:
    """The account a grant is taken from."""
    if not is_currency(grant.asset):
        return ISSUED
    return paid_from if grant.kind == "main" else PROMOTIONS


def _bucket(grant: Grant, now: datetime) -> BucketSpec:
    validity = grant.validity
    today, why = validity_of(validity.as_rule(), ZoneInfo(validity.zone), now, balance=grant.amount, asset=grant.asset)
    return BucketSpec(
        kind=grant.kind,
        scope=grant.scope or "any",
        priority=grant.priority,
        policy=Policy(validity.policy),
        rule={"id": why["id"], **why["inputs"]},
        usable_until=today.usable_until,
        days=validity.days,
        zone=validity.zone,
    )
