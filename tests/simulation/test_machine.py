"""Sequences nobody would think of, against a world that keeps its own truth (G1, G4, G10, G16)."""

import asyncio
import contextlib
import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.simulation.shop import Installation, not_as_it_is
from tests.simulation.world import Back, End, Fault, World
from tests.support.database import settings_for
from tests.support.desk import publish_demonstration
from topup.kernel.errors import Conflict
from topup.kernel.money import Money
from topup.kernel.outcome import Reason
from topup.platform.database import Database

SOAK = bool(os.environ.get("TOPUP_SOAK"))

# With and without bonus and validity; the last two are delivered by another carrier.
NUMBERS = ["13800138000", "13000130000", "13300133000", "+6581234500", "+6591234501"]
AMOUNTS = {"CNY": [1000, 5000, 30000], "SGD": [1000, 2000]}
PAUSES = [
    *(timedelta(seconds=seconds) for seconds in (3, 10, 10, 31, 31, 65, 65)),
    *(timedelta(minutes=minutes) for minutes in (5, 5, 14, 16, 70)),
    timedelta(hours=25),
]
SWEEPS = ["expire", "inbox", "ask", "deliver", "refund", "bills"]

indexes = st.integers(0, 7)
methods = st.sampled_from(["sandbox", "stripe"])
faults = st.lists(st.sampled_from(list(Fault)), max_size=3)


class Tally:
    """What all sequences together were."""

    sequences = steps = transfers = captures = refunds = deliveries = persons = overtaken = 0


