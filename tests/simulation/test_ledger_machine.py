"""The ledger against a slow model of itself: any sequence of items, in calls of any size, with time passing.

The model is a list of buckets and a loop. After each call every answer is what the model says, every balance too, every
invariant holds; at the end the audit replays the lot. Each sequence runs in a transaction that is rolled back.
"""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from topup.kernel.ids import new_id
from topup.kernel.money import MAXIMUM_AMOUNT
from topup.ledger import (
    AtEnd,
    BucketSpec,
    Credit,
    Debit,
    Expire,
    Hold,
    Policy,
    Posted,
    Release,
    Settle,
    Transfer,
    post,
)
from topup.ledger.audit import audit
from topup.ledger.invariants import violations
from topup.ledger.queries import buckets, house_balances
from topup.platform.database import application_conninfo

SOAK = bool(os.environ.get("TOPUP_SOAK"))
START = datetime(2026, 3, 20, 9, tzinfo=UTC)  # Berlin's clocks go forward on the 29th
LINES = {new_id("line", lane): lane for lane in (3, 3, 8)}
HOUSES = ("suspense", "sales", "fees")
ASSETS = ("CNY", "CNY", "CNY", "DATA")
KINDS = ("main", "bonus")
SCOPES = ("any", "roaming")


# --- the model -----------------------------------------------------------------------------------------------------


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
        if self.spec.at_end is AtEnd.FORFEIT or self.until is None:
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


def days_later(instant, days, zone):
    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(days=days)
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@dataclass
class ModelHold:
    line: str
    asset: str
    parts: list
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
        found = getattr(self, item.KIND)(item, now, answer)
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
        if target is None:
            self.opened += 1
            target = ModelBucket(item.line_id, item.asset, spec, self.opened, spec.usable_until)
            self.buckets.append(target)
        elif target.balance + item.amount > MAXIMUM_AMOUNT:
            return "balance_limit"
        elif spec.policy is not Policy.SEPARATE:
            self.prolong(target, spec, now)
        return [(item.from_code, target, item.amount, target.until)]

    def prolong(self, bucket, spec, now):
        before = bucket.until
        if before is None or spec.usable_until is None:
            bucket.until = None
        elif before <= now:
            bucket.until = spec.usable_until
        elif spec.policy is Policy.EXTEND:
            bucket.until = days_later(before, spec.days, spec.zone)
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
            part = min(missing, bucket.balance - bucket.held) if bucket.runs(now) else 0
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
            self.holds[answer.hold_id] = ModelHold(item.line_id, item.asset, taken)
        return [(bucket, None, part, None) for bucket, part in taken]

    def settle(self, item, now, answer):
        return self.close(item, item.amount)

    def release(self, item, now, answer):
        return self.close(item, 0)

    def close(self, item, amount):
        hold = self.holds.get(item.hold_id)
        if hold is None:
            return "hold_unknown"
        if not hold.open:
            return "hold_not_open"
        if amount > sum(part for _, part in hold.parts):
            return "settle_exceeds_hold"
        hold.open = False
        legs = []
        for bucket, part in hold.parts:
            bucket.held -= part
            took = min(part, amount)
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
        if bucket.forfeit is None or bucket.forfeit > now:
            return "bucket_not_due"
        rest = bucket.balance - bucket.held
        if not rest and bucket.held:
            return "bucket_held"
        bucket.closed = not bucket.held
        return [(bucket, item.to_code, rest, None)] if rest else []


# --- what is drawn -------------------------------------------------------------------------------------------------

SMALL = (st.integers(1, 40), st.integers(1, 400))
AMOUNTS = st.one_of(*SMALL, *SMALL, *SMALL, st.just(MAXIMUM_AMOUNT))
DEBITED = st.one_of(st.integers(1, 15), st.integers(1, 60), st.integers(1, 600))


def seldom(strategy):
    """None, and sometimes what the strategy draws."""
    return st.one_of(st.none(), st.none(), st.none(), strategy)


