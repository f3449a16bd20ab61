"""What points are in the ledger. Pure.

They come of our account POINTS_EARNED and go to POINTS_SPENT; what subscribers owe stands against POINTS_OWED, which is
therefore below zero by all that is owed. Every key names the order and the step, so that each happens once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypedDict

from topup.kernel.ids import HoldId, LineId, lane_of
from topup.ledger import BucketSpec, Credit, Debit, Hold, Item, Release, Settle, Transfer
from topup.ledger.queries import Bucket

POINTS: Final = "POINTS"
KIND: Final = "points"
POINTS_EARNED: Final = "points_earned"
POINTS_SPENT: Final = "points_spent"
POINTS_OWED: Final = "points_owed"

EARNED: Final = "points_earned"
TAKEN_BACK: Final = "points_taken_back"
SPENT: Final = "points_spent"
GIVEN_BACK: Final = "points_given_back"
DEBT: Final = "points_debt"
DEBT_SETTLED: Final = "points_debt_settled"

_SCOPE: Final = "carrier:"
USABLE_FOR_AT_LEAST: Final = timedelta(days=7)
"""Points that are given back may be used for so long at least, though they would have ended sooner."""


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """The points of a subscriber with a carrier: those of one carrier are nothing to another."""

    subscriber_id: str
    carrier_id: str

    @property
    def lane(self) -> int:
        """The lane they lie in: the subscriber's."""
        return lane_of(self.subscriber_id)

    @property
    def holder(self) -> LineId:
        """The subscriber as the ledger knows whoever has buckets."""
        return LineId(self.subscriber_id)

    @property
    def scope(self) -> str:
        """What the ledger's buckets say of whose they are."""
        return f"{_SCOPE}{self.carrier_id}"


def carrier_of(scope: str) -> str:
    """The carrier whose points a bucket has."""
    return scope.removeprefix(_SCOPE)


@dataclass(frozen=True, slots=True)
class Lasting:
    """Until when points may be used (None: without end), and the rule that says so, as the ledger stores it."""

    usable_until: datetime | None
    rule: dict[str, str | int | bool | None]


FOR_EVER: Final = Lasting(None, {"id": "why_never_ends"})


def available(buckets: Sequence[Bucket], key: AccountKey, now: datetime) -> int:
    """How many of somebody's points with a carrier may be used now: those of orders that wait are promised."""
    return sum(bucket.available for bucket in buckets if is_of(bucket, key) and bucket.is_usable(now))


def ended(buckets: Sequence[Bucket], key: AccountKey, now: datetime) -> int:
    """How many of somebody's promised points ended meanwhile: an order may spend them, and let go of they are gone."""
    return sum(bucket.held for bucket in buckets if is_of(bucket, key) and not bucket.is_usable(now))


def is_of(bucket: Bucket, key: AccountKey) -> bool:
    """Whether these are points with that carrier."""
    return (bucket.asset, bucket.kind, bucket.scope) == (POINTS, KIND, key.scope)


class _Facts(TypedDict):
    lane: int
    key: str
    purpose: str
    reference: str


