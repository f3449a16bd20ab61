"""Plans of commission: which rule counts, what it earns, and what is no plan."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.errors import Invalid
from topup.kernel.money import Money
from topup.payments.floats.plans import read_plan
from topup.payments.floats.records import Sale

PLAN = read_plan("""
name = "street"
currency = "CNY"
[[rule]]
percent = "2.5"
[[rule]]
carrier = "qingfeng"
percent = "3"
tier = [{ from_minor = 100000, percent = "4" }, { from_minor = 200000, fixed_minor = 500 }]
[[rule]]
product = "pack"
fixed_minor = 150
[[rule]]
carrier = "qingfeng"
product = "pack"
fixed_minor = 0
""")


def earned(minor: int, *, carrier="other", product=None, month=0, currency="CNY") -> int:
    return PLAN.commission(price=Money(minor, currency), carrier_id=carrier, product=product, month_minor=month)


@pytest.mark.parametrize(
    ("sale", "minor"),
    [
        ({}, 25),
        ({"carrier": "qingfeng"}, 30),
        ({"carrier": "qingfeng", "month": 99_999}, 30),
        ({"carrier": "qingfeng", "month": 100_000}, 40),
        ({"carrier": "qingfeng", "month": 200_000}, 500),
        ({"product": "pack"}, 150),
        ({"carrier": "qingfeng", "product": "pack"}, 0),
        ({"currency": "SGD"}, 0),
    ],
)
def test_the_rule_that_names_most_of_a_sale_counts(sale, minor):
    assert earned(1000, **sale) == minor


def test_what_is_earned_is_rounded_down_and_never_more_than_the_price():
    assert earned(39) == 0
    assert earned(41) == 1
    assert earned(100, product="pack") == 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        'name = "x"\ncurrency = "CNY"\nrule = []\n',
        'name = "x"\ncurrency = "CNY"\n[[rule]]\n',
        'name = "x"\ncurrency = "CNY"\n[[rule]]\npercent = "101"\n',
        'name = "x"\ncurrency = "CNY"\n[[rule]]\npercent = "NaN"\n',
        'name = "x"\ncurrency = "CNY"\n[[rule]]\npercent = "1"\nfixed_minor = 1\n',
        'name = "x"\ncurrency = "CNY"\n[[rule]]\nfixed_minor = -1\n',
        'name = "x"\ncurrency = "CNY"\n[[rule]]\npercent = "1"\n[[rule]]\npercent = "2"\n',
        'name = "x"\ncurrency = "CNY"\n[[rule]]\npercent = "1"\nprecent = "2"\n',
    ],
)
def test_what_is_no_plan_is_refused_with_a_reason(text):
    with pytest.raises(Invalid, match="plan_unreadable") as refusal:
        read_plan(text)
    assert refusal.value.parameters["reason"]


@given(st.integers(1, 10**9), st.data())
def test_however_a_sale_goes_back_its_commission_goes_with_it_and_no_more(price, data):
    commission = data.draw(st.integers(0, price))
    sale = Sale(1, "pay", "ord", "agt", "acc", price, commission, "CNY", "", None)
    back = commission_back = 0
    while back < price:
        part = data.draw(st.integers(max(1, (price - back) // 4), price - back))
        taken = Sale(1, "pay", "ord", "agt", "acc", price, commission, "CNY", "", None, back, commission_back)
        share = taken.commission_with(part)
        assert 0 <= share <= part, "never more leaves the float than comes to it"
        back, commission_back = back + part, commission_back + share
    assert commission_back == sale.commission_minor
