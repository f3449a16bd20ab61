"""When a plan renews, what a part of a cycle costs, and what a switch costs and gives back."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.grant_rules import GrantRule, ValidityRule
from topup.catalogue.plan_cycles import Running, beginning, given_back, next_end, renewal, rounded, switching
from topup.catalogue.plan_rules import MONTHS_OF, Plan
from topup.catalogue.terms import local_of

SHANGHAI, LONDON = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London")
NAMES = {"zh_Hans": "套餐", "zh_Hant": "方案", "en": "Plan"}
GIB = GrantRule("DATA", 2**30, "plan", 40, ("data",), (), ValidityRule())
MONTHLY = Plan("monthly", NAMES, 3000, "monthly", grants=(GIB,))
BY_CALENDAR = Plan("calendar", NAMES, 3000, "monthly", renews="calendar", grants=(GIB,), proration="day")

ZONES = st.sampled_from([
    "Asia/Shanghai", "Pacific/Kiritimati", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Beirut",
]).map(ZoneInfo)  # fmt: skip
INSTANTS = st.integers(1_700_000_000, 2_100_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
ROUNDINGS = st.sampled_from(["up", "down", "half_up", "half_even"])
BY_MONTHS = st.builds(
    lambda cycle, renews, day, price, proration, rounding: Plan(
        "p", NAMES, price, cycle, None, renews, day, (GIB,), proration, rounding
    ),
    st.sampled_from(sorted(MONTHS_OF)),
    st.sampled_from(["anniversary", "calendar"]),
    st.integers(1, 31),
    st.integers(0, 100_000),
    st.sampled_from(["none", "day"]),
    ROUNDINGS,
)
PLANS = st.one_of(
    BY_MONTHS,
    st.builds(lambda days, price: Plan("d", NAMES, price, "days", days), st.integers(1, 400), st.integers(0, 9999)),
)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def ends(plan: Plan, began: datetime, count: int, zone: ZoneInfo = SHANGHAI) -> list[str]:
    """The days on which it renews, by the line's calendar."""
    found, after = [], began
    for _ in range(count):
        after = next_end(plan, zone, anchor=began, after=after)
        found.append(local_of(after, zone).isoformat()[:16])
    return found


def test_the_day_of_the_month_is_kept_over_shorter_months():
    # Begun on the 30th: each cycle lasts to the end of a 30th, of February to its end.
    assert ends(MONTHLY, at("2027-12-30T10:00"), 4) == [
        "2028-01-31T00:00", "2028-03-01T00:00", "2028-03-31T00:00", "2028-05-01T00:00",
    ]  # fmt: skip
    assert ends(MONTHLY, at("2028-01-01T00:00"), 2) == ["2028-02-01T00:00", "2028-03-01T00:00"]


def test_a_year_from_a_leap_day_ends_with_february():
    yearly = Plan("yearly", NAMES, 30_000, "yearly")
    assert ends(yearly, at("2028-02-29T12:00"), 4) == [
        "2029-03-01T00:00", "2030-03-01T00:00", "2031-03-01T00:00", "2032-03-01T00:00",
    ]  # fmt: skip


def test_by_the_calendar_it_renews_with_months_quarters_and_years():
    began = at("2027-11-17T09:00")
    month_end = Plan("end", NAMES, 3000, "monthly", renews="calendar", day=31)
    quarter = Plan("quarter", NAMES, 3000, "quarterly", renews="calendar")
    year = Plan("year", NAMES, 3000, "yearly", renews="calendar", day=5)
    assert ends(month_end, began, 4) == ["2027-11-30T00:00", "2027-12-31T00:00", "2028-01-31T00:00", "2028-02-29T00:00"]
    assert ends(quarter, began, 2) == ["2028-01-01T00:00", "2028-04-01T00:00"]
    assert ends(year, began, 2) == ["2028-01-05T00:00", "2029-01-05T00:00"]


def test_a_change_of_the_clocks_moves_no_renewal_from_midnight():
    days = Plan("thirty", NAMES, 1000, "days", 30)
    assert ends(days, at("2027-03-01T18:00", LONDON), 3, LONDON) == [
        "2027-04-01T00:00", "2027-05-01T00:00", "2027-05-31T00:00",
    ]  # fmt: skip


@given(PLANS, ZONES, INSTANTS, st.integers(1, 30))
def test_cycles_follow_one_another_without_a_gap_wherever_one_begins_to_look(plan, zone, began, count):
    instants, after = [began], began
    for _ in range(count):
        after = next_end(plan, zone, anchor=began, after=after)
        assert after > instants[-1]
        instants.append(after)
    for before, end in pairwise(instants):
        between = before + (end - before) / 2
        assert next_end(plan, zone, anchor=began, after=between) == end


