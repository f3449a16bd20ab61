"""A counter finds an order by its payment code: what it must know to take the money, and no more."""

from uuid import uuid4

from tests.integration.api.conftest import OPENED
from topup.orders.elsewhere import MOST, new_code
from topup.people.operations import create_key
from topup.people.permissions import Role


async def keyed(api, role: Role) -> dict[str, str]:
    async with api.database.transaction() as transaction:
        created = await create_key(transaction.connection, label="counter", role=role, now=transaction.now)
    return {"authorization": f"Bearer {created.secret}"}


async def test_a_counter_finds_the_order_and_takes_the_money_for_it(api):
    order = (await api.order()).json()
    code = (await api.desk.elsewhere.code(order_id=order["id"])).code
    counter = await keyed(api, Role.CLERK)
    answer = await api.client.get(f"/api/v1/pay-codes/{code[:4]} {code[4:]}", headers=counter)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["order_id"] == order["id"]
    assert found["total"] == order["total"]
    assert found["masked_number"].replace("*", "") != found["masked_number"]
    assert OPENED not in answer.text
    paid = await api.client.post(
        f"/api/v1/orders/{found['order_id']}/payments",
        json={"method": "sandbox"},
        headers={**counter, "Idempotency-Key": uuid4().hex},
    )
    assert paid.status_code == 201


async def test_a_guest_and_a_reader_are_refused(api):
    order = (await api.order()).json()
    path = f"/api/v1/pay-codes/{(await api.desk.elsewhere.code(order_id=order['id'])).code}"
    assert (await api.client.get(path)).status_code == 401
    assert (await api.client.get(path, headers=await keyed(api, Role.READER))).status_code == 403


async def test_a_key_that_guesses_is_shut_out(api):
    counter = await keyed(api, Role.CLERK)
    said = [
        (await api.client.get(f"/api/v1/pay-codes/{new_code(3, lanes=16)}", headers=counter)).status_code
        for _ in range(MOST["payer"] + 1)
    ]
    assert said == [404] * MOST["payer"] + [429]
    assert (await api.client.get("/api/v1/pay-codes/123", headers=counter)).status_code == 422
