"""G21 at the counter: every role on every address, drawn from its own table; strangers, and forms without a token."""

import re

import httpx
import pytest

from tests.integration.counter.conftest import Clerk
from tests.support.proving import proving_of
from topup.channels.counter.rendering import Look
from topup.channels.counter.router import Counter
from topup.kernel.ids import new_id
from topup.payments.cash import drawer
from topup.people.doors import SIGN_IN, Door
from topup.people.permissions import STAFF_ROLES, Role, allowed
from topup.work import trail

pytestmark = pytest.mark.xdist_group("browser")
PARTS = {
    "token": "x",
    "quote_id": new_id("quote", 0),
    "session_id": new_id("till", 0),
    "use_id": new_id("card_use", 0),
    "order_id": new_id("order", 0),
    "name": "x",
    "plan_id": "x",
    "when": "now",
}


def routes_of(site):
    house = site.house
    counter = Counter(
        database=house.store.database,
        keyring=house.store.keyring,
        desk=house.desk,
        keys=house.request_keys,
        care=house.care,
        approvals=house.approvals,
        catalogue=house.catalogue,
        printing=house.printing,
        public_url=site.url,
        secure=False,
        look=Look(tuple, "UTC"),
        proving=proving_of(site),
    )
    return counter.routes()


def address_of(path: str) -> str:
    return "/counter" + re.sub(r"\{(\w+):str\}", lambda found: PARTS[found[1]], path)


async def asked(clerk: Clerk, method: str, address: str, data=None) -> httpx.Response:
    return await clerk.client.request(method, address, data=data if method == "POST" else None)


async def test_every_role_on_every_page_and_form_of_the_counter(site, staff):
    cells = wrong = 0
    for role in sorted(STAFF_ROLES):
        clerk = await staff(role)
        token = re.search(r'name="form_token" value="([^"]+)"', (await clerk.client.get("/console/me")).text)[1]
        for method, path, needed, _ in routes_of(site):
            if isinstance(needed, Door):
                continue
            answer = await asked(clerk, method, address_of(path), {"form_token": token})
            cells += 1
            wrong += (answer.status_code == 403) == allowed(role, needed) or answer.status_code >= 500
    print(f"G21 {cells} cells of {len(STAFF_ROLES)} roles x pages and forms of the counter; {wrong} wrong")
    assert wrong == 0


async def test_a_stranger_is_led_to_the_one_door_and_comes_back(site):
    cells = wrong = 0
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, headers={"accept": "text/html"}) as client:
        for method, path, needed, _ in routes_of(site):
            if needed is Door.OPEN:
                continue
            answer = await client.request(method, address_of(path), data={"x": "y"} if method == "POST" else None)
            cells += 1
            wrong += not answer.headers.get("location", "").startswith(SIGN_IN)
        assert (await client.get("/counter/drawer")).headers["location"] == f"{SIGN_IN}?back=/counter/drawer"
    print(f"G21 {cells} pages and forms of the counter before a stranger; {wrong} wrong")
    assert wrong == 0


async def test_no_form_of_the_counter_is_taken_without_its_token(site, staff):
    clerk = await staff(Role.CLERK)
    for method, path, needed, _ in routes_of(site):
        if method == "POST" and needed is not Door.OPEN:
            for data in ({"x": "y"}, {"form_token": "0" * 64}):
                assert (await asked(clerk, method, address_of(path), data)).status_code == 403, path


async def test_signing_out_at_the_console_ends_the_counter_too(staff):
    clerk = await staff(Role.CLERK)
    assert (await clerk.posts("/console/sign-out")).status_code == 303
    assert (await clerk.client.get("/counter/drawer")).headers["location"].startswith(SIGN_IN)


async def test_what_a_room_refuses_to_a_form_is_in_the_trail_as_what_the_door_refuses(site, clerk):
    async with site.transaction() as transaction:
        session = await drawer.kept_by(transaction.connection, clerk.id)
    blind = f"/counter/reports/{session.id}/print"
    assert (await clerk.posts(blind, form=new_id("event", 0))).status_code == 403
    assert (await clerk.posts(blind, form_token="another's")).status_code == 403
    async with site.transaction() as transaction:
        found = await trail.entries(transaction.connection, actor=clerk.id, action="staff.refused")
    assert [entry.facts["page"] for entry in found] == ["/counter/reports/{session_id}/print"] * 2
