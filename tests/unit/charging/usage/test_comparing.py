"""What each plan would have cost for what was really used."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.grant_rules import GrantRule, ValidityRule
from topup.catalogue.plan_rules import Plan
from topup.catalogue.rates import Rate, RateBook
from topup.charging.rating import LineFacts, Usage, rate
from topup.charging.usage.comparing import Asked, Share, advised, cheapest, compare

NAMES = {"zh_Hans": "甲", "zh_Hant": "甲", "en": "A"}
LINE = LineFacts(ZoneInfo("Asia/Shanghai"), "CNY")
MB = 10**6
RATES = RateBook(
    (
        Rate("data", "data", "home", 1, 1, Decimal(10), MB),
        Rate("voice", "voice", "home", 60, 60, Decimal(20), 60),
        Rate("sms", "sms", "home", 1, 1, Decimal(10), 1),
    ),
    "CN",
)
FIRST, UNTIL = date(2030, 1, 1), date(2030, 4, 1)
START = datetime(2030, 1, 1, tzinfo=LINE.zone).astimezone(UTC)


def grant(asset: str, amount: int) -> GrantRule:
    return GrantRule(asset, amount, "plan", 40, (), (), ValidityRule())


def plan(name: str, price: int, *grants: GrantRule, cycle="monthly", days=None) -> Plan:
    return Plan(name, NAMES, price, cycle, days, grants=grants)


def day(number: int, service: str, quantity: int) -> Usage:
    return Usage(service, quantity, START + timedelta(days=number, hours=12), "CN")


EVERY_MONTH = [day(number, "data", 1000 * MB) for number in (5, 35, 65)]


def compared(usages, *plans: Plan) -> dict[str | None, tuple[int, tuple[str, ...]]]:
    found = compare(plans, RATES, LINE, Asked(FIRST, UNTIL, usages))
    return {cost.plan.id if cost.plan else None: (cost.monthly_minor, cost.reasons) for cost in found}


def test_a_month_costs_its_price_and_what_goes_beyond():
    found = compared(
        EVERY_MONTH, plan("little", 1000, grant("DATA", 400 * MB)), plan("enough", 3000, grant("DATA", 1200 * MB)),
        plan("much", 6000, grant("DATA", 9000 * MB)),
    )  # fmt: skip
    assert found == {
        "enough": (3000, ("fits",)),
        "much": (6000, ("fits", "half_unused")),
        "little": (7000, ("goes_beyond",)),
        None: (10_000, ("nothing_included",)),
    }
    assert list(found) == ["enough", "much", "little", None]


def test_a_quarter_and_a_year_cost_their_share_and_days_theirs():
    found = compared(
        EVERY_MONTH,
        plan("quarter", 9000, grant("DATA", 3000 * MB), cycle="quarterly"),
        plan("year", 36_500, grant("DATA", 365 * 50 * MB), cycle="yearly"),
        plan("thirty", 3000, grant("DATA", 1000 * MB), cycle="days", days=30),
    )
    # Ninety days: three times thirty, and of 365 days so many.
    assert found == {
        "quarter": (3000, ("fits",)),
        "year": (3000, ("fits",)),
        "thirty": (3000, ("fits",)),
        None: (10_000, ("nothing_included",)),
    }


def test_what_one_month_left_the_next_does_not_have():
    twice = [day(5, "data", 2000 * MB)]
    assert compared(twice, plan("month", 0, grant("DATA", 1000 * MB)))["month"][0] == 10_000 // 3
    assert compared(twice, plan("quarter", 0, grant("DATA", 3000 * MB), cycle="quarterly"))["quarter"][0] == 0


def test_it_is_said_how_much_of_what_is_included_was_used():
    usages = [day(1, "voice", 90), day(40, "sms", 7)]
    of = plan("p", 0, grant("VOICE", 600), grant("SMS", 10))
    cost = next(one for one in compare([of], RATES, LINE, Asked(FIRST, UNTIL, usages)) if one.plan)
    assert cost.shares == (Share("VOICE", 1800, 120), Share("SMS", 30, 7))


def test_what_cannot_be_rated_is_said_and_nothing_is_advised_by_it():
    abroad = [Usage("data", MB, START, "JP")]
    found = compare([plan("p", 1)], RATES, LINE, Asked(FIRST, UNTIL, abroad))
    assert all("cannot_be_rated" in cost.reasons for cost in found)
    assert cheapest(found) is None


def test_no_plan_is_advised_where_none_is_cheaper_than_none():
    few = compare([plan("p", 500, grant("DATA", MB))], RATES, LINE, Asked(FIRST, UNTIL, [day(1, "data", MB)]))
    assert cheapest(few) is None
    many = compare([plan("p", 500, grant("DATA", 1000 * MB))], RATES, LINE, Asked(FIRST, UNTIL, EVERY_MONTH))
    assert cheapest(many).plan.id == "p"


def test_each_month_is_told_by_itself():
    usages = [day(5, "data", 1000 * MB), day(65, "data", 1500 * MB)]
    plans = [
        plan("month", 3000, grant("DATA", 1000 * MB)),
        plan("quarter", 9000, cycle="quarterly"),
        plan("thirty", 3000, grant("DATA", 1000 * MB), cycle="days", days=30),
    ]
    found = {
        cost.plan.id if cost.plan else "": cost for cost in compare(plans, RATES, LINE, Asked(FIRST, UNTIL, usages))
    }
    assert found[""].by_month == (10_000, 0, 15_000)
    assert found["month"].by_month == (3000, 3000, 8000)
    # A quarter of ninety days has 31, 28 and 31 of them; the first thirty days end a day before January does.
    assert found["quarter"].by_month == (3100 + 10_000, 2800, 3100 + 15_000)
    assert found["thirty"].by_month == (3100, 2800, 3100 + 5000)


USAGES = st.lists(
    st.builds(day, st.integers(0, 89), st.sampled_from(["data", "voice", "sms"]), st.integers(0, 50_000)), max_size=20
).map(lambda found: sorted(found, key=lambda usage: usage.at))


@given(USAGES, st.integers(0, 5000), st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_included_never_costs_more_and_nothing_costs_less_than_its_price(usages, price, less, more):
    few, many = sorted((less, more))
    found = compared(
        usages, plan("few", price, grant("DATA", few), grant("VOICE", few)),
        plan("many", price, grant("DATA", many), grant("VOICE", many)),
    )  # fmt: skip
    assert price <= found["many"][0] <= found["few"][0] <= found[None][0] + price + 1


@given(USAGES, st.sampled_from(["monthly", "quarterly", "yearly", "days"]), st.integers(0, 5000))
def test_the_months_add_up_to_what_is_said_of_them_on_the_average(usages, cycle, price):
    of = plan("p", price, grant("DATA", 10**4), cycle=cycle, days=11 if cycle == "days" else None)
    for cost in compare([of], RATES, LINE, Asked(FIRST, UNTIL, usages)):
        assert abs(sum(cost.by_month) - 3 * cost.monthly_minor) <= 3


@given(USAGES)
def test_without_a_plan_it_is_what_rating_says(usages):
    ratings = [rate(RATES, usage, LINE, (), {}) for usage in usages]
    total = sum(charge.amount for found in ratings for charge in found.charges)
    assert abs(compared(usages)[None][0] - total / 3) <= 0.5


def test_what_is_advised_says_what_it_saves_and_nothing_is_advised_to_who_has_the_best():
    plans = [plan("dear", 6000, grant("DATA", 9000 * MB)), plan("best", 3000, grant("DATA", 1200 * MB))]
    found = compare(plans, RATES, LINE, Asked(FIRST, UNTIL, EVERY_MONTH))
    assert [advised(found, held=held).saved_minor for held in (None, "dear")] == [7000, 3000]
    assert advised(found, held="best") is None
    # A plan that is not on sale any more was not compared: nothing is promised to be saved then.
    assert advised(found, held="old").saved_minor is None


def test_nobody_is_advised_to_what_costs_the_same():
    plans = [plan("a", 3000, grant("DATA", 1200 * MB)), plan("b", 3000, grant("DATA", 1200 * MB))]
    assert advised(compare(plans, RATES, LINE, Asked(FIRST, UNTIL, EVERY_MONTH)), held="b") is None