@st.composite
def specs(draw, now):
    at_end = draw(st.sampled_from(AtEnd))
    return BucketSpec(
        kind=draw(st.sampled_from(KINDS)),
        scope=draw(st.sampled_from(SCOPES)),
        priority=draw(st.sampled_from((1, 2))),
        policy=draw(st.sampled_from(Policy)),
        at_end=at_end,
        rule={"id": "drawn"},
        usable_until=draw(st.none() | st.integers(-1, 4).map(lambda days: now + timedelta(days=days))),
        days=draw(st.integers(1, 12)),
        zone=draw(st.sampled_from(("UTC", "Asia/Shanghai", "Europe/Berlin"))),
        grace_days=None if at_end is AtEnd.FORFEIT else draw(st.none() | st.integers(1, 5)),
    )


@st.composite
def items(draw, model, now, key):
    owned = [(bucket.line, bucket.asset) for bucket in model.buckets if not bucket.closed][-8:]
    places = [(line, asset) for line in sorted(LINES) for asset in ASSETS]
    line, asset = draw(st.sampled_from(places if not owned or draw(st.integers(0, 3)) == 0 else owned))
    base = {"lane": LINES[line], "key": key, "purpose": "drawn", "reference": draw(st.sampled_from(("a", "b")))}
    house = draw(st.sampled_from(HOUSES))
    ids = [bucket.id for bucket in model.buckets if LINES[bucket.line] == base["lane"]]
    holds = [hold_id for hold_id, hold in model.holds.items() if LINES[hold.line] == base["lane"]]
    unsettled = [hold_id for hold_id in holds if model.holds[hold_id].open]
    some_bucket = st.sampled_from([*ids * 2, *ids[-4:] * 2, "acc_unknown"])
    some_hold = st.sampled_from([*unsettled * 6, *holds, "hol_unknown"])
    wanted = ["credit", "credit", "credit", "debit", "debit", "hold", "expire", "transfer"]
    wanted += ["settle", "settle", "release"] if unsettled or draw(st.integers(0, 9)) == 0 else []
    narrowed = {
        "line_id": line,
        "asset": asset,
        "amount": draw(DEBITED),
        "kinds": draw(seldom(st.sampled_from(KINDS).map(lambda kind: (kind,)))),
        "scopes": draw(seldom(st.sampled_from(SCOPES).map(lambda scope: (scope,)))),
        "bucket_id": draw(seldom(some_bucket)),
    }
    match draw(st.sampled_from(wanted)):
        case "credit":
            known = [bucket.spec for bucket in model.buckets]
            spec = draw(st.one_of(specs(now), *([st.sampled_from(known)] if known else [])))
            amount = draw(AMOUNTS)
            return Credit(**base, line_id=line, from_code=house, bucket=spec, asset=asset, amount=amount)
        case "debit":
            return Debit(**base, to_code=house, **narrowed)
        case "hold":
            return Hold(**base, expires_at=now + timedelta(days=1), **narrowed)
        case "settle":
            return Settle(**base, hold_id=draw(some_hold), to_code=house, amount=draw(st.integers(1, 15)))
        case "release":
            return Release(**base, hold_id=draw(some_hold))
        case "expire":
            return Expire(**base, bucket_id=draw(some_bucket), to_code="expired")
        case _:
            return Transfer(**base, debit_code="clearing:x", credit_code=house, asset=asset, amount=draw(AMOUNTS))


# --- the machine ---------------------------------------------------------------------------------------------------

figures: Counter = Counter()


