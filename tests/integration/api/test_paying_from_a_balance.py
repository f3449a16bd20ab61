"""A line's credit pays over REST, as its owner asks: for keys that may say who that is, and for nobody else."""

from uuid import uuid4

import pytest

from tests.integration.api.conftest import furnish, serving_api
from tests.support.desk import ScriptedGateway
from topup.catalogue.queries import CatalogueCache
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.payments.methods.balance import Balance
from topup.payments.ports import PaymentFact, PaymentStanding
from topup.people.operations import create_key
from topup.people.permissions import PERMISSIONS, Permission, Role

PAYER = "13800138001"


@pytest.fixture
async def shop(database, tmp_path):
    await furnish(database)
    scripted = ScriptedGateway()
    gateways = {"scripted": scripted, "balance": Balance(database=database, catalogue=CatalogueCache())}
    async with serving_api(database, tmp_path, gateways) as api:
        api.scripted = scripted
        yield api


async def filled(api) -> None:
    order = (await api.order((await api.quote(PAYER))["id"])).json()
    payment = await api.desk.pay(
        payment_id=PaymentId(new_id("payment", lane_of(order["id"]))),
        order_id=order["id"],
        method="scripted",
        locale="en",
    )
    async with api.database.read() as transaction:
        now = transaction.now
    fact = PaymentFact(payment.id, PaymentStanding.PAID, "r1", Money(5_000, "CNY"), now)
    await api.desk.receive_event(method="scripted", headers={}, body=api.scripted.event(fact))
    await api.desk.post_room.settled()


async def pays(api, role=None, *, payer=PAYER, key=None, order=None):
    headers = {"Idempotency-Key": key or uuid4().hex}
    if role is not None:
        async with api.database.transaction() as transaction:
            made = await create_key(transaction.connection, role=role, label="test", now=transaction.now)
        headers["Authorization"] = f"Bearer {made.secret}"
    order = order or (await api.order((await api.quote())["id"], confirmations=["duplicate"])).json()
    body = {"method": "balance"} | ({"wallet_user": payer} if payer else {})
    return order, await api.client.post(f"/api/v1/orders/{order['id']}/payments", json=body, headers=headers)


async def test_each_role_may_or_may_not(shop, figures):
    """G21: every role, and nobody."""
    for role in Role:
        _, answer = await pays(shop, role)
        allowed = Permission.PAY_FROM_BALANCE in PERMISSIONS[role]
        assert answer.status_code == (201 if allowed else 403), (role, answer.text)
    _, answer = await pays(shop)
    assert answer.status_code == 401
    figures("G21 balance.pay", cells=len(Role) + 1, wrong=0)


async def test_it_pays_and_says_why_not(shop):
    await filled(shop)
    order, answer = await pays(shop, Role.SUPPORT)
    assert answer.status_code == 201
    assert (await shop.client.get(f"/api/v1/orders/{order['id']}")).json()["status"] == "delivered"
    order, answer = await pays(shop, Role.SUPPORT)
    assert (answer.json()["status"], answer.json()["reason"]) == ("declined", "declined_funds")
    said = {
        "zh-Hans": "余额不足，无法完成这笔付款。请换一张卡或一个账户，或换一种付款方式。",
        "zh-Hant": "餘額不足，無法完成這筆付款。請換一張卡或一個帳戶，或換一種付款方式。",
        "en": "There was not enough money for this payment. Pay from another card or account, or another way.",
    }
    for language, text in said.items():
        headers = {"Accept-Language": language}
        shown = (await shop.client.get(f"/api/v1/orders/{order['id']}", headers=headers)).json()
        assert shown["status"] == "awaiting_payment"
        assert [payment["reason_text"] for payment in shown["payments"]] == [text]
    _, answer = await pays(shop, Role.SUPPORT, payer=None, order=order)
    assert (answer.status_code, answer.json()["code"]) == (422, "method_not_for_guests")


async def test_another_payer_under_the_same_key_is_refused(shop):
    key = uuid4().hex
    async with shop.database.transaction() as transaction:
        made = await create_key(transaction.connection, role=Role.SUPPORT, label="test", now=transaction.now)
    headers = {"Idempotency-Key": key, "Authorization": f"Bearer {made.secret}"}
    order = (await shop.order((await shop.quote())["id"])).json()
    path = f"/api/v1/orders/{order['id']}/payments"
    first = await shop.client.post(path, json={"method": "balance", "wallet_user": PAYER}, headers=headers)
    again = await shop.client.post(path, json={"method": "balance", "wallet_user": PAYER}, headers=headers)
    other = await shop.client.post(path, json={"method": "balance", "wallet_user": "13800138002"}, headers=headers)
    assert first.json() == again.json()
    assert other.json()["code"] == "key_reused"