class TopUps(RuleBasedStateMachine):
    """Everything that can happen to top-ups, in any order."""

    cluster = None
    template = ""
    keys = None

    def __init__(self) -> None:
        super().__init__()
        self.name = self.cluster.clone(self.template)
        self.runner = asyncio.Runner()
        self.world = World()
        self.shop = self.runner.run(Installation.open(self.cluster.url(self.name), self.keys, self.world))
        self.changed = True

    def run(self, work):
        self.changed = True
        Tally.steps += 1
        return self.runner.run(work)

    def pick(self, things, index):
        return things[index % len(things)]

    @initialize(index=indexes, amount=indexes, method=methods, paid=st.booleans())
    def begin(self, index, amount, method, paid):
        self.customer_comes(index, amount, method, paid)

    # Customers

    @precondition(lambda self: len(self.shop.orders) < 4)
    @rule(index=indexes, amount=indexes, method=methods, paid=st.booleans())
    def customer_comes(self, index, amount, method, paid):
        """Orders, begins to pay, and perhaps pays, and the gateway says so: the usual way, in one step."""
        self.order(index, amount)
        self.begin_to_pay(-1, method, Fault.NONE)
        if paid:
            self.payer_pays(-1, None, told=True)

    @precondition(lambda self: len(self.shop.orders) < 4)
    @rule(index=indexes, amount=indexes)
    def order(self, index, amount):
        number = self.pick(NUMBERS, index)
        currency = "SGD" if number.startswith("+65") else "CNY"
        made = self.run(self.shop.order(number, Money(self.pick(AMOUNTS[currency], amount), currency)))
        assert not isinstance(made, Exception), made

    @precondition(lambda self: len(self.shop.payments) < 8)
    @rule(
        index=indexes,
        method=methods,
        fault=st.sampled_from([Fault.NONE, Fault.NONE, *Fault]),
    )
    def begin_to_pay(self, index, method, fault):
        if fault is not Fault.NONE:
            self.world.faults.append(fault)
        self.run(self.shop.pay(self.pick(self.shop.orders, index), method))
        self.world.faults.clear()

    @precondition(lambda self: self.world.payments)
    @rule(index=indexes, wrong=st.sampled_from([None, None, None, None, -1, 1, "HKD"]), told=st.booleans())
    def payer_pays(self, index, wrong, told):
        payment = self.pick(list(self.world.payments.values()), index)
        gateway = next(one for one in self.world.gateways.values() if payment.id in one.payments)
        if not gateway.can_be_paid(payment) or len(payment.charges) > 2:
            return
        asked = payment.asked
        amount = asked
        if wrong == "HKD":
            amount = Money(asked.amount_minor, "HKD")
        elif wrong:
            amount = Money(asked.amount_minor + wrong, asked.currency)
        gateway.pay(payment, amount)
        if told:
            self.run(self.shop.tell(self.world.events[-1]))

    @precondition(lambda self: self.world.payments)
    @rule(index=indexes)
    def payers_bank_declines(self, index):
        payment = self.pick(list(self.world.payments.values()), index)
        gateway = next(one for one in self.world.gateways.values() if payment.id in one.payments)
        if gateway.can_be_paid(payment) and not payment.charges:
            gateway.decline(payment)

    @rule(index=indexes)
    def payer_cancels(self, index):
        async def cancel():
            with contextlib.suppress(Conflict):
                await self.shop.desk.cancel(order_id=self.pick(self.shop.orders, index).id)

        self.run(cancel())

    # The outside

    @precondition(lambda self: self.world.events)
    @rule(index=st.integers(0, 30), times=st.integers(1, 3), dies=st.booleans())
    def event_arrives(self, index, times, dies):
        event = self.pick(self.world.events, -1 - index)
        for _ in range(times):
            assert self.run(self.shop.tell(event, dies=dies)) == 200

    @precondition(lambda self: [one for one in self.world.carrier.topups.values() if one.state == "accepted"])
    @rule(
        index=indexes,
        ending=st.sampled_from(["done", "refused"]),
        reason=st.sampled_from([Reason.USER, Reason.CONFIGURATION]),
    )
    def carrier_finishes(self, index, ending, reason):
        topup = self.pick([one for one in self.world.carrier.topups.values() if one.state == "accepted"], index)
        topup.reason = reason
        self.world.carrier.finish(topup, ending)

    @precondition(lambda self: [one for one in self.world.carrier.topups.values() if one.state == "done"])
    @rule(index=indexes)
    def carrier_takes_back(self, index):
        topup = self.pick([one for one in self.world.carrier.topups.values() if one.state == "done"], index)
        self.world.carrier.finish(topup, "reversed")

    @rule(index=indexes, state=st.sampled_from([Back.DONE, Back.REFUSED]))
    def gateway_finishes_a_refund(self, index, state):
        for gateway in self.world.gateways.values():
            pending = [one for one in gateway.refunds.values() if one.state is Back.PENDING]
            if pending:
                gateway.finish(self.pick(pending, index), state)

    @precondition(lambda self: len(self.shop.orders) < 4)
    @rule(pause=st.sampled_from(PAUSES[:5]), fault=st.sampled_from([Fault.LATE_REQUEST, *Fault]))
    def delivery_gets_lost(self, pause, fault):
        """Paid for at another carrier, sent, and soon asked about: what was lost may still be on its way."""
        self.customer_comes(3, 0, "sandbox", paid=True)
        self.world.faults.append(fault)
        self.run(self.shop.sweep("deliver"))
        self.world.faults.clear()
        self.run(self.shop.later(pause))
        self.run(self.shop.sweep("deliver"))

    # Ourselves

    @rule(
        kinds=st.one_of(st.just(SWEEPS), st.lists(st.sampled_from(SWEEPS), min_size=1, max_size=3)),
        faults=faults,
        ends=st.lists(st.sampled_from(list(End)), max_size=2),
        backs=st.lists(st.sampled_from(list(Back)), max_size=2),
        overtakes=st.booleans(),
    )
    def sweeps_run(self, kinds, faults, ends, backs, overtakes):
        self.world.faults.extend(faults)
        self.world.carrier.ends.extend(ends)
        for gateway in self.world.gateways.values():
            gateway.backs.extend(backs)
        if overtakes:
            self.world.meanwhile.append(self.shop.tell_all)
        for kind in kinds:
            self.run(self.shop.sweep(kind))
        Tally.overtaken += overtakes and not self.world.meanwhile
        self.world.faults.clear()
        self.world.meanwhile.clear()
        self.world.carrier.ends.clear()
        for gateway in self.world.gateways.values():
            gateway.backs.clear()

    @rule(pause=st.sampled_from(PAUSES))
    def time_passes(self, pause):
        self.run(self.shop.later(pause))

    @rule()
    def process_dies(self):
        self.run(self.shop.restart())

    # What must hold

    @invariant()
    def the_books_are_right(self):
        if not self.changed:
            return
        self.changed = False
        self.hold(self.shop.books().wrong())
        self.hold(self.world.violations)

    def hold(self, wrong):
        assert not wrong, "\n".join(wrong)

    def teardown(self):
        try:
            self.runner.run(self.shop.heal())
            books = self.shop.books()
            note(f"orders: {[(one['id'], one['state']) for one in books.orders.values()]}")
            self.hold([*books.wrong(), *books.unfinished(), *self.world.violations, *not_as_it_is(self.world, books)])
            Tally.sequences += 1
            Tally.transfers += len(books.transfers)
            Tally.captures += len(books.captures)
            Tally.refunds += len(books.refunds)
            Tally.deliveries += sum(books.delivered(order) for order in books.orders.values())
            Tally.persons += len(books.items)
        finally:
            self.runner.run(self.shop.close())
            self.runner.close()
            self.cluster.drop(self.name)


@pytest.fixture
def stocked(postgres):
    """The name of a database to clone that has the demonstration's carriers."""
    name = postgres.clone()

    async def stock():
        async with Database.open(settings=settings_for(postgres.url(name)), migrating=False) as database:
            await publish_demonstration(database)

    with asyncio.Runner() as runner:
        runner.run(stock())
    yield name
    postgres.drop(name)


@pytest.mark.timeout(3600 if SOAK else 240)
def test_whatever_happens_no_money_is_lost_doubled_or_stuck(postgres, stocked, data_dir, figures):
    data_dir.mkdir()
    TopUps.cluster, TopUps.template, TopUps.keys = postgres, stocked, data_dir / "keys"
    run_state_machine_as_test(
        TopUps,
        settings=settings(
            max_examples=1500 if SOAK else 40,
            stateful_step_count=80 if SOAK else 40,
            derandomize=not SOAK,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    figures.never("G1", duplicates=0, of=Tally.deliveries, sequences=Tally.sequences, steps=Tally.steps)
    figures("G4", transfers=Tally.transfers, imbalance=0)
    figures.never("G10", stuck=0, of=Tally.captures, with_a_person=Tally.persons)
    figures.never("G16", over_refund=0, of=Tally.refunds)
