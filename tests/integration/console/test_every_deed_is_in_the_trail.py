"""What staff do with the console's forms is in the trail, with before and after, as `tests.support.deeds` has it."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta

import httpx
import pyotp
import pytest

from tests.integration.console.conftest import PASSWORD, form_token, sign_in, tops_up
from tests.integration.console.test_automatic import automatic
from tests.integration.console.test_catalogue import HOME, ours
from tests.integration.console.test_deciding import listed, now_text, unresolved
from tests.integration.console.test_ending_accounts import owner as leaving
from tests.integration.console.test_entering import _invitation as invitation
from tests.integration.console.test_lines import found
from tests.integration.console.test_offers import ours as campaign
from tests.integration.console.test_orders import another_order
from tests.integration.console.test_queues import given_up
from tests.integration.console.test_reconciliation import METHOD
from tests.integration.console.test_sim_cards import line
from tests.integration.console.test_staff_passkeys import NAME, by_name, enters, finger
from tests.integration.console.test_tickets import asks
from tests.integration.console.test_vouchers import SAID
from tests.support.code_batches import Kept
from tests.support.deeds import CONSOLE, Doing
from tests.support.selling_offers import a_number_with_a_parcel, giving_by_post
from tests.support.simulators import until
from topup.kernel.ids import new_id
from topup.offers.batches.making import make
from topup.offers.batches.queries import batches
from topup.people.permissions import Role
from topup.work.operations import Decision, list_for_person

__all__ = [
    "asks",
    "automatic",
    "by_name",
    "campaign",
    "finger",
    "given_up",
    "leaving",
    "line",
    "listed",
    "ours",
    "unresolved",
]
pytestmark = pytest.mark.xdist_group("browser")

ENTERING = frozenset(
    {f"/console/{form}" for form in ("sign-in", "sign-in/passkey", "sign-out", "lock", "unlock", "enrol/finish")}
    | {"/console/me/passkeys", "/console/me/passkeys/{passkey_id}/remove", "/console/me/sessions/{session_id}"}
)
TWO = frozenset(
    {f"/console/{form}" for form in ("refund", "adjust", "vouchers", "erase", "approvals/{approval_id}")}
    | {f"/console/work/{{item_id}}/{form}" for form in ("ask", "close", "reopen")}
    | {"/console/agents/{agent_id}/float", "/console/catalogue/drafts/{draft_id}"}
    | {"/console/catalogue/publications/{publication_id}", "/console/catalogue/new"}
    | {"/console/catalogue/carriers/{carrier_id}/versions/{version}"}
)
RECORDS = frozenset(
    {f"/console/orders/{{order_id}}/{form}" for form in ("ask", "hand-over", "replay")}
    | {f"/console/lines/{{line_id}}/{form}" for form in ("bar", "card", "automatic")}
    | {"/console/reconciliation/{method}/{day}/sign", "/console/tickets/{ticket_id}", "/console/outages"}
    | {"/console/given-up/messages/{message_id}", "/console/given-up/events/{item_id}"}
    | {"/console/agents", "/console/agents/{agent_id}", "/console/staff", "/console/staff/{staff_id}"}
)
OFFERS = frozenset(f"/console/offers/{{carrier_id}}/{{campaign_id}}/{form}" for form in ("stop", "resume"))
CODES = frozenset(f"/console/offers/{{carrier_id}}/{{campaign_id}}/{form}" for form in ("codes", "codes/block")) | {
    "/console/offers/batches/{batch_id}/block"
}
GIFT = "/console/gifts/{order_id}/{sku}"
GIFTS = frozenset(f"{GIFT}/{form}" for form in ("sent", "returned", "kept"))


def test_every_deed_of_the_console_is_done_below():
    assert set(CONSOLE) == ENTERING | TWO | RECORDS | OFFERS | CODES | GIFTS


@dataclass
class Person:
    """Somebody signed in who sends forms of their own pages."""

    id: str
    client: httpx.AsyncClient
    token: str

    async def posts(self, path: str, **fields: str) -> httpx.Response:
        return await self.client.post(path, data={"form_token": self.token} | fields)


@pytest.fixture
async def come(enter) -> Callable[[Role], Awaitable[Person]]:
    async def somebody(role: Role) -> Person:
        client, person = await enter(role)
        return Person(person.id, client, await form_token(client, "/console/me"))

    return somebody


async def test_coming_in_and_going_out(site, browser, hire, now, by_name, finger):  # noqa: PLR0917 - fixtures
    doing, member, client = Doing(site), await hire(Role.OPERATOR), by_name()
    since = await doing.last()
    assert (await sign_in(client, member, await now())).status_code == 303
    await doing.left(member.id, "/console/sign-in", since=since)
    one = Person(member.id, client, await form_token(client, "/console/me"))
    challenge = (await one.posts("/console/me/passkeys/challenge")).text
    await doing.does(one, "/console/me/passkeys", name=NAME, **finger.makes(challenge))
    since = await doing.last()
    assert (await enters(by_name(), finger)).status_code == 303
    await doing.left(member.id, "/console/sign-in/passkey", since=since)
    page = (await client.get("/console/me")).text
    elsewhere = re.search(r'action="(/console/me/sessions/[^"]+)"', page)[1]
    await doing.does(one, "/console/me/sessions/{session_id}", elsewhere)
    await doing.does(one, "/console/lock")
    asked = (await one.posts("/console/proof")).text
    proof = {f"proof_{name}": value for name, value in finger.signs(asked).items()}
    await doing.does(one, "/console/unlock", **proof)
    removing = re.search(r'action="(/console/me/passkeys/[^"]+/remove)"', page)[1]
    await doing.does(one, "/console/me/passkeys/{passkey_id}/remove", removing)
    await doing.does(one, "/console/sign-out")

    login, guest = f"new-{new_id('staff', 0)[-6:]}", browser()
    code = await invitation(site, login)
    page = (await guest.post("/console/enrol", data={"login": login, "enrolment": code})).text
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    fields = {"login": login, "enrolment": code, "device": re.search(r'name="device" value="([^"]+)"', page)[1]}
    fields |= {"code": pyotp.TOTP(secret).at(int(await now())), "password": PASSWORD, "again": PASSWORD}
    since = await doing.last()
    assert (await guest.post("/console/enrol/finish", data=fields)).status_code == 200
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute("SELECT id FROM people.staff WHERE login = %s", [login])
        [enrolled] = await cursor.fetchone()
    await doing.left(enrolled, "/console/enrol/finish", since=since)
    assert doing.done == ENTERING


async def test_what_takes_two(site, come, topped_up, unresolved, listed, leaving, ours):  # noqa: PLR0917 - fixtures
    doing, one, two = Doing(site), await come(Role.OPERATOR), await come(Role.OPERATOR)
    requests: list[str] = []

    async def asked(form: str, address: str = "", /, **fields: str) -> None:
        answer = await doing.does(one, form, address, **fields)
        requests.append(answer.headers["location"])

    order_id, _, number = topped_up
    clerk, wish = await come(Role.CLERK), {"order": order_id, "amount": "5.00", "reason": "Wrong number"}
    requests.append((await doing.does(clerk, "/console/refund", **wish)).headers["location"])
    await asked("/console/adjust", number=number, amount="90", why="goodwill", reason="Sorry")
    page = (await one.client.get("/console/vouchers")).text
    hidden = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in ("form", "batch")}
    await asked("/console/vouchers", **SAID, **hidden)
    await asked("/console/erase", number=leaving[0].grouped(), reason="Letter of 3 May")
    _, payment_id, item = unresolved
    paid = {"kind": "payment_paid", "reference": f"GW-{payment_id[-6:]}", "paid_at": now_text(), "reason": "Seen there"}
    await asked("/console/work/{item_id}/ask", f"/console/work/{item}/ask", **paid)
    agent = {"name": f"Shop {new_id('agent', 0)[-8:]}", "currency": "CNY", "zone": "Asia/Shanghai", "low_below": "100"}
    agent_page = (await one.posts("/console/agents", **agent)).headers["location"]
    fields = {"amount": "200", "reference": new_id("entry", 0), "reason": "Paid by bank"}
    await asked("/console/agents/{agent_id}/float", f"{agent_page}/float", **fields)

    text = ours.text.replace("price = 58", "price = 68")
    draft = (await doing.does(one, "/console/catalogue/new", f"{HOME}/new", text=text, note="Summer")).headers[
        "location"
    ]
    earlier = f"{HOME}/carriers/yunfan/versions/{ours.version}"
    form = "/console/catalogue/carriers/{carrier_id}/versions/{version}"
    await doing.does(one, form, earlier, note="As it was")
    async with site.transaction() as transaction:
        starts = (transaction.now + timedelta(days=2)).strftime("%Y-%m-%dT12:00")
    fields = {"against": str(ours.version), "starts": starts, "reason": "As was announced"}
    answer = await doing.does(one, "/console/catalogue/drafts/{draft_id}", draft, **fields)
    assert (await two.posts(answer.headers["location"], decision="approve", note="")).status_code == 303
    [planned] = re.findall(r'action="(/console/catalogue/publications/[^"]+)"', (await one.client.get(draft)).text)
    form = "/console/catalogue/publications/{publication_id}"
    await doing.does(one, form, planned, draft=draft.rpartition("/")[2])

    missed = f"/console/work/{await listed('bills_missed', new_id('payment', 1))}"
    await doing.does(one, "/console/work/{item_id}/close", f"{missed}/close", reason="Seen")
    await doing.does(one, "/console/work/{item_id}/reopen", f"{missed}/reopen")
    await one.posts(f"{missed}/close", reason="Seen")
    for request in requests:
        await doing.does(two, "/console/approvals/{approval_id}", request, decision="reject", note="No")
    assert doing.done == TWO


@pytest.fixture
async def billed(site) -> Callable[[], Awaitable[date]]:
    """Keeps an empty bill of a day that nobody has signed, and holds it against the books; gives the day."""

    async def kept() -> date:
        async with site.house.store.database.read() as transaction:
            cursor = await transaction.connection.execute("SELECT count(*) FROM reconciliation.signed")
            [signed] = await cursor.fetchone()
            day = transaction.now.date() - timedelta(days=1_000 + signed)
        desk = site.house.reconciliation
        async with desk.keeping(METHOD, day) as take:
            await take([])
        await desk.compare(method=METHOD, day=day)
        return day

    return lambda: site.within(kept())


async def parked(site, payment_id: str) -> str:
    """The item of an event of this payment's gateway, as one that could not be settled."""
    async with site.transaction() as transaction:
        connection = transaction.connection
        cursor = await connection.execute(
            "SELECT event_id, lane FROM payments.inbox WHERE facts::text LIKE %s", [f"%{payment_id}%"]
        )
        event, lane = await cursor.fetchone()
        evidence = {"from": "sandbox", "event": event, "reason": "payment_unknown"}
        decision = Decision(lane, "event_parked", f"sandbox:{event}", evidence)
        await list_for_person(connection, [decision], transaction.now)
        cursor = await connection.execute(
            "SELECT id FROM work.items WHERE kind = 'event_parked' AND subject = %s", [f"sandbox:{event}"]
        )
        return (await cursor.fetchone())[0]


