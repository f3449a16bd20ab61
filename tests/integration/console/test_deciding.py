"""Deciding in the console: a payment nobody could tell of is settled by two people, once, as the gateway would have."""

import asyncio
import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from tests.integration.console.conftest import form_token
from topup.kernel.ids import lane_of, new_id
from topup.ledger.queries import house_balances
from topup.people.permissions import Role
from topup.work.operations import Decision, list_for_person

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
async def listed(site):
    """Puts something on the work list; gives its id."""

    async def put(kind: str, subject: str, **evidence) -> str:
        lane = lane_of(subject)
        async with site.transaction() as transaction:
            await list_for_person(transaction.connection, [Decision(lane, kind, subject, evidence)], transaction.now)
            cursor = await transaction.connection.execute(
                "SELECT id FROM work.items WHERE kind = %s AND subject = %s", (kind, subject)
            )
            return (await cursor.fetchone())[0]

    return put


@pytest.fixture
async def unresolved(site, a_number, listed):
    """A payment that its gateway said nothing of until the horizon, and its item."""
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as guest:
        quoted = await guest.post("/quotes", data={"number": a_number(), "choice": "credit:5000"})
        quote = quoted.headers["location"]
        key = re.search(r'name="key" value="([^"]+)"', (await guest.get(quote)).text)[1]
        begun = await guest.post(f"{quote}/order", data={"key": key, "method": "sandbox"})
    _, _, order_id, _, payment_id = begun.headers["location"].split("/")
    async with site.transaction() as transaction:
        connection = transaction.connection
        await connection.execute(
            "UPDATE payments.payments SET state = 'needs_person', ask_at = NULL WHERE id = %s", [payment_id]
        )
    return order_id, payment_id, await listed("payment_unresolved", payment_id, order=order_id, method="sandbox")


def now_text() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="minutes")


async def state_of(site, order_id: str) -> str:
    return (await site.within(site.house.desk.get_order(order_id=order_id))).status


async def suspense(site) -> int:
    async with site.transaction() as transaction:
        return (await house_balances(transaction.connection)).get(("suspense", "CNY"), 0)


async def ask(client, item: str, **fields) -> httpx.Response:
    token = await form_token(client)
    return await client.post(f"/console/work/{item}/ask", data={"form_token": token, **fields})


async def decide(client, address: str, decision: str, note: str = "") -> httpx.Response:
    token = await form_token(client)
    return await client.post(address, data={"form_token": token, "decision": decision, "note": note})


async def test_two_people_say_that_it_was_paid_and_it_is_delivered_once(site, enter, unresolved):
    order_id, payment_id, item = unresolved
    asks, _ = await enter(Role.SUPPORT)
    page = (await asks.get(f"/console/work/{item}")).text
    assert "Payment unresolved" in page
    assert payment_id in page
    paid = {"kind": "payment_paid", "reference": f"GW-{payment_id[-6:]}", "paid_at": now_text(), "reason": "Seen there"}
    wrong = {"reference": "", "paid_at": "yesterday", "reason": "", "amount": "x"}
    for bad in (*({name: value} for name, value in wrong.items()), {"paid_at": "2020-01-01T00:00"}):
        assert (await ask(asks, item, **paid | bad)).status_code == 422
    asked = await ask(asks, item, **paid)
    assert asked.status_code == 303
    address = asked.headers["location"]
    assert "You asked for this" in (await asks.get(address)).text
    assert (await decide(asks, address, "approve")).status_code == 403, "nobody approves their own, nor may support"
    assert await state_of(site, order_id) == "awaiting_payment"
    decides, _ = await enter(Role.FINANCE)
    assert "Approve, and have it done" in (await decides.get(address)).text
    assert (await decide(decides, address, "approve", "Seen as well")).status_code == 303
    assert await state_of(site, order_id) == "delivered"
    assert await suspense(site) == 0
    again = await decide(decides, address, "approve")
    assert again.status_code == 409
    assert "decided already" in again.text
    shown = (await asks.get(f"/console/work/{item}")).text
    assert "Record as paid" in shown
    assert item not in (await asks.get("/console/work")).text
    assert item in (await asks.get("/console/work?state=decided&q=" + payment_id)).text
    auditor, _ = await enter(Role.AUDITOR)
    trail = (await auditor.get("/console/trail")).text
    assert trail.index("Approved") < trail.index("Asked for approval")