@given(PLANS, ZONES, INSTANTS)
def test_a_first_cycle_by_anniversary_is_never_shorter_than_promised(plan, zone, now):
    terms = beginning(plan, zone, now)
    if plan.months is None:
        assert local_of(terms.ends_at, zone).date() >= (local_of(now, zone) + timedelta(days=plan.days)).date()
    assert terms.is_whole or plan.renews == "calendar"


def test_a_part_of_a_month_costs_and_includes_its_share():
    terms = beginning(BY_CALENDAR, SHANGHAI, at("2027-11-16T15:00"))
    assert (terms.price_minor, terms.is_whole, terms.ends_at) == (1500, False, at("2027-12-01T00:00"))
    assert terms.grants[0].amount == 2**29
    assert beginning(MONTHLY, SHANGHAI, at("2027-11-16T15:00")).price_minor == 3000


@given(BY_MONTHS, ZONES, INSTANTS)
def test_a_part_never_costs_more_than_the_whole_and_a_renewal_costs_just_that(plan, zone, now):
    first = beginning(plan, zone, now)
    assert 0 <= first.price_minor <= plan.price_minor
    assert all(0 < part.amount <= whole.amount for part, whole in zip(first.grants, plan.grants, strict=True))
    follows = renewal(plan, zone, anchor=now, due=first.ends_at, now=first.ends_at)
    assert (follows.began_at, follows.price_minor, follows.grants) == (first.ends_at, plan.price_minor, plan.grants)


def test_cycles_nobody_was_there_to_renew_are_left_out():
    began = at("2027-01-10T12:00")
    first = beginning(MONTHLY, SHANGHAI, began)
    late = renewal(MONTHLY, SHANGHAI, anchor=began, due=first.ends_at, now=at("2027-02-13T03:00"))
    assert (late.began_at, late.ends_at) == (first.ends_at, at("2027-03-11T00:00"))
    very_late = renewal(MONTHLY, SHANGHAI, anchor=began, due=first.ends_at, now=at("2027-06-20T03:00"))
    assert (very_late.began_at, very_late.ends_at) == (at("2027-06-11T00:00"), at("2027-07-11T00:00"))
    assert very_late.price_minor == 3000


def test_a_switch_gives_back_the_days_that_are_left():
    running = Running(at("2027-11-01T00:00"), at("2027-12-01T00:00"), 3000)
    dear = Plan("dear", NAMES, 6000, "monthly", renews="calendar", proration="day")
    now = at("2027-11-21T18:00")
    switch = switching(dear, SHANGHAI, now, old=BY_CALENDAR, running=running, left=Fraction(1))
    # The day of the switch is the new plan's, and no day is paid twice.
    assert (switch.terms.price_minor, switch.back_minor, switch.to_pay_minor) == (2000, 1000, 1000)


def test_who_used_up_what_was_included_gets_nothing_of_it_back():
    running = Running(at("2027-11-01T00:00"), at("2027-12-01T00:00"), 3000)
    now = at("2027-11-16T00:00")
    assert given_back(BY_CALENDAR, SHANGHAI, running, now, Fraction(1)) == 1500
    assert given_back(BY_CALENDAR, SHANGHAI, running, now, Fraction(1, 4)) == 750
    assert given_back(BY_CALENDAR, SHANGHAI, running, now, Fraction(0)) == 0
    assert given_back(MONTHLY, SHANGHAI, running, now, Fraction(1)) == 0


@given(BY_MONTHS, ZONES, INSTANTS, st.fractions(0, 1), st.tuples(st.integers(0, 400 * 86_400), st.integers(0, 86_400)))
def test_never_more_is_given_back_than_was_paid_and_never_more_later(plan, zone, now, left, times):
    terms = beginning(plan, zone, now)
    running = Running(now, terms.ends_at, terms.price_minor)
    passed, more = times
    then = now + timedelta(seconds=passed)
    back = given_back(plan, zone, running, then, left)
    assert 0 <= back <= running.paid_minor
    assert given_back(plan, zone, running, then + timedelta(seconds=more), left) <= back


@pytest.mark.parametrize(
    ("rounding", "amounts"),
    [("up", [1, 1, 2, 2]), ("down", [0, 0, 1, 1]), ("half_up", [0, 1, 1, 2]), ("half_even", [0, 0, 1, 2])],
)
def test_a_share_is_rounded_as_the_file_says(rounding, amounts):
    halves = [Fraction(1, 3), Fraction(1, 2), Fraction(4, 3), Fraction(3, 2)]
    assert [rounded(half, rounding) for half in halves] == amounts
