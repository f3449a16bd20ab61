"""The queues: every number opens its list; what was given up is told with why, what can be done is safe."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from psycopg.types.json import Jsonb

from tests.integration.console.conftest import form_token
from topup.channels.console.queueing import QUEUES
from topup.fulfilment import inbox as carrier_inbox
from topup.fulfilment.inbox import StoredCarrierEvent
from topup.fulfilment.ports import CarrierFact
from topup.kernel.ids import new_id
from topup.kernel.outcome import Done
from topup.payments import inbox
from topup.people.permissions import Role
from topup.platform import queues
from topup.platform.queues import Swept
from topup.work import trail
from topup.work.operations import Decision, close_for_person, list_for_person

pytestmark = pytest.mark.xdist_group("browser")
CANARY = "canary-4c0ffee@example.org"


@pytest.fixture
async def given_up(site):
    """A message in a state in which it stays; gives its id."""

    async def put(state: str, *, tries=1, until: timedelta | None = None) -> str:
        message = new_id("message", 1)
        async with site.transaction() as transaction:
            now = transaction.now
            address = site.house.store.keyring.seal(CANARY.encode(), message)
            row = (message, message, address, message, Jsonb({"to": CANARY}), state, tries, until and now + until, now)
            await transaction.connection.execute(
                "INSERT INTO notifications.messages (lane, id, kind, key, address, sealed_for, locale, template,"
                " parameters, state, tries, day_begins, day_ends, until, created_at)"
                " VALUES (1, %s, 'mail', %s, %s, %s, 'en', 'receipt', %s, %s, %s, 9, 21, %s, %s)",
                row,
            )
        return message

    return put


def row_of(page: str, text: str) -> str:
    return next(row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if text in row)


async def state_of(site, message: str):
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT state, tries, send_at <= now() FROM notifications.messages WHERE id = %s", [message]
        )
        return await cursor.fetchone()


async def test_every_queue_is_told_and_every_number_opens_its_list(enter, topped_up):
    client, _ = await enter(Role.AUDITOR)
    page = (await client.get("/console/queues")).text
    names = {one.name for one in QUEUES} | {"parked-messages", "parked-events", "quarantine"}
    assert set(re.findall(r'href="/console/queues/([a-z_-]+)"', page)) == names
    for name in names:
        answer = await client.get(f"/console/queues/{name}")
        assert answer.status_code == 200, name
    assert (await client.get("/console/queues/nonsense")).status_code == 404


async def test_what_waits_leads_to_its_order(site, enter, a_number):
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as guest:
        quote = (await guest.post("/quotes", data={"number": a_number(), "choice": "credit:5000"})).headers["location"]
        key = re.search(r'name="key" value="([^"]+)"', (await guest.get(quote)).text)[1]
        begun = await guest.post(f"{quote}/order", data={"key": key, "method": "sandbox"})
    order, payment = begun.headers["location"].split("/")[2:5:2]
    client, _ = await enter(Role.FINANCE)
    assert f'href="/console/orders/{order}"' in row_of((await client.get("/console/queues/payments")).text, payment)


async def test_a_message_nobody_knows_of_is_sent_again_by_a_person_and_that_is_in_the_trail(site, enter, given_up):
    message = await given_up("unsure", tries=2)
    client, person = await enter(Role.SUPPORT)
    page = (await client.get("/console/queues/parked-messages")).text
    assert "nobody knows whether it arrived" in row_of(page, message)
    assert CANARY not in page, "neither what it says nor to whom"
    data = {"form_token": await form_token(client), "act": "again"}
    done = await client.post(f"/console/given-up/messages/{message}", data=data)
    assert done.headers["location"] == "/console/queues/parked-messages?done=sent"
    state, tries, due = await state_of(site, message)
    assert (state in {"waiting", "sending", "sent", "failed"}, tries <= 1, due is not False) == (True, True, True)
    async with site.transaction() as transaction:
        [entry] = await trail.entries(transaction.connection, subject=message)
    assert (entry.actor, entry.action) == (person.id, "queue.message_tried_again")


async def test_what_is_of_no_use_any_more_is_not_sent_again_only_handed_over(site, enter, given_up):
    message = await given_up("failed", until=-timedelta(hours=1))
    client, _ = await enter(Role.SUPPORT)
    row = row_of((await client.get("/console/queues/parked-messages")).text, message)
    assert "Of no use any more" in row
    assert 'value="again"' not in row
    token = await form_token(client)
    refused = await client.post(f"/console/given-up/messages/{message}", data={"form_token": token, "act": "again"})
    assert refused.status_code == 422
    assert (await state_of(site, message))[0] == "failed"
    data = {"form_token": token, "act": "hand", "reason": "Call them"}
    assert (await client.post(f"/console/given-up/messages/{message}", data=data)).status_code == 303
    listed = (await client.get(f"/console/work?q={message}")).text
    assert "A message that did not arrive" in listed


async def test_a_message_that_still_goes_its_way_is_left_alone(enter, given_up):
    client, _ = await enter(Role.SUPPORT)
    message = await given_up("sent")
    data = {"form_token": await form_token(client), "act": "again"}
    assert (await client.post(f"/console/given-up/messages/{message}", data=data)).status_code == 422
    gone = new_id("message", 1)
    assert (await client.post(f"/console/given-up/messages/{gone}", data=data)).status_code == 404


async def test_a_parked_event_is_told_again_and_says_what_keeps_it(site, enter, topped_up):
    _, payment, _ = topped_up
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT event_id, lane FROM payments.inbox WHERE facts::text LIKE %s", [f"%{payment}%"]
        )
        event, lane = await cursor.fetchone()
        evidence = {"from": "sandbox", "event": event, "reason": "payment_unknown"}
        decision = Decision(lane, "event_parked", f"sandbox:{event}", evidence)
        await list_for_person(transaction.connection, [decision], transaction.now)
        cursor = await transaction.connection.execute(
            "SELECT id FROM work.items WHERE kind = 'event_parked' AND subject = %s", [f"sandbox:{event}"]
        )
        [item] = await cursor.fetchone()
    client, person = await enter(Role.SUPPORT)
    assert event in (await client.get("/console/queues/parked-events")).text
    data = {"form_token": await form_token(client)}
    done = await client.post(f"/console/given-up/events/{item}", data=data)
    assert done.headers["location"] == "/console/queues/parked-events?done=told"
    async with site.transaction() as transaction:
        found = await trail.entries(transaction.connection, subject=f"sandbox:{event}")
    assert [(one.actor, one.action) for one in found] == [(person.id, "order.event_replayed")]


async def test_a_parked_event_of_a_carrier_is_told_again_too(site, enter):
    about, event = new_id("fulfilment", 1), new_id("event", 1)
    evidence = {"from": "external_demo", "event": event, "reason": "fulfilment_unknown"}
    async with site.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        key = (1, "external_demo", event)
        sealed = site.house.store.keyring.seal(b"{}", bound_to=f"external_demo:{event}")
        facts = (CarrierFact(about, Done("EC1")),)
        await carrier_inbox.store(connection, [StoredCarrierEvent(key, sealed, facts)], now)
        await carrier_inbox.settled(connection, [key], now)
        decision = Decision(1, "event_parked", f"external_demo:{event}", evidence)
        await list_for_person(connection, [decision], now)
    client, _ = await enter(Role.SUPPORT)
    row = row_of((await client.get("/console/queues/parked-events")).text, event)
    [action] = re.findall(r'action="(/console/given-up/events/\w+)"', row)
    refused = await client.post(action, data={"form_token": await form_token(client)})
    assert (refused.status_code, "We cannot find this delivery." in refused.text) == (422, True)
    async with site.transaction() as transaction:
        place = (1, "event_parked", f"external_demo:{event}")
        await close_for_person(transaction.connection, [place], transaction.now)


async def test_what_is_believed_in_nothing_is_told_with_why(site, enter):
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as stranger:
        assert (await stranger.post("/webhooks/sandbox", content=b"{}")).status_code == 400
    client, _ = await enter(Role.FINANCE)
    page = (await client.get("/console/queues/quarantine")).text
    assert "Simulated payment" in page
    assert "It is signed with no key of the gateway." in page
    async with site.transaction() as transaction:
        await inbox.quarantine(
            transaction.connection, method="sandbox", reason="odd <b>", raw=b"{}", now=transaction.now
        )
    page = (await client.get("/console/queues/quarantine")).text
    assert "It could not be believed." in page, "what nobody has named is told in words too"
    assert "odd" not in page


async def test_of_more_than_is_counted_the_one_that_waits_longest_is_told(site, monkeypatch):
    monkeypatch.setattr(queues, "COUNTED", 1)
    of = "(VALUES (3), (2), (1), (9)) AS t (n)"
    moment = "timestamptz '2030-01-01' + n * interval '1 day'"
    queue = Swept(name="days", table=of, due=moment, since=moment, id="n::text")
    async with site.transaction() as transaction:
        now = datetime(2030, 1, 5, tzinfo=UTC)
        found = await queues.standing(transaction.connection, queue, now)
    assert (found.due, found.oldest) == (2, datetime(2030, 1, 2, tzinfo=UTC))


async def test_who_only_watches_does_nothing(enter, given_up):
    message = await given_up("unsure", tries=2)
    client, _ = await enter(Role.AUDITOR)
    assert "<form" not in (await client.get("/console/queues/parked-messages")).text.partition("<main")[2]
    data = {"form_token": await form_token(client, "/console/me"), "act": "again"}
    assert (await client.post(f"/console/given-up/messages/{message}", data=data)).status_code == 403