async def test_what_the_gateway_says_meanwhile_wins(site, enter, unresolved):
    order_id, payment_id, item = unresolved
    asks, _ = await enter(Role.SUPPORT)
    asked = await ask(asks, item, kind="payment_not_paid", reason="Nothing there")
    async with site.transaction() as transaction:
        await transaction.connection.execute(
            "UPDATE payments.payments SET state = 'closed' WHERE id = %s", [payment_id]
        )
    decides, _ = await enter(Role.FINANCE)
    refused = await decide(decides, asked.headers["location"], "approve")
    assert (refused.status_code, "settled meanwhile" in refused.text) == (409, True)
    assert await state_of(site, order_id) == "awaiting_payment"


async def test_what_was_not_paid_is_closed_and_leaves_no_money(site, enter, unresolved):
    _, payment_id, item = unresolved
    asks, _ = await enter(Role.SUPPORT)
    asked = await ask(asks, item, kind="payment_not_paid", reason="Nothing there")
    decides, _ = await enter(Role.FINANCE)
    assert (await decide(decides, asked.headers["location"], "reject")).status_code == 422, "a no has a reason"
    assert (await decide(decides, asked.headers["location"], "approve")).status_code == 303
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute("SELECT state FROM payments.payments WHERE id = %s", [payment_id])
        assert await cursor.fetchone() == ("closed",)
    assert await suspense(site) == 0


async def test_an_adjustment_of_any_size_takes_two(site, enter):
    asks, _ = await enter(Role.SUPERVISOR)
    token = await form_token(asks)
    fields = {"form_token": token, "number": "13800138000", "amount": "+90.00", "why": "goodwill", "reason": "Sorry"}
    for bad in ({"number": "13812345678"}, {"amount": "five"}, {"amount": "+0.00"}, {"why": "fun"}, {"reason": " "}):
        assert (await asks.post("/console/adjust", data=fields | bad)).status_code == 422
    asked = await asks.post("/console/adjust", data=fields | {"amount": "90"})
    assert asked.status_code == 303, "what has no sign gives"
    address = asked.headers["location"]
    assert (await decide(asks, address, "approve")).status_code == 403, "not even a supervisor's own"
    other, _ = await enter(Role.SUPERVISOR)
    shown = (await other.get(address)).text
    assert "¥90.00" in shown
    assert "13800138000" not in shown
    assert "138 **** 8000" in shown
    assert "<dt>Carrier</dt><dd>Qingfeng Mobile</dd>" in shown
    free = re.search(r"Credit free now</dt><dd>CN¥([\d,.]+)<", shown)[1]
    approved = await decide(other, address, "approve")
    assert approved.status_code == 303, approved.text
    done = (await other.get(address)).text
    assert "adj_" in done
    after = re.search(r"Credit free now</dt><dd>CN¥([\d,.]+)<", done)[1]
    assert Decimal(after.replace(",", "")) - Decimal(free.replace(",", "")) == 90
    auditor, _ = await enter(Role.AUDITOR)
    trail = (await auditor.get(f"/console/trail?subject={address.rpartition('/')[2]}")).text
    assert trail.count("¥90.00") == 2, "how much was asked for, and approved"
    back = await asks.post("/console/adjust", data=fields | {"amount": "-90.00"})
    assert (await decide(other, back.headers["location"], "approve")).status_code == 303
    more = await asks.post("/console/adjust", data=fields | {"amount": "-9000.00"})
    assert (await decide(other, more.headers["location"], "approve")).status_code == 409, "the line has less"
    assert "waiting" in (await other.get(more.headers["location"])).text


