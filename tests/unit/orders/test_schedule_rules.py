"""When a schedule tops up, how much, and why not: by example, and over years of anything that may happen."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.orders.schedules.rules import (
    CLOSES,
    LOOK_AGAIN,
    MEMORY,
    OPENS,
    Agreement,
    Facts,
    Offered,
    Past,
    Reason,
    Run,
    Skip,
    Trigger,
    Wait,
    decide,
    monthly_at,
    upcoming,
)
from topup.orders.schedules.states import RunState

SHANGHAI, LONDON, APIA = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London"), ZoneInfo("Pacific/Apia")
ME = "sch_000000000000000000000000aa"
NOON = datetime(2026, 3, 16, 12, tzinfo=SHANGHAI)
AMOUNTS = Offered((1000, 3000, 5000, 10000))
MONTHLY = Agreement(Trigger.MONTHLY, day=15, amount_minor=5000, cap_minor=20000)
LOW = Agreement(Trigger.LOW, threshold_minor=1000, amount_minor=5000, cap_minor=20000)
EXPIRY = Agreement(Trigger.EXPIRY, days_before=3, amount_minor=5000, cap_minor=20000)


def facts(now=NOON, **known) -> Facts:
    usual = {
        "zone": SHANGHAI, "since": now - timedelta(days=90), "credit_minor": 2000, "ends": None, "offered": AMOUNTS,
    }  # fmt: skip
    return Facts(now=now, **{**usual, **known})


def done(cause="month:2026-03", at=NOON, amount=5000, state=RunState.DONE) -> Past:
    return Past(cause, state, at, amount)


# On a day of the month.


def test_on_its_day_it_runs_once():
    assert decide(ME, MONTHLY, facts()) == Run("month:2026-03", 5000, 5000)
    told = decide(ME, MONTHLY, facts(runs=[done()]))
    assert isinstance(told, Wait)
    assert (told.reason, told.next_at) == (Reason.NOT_YET, monthly_at(ME, MONTHLY, date(2026, 4, 1), SHANGHAI))


@pytest.mark.parametrize("zone", [SHANGHAI, LONDON, APIA])
@pytest.mark.parametrize("month", [date(2026, 2, 1), date(2028, 2, 1), date(2026, 3, 1), date(2026, 10, 1)])
@pytest.mark.parametrize("day", [1, 15, 31])
@pytest.mark.parametrize("early", [0, 5])
def test_it_runs_within_the_days_its_owner_gave_while_people_are_awake(zone, month, day, early):
    agreement = replace(MONTHLY, day=day, days_early=early)
    at = monthly_at(ME, agreement, month, zone).astimezone(zone)
    last = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    wanted = month.replace(day=min(day, last.day))
    assert max(wanted - timedelta(days=early), month) <= at.date() <= wanted
    assert OPENS <= at.time() <= CLOSES


def test_the_schedules_of_one_day_spread_over_it():
    at = [monthly_at(f"sch_{number}", MONTHLY, date(2026, 3, 1), SHANGHAI) for number in range(240)]
    by_hour = [sum(one.astimezone(SHANGHAI).hour == hour for one in at) for hour in range(8, 20)]
    assert sum(by_hour) == len(at)
    assert max(by_hour) < 3 * len(at) / len(by_hour)


def test_a_month_that_was_missed_is_made_up_once_and_of_several_only_the_last():
    begins_again = datetime(2026, 3, 2, 12, tzinfo=SHANGHAI)
    assert decide(ME, MONTHLY, facts(begins_again)) == Run("month:2026-02", 5000, 5000)
    made_up = facts(begins_again, runs=[done("month:2026-02", begins_again)])
    assert isinstance(decide(ME, MONTHLY, made_up), Wait)


def test_what_was_due_before_it_was_agreed_to_is_not_made_up():
    told = decide(ME, MONTHLY, facts(since=NOON - timedelta(hours=1)))
    assert isinstance(told, Wait)
    assert told.next_at == monthly_at(ME, MONTHLY, date(2026, 4, 1), SHANGHAI)


# When credit is low, and before it ends.


def test_low_credit_is_topped_up_and_credit_that_is_not_low_is_looked_at_again():
    assert decide(ME, LOW, facts(credit_minor=999)) == Run("low:1", 5000, 5000)
    assert decide(ME, LOW, facts(credit_minor=1000)) == Wait(NOON + LOOK_AGAIN, Reason.NOT_LOW)
    assert upcoming(ME, LOW, facts(credit_minor=1000)) is None


def test_credit_that_is_low_again_waits_for_the_interval():
    again = decide(ME, replace(LOW, interval_days=3), facts(credit_minor=0, runs=[done("low:1")], count=1))
    assert again == Wait(NOON + timedelta(days=3), Reason.TOO_SOON, NOON + timedelta(days=3))
    later = facts(NOON + timedelta(days=3), credit_minor=0, runs=[done("low:1")], count=1)
    assert decide(ME, replace(LOW, interval_days=3), later) == Run("low:2", 5000, 5000)


def test_before_the_end_it_runs_once_for_that_end_and_again_for_the_next():
    ends = datetime(2026, 3, 19, 23, 59, tzinfo=SHANGHAI)
    assert decide(ME, EXPIRY, facts(ends=ends)) == Run("end:2026-03-19", 5000, 5000)
    once = [done("end:2026-03-19", NOON - timedelta(days=2))]
    assert isinstance(decide(ME, EXPIRY, facts(ends=ends, runs=once)), Wait), "also where it did not move the end"
    moved = facts(ends=ends + timedelta(days=1), runs=once, now=NOON + timedelta(days=1))
    assert decide(ME, EXPIRY, moved) == Run("end:2026-03-20", 5000, 5000)


def test_what_never_ends_or_has_ended_is_not_run_for():
    for ends in (None, NOON - timedelta(minutes=1)):
        told = decide(ME, EXPIRY, facts(ends=ends))
        assert (told.reason, told.next_at) == (Reason.NO_END, None)


def test_an_end_that_came_to_nothing_before_it_was_taken_up_again_is_tried_once_more():
    ends = datetime(2026, 3, 19, 23, 59, tzinfo=SHANGHAI)
    failed = done("end:2026-03-19", NOON - timedelta(days=1), state=RunState.FAILED)
    again = facts(ends=ends, runs=[failed], since=NOON - timedelta(hours=1))
    assert decide(ME, EXPIRY, again) == Run("end:2026-03-19:2", 5000, 5000)
    assert isinstance(decide(ME, EXPIRY, facts(ends=ends, runs=[failed])), Wait), "not by itself"
    paid = done("end:2026-03-19:2", NOON, state=RunState.DONE)
    assert isinstance(decide(ME, EXPIRY, facts(ends=ends, runs=[failed, paid], since=NOON)), Wait)


# How much.


@pytest.mark.parametrize(
    ("credit", "wanted"), [(0, 5000), (2000, 3000), (4000, 1000), (4001, 1000)], ids=["none", "some", "most", "odd"]
)
def test_up_to_a_target_the_least_amount_that_reaches_it_is_bought(credit, wanted):
    agreement = replace(MONTHLY, amount_minor=None, target_minor=5000)
    assert decide(ME, agreement, facts(credit_minor=credit)) == Run("month:2026-03", wanted, wanted)


def test_where_there_is_enough_nothing_is_bought_this_month():
    agreement = replace(MONTHLY, amount_minor=None, target_minor=5000)
    told = decide(ME, agreement, facts(credit_minor=5000))
    assert told == Skip("month:2026-03", Reason.ENOUGH, monthly_at(ME, MONTHLY, date(2026, 4, 1), SHANGHAI))


def test_where_no_amount_reaches_the_target_that_is_said():
    agreement = replace(MONTHLY, amount_minor=None, target_minor=50_000, cap_minor=100_000)
    assert decide(ME, agreement, facts(credit_minor=0)).reason is Reason.NOTHING_FITS
    any_amount = facts(credit_minor=0, offered=Offered((), (1, 60_000, 1)))
    assert decide(ME, agreement, any_amount) == Run("month:2026-03", 50_000, 50_000)


@given(
    least=st.integers(1, 50), steps=st.integers(0, 30), step=st.integers(1, 20), over=st.integers(0, 19),
    wanted=st.integers(-10, 1000),
)  # fmt: skip
def test_of_free_amounts_the_least_on_the_grid_is_found(least, steps, step, over, wanted):
    most = least + steps * step + min(over, step - 1)
    grid = range(least, most + 1, step)
    offered = Offered((), (least, most, step))
    assert offered.at_least(wanted) == min((one for one in grid if one >= wanted), default=None)
    assert offered.largest == max(grid)


# What it must not do.


def test_never_more_in_a_month_than_its_owner_said_or_the_carrier_allows():
    spent = [done("low:1", NOON - timedelta(days=2), 16_000)]
    told = decide(ME, LOW, facts(credit_minor=0, runs=spent, count=1))
    first = datetime(2026, 4, 1, 8, tzinfo=SHANGHAI)
    assert told == Wait(first, Reason.CAP_REACHED, first)
    others = facts(credit_minor=0, of_line=spent, carrier_cap_minor=20_000)
    assert decide(ME, LOW, others).reason is Reason.CAP_REACHED
    assert isinstance(decide(ME, LOW, replace(others, carrier_cap_minor=21_000)), Run)


def test_the_carriers_interval_counts_over_all_of_a_lines_schedules():
    known = facts(credit_minor=0, of_line=[done(at=NOON - timedelta(days=1))], carrier_interval_days=2)
    assert decide(ME, LOW, known).reason is Reason.TOO_SOON


def test_the_fee_counts_towards_the_cap():
    known = facts(credit_minor=0, fee=lambda amount: amount // 10)
    assert decide(ME, replace(LOW, cap_minor=5500), known) == Run("low:1", 5000, 5500)
    assert decide(ME, replace(LOW, cap_minor=5499), known).reason is Reason.CAP_REACHED


def test_what_was_paid_late_counts_when_it_was_paid():
    """Seen in March, declined, and paid in April: it is April's money, and the interval begins then."""
    first = datetime(2026, 4, 2, 12, tzinfo=SHANGHAI)
    late = Past("low:1", RunState.DONE, first - timedelta(days=3), 5000, first)
    soon = facts(first + timedelta(hours=6), credit_minor=0, runs=[late], count=1)
    assert decide(ME, replace(LOW, interval_days=3), soon).reason is Reason.TOO_SOON
    later = facts(first + timedelta(days=4), credit_minor=0, runs=[late], count=1)
    assert decide(ME, replace(LOW, cap_minor=9000), later).reason is Reason.CAP_REACHED