@dataclass(slots=True)
class Account:
    """Somebody's points while a step of one order is posted: what is `available` and `owed` as the items make it.
    `steps`: how many there were before. `ended`: so many of what is promised are gone once they are let go of.
    """

    key: AccountKey
    order_id: str
    available: int
    owed: int
    steps: int
    ended: int = 0
    items: list[Item] = field(default_factory=list)

    def credit(self, points: int, step: str, purpose: str, *, source: str, lasting: Lasting) -> None:
        """Points come of our account `source`."""
        if points:
            self.items.append(
                Credit(
                    **self._facts(step, purpose),
                    from_code=source,
                    line_id=self.key.holder,
                    bucket=BucketSpec(
                        kind=KIND,
                        scope=self.key.scope,
                        source=KIND,
                        rule=lasting.rule,
                        usable_until=lasting.usable_until,
                    ),
                    asset=POINTS,
                    amount=points,
                )
            )
            self.available += points

    def take(self, points: int, step: str, purpose: str, *, to: str, owes: bool = True) -> None:
        """Points go to our account `to`; where there are fewer, the rest is owed, unless not `owes`."""
        there = min(points, self.available)
        self._debit(there, step, purpose, to)
        self.available -= there
        if owes and (short := points - there):
            self._transfer(short, f"{step}:owed", DEBT, POINTS_OWED, to)
            self.owed += short

    def settle_debt(self) -> None:
        """What is owed is taken of what there is."""
        part = min(self.owed, self.available)
        self._debit(part, f"debt:{self.steps}", DEBT_SETTLED, POINTS_OWED)
        self.available -= part
        self.owed -= part

    def forgive(self, points: int, step: str, *, source: str) -> int:
        """Points that come of our account `source` settle what is owed first; how many did."""
        part = min(self.owed, points)
        if part:
            self._transfer(part, f"{step}:debt", DEBT_SETTLED, source, POINTS_OWED)
            self.owed -= part
        return part

    def hold(self, points: int, step: str, *, until: datetime) -> None:
        """Points are promised."""
        self.items.append(
            Hold(
                **self._facts(step, SPENT),
                line_id=self.key.holder,
                asset=POINTS,
                amount=points,
                expires_at=until,
                kinds=(KIND,),
                scopes=(self.key.scope,),
            )
        )
        self.available -= points

    def release(self, hold_id: HoldId, points: int, step: str) -> None:
        """What was promised is there again."""
        self.items.append(Release(**self._facts(step, SPENT), hold_id=hold_id))
        # Whose hold has the ended ones is not asked: at worst some are seen only at the next step.
        self.available += max(points - self.ended, 0)

    def settle(self, hold_id: HoldId, points: int, step: str) -> None:
        """What was promised is spent."""
        self.items.append(Settle(**self._facts(step, SPENT), hold_id=hold_id, to_code=POINTS_SPENT, amount=points))

    def _debit(self, points: int, step: str, purpose: str, to: str) -> None:
        if points:
            self.items.append(
                Debit(
                    **self._facts(step, purpose),
                    line_id=self.key.holder,
                    to_code=to,
                    asset=POINTS,
                    amount=points,
                    kinds=(KIND,),
                    scopes=(self.key.scope,),
                )
            )

    def _transfer(self, points: int, step: str, purpose: str, debit: str, credit: str) -> None:
        self.items.append(
            Transfer(**self._facts(step, purpose), debit_code=debit, credit_code=credit, asset=POINTS, amount=points)
        )

    def _facts(self, step: str, purpose: str) -> _Facts:
        return {
            "lane": self.key.lane,
            "key": key_of(self.order_id, step),
            "purpose": purpose,
            "reference": self.order_id,
        }


def key_of(order_id: str, step: str) -> str:
    """The ledger's key of a step of an order."""
    return f"points:{order_id}:{step}"


def given_back(gave: Sequence[tuple[Bucket, int]], points: int, now: datetime) -> list[tuple[int, Lasting]]:
    """How `points` go back to where they came from, those first that would have been used last."""
    parts = []
    left = points
    for bucket, given in reversed(gave):
        if part := min(left, given):
            parts.append((part, _with_end(bucket.usable_until, now)))
            left -= part
    return [*parts, *([(left, FOR_EVER)] if left else [])]


def _with_end(ends: datetime | None, now: datetime) -> Lasting:
    if ends is None:
        return FOR_EVER
    rule: dict[str, str | int | bool | None] = {
        "id": "refund_keeps_its_end",
        "end": ends.isoformat(),
        "at_least_days": USABLE_FOR_AT_LEAST.days,
    }
    return Lasting(max(ends, now + USABLE_FOR_AT_LEAST), rule)
