"""Offers over REST: each discount by its name, each code with why it counts or does not, and an offer that is gone."""

import pytest

from tests.support.selling_offers import ONCE, TIERS, publish_with

HUNDRED = {"amount_minor": 10000, "currency": "CNY"}


@pytest.fixture
async def offering(api):
    await publish_with(api.database, ONCE, TIERS)
    return api


async def test_a_price_says_its_discounts_and_what_became_of_each_code(offering):
    quote = await offering.quote(amount=HUNDRED, coupons=["once", "never"])
    assert quote["discounts"] == [
        {"campaign": "tiers", "text": "满减", "off": {"amount_minor": 1200, "currency": "CNY"}},
        {"campaign": "once", "text": "一张券", "off": {"amount_minor": 300, "currency": "CNY"}},
    ]
    assert [line["amount"]["amount_minor"] for line in quote["lines"]] == [10000, -1200, -300]
    assert (quote["face"]["amount_minor"], quote["total"]["amount_minor"]) == (10000, 8500)
    assert [(code["code"], code["applied"], code["reason"]) for code in quote["codes"]] == [
        ("ONCE", True, "applied"),
        ("NEVER", False, "code_unknown"),
    ]
    assert all(code["text"] for code in quote["codes"])


async def test_a_price_without_offers_says_so(api):
    quote = await api.quote()
    assert (quote["discounts"], quote["codes"]) == ([], [])


async def test_an_offer_that_is_gone_makes_no_order_and_says_why(offering):
    one, other = [await offering.quote(amount=HUNDRED, coupons=["ONCE"]) for _ in range(2)]
    assert (await offering.order(one["id"])).status_code == 201
    refused = await offering.order(other["id"], confirmations=["duplicate"])
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["code"] == "offer_gone"
    again = await offering.quote(amount=HUNDRED, coupons=["ONCE"])
    assert (again["total"]["amount_minor"], again["codes"][0]["reason"]) == (8800, "code_held")


async def test_the_same_key_gives_the_same_order_though_its_offers_are_used_up(offering):
    quote = await offering.quote(amount=HUNDRED, coupons=["ONCE"])
    answers = [await offering.order(quote["id"], key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]


async def test_whoever_tries_codes_out_is_asked_to_wait(offering):
    for number in range(5):
        wrong = [f"WRONG{number}{place}" for place in range(10)]
        answer = await offering.client.post(
            "/api/v1/quotes", json={"number": "13800138000", "amount": HUNDRED, "coupons": wrong}
        )
        if answer.status_code != 201:
            break
    assert answer.status_code == 429
    assert answer.json()["code"] == "coupons_guessed"
    assert (await offering.quote(amount=HUNDRED))["total"]["amount_minor"] == 8800, "without a code it goes on"