async def test_a_clerk_asks_for_a_refund_and_sees_only_that(site, enter, unresolved):
    order_id, payment_id, item = unresolved
    support, _ = await enter(Role.SUPPORT)
    paid = await ask(support, item, kind="payment_paid", reference=payment_id, paid_at=now_text(), reason="Seen")
    finance, _ = await enter(Role.FINANCE)
    await decide(finance, paid.headers["location"], "approve")
    clerk, _ = await enter(Role.CLERK)
    assert (await clerk.get("/console")).headers["location"] == "/counter", "where clerks work"
    fields = {"form_token": await form_token(clerk, "/console/me"), "order": order_id, "reason": "Wrong number"}
    for bad in ({"order": "ord_x"}, {"amount": "9999"}, {"amount": "x"}, {"reason": ""}):
        assert (await clerk.post("/console/refund", data=fields | bad)).status_code == 422
    asked = await clerk.post("/console/refund", data=fields | {"amount": "5.00"})
    assert "You asked for this" in (await clerk.get(asked.headers["location"])).text
    assert (await clerk.get(paid.headers["location"])).status_code == 403, "what others asked for is not theirs"
    assert (await decide(finance, asked.headers["location"], "reject", "It was the right one")).status_code == 303
    assert "It was the right one" in (await clerk.get(asked.headers["location"])).text


async def test_a_form_that_is_sent_twice_gives_back_once(site, enter, unresolved):
    order_id, payment_id, item = unresolved
    support, _ = await enter(Role.SUPPORT)
    paid = await ask(support, item, kind="payment_paid", reference=payment_id, paid_at=now_text(), reason="Seen")
    finance, _ = await enter(Role.FINANCE)
    await decide(finance, paid.headers["location"], "approve")
    page = (await support.get("/console/refund")).text
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', page))
    fields |= {"order": order_id, "amount": "5.00", "reason": "Wrong number"}
    sent = await asyncio.gather(*(support.post("/console/refund", data=fields) for _ in range(4)))
    sent.append(await support.post("/console/refund", data=fields))
    assert {one.status_code for one in sent} == {303}
    assert len({one.headers["location"] for one in sent}) == 1
    assert "waiting" not in (await support.get(sent[0].headers["location"])).text, "small enough to be done alone"
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT amount_minor FROM payments.refunds WHERE payment_id = %s", [payment_id]
        )
        assert await cursor.fetchall() == [(500,)]
    other = await support.post("/console/refund", data=fields | {"amount": "6.00"})
    assert other.headers["location"] != sent[0].headers["location"], "what was changed is another wish"


async def test_the_evidence_of_an_item_names_the_event_that_can_be_replayed(site, enter, listed):
    payment_id, event = new_id("payment", 1), f"evt-{new_id('payment', 1)[-8:]}"
    store = site.house.store
    async with site.transaction() as transaction:
        await transaction.connection.execute(
            "INSERT INTO payments.inbox (lane, source, event_id, received_at, raw, facts, settled_at)"
            " VALUES (%s, 'sandbox', %s, %s, %s, %s, %s)",
            (
                lane_of(payment_id),
                event,
                transaction.now,
                store.keyring.seal(b"word for word", f"sandbox:{event}"),
                json.dumps([{"about": payment_id, "said": "paid", "reference": "GW-1"}]),
                transaction.now,
            ),
        )
    item = await listed("payment_unresolved", payment_id, method="sandbox")
    client, _ = await enter(Role.OPERATOR)
    token = await form_token(client)
    assert event not in (await client.get(f"/console/work/{item}")).text, "it is shown to who looks, which is noted"
    page = (await client.post(f"/console/work/{item}/evidence", data={"form_token": token})).text
    assert f"<code>{event}</code>" in page
    assert "word for word" in page
    [told] = await site.within(site.house.desk.post_room.replay(event, lanes=store.installation.lanes))
    assert (told.method, told.obstacle) == ("sandbox", "payment_unknown")


async def test_one_person_closes_what_moves_no_money(site, enter, listed):
    item = await listed("bills_missed", new_id("payment", 0), method="sandbox")
    client, _ = await enter(Role.SUPPORT)
    token = await form_token(client)
    assert (await client.post(f"/console/work/{item}/close", data={"form_token": token})).status_code == 422
    closed = await client.post(f"/console/work/{item}/close", data={"form_token": token, "reason": "Fetched by hand"})
    assert closed.status_code == 303
    again = await client.post(f"/console/work/{item}/close", data={"form_token": token, "reason": "Again"})
    assert again.status_code == 409


async def test_no_single_person_closes_what_takes_two(enter, unresolved):
    _, _, item = unresolved
    client, _ = await enter(Role.OPERATOR)
    token = await form_token(client)
    refused = await client.post(f"/console/work/{item}/close", data={"form_token": token, "reason": "I say so"})
    assert refused.status_code == 403
