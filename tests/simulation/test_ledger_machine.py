"""The ledger against a slow model of itself: any sequence of items, in calls of any size, with time passing.

The model is a list of buckets and a loop. After each call every answer is what the model says, every balance too, every
invariant holds; at the end the audit replays the lot. Each sequence runs in a transaction that is rolled back.
"""

import asyncio
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.support.ledger_model import Model, ModelBucket
from topup.kernel.ids import new_id
from topup.kernel.money import MAXIMUM_AMOUNT
from topup.ledger import (
    AtCap,
    AtEnd,
    BucketSpec,
    Credit,
    Debit,
    Expire,
    Hold,
    Move,
    Policy,
    Posted,
    Release,
    Roll,
    Settle,
    Tier,
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
SHOWN = (
    "credit",
    "debit",
    "hold",
    "settle",
    "release",
    "expire",
    "transfer",
    "move",
    "replayed",
    "key_reused",
    "prolonged",
)
SHOWN += ("cap_exceeded", "clipped", "kept_open", "forced", *Policy)


SMALL = (st.integers(1, 40), st.integers(1, 400))
AMOUNTS = st.one_of(*SMALL, *SMALL, *SMALL, st.just(MAXIMUM_AMOUNT))
DEBITED = st.one_of(st.integers(1, 15), st.integers(1, 60), st.integers(1, 600))


def seldom(strategy):
    """None, and sometimes what the strategy draws."""
    return st.one_of(st.none(), st.none(), st.none(), strategy)


@st.composite
def specs(draw, now):
    at_end = draw(st.sampled_from(AtEnd))
    policy = draw(st.sampled_from(Policy))
    ends = st.none() | st.integers(-1, 4).map(lambda days: now + timedelta(days=days))
    tiers = [Tier(from_amount=least, usable_until=draw(ends)) for least in (draw(st.integers(0, 30)), 60, 200)]
    return BucketSpec(
        kind=draw(st.sampled_from(KINDS)),
        scope=draw(st.sampled_from(SCOPES)),
        priority=draw(st.sampled_from((1, 2))),
        policy=policy,
        at_end=at_end,
        rule={"id": "drawn"},
        usable_until=draw(ends),
        days=draw(st.integers(1, 12)),
        months=draw(st.none() | st.integers(1, 3)),
        zone=draw(st.sampled_from(("UTC", "Asia/Shanghai", "Europe/Berlin"))),
        grace_days=draw(st.none() | st.integers(1, 5)) if at_end is AtEnd.FREEZE else None,
        tiers=tuple(tiers) if policy is Policy.TIERS else (),
        roll=Roll(days=3, zone="UTC") if at_end is AtEnd.ROLL_OVER else None,
        cap=draw(seldom(st.integers(1, 900))),
        at_cap=draw(st.sampled_from(AtCap)),
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
    wanted = ["credit", "credit", "credit", "debit", "hold", "hold", "expire", "transfer", "move"]
    wanted += ["settle", "settle", "release", "release"] if unsettled or draw(st.integers(0, 9)) == 0 else []
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
            known = [b.spec for b in model.buckets if (b.line, b.asset) == (line, asset)]
            spec = draw(st.one_of(specs(now), *[st.sampled_from(known)] * 2 if known else []))
            if spec.usable_until and draw(st.booleans()):
                spec = replace(spec, usable_until=now + timedelta(days=draw(st.integers(1, 4))))
            amount = draw(AMOUNTS)
            return Credit(**base, line_id=line, from_code=house, bucket=spec, asset=asset, amount=amount)
        case "debit":
            return Debit(**base, to_code=house, **narrowed)
        case "hold":
            return Hold(**base, expires_at=now + timedelta(days=1), **narrowed)
        case "settle":
            settled = draw(st.integers(1, 15))
            return Settle(**base, hold_id=draw(some_hold), to_code=house, amount=settled, final=draw(st.booleans()))
        case "move":
            spec = replace(draw(specs(now)), kind="moved", cap=None)
            return Move(**base, bucket=spec, **narrowed | {"kinds": KINDS})
        case "release":
            return Release(**base, hold_id=draw(some_hold))
        case "expire":
            return Expire(**base, bucket_id=draw(some_bucket), to_code="expired", forced=draw(st.integers(0, 4)) == 0)
        case _:
            return Transfer(**base, debit_code="clearing:x", credit_code=house, asset=asset, amount=draw(AMOUNTS))


figures: Counter = Counter()


class LedgerMachine(RuleBasedStateMachine):
    """Calls of several items against the database of `url`; a subclass names it, and the loop to run in."""

    url: str
    runner: asyncio.Runner

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.now = START
        self.count = 0
        self.posted: list = []

    @initialize()
    def connect(self):
        conninfo = application_conninfo(self.url, statement_timeout_s=60)
        self.connection = self.runner.run(psycopg.AsyncConnection.connect(conninfo, autocommit=True))
        self.run("BEGIN ISOLATION LEVEL READ COMMITTED")
        figures["sequences"] += 1

    def run(self, statement):
        self.runner.run(self.connection.execute(statement))

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
        answers = self.runner.run(post(self.connection, batch, self.now))
        in_order = in_waves(list(zip(batch, answers, strict=True)))
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
        figures["prolonged"] += was_prolonged(item, legs)
        if item.KIND == "credit":
            figures[item.bucket.policy] += 1
            figures["clipped"] += any(taker == "over_cap" for _, taker, _, _ in legs)
        figures["kept_open"] += item.KIND == "settle" and self.model.holds[item.hold_id].open
        figures["forced"] += item.KIND == "expire" and item.forced
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
        found = self.runner.run(buckets(self.connection, list(LINES)))
        stored = {b.id: (b.balance, b.held, b.usable_until, b.forfeit_at) for line in found.values() for b in line}
        model = {b.id: (b.balance, b.held, b.until, b.forfeit) for b in self.model.buckets if not b.closed}
        assert stored == model
        house = {key: value for key, value in self.runner.run(house_balances(self.connection)).items() if value}
        assert house == {key: value for key, value in self.model.house.items() if value}
        assert self.runner.run(violations(self.connection)) == []

    def teardown(self):
        if hasattr(self, "connection"):
            try:
                report = self.runner.run(audit(self.connection))
            finally:
                self.runner.run(self.connection.close())
            figures["transfers"] += report.transfers
            figures["imbalance"] += sum(map(abs, report.imbalance.values()))
            assert report.sound, report.faults


def in_waves(pairs) -> list:
    """Where a key comes twice in a call, the second waits for all the others."""
    if not pairs:
        return []
    first = {(item.lane, item.key): n for n, (item, _) in reversed(list(enumerate(pairs)))}
    later = [pair for n, pair in enumerate(pairs) if n not in first.values()]
    return [pairs[n] for n in sorted(first.values())] + in_waves(later)


def was_prolonged(item, legs) -> bool:
    if item.KIND != "credit" or item.bucket.policy is not Policy.EXTEND:
        return False
    until = legs[0][3]
    return until not in {None, item.bucket.usable_until}


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
        here = type("Machine", (LedgerMachine,), {"url": machine_url, "runner": runner})
        run_state_machine_as_test(here, settings=chosen)
    print(f"G1 G4 G5 {dict(figures)}")
    for kind in SHOWN:
        assert figures[kind], f"nothing was drawn that shows {kind}"
    assert figures["imbalance"] == 0