def machine(url: str, runner: asyncio.Runner) -> type[RuleBasedStateMachine]:
    """The state machine on the database of `url`."""

    class LedgerMachine(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.model = Model()
            self.now = START
            self.count = 0
            self.posted: list = []

        @initialize()
        def connect(self):
            conninfo = application_conninfo(url, statement_timeout_s=60)
            self.connection = runner.run(psycopg.AsyncConnection.connect(conninfo, autocommit=True))
            self.run("BEGIN ISOLATION LEVEL READ COMMITTED")
            figures["sequences"] += 1

        def run(self, statement):
            runner.run(self.connection.execute(statement))

        @rule(data=st.data(), size=st.integers(1, 6))
        def call(self, data, size):
            """Post several items in one call, some under a key that was used before."""
            batch = [self.draw(data, f"key:{self.count + n}") for n in range(size)]
            self.count += size
            for n in range(size):
                if (self.posted or n) and data.draw(st.integers(0, 5)) == 0:
                    old = data.draw(st.sampled_from(self.posted + batch[:n]))
                    again = old.lane != batch[n].lane or data.draw(st.booleans())
                    batch[n] = old if again else replace(batch[n], key=old.key)
            self.posted += batch
            answers = runner.run(post(self.connection, batch, self.now))
            in_order = sorted(zip(batch, answers, strict=True), key=lambda pair: pair[0].lane)
            for item, answer in in_order:
                self.compare(item, answer, self.model.apply(item, self.now, answer))

        def draw(self, data, key):
            return data.draw(items(self.model, self.now, key))

        def compare(self, item, answer, expected):
            figures["items"] += 1
            if isinstance(expected, str):
                assert getattr(answer, "code", answer) == expected, item
                figures[expected] += 1
                return
            _, replayed, legs = expected
            assert isinstance(answer, Posted), (item, answer)
            for leg, (giver, taker, _, _) in zip(answer.legs, legs, strict=True):
                self.name(giver, leg.debit)
                self.name(taker, leg.credit)
            told = [(leg.debit, leg.credit, leg.amount, leg.usable_until) for leg in answer.legs]
            assert told == [(name(giver), name(taker), amount, until) for giver, taker, amount, until in legs], item
            assert answer.replayed == replayed
            figures["replayed" if replayed else item.KIND] += 1

        def name(self, account, identifier):
            if isinstance(account, ModelBucket) and account.id is None:
                assert identifier not in {bucket.id for bucket in self.model.buckets}
                account.id = identifier

        @rule(hours=st.one_of(st.integers(1, 30), st.just(24 * 7)))
        def time_passes(self, hours):
            self.now += timedelta(hours=hours)

        @invariant()
        def balances_are_the_model_s(self):
            if not hasattr(self, "connection"):
                return
            found = runner.run(buckets(self.connection, list(LINES)))
            stored = {b.id: (b.balance, b.held, b.usable_until, b.forfeit_at) for line in found.values() for b in line}
            model = {b.id: (b.balance, b.held, b.until, b.forfeit) for b in self.model.buckets if not b.closed}
            assert stored == model
            house = {key: value for key, value in runner.run(house_balances(self.connection)).items() if value}
            assert house == {key: value for key, value in self.model.house.items() if value}
            assert runner.run(violations(self.connection)) == []

        def teardown(self):
            if hasattr(self, "connection"):
                report = runner.run(audit(self.connection))
                figures["transfers"] += report.transfers
                figures["imbalance"] += sum(map(abs, report.imbalance.values()))
                runner.run(self.connection.close())
                assert report.sound, report.faults

    return LedgerMachine


def name(account):
    return account.id if isinstance(account, ModelBucket) else account


@pytest.fixture
def machine_url(any_postgres):
    database = any_postgres.clone()
    yield any_postgres.url(database)
    any_postgres.drop(database)


@pytest.mark.timeout(1800 if SOAK else 300)
def test_the_ledger_does_what_its_model_does(machine_url):
    figures.clear()
    chosen = settings(
        max_examples=2000 if SOAK else 25,
        stateful_step_count=40 if SOAK else 20,
        deadline=None,
        derandomize=not SOAK,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        run_state_machine_as_test(machine(machine_url, runner), settings=chosen)
    print(f"G1 G4 G5 {dict(figures)}")
    for kind in ("credit", "debit", "hold", "settle", "release", "expire", "transfer", "replayed", "key_reused"):
        assert figures[kind], f"nothing was drawn that shows {kind}"
    assert figures["imbalance"] == 0
