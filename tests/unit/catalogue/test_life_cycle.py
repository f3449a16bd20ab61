"""A line's life: whoever looks late sees the same dates, whoever looks twice changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.carriers import CARRIERS
from topup.catalogue.checking import check_bytes
from topup.catalogue.life_cycle import MOST_CHANGES, forecast, opened, reminders, shown_as, step
from topup.catalogue.life_cycle_rules import (
    Clock,
    Exit,
    LifeCycle,
    LineRules,
    MonthlyFee,
    Restart,
    State,
    StateUnknown,
    TermTier,
    line_rules,
)
from topup.catalogue.line_facts import Effect, Event, LineFacts, Portion
from topup.catalogue.monthly_fees import next_fee, take_fee
from topup.catalogue.terms import Term
from topup.catalogue.versions import CarrierVersion

UTC_ZONE = ZoneInfo("Etc/UTC")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAMES = st.sampled_from(sorted(CARRIERS))
EVENTS = st.one_of(
    st.just(Event("activity")),
    st.builds(
        lambda amount, days, plain: Event(
            "topup", amount, plain=plain, funds=(Portion(amount, START + timedelta(days=days)),), arrears_minor=0
        ),
        st.integers(500, 50_000),
        st.integers(1, 1500),
        st.booleans(),
    ),
    st.just(Event("funds", funds=())),
    st.just(Event("fee", funds=(), arrears_minor=800)),
)
HISTORY = st.lists(st.tuples(st.integers(1, 200), EVENTS), max_size=8)


def rules_of(*states: State, clocks: tuple[Clock, ...] = (), fee: MonthlyFee | None = None) -> LineRules:
    return line_rules(LifeCycle(states[0].id, states), clocks, fee)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


@given(NAMES, HISTORY, st.integers(0, 3))
def test_looking_often_late_or_twice_gives_the_same_life(name, history, looks):
    """The events decide; the jobs in between only find out, with the same instants."""
    carrier = CARRIERS[name]
    rules, zone = carrier.line_rules, carrier.zone
    punctual = lazy = opened(rules, now=START, zone=zone).facts
    now, seen, late = START, [], []
    for days, event in history:
        for look in range(looks):
            found = step(rules, punctual, now=now + timedelta(days=days * look / looks), zone=zone)
            again = step(rules, found.facts, now=now + timedelta(days=days * look / looks), zone=zone)
            assert (again.facts, again.changes, again.effects) == (found.facts, (), ())
            punctual, seen = found.facts, seen + list(found.changes)
        now += timedelta(days=days)
        found, slow = (step(rules, facts, now=now, zone=zone, event=event) for facts in (punctual, lazy))
        punctual, seen = found.facts, seen + list(found.changes)
        lazy, late = slow.facts, late + list(slow.changes)
    assert seen == late
    assert (punctual.state, punctual.state_since, punctual.clocks) == (lazy.state, lazy.state_since, lazy.clocks)
    assert [change.at for change in seen] == sorted(change.at for change in seen)
    assert [change.left for change in seen[1:]] == [change.entered for change in seen[:-1]]


@given(NAMES, HISTORY)
def test_a_closed_line_stays_closed(name, history):
    carrier = CARRIERS[name]
    rules = carrier.line_rules
    closed = next(state.id for state in rules.states.values() if state.closes)
    line = LineFacts(closed, START)
    for days, event in history:
        found = step(rules, line, now=day(days), zone=carrier.zone, event=event)
        assert (found.facts.state, found.changes, found.effects, found.look_at) == (closed, (), (), None)
        assert found.facts.clocks == {}


@given(NAMES, HISTORY)
def test_a_forecast_comes_true_where_nobody_acts(name, history):
    carrier = CARRIERS[name]
    rules, zone = replace_fee(carrier.line_rules), carrier.zone
    line, now = opened(rules, now=START, zone=zone).facts, START
    for days, event in history:
        now += timedelta(days=days)
        line = step(rules, line, now=now, zone=zone, event=event).facts
    foretold = forecast(rules, line, now=now, zone=zone)
    lived, seen = line, []
    for change in foretold:
        found = step(rules, lived, now=change.at, zone=zone)
        assert step(rules, lived, now=change.at - timedelta(seconds=1), zone=zone).changes == ()
        lived, seen = found.facts, seen + list(found.changes)
        if len(seen) >= len(foretold):
            break
    assert tuple(seen) == foretold


def replace_fee(rules: LineRules) -> LineRules:
    """The same without monthly fees, which somebody must take."""
    return LineRules(rules.starts, rules.states, rules.clocks)


@given(NAMES, HISTORY)
def test_the_next_look_is_when_something_happens_and_not_before(name, history):
    carrier = CARRIERS[name]
    rules, zone = carrier.line_rules, carrier.zone
    found, now = opened(rules, now=START, zone=zone), START
    for days, event in history:
        now += timedelta(days=days)
        found = step(rules, found.facts, now=now, zone=zone, event=event)
    if found.look_at is None:
        assert step(rules, found.facts, now=now + timedelta(days=7000), zone=zone).changes == ()
        return
    assert found.look_at > now
    before, then = found.look_at - timedelta(seconds=1), found.look_at
    assert step(rules, found.facts, now=before, zone=zone).changes == ()
    assert reminders(rules, found.facts, zone=zone, after=now, until=before) == ()
    told = reminders(rules, found.facts, zone=zone, after=before, until=then)
    assert told or step(rules, found.facts, now=then, zone=zone).changes


class TestClocks:
    def set(self, clock: Clock, due: datetime | None, event: Event, now: datetime) -> datetime | None:
        rules = rules_of(State("active", "active"), clocks=(clock,))
        line = LineFacts("active", START, {clock.name: due} if due else {})
        return step(rules, line, now=now, zone=UTC_ZONE, event=event).facts.clocks.get(clock.name)

    @pytest.mark.parametrize(
        ("policy", "due", "expected"),
        [
            ("renew", datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 2, 11, tzinfo=UTC)),
            ("longest", datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
            ("longest", datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 2, 11, tzinfo=UTC)),
            ("extend", datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 31, tzinfo=UTC)),
            ("extend", datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 11, tzinfo=UTC)),
            ("extend", None, datetime(2026, 2, 11, tzinfo=UTC)),
        ],
    )
    def test_what_the_new_end_is(self, policy, due, expected):
        clock = Clock("number", Term(days=30), policy, (Restart("topup"),))
        assert self.set(clock, due, Event("topup", 100), datetime(2026, 1, 11, 12, tzinfo=UTC)) == expected

    @given(st.sampled_from(["longest", "extend"]), st.integers(1, 500), st.integers(-400, 900))
    def test_longest_and_extend_never_shorten(self, policy, days, beside):
        clock = Clock("number", Term(days=days), policy, (Restart("topup"),))
        due = day(beside)
        assert self.set(clock, due, Event("topup", 100), START) >= max(due, day(days))

    @pytest.mark.parametrize(
        ("due", "expected"),
        [
            (None, day(30)),
            (day(50), day(80)),
            (day(80), datetime(2026, 4, 1, tzinfo=UTC)),  # the end of the 89th day
            (day(200), day(200)),
        ],
    )
    def test_it_is_moved_on_no_farther_than_the_file_allows_and_never_back(self, due, expected):
        clock = Clock("number", Term(days=30, ends="exact"), "extend", (Restart("topup"),), most_days=89)
        assert self.set(clock, due, Event("topup", 100), START) == expected

    @pytest.mark.parametrize(
        ("restart", "event", "restarts"),
        [
            (Restart("topup", least_minor=500), Event("topup", 499), False),
            (Restart("topup", least_minor=500), Event("topup", 500), True),
            (Restart("topup", plain=True), Event("topup", 500), False),
            (Restart("topup", plain=True), Event("topup", 500, plain=True), True),
            (Restart("activity"), Event("topup", 500), False),
            (Restart("activity"), Event("activity"), True),
            (Restart("activation"), Event("activation"), True),
            (Restart("topup"), Event("funds", funds=()), False),
        ],
    )
    def test_what_restarts_it(self, restart, event, restarts):
        found = self.set(Clock("number", Term(days=30), "renew", (restart,)), None, event, START)
        assert (found is not None) is restarts

    @pytest.mark.parametrize(("amount", "days"), [(499, None), (500, 10), (999, 10), (1000, 40), (50_000, 40)])
    @pytest.mark.parametrize("by", ["topup", "balance"])
    def test_tiers_by_amount_or_by_balance(self, by, amount, days):
        tiers = (TermTier(500, Term(days=10)), TermTier(1000, Term(days=40)))
        clock = Clock("number", Term(days=30), "renew", (Restart("topup", by=by, tiers=tiers),))
        event = Event("topup", amount if by == "topup" else 1, funds=(Portion(amount if by == "balance" else 1),))
        expected = None if days is None else datetime(2026, 1, 2, tzinfo=UTC) + timedelta(days=days)
        assert self.set(clock, None, event, START) == expected


class TestStates:
    def test_the_first_of_two_exits_due_at_once_counts(self):
        ways = (Exit("days", "first", term=Term(days=10)), Exit("days", "second", term=Term(days=10)))
        rules = rules_of(State("a", "active", exits=ways), State("first", "low"), State("second", "low"))
        found = step(rules, LineFacts("a", START), now=day(30), zone=UTC_ZONE)
        assert [change.entered for change in found.changes] == ["first"]

    def test_nothing_happens_before_the_state_it_happens_in(self):
        rules = rules_of(
            State("a", "active", exits=(Exit("days", "b", term=Term(days=10, ends="exact")),)),
            State("b", "low", exits=(Exit("clock", "c", clock="number"),)),
            State("c", "recycled", closes=True),
        )
        found = step(rules, LineFacts("a", START, {"number": day(3)}), now=day(30), zone=UTC_ZONE)
        assert [(change.entered, change.at) for change in found.changes] == [("b", day(10)), ("c", day(10))]

    def test_what_was_due_before_a_top_up_comes_first(self):
        rules = rules_of(
            State("a", "active", exits=(Exit("days", "b", term=Term(days=10, ends="exact")),)),
            State("b", "reserved", blocks=("topup",), exits=(Exit("credit_gone", "c"),)),
            State("c", "recycled", closes=True),
        )
        line = LineFacts("a", START, funds=(Portion(100),))
        event = Event("topup", 500, plain=True, funds=(Portion(600),))
        found = step(rules, line, now=day(11), zone=UTC_ZONE, event=event)
        assert [(change.entered, change.at) for change in found.changes] == [("b", day(10))]
        assert found.facts.usable_minor(day(11)) == 600

    def test_freezing_on_entry_and_restoring_by_a_top_up(self):
        rules = rules_of(
            State("a", "active", exits=(Exit("days", "frozen", term=Term(days=10, ends="exact")),)),
            State("frozen", "low", freezes=("main",), restores=("main",), exits=(Exit("topup", "a", least_minor=500),)),
        )
        line = LineFacts("a", START, funds=(Portion(100), Portion(50, kind="bonus")))
        cold = step(rules, line, now=day(10), zone=UTC_ZONE)
        assert cold.effects == (Effect("freeze", ("main",), day(10)),)
        assert cold.facts.funds == (Portion(50, kind="bonus"),)
        little = step(rules, cold.facts, now=day(11), zone=UTC_ZONE, event=Event("topup", 499))
        assert (little.facts.state, little.effects) == ("frozen", (Effect("restore", ("main",), day(11)),))
        enough = step(rules, cold.facts, now=day(11), zone=UTC_ZONE, event=Event("topup", 500))
        assert enough.facts.state == "a"

    def test_a_top_up_may_forfeit_what_was_frozen(self):
        rules = rules_of(State("a", "low", topup_forfeits=("main",)))
        found = step(rules, LineFacts("a", START), now=day(1), zone=UTC_ZONE, event=Event("topup", 500))
        assert found.effects == (Effect("forfeit", ("main",), day(1)),)

    @pytest.mark.parametrize(
        ("when", "funds", "gone", "leaves"),
        [
            ("credit_used_up", (), "used_up", True),
            ("credit_used_up", (), "expired", False),
            ("credit_expired", (), "expired", True),
            ("credit_expired", (), "used_up", False),
            ("credit_gone", (), "expired", True),
            ("credit_expired", (Portion(5, day(3)),), "used_up", True),
            ("credit_used_up", (Portion(5, day(3)),), "used_up", False),
            ("credit_gone", (Portion(5, day(3)), Portion(5, day(7))), "used_up", False),
            ("credit_gone", (Portion(5, day(3)), Portion(5)), "used_up", False),
        ],
    )
    def test_how_credit_went_matters_where_the_file_says_so(self, when, funds, gone, leaves):
        rules = rules_of(State("a", "active", exits=(Exit(when, "b"),)), State("b", "low"))
        line = LineFacts("a", START, funds=funds, gone=gone)
        assert (step(rules, line, now=day(5), zone=UTC_ZONE).facts.state == "b") is leaves

    def test_credit_that_comes_back_by_itself_leads_back(self):
        rules = rules_of(
            State("a", "active", exits=(Exit("credit_gone", "b"),)),
            State("b", "low", exits=(Exit("credit_back", "a"),)),
        )
        low = LineFacts("b", START)
        found = step(rules, low, now=day(1), zone=UTC_ZONE, event=Event("funds", funds=(Portion(5),)))
        assert [(change.entered, change.at) for change in found.changes] == [("a", day(1))]

    def test_a_fee_that_was_missed_leads_out(self):
        rules = rules_of(
            State("a", "active", exits=(Exit("fee_missed", "b"),)), State("b", "low"), fee=MonthlyFee(800, day=1)
        )
        changes = forecast(rules, LineFacts("a", START, funds=(Portion(1700),)), now=START, zone=UTC_ZONE)
        assert [(change.at, change.entered) for change in changes] == [(datetime(2026, 4, 1, tzinfo=UTC), "b")]

    def test_one_step_ends_and_the_next_goes_on(self):
        """A line nobody looked at for years, in a file that leads it around every day."""
        rules = rules_of(
            State("a", "active", exits=(Exit("days", "b", term=Term(days=1)),)),
            State("b", "low", exits=(Exit("days", "a", term=Term(days=1)),)),
        )
        first = step(rules, LineFacts("a", START), now=day(100), zone=UTC_ZONE)
        assert len(first.changes) == MOST_CHANGES
        assert first.look_at <= day(100)
        assert first.changes[-1].at < step(rules, first.facts, now=day(100), zone=UTC_ZONE).changes[-1].at

    def test_a_state_the_file_does_not_know_is_said(self):
        with pytest.raises(StateUnknown):
            step(rules_of(State("a", "active")), LineFacts("gone", START), now=START, zone=UTC_ZONE)

    def test_a_file_without_a_life_cycle_has_one_state_for_ever(self):
        rules = line_rules(None, (), None)
        found = opened(rules, now=START, zone=UTC_ZONE)
        assert (found.facts.state, found.look_at) == ("active", None)
        assert forecast(rules, found.facts, now=START, zone=UTC_ZONE) == ()


class TestReminders:
    RULES = rules_of(
        State("a", "active", remind_days=(1, 7), exits=(Exit("clock", "b", clock="number"),)), State("b", "low")
    )
    LINE = LineFacts("a", START, {"number": datetime(2026, 3, 31, tzinfo=UTC)})

    def test_they_come_so_many_days_before(self):
        found = reminders(self.RULES, self.LINE, zone=UTC_ZONE, after=START, until=day(400))
        assert [(reminder.at, reminder.days) for reminder in found] == [
            (datetime(2026, 3, 24, tzinfo=UTC), 7),
            (datetime(2026, 3, 30, tzinfo=UTC), 1),
        ]

    def test_a_time_of_day_stays_the_same_over_a_change_of_the_clocks(self):
        london = ZoneInfo("Europe/London")
        [week, _] = reminders(self.RULES, self.LINE, zone=london, after=START, until=day(400))
        assert week.at.astimezone(london).hour == self.LINE.clocks["number"].astimezone(london).hour == 1

    @pytest.mark.parametrize(("now", "shown"), [(day(10), "active"), (datetime(2026, 3, 24, tzinfo=UTC), "expiring")])
    def test_from_the_first_one_on_it_is_expiring(self, now, shown):
        assert shown_as(self.RULES, self.LINE, now=now, zone=UTC_ZONE) == shown

    def test_none_comes_before_the_state_began(self):
        line = replace(self.LINE, state_since=datetime(2026, 3, 28, tzinfo=UTC))
        found = reminders(self.RULES, line, zone=UTC_ZONE, after=START, until=day(400))
        assert [reminder.days for reminder in found] == [1]


class TestFees:
    @given(
        st.integers(1, 31),
        st.integers(1_320_000_000, 2_100_000_000),
        st.sampled_from(["Asia/Shanghai", "Europe/London"]),
    )
    def test_one_falls_in_every_month(self, fee_day, seconds, zone):
        fee, known = MonthlyFee(800, fee_day), ZoneInfo(zone)
        now = datetime.fromtimestamp(seconds, UTC)
        dues = []
        for _ in range(14):
            now = next_fee(fee, known, now)
            dues.append(now.astimezone(known))
        months = [due.year * 12 + due.month for due in dues]
        assert months == list(range(months[0], months[0] + 14))
        assert all(due.day == fee_day or (due + timedelta(days=1)).day == 1 for due in dues)

    @given(
        st.lists(st.tuples(st.integers(1, 2000), st.integers(-10, 10)), max_size=6), st.integers(1, 5000), st.booleans()
    )
    def test_what_is_taken_and_what_is_left_add_up(self, portions, amount, arrears):
        funds = tuple(Portion(value, day(ends)) for value, ends in portions)
        usable = sum(portion.amount_minor for portion in funds if portion.usable_at(START))
        found = take_fee(MonthlyFee(amount, arrears=arrears), funds, START)
        assert found.taken_minor + sum(portion.amount_minor for portion in found.funds) == usable
        assert found.missed is (usable < amount and not arrears)
        assert found.taken_minor + found.owed_minor == (0 if found.missed else amount)
        assert all(portion.amount_minor > 0 for portion in found.funds)


def test_clocks_are_named_in_the_file():
    text = """\
id = "acme"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "Acme" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138"]
[credit]
face_values = [10]
[clocks.number]
months = 6
policy = "longest"
restarts = [
    "activation",
    { on = "topup", least = 20, by = "balance", tiers = [{ from = 0, days = 9 }, { from = 50, months = 2 }] },
]
"""
    found = CarrierVersion("acme", 1, check_bytes(text.encode(), name="acme.toml").document).line_rules.clocks
    tiers = (TermTier(0, Term(days=9)), TermTier(5000, Term(months=2)))
    restarts = (Restart("activation"), Restart("topup", 2000, by="balance", tiers=tiers))
    assert found == {"number": Clock("number", Term(months=6), "longest", restarts)}
