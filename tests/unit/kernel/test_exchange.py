"""A price paid in another currency: exact, rounded up once by less than a step; and its parts never more than it."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.exchange import ExchangeRate, InvalidRate, share
from topup.kernel.money import InvalidMoney, Money, exponent

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
CURRENCIES = ("CNY", "USD", "EUR", "JPY", "KRW", "KWD", "BHD", "CLF", "SGD")

currencies = st.sampled_from(CURRENCIES)
written = st.decimals(min_value="0.001", max_value="100000", places=6)
amounts = st.integers(0, 10**8)


@st.composite
def rates(draw, step=None):
    priced_in = draw(currencies)
    paid_in = draw(currencies.filter(lambda one: one != priced_in))
    return ExchangeRate(priced_in, paid_in, draw(written), "tests", NOW, step or draw(st.sampled_from([1, 5, 10, 100])))


@pytest.mark.parametrize(
    ("price", "rate", "paid_in", "paid"),
    [
        (Money(9800, "CNY"), "7.2488", "USD", 1352),  # 13.5195…: up to the cent
        (Money(9800, "CNY"), "0.0478", "JPY", 2051),  # 2050.2…: no decimals
        (Money(9800, "CNY"), "23.5", "KWD", 4171),  # 4.17021…: three decimals
        (Money(2051, "JPY"), "20.9205", "CNY", 9804),  # 98.038…
        (Money(4171, "KWD"), "0.0425", "CNY", 9815),  # 98.141…
        (Money(7, "KWD"), "0.0021", "JPY", 4),  # 3.33…
        (Money(700, "CNY"), "7", "USD", 100),  # nothing to round
        (Money(0, "CNY"), "7.2488", "USD", 0),
    ],
)
def test_known_conversions(price, rate, paid_in, paid):
    found = ExchangeRate(price.currency, paid_in, Decimal(rate), "tests", NOW).convert(price)
    assert found == Money(paid, paid_in)


def test_where_the_third_decimal_must_be_zero_it_is_rounded_up_to_that():
    rate = ExchangeRate("CNY", "KWD", Decimal("23.5"), "tests", NOW, step_minor=10)
    assert (rate.convert(Money(9800, "CNY")), rate.step) == (Money(4180, "KWD"), Money(10, "KWD"))


@given(rates(), amounts)
def test_what_is_paid_covers_the_price_by_less_than_one_step(rate, minor):
    paid = rate.convert(Money(minor, rate.priced_in))
    exact = Fraction(minor, 10 ** exponent(rate.priced_in)) / Fraction(rate.rate) * 10 ** exponent(rate.paid_in)
    assert 0 <= paid.amount_minor - exact < rate.step_minor
    assert paid.amount_minor % rate.step_minor == 0
    assert paid.currency == rate.paid_in


@given(rates(), amounts, amounts)
def test_a_higher_price_is_never_cheaper(rate, one, other):
    low, high = sorted([one, other])
    assert (
        rate.convert(Money(low, rate.priced_in)).amount_minor <= rate.convert(Money(high, rate.priced_in)).amount_minor
    )


@given(rates(), st.integers(1, 10**8), st.data())
def test_parts_that_go_back_never_make_more_than_was_paid(rate, minor, data):
    price = Money(minor, rate.priced_in)
    paid = rate.convert(price)
    cuts = sorted(data.draw(st.lists(st.integers(0, minor), max_size=6)))
    parts = [after - before for before, after in zip([0, *cuts], [*cuts, minor], strict=True)]
    step = rate.step_minor
    back = [share(paid=paid, price=price, part=Money(part, price.currency), step_minor=step) for part in parts]
    total = sum(money.amount_minor for money in back)
    assert all(money.amount_minor % step == 0 for money in back)
    assert total <= paid.amount_minor
    assert paid.amount_minor - total < len(parts) * step
    assert share(paid=paid, price=price, part=price, step_minor=step) == paid


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity", "1.0000000000000000001"])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(InvalidRate):
        ExchangeRate("CNY", "USD", Decimal(rate), "tests", NOW)


@pytest.mark.parametrize(("priced_in", "paid_in"), [("CNY", "CNY"), ("CNY", "DATA"), ("usd", "CNY"), ("CNY", "US")])
def test_a_rate_is_between_two_currencies(priced_in, paid_in):
    with pytest.raises(InvalidRate):
        ExchangeRate(priced_in, paid_in, Decimal(7), "tests", NOW)


@pytest.mark.parametrize("price", [Money(100, "EUR"), Money(-1, "CNY")])
def test_only_a_price_in_its_currency_is_converted(price):
    with pytest.raises(InvalidMoney):
        ExchangeRate("CNY", "USD", Decimal(7), "tests", NOW).convert(price)


@pytest.mark.parametrize("part", [Money(101, "CNY"), Money(-1, "CNY"), Money(1, "USD")])
def test_more_than_the_price_is_no_part_of_it(part):
    with pytest.raises(InvalidMoney):
        share(paid=Money(14, "USD"), price=Money(100, "CNY"), part=part)
