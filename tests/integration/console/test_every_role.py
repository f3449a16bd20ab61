"""G21: every role on every page, form, decision and REST action, drawn from the tables themselves; strangers as well.

A cell is wrong where somebody gets further than the table of permissions lets them, and where they do not get so far.
"""

import re
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from psycopg.types.json import Jsonb

from tests.integration.console.conftest import form_token
from tests.support.proving import proving_of
from topup.bootstrap.telling import installed
from topup.channels.api.routes import all_endpoints
from topup.channels.console.router import Console
from topup.kernel.ids import new_id
from topup.people.doors import Door
from topup.people.operations import create_key
from topup.people.permissions import STAFF_ROLES, Permission, Role, allowed
from topup.work.operations import Decision, list_for_person

pytestmark = pytest.mark.xdist_group("browser")
NOBODYS = {f"{kind}_id": new_id(kind, 1) for kind in ("order", "agent", "line", "ticket", "message")} | {
    "counted_id": new_id("till", 1),
    "name": "payments",
    "method": "alipay",
    "day": "2026-03-10",
    "carrier_id": "nobody",
    "version": "7",
    "batch_id": "cpb_nobodys",
    "draft_id": "dft_nobodys",
    "publication_id": "pub_nobodys",
    "campaign_id": "nobodys",
    "sku": "nobodys",
}
"""Parts of addresses that lead to nothing there is."""
SIGN_IN = "/console/sign-in"
SHORT = {"expected_minor": 2, "counted_minor": 1, "difference_minor": -1, "currency": "CNY", "counted_by": "stf_one"}
COUNTED = {"till_difference": {"till": "one"} | SHORT, "terminal_difference": {"terminal": "pos-1"} | SHORT}


def console_of(site) -> Console:
    house = site.house
    return Console(
        database=house.store.database,
        keyring=house.store.keyring,
        approvals=house.approvals,
        adjustments=None,
        evidence=None,
        post_room=None,
        sending=None,
        catalogue=None,
        answering=None,
        lanes=1,
        secure=False,
        stylesheet=str,
        proving=proving_of(site),
        installed=installed(house, house.store.settings),
    )


@pytest.fixture
async def listed(site):
    async def put(kind: str) -> str:
        subject = new_id("payment", 1)
        evidence = COUNTED.get(kind, {})
        async with site.transaction() as transaction:
            await list_for_person(transaction.connection, [Decision(1, kind, subject, evidence)], transaction.now)
            cursor = await transaction.connection.execute("SELECT id FROM work.items WHERE subject = %s", [subject])
            return (await cursor.fetchone())[0]

    return put


@pytest.fixture
async def asked_for(site):
    """A request of a kind, as the table has it, whatever it is about."""

    async def put(kind: str, by: str) -> str:
        approval = new_id("approval", 1)
        async with site.transaction() as transaction:
            row = (approval, kind, new_id("payment", 1), Jsonb({}), by, transaction.now)
            await transaction.connection.execute(
                "INSERT INTO work.approvals (lane, id, kind, subject, facts, reason, state, requested_by, requested_at,"
                " expires_at) VALUES (1, %s, %s, %s, %s, 'Because', 'requested', %s, %s, %s)",
                (*row, transaction.now + timedelta(days=1)),
            )
        return approval

    return put


async def test_every_role_on_every_page_and_form(site, enter, listed, asked_for):
    item = await listed("payment_unresolved")
    cells = wrong = 0
    for role in sorted(STAFF_ROLES):
        client, person = await enter(role)
        parts = {"item_id": item, "approval_id": await asked_for("refund", person.id), "staff_id": person.id}
        parts |= {
            name: new_id(name.removesuffix("_id"), 1)
            for name in ("order_id", "agent_id", "line_id", "ticket_id", "message_id")
        }
        parts = NOBODYS | parts
        parts |= {"method": "alipay", "day": "2026-03-10", "name": "payments"}
        token = await form_token(client, "/console/me")
        for method, path, needed, _ in console_of(site).routes():
            if isinstance(needed, Door):
                continue
            address = "/console" + re.sub(r"\{(\w+):str\}", lambda found, parts=parts: parts[found[1]], path)
            answer = await client.request(method, address, data={"form_token": token} if method == "POST" else None)
            cells += 1
            wrong += (answer.status_code == 403) == allowed(role, needed)
    print(f"{cells} cells of {len(STAFF_ROLES)} roles x pages and forms; {wrong} wrong")
    assert wrong == 0