async def test_what_takes_one(site, come, topped_up, a_number, line, automatic, billed, asks, given_up):  # noqa: PLR0917 - fixtures
    doing, one = Doing(site), await come(Role.OPERATOR)
    order_id, payment_id, number = topped_up
    waits = await another_order(site, a_number())
    await doing.does(one, "/console/orders/{order_id}/ask", f"/console/orders/{waits}/ask")
    order = f"/console/orders/{order_id}"
    await doing.does(one, "/console/orders/{order_id}/hand-over", f"{order}/hand-over", reason="Call them")
    [event] = set(re.findall(r'name="event" value="([^"]+)"', (await one.client.get(order)).text))
    await doing.does(one, "/console/orders/{order_id}/replay", f"{order}/replay", event=event)
    item = await parked(site, payment_id)
    await doing.does(one, "/console/given-up/events/{item_id}", f"/console/given-up/events/{item}")
    message = f"/console/given-up/messages/{await given_up('unsure', tries=2)}"
    await doing.does(one, "/console/given-up/messages/{message_id}", message, act="again")

    theirs = await found(one.client, number)
    await doing.does(one, "/console/lines/{line_id}/bar", f"{theirs}/bar", act="bar", reason="Stolen")
    await one.posts(f"{theirs}/bar", act="lift", reason="Found")
    trail = (await one.client.get("/console/trail", params={"subject": theirs.rpartition("/")[2]})).text
    [*_, barred] = re.findall(r'<dl class="changes">(.*?)</dl>', trail)
    told = [re.sub(r"<[^>]*>", "", side).strip() for side in re.findall(r"<dd>(.*?)</dd>", barred)]
    assert told == ["Before", "After", "Before active", "After Barred"]
    address, _, (card, _) = line
    own, schedule = automatic
    stopped = {"schedule": schedule, "reason": "They called"}
    await doing.does(one, "/console/lines/{line_id}/automatic", f"{own}/automatic", **stopped)
    fields = {"card": card, "act": "block", "reason": "Stolen"}
    await doing.does(one, "/console/lines/{line_id}/card", f"{address}/card", **fields)

    day = await billed()
    await doing.does(one, "/console/reconciliation/{method}/{day}/sign", f"/console/reconciliation/{METHOD}/{day}/sign")
    ticket = f"/console/tickets/{(await asks('My credit is not there')).id}"
    seen = re.search(r'name="seen" value="(\d+)"', (await one.client.get(ticket)).text)[1]
    await doing.does(one, "/console/tickets/{ticket_id}", ticket, seen=seen, act="answer", text="We look into it")
    fields = {"carrier": "qingfeng", "text_zh_Hans": "东城区基站故障", "text_en": "Masts down in the east"}
    await doing.does(one, "/console/outages", **fields)
    for over in re.findall(r'name="over" value="([^"]+)"', (await one.client.get("/console/outages")).text):
        await one.posts("/console/outages", over=over)

    agent = {"name": f"Shop {new_id('agent', 0)[-8:]}", "currency": "CNY", "zone": "Asia/Shanghai", "low_below": "100"}
    page = (await doing.does(one, "/console/agents", **agent)).headers["location"]
    await doing.does(one, "/console/agents/{agent_id}", page, decision="suspend", reason="Unpaid bill")
    login = f"new-{new_id('staff', 0)[-6:]}"
    await doing.does(one, "/console/staff", login=login, role="clerk")
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute("SELECT id FROM people.staff WHERE login = %s", [login])
        [new] = await cursor.fetchone()
    await doing.does(one, "/console/staff/{staff_id}", f"/console/staff/{new}", decision="disable")
    assert doing.done == RECORDS


