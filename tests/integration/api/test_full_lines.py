"""Lines that may not have more: who is told before, and what becomes of money that comes all the same."""

import pytest

from tests.support.simulators import until
from tests.support.tariffs import CREDIT_CAP, publish_changed
from topup.people.permissions import Role

from .conftest import OPENED, UNOPENED, Api
from .test_access import key

SIXTY = {"amount_minor": 6000, "currency": "CNY"}


@pytest.fixture
async def capped(api, tmp_path) -> Api:
    """The API of a carrier that lets a line have 100.00 of credit, and refuses what is more."""
    await publish_changed(api.database, tmp_path, "qingfeng", extra=CREDIT_CAP.format(at_cap="refuse"))
    return api


async def paid(api: Api, order_id: str) -> None:
    payment = (await api.pay(order_id)).json()
    acted = await api.client.post(f"/sandbox/payments/{payment['id']}", json={"outcome": "pay"})
    assert acted.status_code == 200, acted.text


async def when(api: Api, order_id: str, status: str) -> dict:
    async def ask() -> dict:
        await api.desk.outside.refund()
        await api.desk.outside.ask()
        return (await api.client.get(f"/api/v1/orders/{order_id}")).json()

    return await until(ask, lambda order: order["status"] == status)


async def test_what_does_not_fit_any_more_when_it_is_paid_goes_back_at_the_gateway(capped):
    confirmed = {"confirmations": ["duplicate"]}
    orders = [(await capped.order((await capped.quote(amount=SIXTY))["id"], **confirmed)).json() for _ in range(2)]
    for order, status in zip(orders, ("delivered", "refunded"), strict=True):
        await paid(capped, order["id"])
        await when(capped, order["id"], status)
    full = (await capped.client.get(f"/api/v1/orders/{orders[1]['id']}")).json()
    assert [(step["state"], step["cause"]) for step in full["timeline"]][-2:] == [
        ("refunding", "cap_exceeded"),
        ("refunded", "money_back"),
    ]
    assert [payment["refunded"] for payment in full["payments"]] == [SIXTY]
    balance = (
        await capped.client.get(f"/api/v1/lines/{OPENED}/balance", headers=await key(capped, Role.READER))
    ).json()
    assert balance["credit"]["amount_minor"] == 6000


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "The line would have more than it may."),
        ("zh-Hans", "充值后会超过这个号码的余额上限。"),
        ("zh-Hant", "儲值後會超過這個門號的餘額上限。"),
    ],
)
async def test_a_key_that_may_read_lines_is_told_how_much_still_fits(capped, language, title):
    order = (await capped.order((await capped.quote(amount=SIXTY))["id"])).json()
    headers = await key(capped, Role.READER) | {"Accept-Language": language}
    body = {"number": OPENED, "amount": SIXTY}
    quote = (await capped.client.post("/api/v1/quotes", json=body, headers=headers)).json()
    assert [(grant["basis"], grant["policy"]) for grant in quote["grants"]] == [("certain", "separate")]
    await paid(capped, order["id"])
    await when(capped, order["id"], "delivered")
    refused = await capped.client.post("/api/v1/quotes", json=body, headers=headers)
    told = refused.json()
    assert (refused.status_code, told["code"], told["title"]) == (409, "line_nearly_full", title)
    assert (told["room"], told["limit"]) == ("40.00 CNY", "100.00 CNY")
    assert "¥40.00" in told["detail"]
    late = await capped.client.post(
        "/api/v1/orders",
        json={"quote_id": quote["id"], "confirmations": ["duplicate"]},
        headers=headers | {"Idempotency-Key": "late"},
    )
    assert (late.status_code, late.json()["code"]) == (409, "line_nearly_full")


async def test_a_guest_is_told_the_same_of_a_full_line_as_of_none(capped):
    order = (await capped.order((await capped.quote(amount=SIXTY))["id"])).json()
    await paid(capped, order["id"])
    await when(capped, order["id"], "delivered")
    answers = [await capped.quote(number, amount=SIXTY) for number in (OPENED, UNOPENED)]
    varying = {"id", "number", "grouped", "created_at", "expires_at"}
    said = [{name: value for name, value in answer.items() if name not in varying} for answer in answers]
    assert said[0] == said[1]


async def test_more_than_any_line_may_have_is_refused_to_a_guest_too(capped):
    body = {"number": UNOPENED, "amount": {"amount_minor": 20_000, "currency": "CNY"}}
    refused = await capped.client.post("/api/v1/quotes", json=body, headers={"Accept-Language": "en"})
    assert (refused.status_code, refused.json()["code"]) == (422, "amount_above_cap")
    assert refused.json()["detail"] == "A line may have at most CN¥100.00. Choose a smaller amount."