def test_low_credit_for_which_nothing_can_be_bought_is_looked_at_once_a_day_and_not_written_down_each_time():
    agreement = replace(LOW, amount_minor=None, target_minor=50_000, cap_minor=100_000)
    told = decide(ME, agreement, facts(credit_minor=0))
    assert told == Wait(NOON + timedelta(days=1), Reason.NOTHING_FITS)


@pytest.mark.parametrize("state", [RunState.WAITING, RunState.PAYING])
@pytest.mark.parametrize("agreement", [MONTHLY, LOW, EXPIRY], ids=lambda agreement: agreement.trigger)
def test_while_one_is_under_way_no_other_begins(state, agreement):
    known = facts(credit_minor=0, ends=NOON + timedelta(days=1), runs=[done("another", NOON, state=state)])
    assert decide(ME, agreement, known).reason is Reason.UNDER_WAY


@st.composite
def agreements(draw) -> Agreement:
    trigger = draw(st.sampled_from(Trigger))
    fixed = draw(st.booleans())
    return Agreement(
        trigger,
        day=draw(st.integers(1, 31)),
        days_early=draw(st.integers(0, 5)),
        threshold_minor=draw(st.integers(1, 4000)),
        days_before=draw(st.integers(0, 30)),
        amount_minor=draw(st.sampled_from([1000, 3000, 5000])) if fixed else None,
        target_minor=None if fixed else draw(st.integers(4000, 9000)),
        cap_minor=draw(st.integers(1000, 30_000)),
        interval_days=draw(st.integers(1, 60)),
    )