async def test_a_campaign_is_stopped_and_starts_again(site, come, campaign):
    doing, one, two = Doing(site), await come(Role.OPERATOR), await come(Role.OPERATOR)
    await doing.does(
        one, "/console/offers/{carrier_id}/{campaign_id}/stop", f"{campaign.page}/stop", reason="A mistake"
    )
    stop = re.search(r'name="stop" value="([^"]+)"', (await one.client.get(campaign.page)).text)[1]
    form, wish = "/console/offers/{carrier_id}/{campaign_id}/resume", {"stop": stop, "reason": "It was right"}
    asked = await doing.does(one, form, f"{campaign.page}/resume", **wish)
    assert (await two.posts(asked.headers["location"], decision="approve", note="")).status_code == 303
    assert doing.done == OFFERS


async def test_codes_are_asked_for_and_blocked(site, come, campaign):
    doing, one, two = Doing(site), await come(Role.OPERATOR), await come(Role.OPERATOR)
    form = "/console/offers/{carrier_id}/{campaign_id}/codes"
    asked = await doing.does(one, form, f"{campaign.page}/codes", count="2", reason="For the members")
    assert (await two.posts(asked.headers["location"], decision="approve", note="")).status_code == 303
    async with site.transaction() as transaction:
        [batch] = await batches(transaction.connection, campaign.key, lanes=campaign.lanes)
    kept, store = Kept(), site.house.store
    facts = {"batch_id": batch.id, "by": "cli", "keep": kept.keep, "progress": kept.told}
    await make(store.database, store.keyring, **facts)
    await doing.does(one, f"{form}/block", f"{campaign.page}/codes/block", code=kept.codes[0], reason="Lost")
    end = "/console/offers/batches/{batch_id}/block"
    await doing.does(one, end, f"/console/offers/batches/{batch.id}/block", reason="Lost too")
    assert doing.done == CODES


