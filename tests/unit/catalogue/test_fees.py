"""Fees: one step, one rounding, exact."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.documents import FeeStep
from topup.catalogue.fees import fee_minor

DECIMAL = {"up": ROUND_UP, "down": ROUND_DOWN, "half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}
AMOUNTS = st.integers(1, 2**53 - 1)
STEPS = st.builds(FeeStep, st.just(0), st.integers(0, 10**6), st.integers(0, 999_999), st.sampled_from(sorted(DECIMAL)))


@given(STEPS, AMOUNTS)
def test_a_fee_is_what_decimal_arithmetic_says(step, amount):
    share = Decimal(amount) * step.rate_ppm / 1_000_000
    expected = step.fixed_minor + int(share.quantize(Decimal(1), rounding=DECIMAL[step.rounding]))
    assert fee_minor((step,), amount) == expected


@given(STEPS, AMOUNTS, st.integers(0, 10**6))
def test_within_a_step_more_credit_is_left_of_more(step, amount, more):
    """What the check of a file relies on when it looks only at the least amount of a step."""
    assert amount - fee_minor((step,), amount) <= amount + more - fee_minor((step,), amount + more)


@pytest.mark.parametrize(("amount", "fee"), [(999, 0), (1000, 5), (1999, 5), (2000, 9), (10**9, 9)])
def test_the_last_step_that_was_reached_decides(amount, fee):
    steps = (FeeStep(1000, 5, 0, "up"), FeeStep(2000, 9, 0, "up"))
    assert fee_minor(steps, amount) == fee


@pytest.mark.parametrize(
    ("rounding", "fees"),
    [("up", [1, 2, 3]), ("down", [0, 1, 2]), ("half_up", [1, 2, 3]), ("half_even", [0, 2, 2])],
)
def test_halves_go_where_the_rule_says(rounding, fees):
    step = FeeStep(0, 0, 500_000, rounding)
    assert [fee_minor((step,), amount) for amount in (1, 3, 5)] == fees


def test_without_steps_there_is_no_fee():
    assert fee_minor((), 5000) == 0
