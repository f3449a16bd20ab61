"""What a line has, as channels show it to who may see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn


@dataclass(frozen=True, slots=True)
class BucketView:
    """One bucket of a line: `amount` minor units of `asset` that are there, `available` of them not promised, until
    `usable_until` (None: no end), and why that date: `id` and inputs of the rule.
    """

    id: str
    asset: str
    kind: str
    amount: int
    available: int
    usable_until: datetime | None
    rule: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BalanceView:
    """What a line has, bucket by bucket in the order of use; `credit` is the money that can be used now."""

    msisdn: Msisdn
    line_id: str
    carrier_id: str
    carrier_names: Mapping[str, str]
    status: str
    zone: str
    credit: Money
    buckets: tuple[BucketView, ...]
