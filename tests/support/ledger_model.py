"""The ledger as plainly as can be: a list of buckets and a loop, for simulations to hold the real one against."""

import calendar
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from topup.kernel.money import MAXIMUM_AMOUNT
from topup.ledger import AtCap, AtEnd, BucketSpec, Policy, Posted, PostingRefused


@dataclass(eq=False)
class ModelBucket:
    line: str
    asset: str
    spec: BucketSpec
    number: int
    until: datetime | None
    balance: int = 0
    held: int = 0
    closed: bool = False
    id: str | None = None
    """What the ledger named it; the model learns it from the answer."""

    @property
    def forfeit(self) -> datetime | None:
        if self.spec.at_end is not AtEnd.FREEZE or self.until is None:
            return self.until
        return None if self.spec.grace_days is None else days_later(self.until, self.spec.grace_days, self.spec.zone)

    def runs(self, now) -> bool:
        return self.until is None or self.until > now

    def frozen(self, now) -> bool:
        return not self.runs(now) and self.spec.at_end is AtEnd.FREEZE and (self.forfeit is None or self.forfeit > now)

    def like(self, line, asset, spec) -> bool:
        mine = (self.spec.kind, self.spec.scope, self.spec.priority, self.spec.policy, self.spec.at_end)
        other = (spec.kind, spec.scope, spec.priority, spec.policy, spec.at_end)
        return not self.closed and (self.line, self.asset, mine) == (line, asset, other)


def days_later(instant, days, zone, months=0):
    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    local = local.replace(year=year, month=month + 1, day=min(local.day, last)) + timedelta(days=days)
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def tier_end(spec, balance):
    ends = [spec.usable_until, *[tier.usable_until for tier in spec.tiers if tier.from_amount <= balance]]
    return ends[-1]


@dataclass
class ModelHold:
    line: str
    asset: str
    parts: list
    """[bucket, amount, taken] each."""
    open: bool = True


