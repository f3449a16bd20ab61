"""When a number is topped up so that it is kept, with what, and why not."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from topup.orders.schedules.rules import (
    AFTER_DECLINE,
    CLOSES,
    LOOK_AGAIN,
    LOOK_AT_KEPT,
    OPENS,
    SAFE_DAYS,
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
    is_lost_by,
    keep_at,
)
from topup.orders.schedules.states import RunState

SHANGHAI, LONDON, APIA = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London"), ZoneInfo("Pacific/Apia")
ME = "sch_000000000000000000000000aa"
LOST_AT = datetime(2026, 7, 1, tzinfo=SHANGHAI)
"""Kept through 30 June."""
CAUSE = "keep:2026-07-01"
DUE = datetime(2026, 6, 26, 21, tzinfo=SHANGHAI)
KEEP = Agreement(Trigger.KEEP, days_early=3, cap_minor=3000)


def facts(now=DUE, **known) -> Facts:
    usual = {
        "zone": SHANGHAI, "since": now - timedelta(days=90), "credit_minor": 0, "ends": None, "offered": Offered(),
        "lost_at": LOST_AT, "keeping": (1000, 400, 5000),
    }  # fmt: skip
    return Facts(now=now, **{**usual, **known})


def past(cause=CAUSE, state=RunState.DONE, at=DUE, amount=1000) -> Past:
    return Past(cause, state, at, amount)


@pytest.mark.parametrize("zone", [SHANGHAI, LONDON, APIA])
@pytest.mark.parametrize("early", [0, 5])
@pytest.mark.parametrize("lost", ["2026-03-30 00:00", "2026-10-26 12:34", "2028-03-01 00:00"])
def test_it_is_topped_up_while_people_are_awake_and_so_that_every_further_attempt_is_in_time(zone, early, lost):
    lost_at = datetime.fromisoformat(lost).replace(tzinfo=zone)
    at = {keep_at(f"sch_{n}", replace(KEEP, days_early=early), lost_at, zone).astimezone(zone) for n in range(40)}
    assert len(at) == 40, "the schedules of one day spread over it"
    last_kept = (lost_at - timedelta(seconds=1)).date()
    for one in at:
        assert SAFE_DAYS <= (last_kept - one.date()).days <= SAFE_DAYS + early
        assert one + sum(AFTER_DECLINE, timedelta()) < lost_at
        assert OPENS <= one.time() <= CLOSES


def test_long_before_it_waits_for_its_instant_and_looks_again_meanwhile():
    now = datetime(2026, 1, 5, 12, tzinfo=SHANGHAI)
    told = decide(ME, KEEP, facts(now, keeping=()))
    assert told == Wait(now + LOOK_AT_KEPT, Reason.NOT_YET, keep_at(ME, KEEP, LOST_AT, SHANGHAI))


def test_when_it_is_time_the_best_is_bought_once_for_the_day_on_which_the_number_would_be_lost():
    assert decide(ME, KEEP, facts()) == Run(CAUSE, 1000, 1000)
    for state in (RunState.DONE, RunState.SKIPPED, RunState.FAILED):
        assert isinstance(decide(ME, KEEP, facts(DUE + timedelta(hours=30), runs=[past(state=state)])), Wait), state
    moved = facts(DUE + timedelta(days=90), runs=[past()], lost_at=LOST_AT + timedelta(days=90))
    assert decide(ME, KEEP, moved) == Run("keep:2026-09-29", 1000, 1000)


def test_another_owners_is_enough():
    for state in (RunState.WAITING, RunState.PAYING, RunState.DONE):
        told = decide(ME, KEEP, facts(DUE + timedelta(days=2), of_line=[past(state=state)]))
        assert told == Wait(DUE + timedelta(days=2) + LOOK_AGAIN, Reason.UNDER_WAY), state
    nearer = past("keep:2026-07-02", at=DUE - timedelta(hours=1))
    assert isinstance(decide(ME, KEEP, facts(of_line=[nearer])), Wait), "what was paid may not have arrived yet"
    for nothing in (past(state=RunState.FAILED), past(state=RunState.SKIPPED), past("month:2026-06", amount=0)):
        assert isinstance(decide(ME, KEEP, facts(of_line=[nothing])), Run), nothing


def test_what_came_to_nothing_before_it_was_taken_up_again_is_tried_once_more():
    failed = past(state=RunState.FAILED, at=DUE - timedelta(days=1))
    again = facts(runs=[failed], since=DUE - timedelta(hours=1))
    assert decide(ME, KEEP, again) == Run(f"{CAUSE}:2", 1000, 1000)


def test_what_came_back_is_bought_again_a_day_later_as_often_as_a_card_is_asked_and_then_given_up_and_said():
    """Its order was refunded: the number is still lost, and the money is there again."""
    tight = replace(KEEP, cap_minor=1000, interval_days=60)
    runs = []
    for day, cause in enumerate((CAUSE, f"{CAUSE}:2", f"{CAUSE}:3")):
        now = DUE + timedelta(days=day)
        if runs:
            early = now - timedelta(minutes=1)
            assert decide(ME, tight, facts(early, runs=runs)) == Wait(now, Reason.TOO_SOON, now)
        limits = {"carrier_cap_minor": 1000, "carrier_interval_days": 9}
        assert decide(ME, tight, facts(now, runs=runs, **limits)) == Run(cause, 1000, 1000)
        bought = past(cause, at=now)
        assert isinstance(decide(ME, tight, facts(now, runs=[*runs, bought])), Wait), "it may arrive yet"
        runs.append(replace(bought, came_back=True))
    now = DUE + timedelta(days=2, hours=1)
    gone = facts(now, runs=runs, since=DUE - timedelta(days=9))
    assert decide(ME, tight, gone) == Skip(f"{CAUSE}:4", Reason.CAME_BACK, now + LOOK_AT_KEPT)
    runs.append(past(f"{CAUSE}:4", RunState.SKIPPED, now))
    assert isinstance(decide(ME, tight, replace(gone, runs=runs)), Wait), "said once"


def test_another_owners_that_came_back_is_not_enough():
    back = replace(past(at=DUE - timedelta(hours=1)), came_back=True)
    assert decide(ME, KEEP, facts(of_line=[back], carrier_interval_days=9)) == Run(CAUSE, 1000, 1000)


def test_of_what_helps_the_best_that_may_be_spent_is_bought():
    assert decide(ME, replace(KEEP, cap_minor=999), facts()) == Run(CAUSE, 400, 400)
    assert decide(ME, KEEP, facts(most_minor=500)) == Run(CAUSE, 400, 400), "no more than the wallet agreed to"
    dear = facts(fee=lambda amount: 2500 if amount == 1000 else 1)
    assert decide(ME, KEEP, dear) == Run(CAUSE, 400, 401)
    by_others = [past("month:2026-06", at=DUE - timedelta(days=2))]
    assert decide(ME, KEEP, facts(of_line=by_others, carrier_cap_minor=1500)) == Run(CAUSE, 400, 400)


def test_what_nothing_on_offer_keeps_or_the_limit_never_allows_is_given_up_and_said():
    later = DUE + LOOK_AT_KEPT
    assert decide(ME, KEEP, facts(keeping=())) == Skip(CAUSE, Reason.NOTHING_FITS, later)
    assert decide(ME, replace(KEEP, cap_minor=399), facts()) == Skip(CAUSE, Reason.CAP_REACHED, later)
    assert decide(ME, KEEP, facts(most_minor=399)) == Skip(CAUSE, Reason.CAP_REACHED, later)


def test_what_the_next_month_allows_waits_for_it_if_that_is_in_time_and_is_given_up_if_not():
    spent = [past("keep:2026-06-02", at=datetime(2026, 6, 2, 12, tzinfo=SHANGHAI), amount=2800)]
    assert decide(ME, KEEP, facts(runs=spent)) == Skip(CAUSE, Reason.CAP_REACHED, DUE + LOOK_AT_KEPT)
    opens = datetime(2026, 7, 1, OPENS.hour, tzinfo=SHANGHAI)
    later = facts(runs=spent, lost_at=LOST_AT + timedelta(days=1))
    assert decide(ME, KEEP, later) == Wait(opens, Reason.CAP_REACHED, opens)


def test_the_interval_is_kept_to_and_what_it_leaves_no_time_for_is_given_up():
    last = [past("low:1", at=DUE - timedelta(days=1))]
    soon = facts(of_line=last, carrier_interval_days=3)
    assert decide(ME, KEEP, soon) == Wait(DUE + timedelta(days=2), Reason.TOO_SOON, DUE + timedelta(days=2))
    late = facts(of_line=last, carrier_interval_days=10)
    assert decide(ME, KEEP, late) == Skip(CAUSE, Reason.TOO_SOON, DUE + LOOK_AT_KEPT)


@pytest.mark.parametrize("lost_at", [None, DUE])
def test_what_nothing_ends_or_is_lost_already_is_not_run_for(lost_at):
    assert decide(ME, KEEP, facts(lost_at=lost_at)) == Wait(DUE + LOOK_AT_KEPT, Reason.NO_END)


def test_a_cause_holds_as_long_as_the_number_is_lost_on_its_day_or_sooner():
    held = [is_lost_by(f"{CAUSE}:2", LOST_AT + timedelta(days=days), SHANGHAI) for days in (-1, 0, 1, 200)]
    assert held == [True, True, False, False]
