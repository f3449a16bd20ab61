"""Shops make, list and stop links over REST, each its own."""

from uuid import uuid4

import httpx
import pytest

from tests.integration.api.conftest import FIFTY, OPENED
from tests.integration.api.test_pay_codes import keyed
from topup.people.permissions import Role


async def make(api, shop, key=None, **wish) -> httpx.Response:
    headers = {**shop, "Idempotency-Key": key or uuid4().hex}
    return await api.client.post("/api/v1/links", json=wish, headers=headers)


@pytest.fixture
async def shop(api):
    return await keyed(api, Role.CLERK)


async def test_a_link_is_made_once_listed_and_stopped(api, shop):
    made = await make(api, shop, "k1", number=OPENED, amount=FIFTY, label="Window", days=30)
    assert made.status_code == 201, made.text
    again = await make(api, shop, "k1", number=OPENED, amount=FIFTY, label="Window", days=30)
    assert (again.json(), again.headers["idempotent-replayed"]) == (made.json(), "true")
    link = made.json()
    assert link["url"].endswith(f"/t/{link['id']}")
    assert OPENED not in made.text
    assert link["masked_number"].count("*") == 4
    listed = (await api.client.get("/api/v1/links", headers=shop)).json()["links"]
    assert [one["id"] for one in listed] == [link["id"]]
    stopped = await api.client.post(f"/api/v1/links/{link['id']}/revoke", headers=shop)
    assert stopped.json()["revoked_at"]
    assert (await api.client.post(f"/api/v1/links/{link['id']}/revoke", headers=shop)).json() == stopped.json()


async def test_another_shops_link_is_as_if_it_did_not_exist(api, shop):
    link = (await make(api, shop, amount=FIFTY)).json()
    other = await keyed(api, Role.CLERK)
    assert (await api.client.get("/api/v1/links", headers=other)).json() == {"links": []}
    answer = await api.client.post(f"/api/v1/links/{link['id']}/revoke", headers=other)
    assert (answer.status_code, answer.json()["code"]) == (404, "link_unknown")


@pytest.mark.parametrize(
    ("code", "wish"),
    [
        ("link_empty", {}),
        ("link_product_for_any", {"product": "data-10gb-30d"}),
        ("link_lasts", {"number": OPENED, "days": 60}),
        ("product_unknown", {"number": OPENED, "product": "nothing"}),
        ("number_impossible", {"number": "123"}),
        ("body_invalid", {"amount": FIFTY, "days": 0}),
    ],
)
async def test_what_leads_nowhere_is_refused(api, shop, code, wish):
    answer = await make(api, shop, **wish)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_it_takes_a_key_that_may(api):
    assert (await make(api, {}, amount=FIFTY)).status_code == 401
    assert (await make(api, await keyed(api, Role.READER), amount=FIFTY)).status_code == 403
