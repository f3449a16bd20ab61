"""What use costs: steps, allowances, prices by the clock, caps, and fractions that are never lost."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from tests.support.carriers import CARRIERS
from tests.support.rating import LINE, LONDON, SHANGHAI, money, rated
from topup.catalogue.rates import WEEKDAYS, Period, Rate
from topup.charging.rating import Allowance, Charge, Free, LineFacts, Rating, Usage, rate, rounded, serves

CHINA = CARRIERS["china"].rate_book
PLAIN = Rate("v", "voice", "home", 60, 60, Decimal(15), 60)
PEAK = Period("peak", WEEKDAYS, 8 * 60, 20 * 60, Decimal(30))
FRIDAY = date(2026, 1, 2)


def at(local: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=zone)


def call(seconds: int, began: str = "2026-01-02 12:00", **more) -> Usage:
    return Usage("voice", seconds, at(began), "CN", "+8613900139000", **more)


def parts(found: Rating) -> list[tuple[str, int, int]]:
    return [(part.reason, part.quantity, part.amount) for part in found.charges]


def minutes(amount: int, bucket: str = "b", **more) -> Allowance:
    return Allowance(bucket, "VOICE", amount, **more)


# The example carrier


@pytest.mark.parametrize(
    ("usage", "amount"),
    [
        (call(1), 15),
        (call(60), 15),
        (call(61), 30),
        (replace(call(600), called="10086"), 0),
        (replace(call(61), called="+14155550100"), 178),
        (replace(call(61, "2026-01-02 20:59"), called="+14155550100"), 89 + 49),
        (replace(call(7), called="+85291234567"), 8),  # 12 s of 0.39 a minute: 7.8, rounded up
        (replace(call(61), country="HK"), 198),
        (Usage("data", 10 * 2**20, at("2026-01-02 12:00"), "CN"), 290),
        (Usage("data", 2**40, at("2026-01-02 12:00"), "CN"), 3000),
        (Usage("data", 1, at("2026-01-02 12:00"), "HK"), 29),  # 100 KiB of 3.00 a MiB: 29.296...
        (Usage("sms", 3, at("2026-01-02 12:00"), "CN", "+8613900139000"), 30),
        (Usage("sms", 1, at("2026-01-02 12:00"), "CN", "+6591234567"), 80),
        (Usage("mms", 1, at("2026-01-02 12:00"), "CN", "+8613900139000"), 30),
    ],
)
def test_what_use_costs_with_the_chinese_example(usage, amount):
    found = rate(CHINA, usage, LINE, (), {})
    assert found.refused is None
    assert money(found) == amount


@pytest.mark.parametrize(
    "usage", [replace(call(60), called="+33123456789"), replace(call(60), country="FR"), replace(call(0), country="FR")]
)
def test_what_no_rate_is_for_is_refused_and_never_free(usage):
    assert rate(CHINA, usage, LINE, (minutes(9999),), {}) == Rating(refused="rate_missing")


def test_a_call_that_never_ends_is_a_broken_record():
    assert rated(PLAIN, call(31 * 86_400)).refused is None
    assert rated(PLAIN, call(31 * 86_400 + 1)).refused == "usage_too_long"


def test_a_negative_quantity_is_a_defect():
    with pytest.raises(ValueError, match="never negative"):
        rated(PLAIN, call(-1))


# Parts, reasons, what is free


def test_a_charge_says_what_it_is_for():
    [part] = rated(PLAIN, call(61)).charges
    assert part == Charge(
        "CNY", 30, "voice@home", "usage_rated", 120, FRIDAY, price_minor=Decimal(15), per=60, exact=Fraction(30)
    )


def test_a_free_number_costs_nothing_and_uses_no_allowance():
    tariff = replace(PLAIN, free_numbers=("+8613900139000",), connection_fee_minor=5)
    found = rated(tariff, call(61), minutes(600))
    assert found.charges == ()
    assert found.free == (Free(120, "usage_free_number", FRIDAY),)


def test_a_price_of_nothing_is_said_to_be_free():
    assert rated(replace(PLAIN, price_minor=Decimal(0)), call(30)).free == (Free(60, "usage_free", FRIDAY),)


def test_no_use_costs_nothing():
    assert rated(replace(PLAIN, connection_fee_minor=5), call(0)) == Rating("v")


def test_a_connection_fee_is_taken_once():
    tariff = replace(PLAIN, connection_fee_minor=5)
    assert parts(rated(tariff, call(61))) == [("usage_connection_fee", 0, 5), ("usage_rated", 120, 30)]
    assert parts(rated(tariff, call(61, before=60))) == [("usage_rated", 120, 30)]


@pytest.mark.parametrize(("amount", "fee"), [(59, 5), (60, 0), (0, 5)])
def test_no_connection_fee_where_an_allowance_pays_for_the_first_step(amount, fee):
    found = rated(replace(PLAIN, connection_fee_minor=5), call(61), minutes(amount))
    assert sum(part.amount for part in found.charges if part.reason == "usage_connection_fee") == fee


# Allowances


def test_allowances_pay_first_in_their_order_then_money():
    found = rated(PLAIN, call(180), minutes(70, "first"), minutes(20, "second"))
    assert [(part.bucket_id, part.asset, part.amount) for part in found.charges] == [
        ("first", "VOICE", 70),
        ("second", "VOICE", 20),
        (None, "CNY", 22),
        (None, "CNY", 1),
    ]
    assert found.charges[2].exact == Fraction(90 * 15, 60)
    assert found.charges[3].reason == "usage_rounding"


def test_another_asset_another_scope_and_an_empty_bucket_pay_nothing():
    others = (Allowance("d", "DATA", 999), minutes(999, scope="sms,data"), minutes(999, scope="@roaming"), minutes(0))
    assert parts(rated(PLAIN, call(60), *others)) == [("usage_rated", 60, 15)]


@pytest.mark.parametrize(
    ("scope", "fits"),
    [
        ("any", True),
        ("", True),
        ("voice", True),
        ("data,voice@home,near", True),
        ("@near", True),
        ("@roaming", True),
        ("@home", False),
        ("data", False),
        ("sms@near", False),
    ],
)
def test_what_a_bucket_serves(scope, fits):
    assert serves(scope, replace(PLAIN, zone="roaming", countries=("HK",), area="near")) is fits


@pytest.mark.parametrize("end", ["2026-01-02 12:01:30", "2026-01-02 12:02:00"])
def test_an_allowance_pays_for_the_steps_that_begin_before_its_end(end):
    found = rated(PLAIN, call(300), minutes(999, usable_until=at(end)))
    assert parts(found) == [("usage_allowance", 120, 120), ("usage_rated", 180, 45)]


# The clock


def test_a_call_over_a_peak_border_is_split():
    found = rated(replace(PLAIN, periods=(PEAK,)), call(300, "2026-01-02 19:57"))
    assert parts(found) == [("usage_peak", 180, 90), ("usage_rated", 120, 30)]


def test_a_step_costs_what_it_does_when_it_begins():
    found = rated(replace(PLAIN, periods=(PEAK,)), call(120, "2026-01-02 07:59:01"))
    assert parts(found) == [("usage_rated", 60, 15), ("usage_peak", 60, 30)]


def test_a_second_that_begins_before_the_border_costs_what_held_then():
    found = rated(replace(PLAIN, first=1, further=1, periods=(PEAK,)), call(300, "2026-01-02 19:57:00.500000"))
    assert parts(found) == [("usage_peak", 180, 90), ("usage_rated", 120, 30)]


def test_a_call_over_midnight_is_split_by_day():
    found = rated(PLAIN, call(300, "2026-01-02 23:57"))
    assert [(part.day.day, part.quantity, part.amount) for part in found.charges] == [(2, 180, 45), (3, 120, 30)]


def test_a_period_of_weekdays_does_not_hold_on_saturday():
    working = replace(PEAK, days=WEEKDAYS[:5])
    tariff = replace(PLAIN, periods=(working,))
    assert parts(rated(tariff, call(60, "2026-01-02 12:00"))) == [("usage_peak", 60, 30)]
    assert parts(rated(tariff, call(60, "2026-01-03 12:00"))) == [("usage_rated", 60, 15)]


NIGHT = replace(PLAIN, periods=(Period("off_peak", WEEKDAYS, 60, 120, Decimal(6)),))
"""Between one and two at night."""


def test_where_an_hour_is_skipped_its_period_is_too():
    """2026-03-29, London: after 00:59 comes 02:00."""
    found = rated(NIGHT, replace(call(7200), at=at("2026-03-29 00:00", LONDON)), line=LineFacts(LONDON, "GBP"))
    assert parts(found) == [("usage_rated", 7200, 1800)]


def test_where_an_hour_comes_twice_its_period_does_too():
    """2026-10-25, London: 01:00 to 02:00 is shown twice."""
    found = rated(NIGHT, replace(call(4 * 3600), at=at("2026-10-25 00:00", LONDON)), line=LineFacts(LONDON, "GBP"))
    assert parts(found) == [("usage_rated", 3600, 900), ("usage_off_peak", 7200, 720), ("usage_rated", 3600, 900)]


def test_a_clock_set_back_across_a_border_brings_the_period_back():
    """From 00:30 to 01:30: the first time it ends at 01:30, the clocks go back at 02:00 to 01:00, it ends again."""
    tariff = replace(PLAIN, periods=(Period("off_peak", WEEKDAYS, 30, 90, Decimal(6)),))
    found = rated(tariff, replace(call(4 * 3600), at=at("2026-10-25 00:00", LONDON)), line=LineFacts(LONDON, "GBP"))
    assert [(part.reason, part.quantity) for part in found.charges] == [
        ("usage_rated", 1800),
        ("usage_off_peak", 3600),
        ("usage_rated", 1800),
        ("usage_off_peak", 1800),
        ("usage_rated", 5400),
    ]


# Caps and fractions


def test_a_daily_cap_ends_what_a_day_costs_and_the_next_day_begins_anew():
    tariff = replace(PLAIN, daily_cap_minor=40)
    found = rated(tariff, call(600, "2026-01-02 23:55"))
    assert [(part.day.day, part.amount) for part in found.charges] == [(2, 40), (3, 40)]
    assert [(part.day.day, part.reason, part.waived) for part in found.free] == [
        (2, "usage_daily_cap", 35),
        (3, "usage_daily_cap", 35),
    ]


def test_what_the_day_has_cost_counts_towards_its_cap():
    tariff = replace(PLAIN, daily_cap_minor=40)
    assert money(rated(tariff, call(600), spent={("v", FRIDAY): 30, ("other", FRIDAY): 40})) == 10
    assert money(rated(tariff, call(600), spent={("v", FRIDAY): 40})) == 0
    assert money(rated(tariff, call(600), spent={("v", FRIDAY): 50})) == 0


def test_a_fraction_is_carried_and_rounded_once():
    tariff = Rate("v", "voice", "home", 1, 1, Decimal("0.4"), 1)
    first = rated(tariff, call(1, final=False))
    second = rated(tariff, call(1, before=1, carried=first.carried, final=False))
    last = rated(tariff, call(1, before=2, carried=second.carried))
    assert [money(found) for found in (first, second, last)] == [0, 0, 2]
    assert first.carried is not None
    assert first.carried.remainder == Fraction(2, 5)
    assert last.carried is None


def test_what_is_carried_over_midnight_under_a_cap_is_rounded_for_the_day_it_is_of():
    tariff = Rate("v", "voice", "home", 1, 1, Decimal("0.4"), 1, daily_cap_minor=10)
    first = rated(tariff, call(1, "2026-01-02 23:59:59", final=False))
    last = rated(tariff, call(1, "2026-01-02 23:59:59", before=1, carried=first.carried))
    assert [(part.day.day, part.amount, part.reason) for part in last.charges] == [
        (2, 1, "usage_rounding"),
        (3, 0, "usage_rated"),
        (3, 1, "usage_rounding"),
    ]


def test_what_is_carried_counts_towards_the_cap_of_its_day():
    tariff = Rate("v", "voice", "home", 1, 1, Decimal("0.4"), 1, daily_cap_minor=10)
    first = rated(tariff, call(1, final=False))
    last = rated(tariff, call(30, before=1, carried=first.carried))
    assert money(first, last) == 10
    assert sum(free.waived for free in last.free) == Fraction(24, 10)


def test_a_remainder_does_not_pass_a_cap_that_others_have_filled():
    tariff = Rate("v", "voice", "home", 1, 1, Decimal("0.4"), 1, daily_cap_minor=10)
    first = rated(tariff, call(1, final=False))
    assert money(rated(tariff, call(0, before=1, carried=first.carried), spent={("v", FRIDAY): 10})) == 0


@pytest.mark.parametrize(("rule", "amounts"), [("up", (0, 1, 1, 1)), ("down", (0, 0, 0, 0)), ("half_up", (0, 0, 1, 1))])
def test_rounding(rule, amounts):
    fractions = (Fraction(0), Fraction(49, 100), Fraction(1, 2), Fraction(99, 100))
    assert tuple(rounded(fraction, rule) for fraction in fractions) == amounts
