"""What a payment from a balance is in the ledger.

The line's credit is held under the payment's id, and settled to `clearing:balance` in the line's lane. The capture
takes it from `clearing:balance` in the order's lane, as of any gateway: summed over the lanes the account is zero as
soon as nothing is on its way. What goes back is credited to a bucket of the same kind as it was taken from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from topup.kernel.ids import HoldId, LineId, lane_of
from topup.ledger import AtEnd, BucketSpec, Credit, Hold, Posted, Release, Settle
from topup.ledger.queries import Bucket
from topup.payments.methods.balance_records import BalancePayment
from topup.payments.ports import RefundRequest

CLEARING: Final = "clearing:balance"
USABLE_FOR_AT_LEAST: Final = timedelta(days=7)
"""What goes back can be used for at least so long from then, though its time had been sooner."""

_HELD_FOR: Final = timedelta(days=365)
"""A payment is driven to its end within a day: the hold must outlast that."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Portion:
    """What was taken from one bucket, what that was like, and how much of it went back since."""

    amount: int
    kind: str
    scope: str
    priority: int
    usable_until: datetime | None
    freezes: bool
    grace_days: int | None
    returned: int = 0

    def written(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self) | {"usable_until": self.usable_until.isoformat() if self.usable_until else None}


def read_portions(stored: Sequence[Mapping[str, Any]]) -> list[Portion]:
    """Portions as they were stored."""
    return [
        Portion(**one | {"usable_until": datetime.fromisoformat(one["usable_until"]) if one["usable_until"] else None})
        for one in map(dict, stored)
    ]


def hold(payment: BalancePayment, line_id: LineId, kinds: Sequence[str]) -> Hold:
    """The price, promised to this payment."""
    return Hold(
        lane=lane_of(line_id),
        key=f"balance:{payment.payment_id}:hold",
        purpose="payment",
        reference=payment.payment_id,
        line_id=line_id,
        asset=payment.amount.currency,
        amount=payment.amount.amount_minor,
        expires_at=payment.created_at + _HELD_FOR,
        kinds=tuple(kinds),
    )


def settled(payment: BalancePayment) -> Settle:
    """The whole of the hold is ours."""
    return Settle(
        lane=lane_of(_hold_of(payment)),
        key=f"balance:{payment.payment_id}:settle",
        purpose="payment",
        reference=payment.payment_id,
        hold_id=_hold_of(payment),
        to_code=CLEARING,
        amount=payment.amount.amount_minor,
    )


def released(payment: BalancePayment) -> Release:
    """The whole of the hold is the line's again."""
    return Release(
        lane=lane_of(_hold_of(payment)),
        key=f"balance:{payment.payment_id}:release",
        purpose="payment_closed",
        reference=payment.payment_id,
        hold_id=_hold_of(payment),
    )


def taken(posted: Posted, buckets: Sequence[Bucket]) -> list[Portion]:
    """What a settled hold was taken from; `buckets` are the line's as they were under the ledger's lock."""
    known = {str(bucket.id): bucket for bucket in buckets}
    return [_portion(leg.amount, known[leg.debit]) for leg in posted.legs]


def _portion(amount: int, bucket: Bucket) -> Portion:
    freezes = bucket.at_end == AtEnd.FREEZE  # read from the database, it is its text
    grace = None
    if freezes and bucket.usable_until is not None and bucket.forfeit_at is not None:
        grace = max(1, ceil((bucket.forfeit_at - bucket.usable_until) / _DAY))
    return Portion(amount, bucket.kind, bucket.scope, bucket.priority, bucket.usable_until, freezes, grace)


def given_back(
    portions: Sequence[Portion], line_id: LineId, request: RefundRequest, now: datetime
) -> tuple[list[Portion], list[Credit]] | None:
    """The portions after `request.amount` of them went back, and the credits that do it; None: there is not so much.

    What was taken last goes back first: it was what the line would have used last.
    """
    left = request.amount.amount_minor
    after = list(portions)
    credits_: list[Credit] = []
    for place in reversed(range(len(portions))):
        portion = portions[place]
        part = min(left, portion.amount - portion.returned)
        if part:
            after[place] = replace(portion, returned=portion.returned + part)
            credits_.append(_credit(portion, part, line_id=line_id, request=request, place=place, now=now))
            left -= part
    return None if left else (after, credits_)


def _credit(
    portion: Portion, amount: int, *, line_id: LineId, request: RefundRequest, place: int, now: datetime
) -> Credit:
    ends = portion.usable_until
    return Credit(
        lane=lane_of(line_id),
        key=f"balance:{request.refund_id}:back:{place}",
        purpose="refund",
        reference=request.refund_id,
        from_code=CLEARING,
        line_id=line_id,
        bucket=BucketSpec(
            kind=portion.kind,
            scope=portion.scope,
            priority=portion.priority,
            at_end=AtEnd.FREEZE if portion.freezes else AtEnd.FORFEIT,
            grace_days=portion.grace_days if portion.freezes and ends else None,
            source="refund",
            rule={
                "id": "refund_keeps_its_end",
                "end": ends.isoformat() if ends else None,
                "at_least_days": USABLE_FOR_AT_LEAST.days,
            },
            usable_until=max(ends, now + USABLE_FOR_AT_LEAST) if ends else None,
        ),
        asset=request.amount.currency,
        amount=amount,
    )


def _hold_of(payment: BalancePayment) -> HoldId:
    if payment.hold_id is None:
        raise ValueError("nothing is held")
    return payment.hold_id
