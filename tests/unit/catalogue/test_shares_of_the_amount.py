"""Money on top as a share of what was paid: what it comes to, and what cannot be said."""

import tomllib

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.checking import CatalogueMistakes, check_bytes
from topup.catalogue.pricing import price
from topup.catalogue.schema import carrier_schema
from topup.catalogue.storefront import products_for
from topup.catalogue.versions import CarrierVersion, from_json, to_json
from topup.kernel.money import Money

from .test_pricing import NOW
from .test_tariff_form import BASE

PLAIN = BASE.replace("VALIDITY", '{ rule = "never" }')
FREE = PLAIN.replace("face_values = [10, 50]", 'free = { min = "0.01", max = 1000, step = "0.01" }')


def carrier(extra: str, base: str = FREE) -> CarrierVersion:
    document = check_bytes((base + extra).encode(), name="acme.toml").document
    assert from_json(to_json(document)) == document
    assert jsonschema_rs.is_valid(carrier_schema(), tomllib.loads(base + extra))
    return CarrierVersion("acme", 1, document)


def bonus_of(permille: str, rounding: str = "down") -> str:
    grant = f'{{ asset = "CREDIT", permille = {permille}, kind = "bonus", rounding = "{rounding}" }}'
    return f"[[credit.tiers]]\nfrom = 0\nbonus = [{grant}]\n"


def grants(found: CarrierVersion, cents: int) -> list[tuple[str, int]]:
    priced = price(found, product=None, amount=Money(cents, "CNY"), now=NOW)
    assert [grant.index for grant in priced.grants] == list(range(len(priced.grants)))
    return [(grant.kind, grant.amount) for grant in priced.grants]


@given(cents=st.integers(1, 100_000), permille=st.integers(1, 99_999))
def test_it_is_that_share_rounded_down_and_nothing_where_it_comes_to_nothing(cents, permille):
    share = cents * permille // 1000
    expected = [("main", cents)] + ([("bonus", share)] if share else [])
    assert grants(carrier(bonus_of(str(permille))), cents) == expected


@pytest.mark.parametrize(("rounding", "share"), [("down", 0), ("up", 1), ("half_up", 1), ("half_even", 0)])
def test_it_is_rounded_as_it_says(rounding, share):
    assert grants(carrier(bonus_of("50", rounding)), 10) == [("main", 10)] + ([("bonus", share)] if share else [])


def test_it_is_of_the_amount_before_the_product_fee():
    fee = "[fees]\nproduct = [{ permille = 100 }]\n"
    assert grants(carrier(bonus_of("100") + fee), 1000) == [("main", 900), ("bonus", 100)]


def test_it_is_shown_as_the_money_it_is():
    value = '{ amount = 50, bonus = [{ asset = "CREDIT", permille = "12.5", kind = "bonus" }] }'
    found = carrier("", PLAIN.replace("50]", f"{value}]"))
    assert [grant.parameters["amount"] for offer in products_for(found) for grant in offer.grants] == ["0.62"]


@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        ('{ asset = "DATA", permille = 100 }', "goes with CREDIT only"),
        ('{ asset = "CREDIT", permille = 0 }', "must be above 0"),
        ('{ asset = "CREDIT", permille = 100, amount = 5 }', "exactly one of amount, permille"),
        ('{ asset = "CREDIT" }', "neither amount nor permille"),
        ('{ asset = "CREDIT", permille = 1.5 }', "must be a rate in thousandths"),
    ],
)
def test_what_cannot_be_said_has_its_sentence(grant, reason):
    with pytest.raises(CatalogueMistakes) as found:
        check_bytes((PLAIN + f"[[credit.tiers]]\nfrom = 10\nbonus = [{grant}]\n").encode(), name="acme.toml")
    assert reason in str(found.value)
