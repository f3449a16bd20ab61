"""The main job over REST, from a number to a receipt."""

from datetime import timedelta

from tests.support.simulators import until

from .conftest import OPENED, Api


async def delivered(api: Api, order_id: str) -> dict:
    async def ask() -> dict:
        return (await api.client.get(f"/api/v1/orders/{order_id}", headers={"Accept-Language": "en"})).json()

    return await until(ask, lambda order: order["final"])


async def test_a_top_up_from_number_to_receipt(api):
    number = (await api.client.get(f"/api/v1/numbers/{OPENED}")).json()
    assert number["number"] == "+8613800138000"
    assert number["grouped"] == "138 0013 8000"
    offers = (await api.client.get("/api/v1/products", params={"number": "+8613800138000"})).json()["offers"]
    assert {"amount_minor": 5000, "currency": "CNY"} in [offer["price"] for offer in offers]
    quote = await api.quote()
    methods = (await api.client.get(f"/api/v1/quotes/{quote['id']}/methods")).json()["methods"]
    assert [method["method"] for method in methods] == ["sandbox"]
    made = await api.order(quote["id"], contact="lin@example.com")
    assert made.status_code == 201
    order = made.json()
    assert order["status"] == "awaiting_payment"
    assert [step["state"] for step in order["timeline"]] == ["quoted", "awaiting_payment"]
    paid = (await api.pay(order["id"])).json()
    assert paid["action"]["type"] == "redirect"
    acted = await api.client.post(f"/sandbox/payments/{paid['id']}", json={"outcome": "pay"})
    assert acted.status_code == 200, acted.text
    done = await delivered(api, order["id"])
    assert done["status"] == "delivered"
    assert done["total"] == quote["total"]
    receipt = await api.client.get(f"/api/v1/orders/{order['id']}/receipt")
    assert receipt.json()["number"] == done["receipt_number"]
    document = await api.client.get(f"/api/v1/orders/{order['id']}/receipt.pdf")
    assert document.headers["content-type"] == "application/pdf"
    assert document.content.startswith(b"%PDF-")


async def test_an_order_can_be_cancelled_until_it_is_paid(api):
    order = (await api.order()).json()
    cancelled = await api.client.post(f"/api/v1/orders/{order['id']}/cancel")
    assert cancelled.json()["status"] == "cancelled"
    refused = await api.pay(order["id"])
    assert refused.status_code == 409
    assert refused.json()["code"] == "order_not_payable"


async def test_money_in_another_currency_than_was_asked_for_is_told_as_it_came(api):
    """A total that ends in 96: the simulated gateway takes as many dollars."""
    order = (await api.order((await api.quote(amount={"amount_minor": 5096, "currency": "CNY"}))["id"])).json()
    paid = (await api.pay(order["id"])).json()
    assert paid["received"] == {"amount_minor": 0, "currency": "CNY"}
    acted = await api.client.post(f"/sandbox/payments/{paid['id']}", json={"outcome": "pay"})
    assert acted.status_code == 200, acted.text

    async def refunded():
        api.database.clock_offset += timedelta(seconds=30)
        await api.desk.outside.refund()
        [payment] = (await api.client.get(f"/api/v1/orders/{order['id']}")).json()["payments"]
        return payment

    dollars = {"amount_minor": 5096, "currency": "USD"}
    payment = await until(refunded, lambda payment: payment["refunded"]["amount_minor"] > 0)
    assert (payment["amount"]["currency"], payment["received"], payment["refunded"]) == ("CNY", dollars, dollars)
    assert payment["returned"] == [{"amount": dollars, "reason": "mismatched", "standing": "went_back"}]