@given(
    agreement=agreements(),
    zone=st.sampled_from([SHANGHAI, LONDON, APIA]),
    hours=st.lists(st.integers(1, 24 * 40), min_size=5, max_size=60),
    spends=st.lists(st.integers(0, 3000), min_size=5, max_size=60),
    ends_as=st.lists(st.sampled_from([RunState.DONE, RunState.DONE, RunState.FAILED]), min_size=60, max_size=60),
    takes=st.lists(st.integers(0, 3), min_size=60, max_size=60),
    lasts=st.integers(5, 90),
)
def test_over_years_with_any_gaps_and_declines_no_cause_runs_twice_and_every_limit_holds(  # noqa: PLR0917 - drawn
    agreement, zone, hours, spends, ends_as, takes, lasts
):
    """Whoever runs the schedules is there only now and then; a card may say no for some looks before it pays, or never
    pay; credit goes and comes, and ends when it is not renewed.
    """
    now = began = datetime(2026, 1, 20, 5, tzinfo=UTC)
    credit, ends, history, open_for = 3000, now + timedelta(days=lasts), [], 0
    for gap, spent in zip(hours, spends, strict=False):
        now += timedelta(hours=gap)
        credit = 0 if ends <= now else max(0, credit - spent)
        if history and history[-1].state is RunState.WAITING:
            open_for -= 1
            if open_for <= 0:
                became = ends_as[len(history) - 1]
                history[-1] = replace(history[-1], state=became, paid_at=now if became is RunState.DONE else None)
                if became is RunState.DONE:
                    _within_every_limit(agreement, history, zone)
                    credit, ends = credit + history[-1].cost_minor, now + timedelta(days=lasts)
        known = Facts(
            now=now, zone=zone, since=began, credit_minor=credit, ends=ends if ends > now else None, offered=AMOUNTS,
            runs=[
                replace(past, paid_at=now) if past.state is RunState.WAITING else past
                for past in history if past.spent_at > now - MEMORY or past.state is RunState.WAITING
            ],
            count=len(history),
        )  # fmt: skip
        told = decide(ME, agreement, known)
        if isinstance(told, Wait):
            assert told.until > now
            continue
        assert told.cause not in {past.cause for past in history}
        if isinstance(told, Skip):
            history.append(Past(told.cause, RunState.SKIPPED, now))
            continue
        assert all(past.state is not RunState.WAITING for past in history), "one at a time"
        if agreement.trigger is Trigger.LOW:
            assert credit < agreement.threshold_minor
        history.append(Past(told.cause, RunState.WAITING, now, told.cost_minor))
        open_for = takes[len(history) - 1]


def _within_every_limit(agreement, history, zone) -> None:
    """The money that was taken, by the days it was taken on."""
    made = [past for past in history if past.state is RunState.DONE]
    *before, last = made
    assert all(last.paid_at - past.paid_at >= timedelta(days=agreement.interval_days) for past in before)
    month = last.paid_at.astimezone(zone).date().replace(day=1)
    same = [past for past in made if past.paid_at.astimezone(zone).date().replace(day=1) == month]
    assert sum(past.cost_minor for past in same) <= agreement.cap_minor
