"""Amounts as people type them."""

import pytest

from topup.kernel.money import InvalidMoney, Money


@pytest.mark.parametrize(
    ("typed", "amount_minor"),
    [("50", 5000), (" 48.50 ", 4850), ("５０", 5000), ("４８.５", 4850), ("0.01", 1), ("5.", 500)],
)
def test_digits_and_one_point_are_an_amount(typed, amount_minor):
    assert Money.from_major(typed, "CNY") == Money(amount_minor, "CNY")


@pytest.mark.parametrize(
    "typed",
    ["", ".", "1e2", "1E2", "1e-1", "+5", "-5", "1_000", "1,000", "1.2.3", "NaN", "Infinity", "五", "²", "0.001"],
)
def test_anything_else_is_no_amount(typed):
    with pytest.raises(InvalidMoney):
        Money.from_major(typed, "CNY")