async def test_what_a_role_may_not_do_is_told_of_the_role_with_the_menu_kept(enter):
    for role, name in ((Role.SUPPORT, "Support"), (Role.FINANCE, "Finance")):
        client, _ = await enter(role)
        for place in ("staff", "trail", "adjust"):
            if f'href="/console/{place}"' in (await client.get("/console/work")).text:
                continue
            answer = await client.get(f"/console/{place}")
            assert answer.status_code == 403, place
            assert f"Your role ({name}) may not do this." in answer.text
            said = answer.text.partition("<main")[2].partition("</main>")[0]
            assert "key" not in re.sub(r"<[^>]*>", "", said), "keys are for programs"
            assert 'href="/console/work"' in answer.text, "the menu is still there"


async def test_a_stranger_is_led_to_the_door_from_everywhere(site, browser):
    cells = wrong = 0
    client = browser()
    for method, path, needed, _ in console_of(site).routes():
        if needed is Door.OPEN:
            continue
        address = "/console" + re.sub(r"\{\w+:str\}", "x", path)
        answer = await client.request(method, address, data={"form_token": "x"} if method == "POST" else None)
        cells += 1
        wrong += not answer.headers.get("location", "").startswith(SIGN_IN)
    print(f"{cells} pages and forms before a stranger; {wrong} wrong")
    assert wrong == 0


async def test_no_form_is_taken_without_its_token(site, enter, listed):
    item = await listed("bills_missed")
    client, person = await enter(Role.OPERATOR)
    parts = {"item_id": item, "approval_id": "x", "staff_id": person.id, "order_id": new_id("order", 1)} | NOBODYS
    parts |= NOBODYS | {"session_id": "x", "passkey_id": "x"}
    parts |= {
        "agent_id": new_id("agent", 1),
        "line_id": new_id("line", 1),
        "ticket_id": new_id("ticket", 1),
        "message_id": new_id("message", 1),
        "name": "payments",
        "method": "alipay",
        "day": "2026-03-10",
    }
    for method, path, needed, _ in console_of(site).routes():
        if method == "POST" and needed is not Door.OPEN:
            address = "/console" + re.sub(r"\{(\w+):str\}", lambda found: parts[found[1]], path)
            for data in ({"x": "y"}, {"form_token": "0" * 64}):
                assert (await client.post(address, data=data)).status_code == 403, path


async def test_every_role_asks_for_and_decides_every_kind(site, enter, listed, asked_for):
    kinds = site.house.approvals.kinds.values()
    items = {kind.name: await listed(min(kind.items)) for kind in kinds if kind.items}
    cells = wrong = 0
    for role in sorted(STAFF_ROLES):
        client, person = await enter(role)
        token = await form_token(client, "/console/me")
        for kind in kinds:
            if kind.items:
                data = {"form_token": token, "kind": kind.name, "reason": "Because"}
                answer = await client.post(f"/console/work/{items[kind.name]}/ask", data=data)
                cells += 1
                may = allowed(role, kind.request) and allowed(role, Permission.READ_WORK)
                wrong += (answer.status_code == 403) == may or answer.status_code >= 500
            for by, may in (("stf_another", allowed(role, kind.approve)), (person.id, False)):
                approval = await asked_for(kind.name, by)
                for decision in ("approve", "reject"):
                    # A yes to what is about nothing that exists gets as far as to hear that; a no is done.
                    if decision == "approve" and may:
                        continue
                    data = {"form_token": token, "decision": decision, "note": "No"}
                    decided = await client.post(f"/console/approvals/{approval}", data=data)
                    cells += 1
                    wrong += decided.status_code != (303 if may else 403)
    print(f"{cells} cells of role x kind, asking, deciding, and deciding one's own; {wrong} wrong")
    assert wrong == 0


async def test_every_key_on_every_rest_action(site):
    house = site.house
    endpoints = all_endpoints(
        desk=house.desk,
        keys=house.request_keys,
        database=house.store.database,
        usage=house.usage_records,
        sessions=house.usage_sessions,
        address=house.public_url,
        demo=True,
        approvals=house.approvals,
        adjust_most=house.store.settings.adjust_ceiling,
        checks={},
    )
    guarded = [one for one in endpoints if one.permission]
    cells = wrong = 0
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as client:
        for role in Role:
            async with site.transaction() as transaction:
                key = await create_key(transaction.connection, role=role, label="matrix", now=transaction.now)
            headers = {"Authorization": f"Bearer {key.secret}", "Idempotency-Key": uuid4().hex}
            for one in guarded:
                path = one.path
                for parameter in one.parameters:
                    path = path.replace(f"{{{parameter.name}}}", parameter.example)
                body = {"json": {}} if one.method == "POST" else {}
                status = (await client.request(one.method, path, headers=headers, **body)).status_code
                cells += 1
                wrong += (status == 403) == allowed(role, one.permission)
    print(f"{cells} cells of {len(Role)} roles of keys x {len(guarded)} REST actions; {wrong} wrong")
    assert wrong == 0