@dataclass
class Model:
    """Everything the ledger knows, as plainly as can be. `legs` are (debit, credit, amount, until)."""

    buckets: list[ModelBucket] = field(default_factory=list)
    holds: dict[str, ModelHold] = field(default_factory=dict)
    house: Counter = field(default_factory=Counter)
    keys: dict = field(default_factory=dict)
    opened: int = 0

    def apply(self, item, now, answer):
        """What the ledger must answer: a code, or ("posted", replayed, legs). `answer` only names new things."""
        known = self.keys.get((item.lane, item.key))
        if known:
            first, legs = known
            return ("posted", True, legs) if first == item else "key_reused"
        found = (self.move_between if item.KIND == "move" else getattr(self, item.KIND))(item, now, answer)
        if isinstance(found, str):
            return found
        for giver, taker, amount, _ in found:
            if item.KIND != "hold":
                self.move(item.lane, giver, -amount, self.asset_of(item, giver, taker))
                self.move(item.lane, taker, amount, self.asset_of(item, giver, taker))
        self.keys[item.lane, item.key] = (item, found)
        return ("posted", False, found)

    def asset_of(self, item, giver, taker):
        return next(
            (side.asset for side in (giver, taker) if isinstance(side, ModelBucket)), getattr(item, "asset", "")
        )

    def move(self, lane, account, amount, asset):
        if isinstance(account, ModelBucket):
            account.balance += amount
        else:
            self.house[account, asset] += amount

    def transfer(self, item, now, answer):
        return [(item.debit_code, item.credit_code, item.amount, None)]

    def credit(self, item, now, answer):
        spec = item.bucket
        target = self.joined(item, spec, now)
        amount, over = item.amount, 0
        if spec.cap is not None:
            kin = [
                b
                for b in self.buckets
                if not b.closed and (b.line, b.asset, b.spec.kind) == (item.line_id, item.asset, spec.kind)
            ]
            room = spec.cap - sum(bucket.balance for bucket in kin)
            if room < amount and spec.at_cap is AtCap.REFUSE:
                return "cap_exceeded"
            amount = max(0, min(amount, room))
            over = item.amount - amount
        legs = self.fill(item, target, amount, now, answer) if amount else []
        return legs if isinstance(legs, str) or not over else [*legs, (item.from_code, "over_cap", over, None)]

    def joined(self, item, spec, now):
        target = None
        for bucket in self.buckets:
            if not bucket.like(item.line_id, item.asset, spec):
                continue
            twin = ModelBucket(item.line_id, item.asset, spec, 0, spec.usable_until)
            if spec.policy is Policy.SEPARATE:
                if (bucket.until, bucket.forfeit) == (twin.until, twin.forfeit):
                    target = bucket
            elif bucket.runs(now) or bucket.frozen(now):
                target = bucket
        return target

    def fill(self, item, target, amount, now, answer):
        spec = item.bucket
        together = isinstance(answer, PostingRefused) and answer.code == "balance_limit"
        if target is not None and (target.balance + amount > MAXIMUM_AMOUNT or (together and target.balance > 2**52)):
            return "balance_limit"
        if target is None:
            self.opened += 1
            until = tier_end(spec, amount) if spec.policy is Policy.TIERS else spec.usable_until
            target = ModelBucket(item.line_id, item.asset, spec, self.opened, until)
            self.buckets.append(target)
        elif spec.policy is not Policy.SEPARATE:
            self.prolong(target, spec, now, amount)
        return [(getattr(item, "from_code", None), target, amount, target.until)]

    def prolong(self, bucket, spec, now, amount):
        before = bucket.until
        if spec.policy is Policy.TIERS:
            bucket.until = tier_end(spec, bucket.balance + amount)
        elif spec.policy is Policy.RENEW:
            bucket.until = spec.usable_until
        elif before is None or spec.usable_until is None:
            bucket.until = None
        elif before <= now:
            bucket.until = spec.usable_until
        elif spec.policy is Policy.EXTEND:
            bucket.until = days_later(before, spec.days or 0, spec.zone, spec.months or 0)
        else:
            bucket.until = max(before, spec.usable_until)
        if bucket.until != before:
            bucket.spec = spec

    def take(self, item, now):
        fits = [
            bucket
            for bucket in self.buckets
            if (bucket.line, bucket.asset) == (item.line_id, item.asset)
            and not bucket.closed
            and (item.kinds is None or bucket.spec.kind in item.kinds)
            and (item.scopes is None or bucket.spec.scope in item.scopes)
            and (item.bucket_id is None or bucket.id == item.bucket_id)
        ]
        never = datetime.max.replace(tzinfo=UTC)
        missing, taken = item.amount, []
        for bucket in sorted(fits, key=lambda b: (b.spec.priority, b.until or never, b.number)):
            usable = bucket.runs(now) or (item.KIND == "move" and item.bucket_id == bucket.id)
            part = min(missing, bucket.balance - bucket.held) if usable else 0
            if part:
                taken.append((bucket, part))
                missing -= part
        if not missing:
            return taken
        frozen = sum(bucket.balance - bucket.held for bucket in fits if bucket.frozen(now))
        return "bucket_frozen" if frozen >= missing else "insufficient_funds"

    def debit(self, item, now, answer):
        taken = self.take(item, now)
        return taken if isinstance(taken, str) else [(bucket, item.to_code, part, None) for bucket, part in taken]

    def hold(self, item, now, answer):
        taken = self.take(item, now)
        if isinstance(taken, str):
            return taken
        for bucket, part in taken:
            bucket.held += part
        if isinstance(answer, Posted):
            self.holds[answer.hold_id] = ModelHold(
                item.line_id, item.asset, [[bucket, part, 0] for bucket, part in taken]
            )
        return [(bucket, None, part, None) for bucket, part in taken]

    def move_between(self, item, now, answer):
        """What a move does; `move` itself is taken by the books."""
        taken = self.take(item, now)
        if isinstance(taken, str):
            return taken
        for bucket, part in taken:
            bucket.balance -= part
        [(_, target, _, until)] = self.fill(item, self.joined(item, item.bucket, now), item.amount, now, answer)
        for bucket, part in taken:
            bucket.balance += part
        return [(bucket, target, part, until) for bucket, part in taken]

    def settle(self, item, now, answer):
        return self.close(item, item.amount, item.final)

    def release(self, item, now, answer):
        return self.close(item, 0, final=True)

    def close(self, item, amount, final):
        hold = self.holds.get(item.hold_id)
        if hold is None:
            return "hold_unknown"
        if not hold.open:
            return "hold_not_open"
        left = sum(part - taken for _, part, taken in hold.parts)
        if amount > left:
            return "settle_exceeds_hold"
        hold.open = not final and amount < left
        legs = []
        for place in hold.parts:
            bucket, part, taken = place
            took = min(part - taken, amount)
            bucket.held -= took if hold.open else part - taken
            place[2] += took
            amount -= took
            if took:
                legs.append((bucket, item.to_code, took, None))
        return legs

    def expire(self, item, now, answer):
        bucket = next((bucket for bucket in self.buckets if bucket.id == item.bucket_id), None)
        if bucket is None:
            return "bucket_unknown"
        if bucket.closed:
            return "bucket_closed"
        if not item.forced and (bucket.forfeit is None or bucket.forfeit > now):
            return "bucket_not_due"
        rest = bucket.balance - bucket.held
        if not rest and bucket.held:
            return "bucket_held"
        bucket.closed = not bucket.held
        return [(bucket, item.to_code, rest, None)] if rest else []
