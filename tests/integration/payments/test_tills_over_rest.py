"""A clerk's program at a till: from the float to the count, over REST; and who may not."""

from uuid import uuid4

import pytest

from tests.integration.api.conftest import serving_api
from topup.kernel.ids import new_id
from topup.people import administration
from topup.people.operations import create_key
from topup.people.permissions import Role
from topup.people.signing_in import enrol_at_once
from topup.platform.keys import KeyRing

FIFTY = {"amount_minor": 5000, "currency": "CNY"}
HUNDRED = {"amount_minor": 10000, "currency": "CNY"}
NOTHING = {"amount_minor": 0, "currency": "CNY"}


@pytest.fixture
async def api(voucher_shop, data_dir):
    async with serving_api(voucher_shop.database, data_dir, {}, desk=voucher_shop.desk) as served:
        yield served


async def key_of(api, role) -> dict[str, str]:
    async with api.database.transaction() as transaction:
        made = await create_key(transaction.connection, role=role, label="test", now=transaction.now)
    return {"Authorization": f"Bearer {made.secret}"}


async def key_of_staff(api, login, keys: KeyRing) -> dict[str, str]:
    """A key that one of the staff holds, who is taken on for it."""
    async with api.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        clerk = await administration.add(connection, login=login, role=Role.CLERK, by="cli", now=now)
        await enrol_at_once(connection, keys, clerk, password="x", secret="JBSWY3DPEHPK3PXP", now=now)
        made = await create_key(connection, role=Role.CLERK, label="test", now=now, staff_id=clerk.id)
    return {"Authorization": f"Bearer {made.secret}"}


async def said(api, path, body, headers, status=200) -> dict:
    answer = await api.client.post(f"/api/v1/tills/{path}", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_day_at_a_till(api, voucher_shop):
    clerk = await key_of(api, Role.CLERK)
    opened = await said(api, "kiosk-7/sessions", {"float": HUNDRED}, clerk, 201)
    assert (opened["till"], opened["closed_at"]) == ("kiosk-7", None)
    order_id = (await api.order()).json()["id"]
    begun = await api.client.post(
        f"/api/v1/orders/{order_id}/payments",
        json={"method": "cash", "scene": "counter"},
        headers={"Idempotency-Key": uuid4().hex},
    )
    assert begun.json()["action"]["type"] == "wait"
    taking = {"payment_id": begun.json()["id"], "tendered": HUNDRED, "no_change": True}
    taken = await said(api, "kiosk-7/takings", taking, clerk)
    assert (taken["amount"], taken["change"], taken["slip"]) == (FIFTY, NOTHING, FIFTY)
    assert await said(api, "kiosk-7/takings", taking, clerk) == taken
    assert (await api.client.get(f"/api/v1/orders/{order_id}")).json()["status"] == "delivered"
    slips = (await api.client.post(f"/api/v1/orders/{order_id}/credit-slips")).json()["credit_slips"]
    assert [slip["amount"] for slip in slips] == [FIFTY]
    counted = {"counted": {"amount_minor": 19900, "currency": "CNY"}}
    closed = await said(api, "kiosk-7/close", counted, clerk)
    assert closed["closed_at"]
    assert "expected" not in str(closed)
    assert await voucher_shop.listed() == ["till_difference"]
    assert (await said(api, "kiosk-7/close", counted, clerk, 409))["code"] == "till_not_open"


async def test_a_clerk_with_a_key_acts_at_the_till_they_keep_alone(api, voucher_shop):
    """Or a colleague's drawer would lack what another took out of it."""
    ann, bob = [await key_of_staff(api, login, voucher_shop.keys) for login in ("ann", "bob")]
    await said(api, "hall-1/sessions", {"float": HUNDRED}, ann, 201)
    taking = {"payment_id": new_id("payment", 1), "tendered": FIFTY}
    back, counted = {"refund_id": new_id("refund", 1)}, {"counted": HUNDRED}
    for path, body in (("takings", taking), ("refunds", back), ("close", counted)):
        assert (await said(api, f"hall-1/{path}", body, bob, 409))["code"] == "till_of_another"
    assert (await said(api, "hall-2/sessions", {"float": NOTHING}, ann, 409))["code"] == "till_kept_already"
    assert (await said(api, "hall-1/takings", taking, ann, 404))["code"] == "payment_unknown"
    assert (await said(api, "hall-1/close", counted, ann))["closed_at"]


@pytest.mark.parametrize("role", [Role.READER, Role.AUDITOR, Role.NETWORK, Role.SUPPORT, Role.FINANCE, Role.SECURITY])
async def test_others_may_not_keep_a_till(api, role):
    headers = await key_of(api, role)
    assert (await said(api, "kiosk-7/sessions", {"float": FIFTY}, headers, 403))["code"] == "not_permitted"


async def test_nobody_keeps_a_till_without_a_key(api):
    answer = await api.client.post("/api/v1/tills/kiosk-7/sessions", json={"float": FIFTY})
    assert answer.status_code == 401


@pytest.mark.parametrize("till", ["Counter", "-1", "a" * 41])
async def test_a_till_has_a_plain_name(api, till):
    clerk = await key_of(api, Role.CLERK)
    assert (await said(api, f"{till}/sessions", {"float": FIFTY}, clerk, 422))["code"] == "till_unreadable"