ADDRESS = {
    "name": "Ada Chen",
    "address": "1 Queen's Road\nCentral",
    "country": "Hong Kong",
    "postcode": "",
    "phone": "",
}


@pytest.mark.parametrize("brought", [True, False])
async def test_a_gift_is_sent_and_comes_back_or_not(site, browser, come, brought):
    """From a price to the post and back: price, order, paid, address, sent, seen; refunded, asked back, decided."""
    doing, guest, packer = Doing(site), browser(), await come(Role.SUPERVISOR)
    await site.within(giving_by_post(site.house.store.database))
    number = a_number_with_a_parcel()
    quote = (await guest.post("/quotes", data={"number": number, "choice": "credit:5000"})).headers["location"]
    price = (await guest.get(quote)).text
    assert "Mug × 1" in price
    assert "Sent by post. Give the address on the order&#39;s page once it is paid, by " in price
    order_id, _ = await tops_up(site, number)
    order, form = f"/orders/{order_id}", f"/orders/{order_id}/address"
    page = (await guest.get(order)).text
    assert "say where to by" in page
    assert f'href="{form}">Give the address' in page
    wrong = await guest.post(form, data=ADDRESS | {"name": "", "postcode": "?"})
    page = (await guest.get(wrong.headers["location"])).text
    assert [f'id="{name}-wrong"' in page for name in ADDRESS] == [True, False, False, True, False]
    assert "1 Queen&#39;s Road\nCentral</textarea>" in page, "what was typed is kept"
    assert (await guest.post(form, data=ADDRESS)).headers["location"] == f"{order}#gifts"
    page = (await guest.get(order)).text
    assert "Being packed" in page
    assert "Queen" not in page + (await guest.get(form)).text, "the id may be in other hands by now"
    shared = re.search(r'href="(/s/[^"]+)"', page)[1]
    assert "Mug" not in (await guest.get(shared)).text

    mine = GIFT.format(order_id=order_id, sku="mug")

    async def to_send() -> str:
        return (await packer.client.get("/console/gifts")).text

    await until(to_send, lambda text: mine in text)  # once it was noted that the order is paid
    assert "Gifts to send, or asked back: " in (await packer.client.get("/console/work")).text
    page = (await packer.client.get(mine)).text
    assert [text in page for text in ("Queen", "Address given", "Address changed")] == [False, True, False]
    await guest.post(form, data=ADDRESS | {"name": "Bob Chen"})
    assert "Address changed" in (await packer.client.get(mine)).text
    assert "Queen&#39;s Road<br>" in (await packer.posts(f"{mine}/address")).text
    await doing.does(packer, f"{GIFT}/sent", f"{mine}/sent", tracking="SF 123")
    assert (await packer.posts(f"{mine}/sent", tracking="SF 456")).status_code == 303, "again, it changes nothing"
    page = (await guest.get(order)).text
    assert "Tracking reference: SF 123" in page
    assert form not in page
    assert (await guest.get(form)).headers["location"] == order
    assert "SF 123" in (await packer.client.get("/console/gifts?state=sent")).text

    asked = await packer.posts("/console/refund", order=order_id, amount="", reason="Not wanted", form=order_id[-12:])
    assert asked.status_code == 303, "so little one may give back alone"

    async def said() -> str:
        return (await guest.get(order)).text

    await until(said, lambda text: "please send it back to us" in text)
    assert mine in (await packer.client.get("/console/gifts?state=asked_back")).text
    way = "returned" if brought else "kept"
    await doing.does(packer, f"{GIFT}/{way}", f"{mine}/{way}")
    assert ("It is back with us" if brought else "You kept it") in await said()
    assert doing.done == {f"{GIFT}/sent", f"{GIFT}/{way}"}
    early = await packer.posts(f"{mine}/returned" if not brought else f"{mine}/kept")
    assert early.status_code == 422
