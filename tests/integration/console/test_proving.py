"""What moves money waits until whoever sent it has shown that they are still there; a locked screen shows nothing."""

import re
from datetime import timedelta
from html import unescape
from importlib.resources import files

import pytest

from tests.integration.console.conftest import form_token, sign_in
from tests.integration.console.test_every_role import NOBODYS, console_of
from tests.integration.counter.test_every_role_at_the_counter import address_of, routes_of
from topup.kernel.ids import new_id
from topup.people.doors import BY_ITSELF, POLLED, Door
from topup.people.permissions import NEEDS_FRESH, Permission, Role
from topup.people.sessions import Lasting
from topup.work import trail

pytestmark = pytest.mark.xdist_group("browser")
STALE = Lasting().fresh + timedelta(seconds=1)
ASKED = "Is it still you?"
NEXT = timedelta(seconds=60)
"""A moment at which a device shows a code that was not used yet."""


def carried(page: str) -> dict[str, str]:
    """What a page's first form of a proof holds."""
    form = re.search(r'<form class="proof".*?</form>', page, re.DOTALL)[0]
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found}


async def deeds_of(site, person) -> list[str]:
    async with site.transaction() as transaction:
        found = await trail.entries(transaction.connection, actor=person.id, limit=200)
    return [entry.action for entry in reversed(found)]


def addresses(site, staff_id: str) -> list[tuple[str, Permission | Door]]:
    """Every form of the console and of the counter that somebody signed in can send, and what it needs."""
    parts = NOBODYS | {"staff_id": staff_id, "item_id": new_id("work", 1), "approval_id": new_id("approval", 1)}
    parts |= {"session_id": "x", "passkey_id": "x"}
    console = [
        ("/console" + re.sub(r"\{(\w+):str\}", lambda found: parts[found[1]], path), needed)
        for method, path, needed, _ in console_of(site).routes()
        if method == "POST"
    ]
    counter = [(address_of(path), needed) for method, path, needed, _ in routes_of(site) if method == "POST"]
    return [(address, needed) for address, needed in console + counter if needed not in {Door.OPEN, Door.LOCKED}]


async def test_what_was_typed_is_kept_and_done_once_it_is_shown_who_sent_it(site, enter, now, topped_up):
    order_id, _, _ = topped_up
    client, person = await enter(Role.FINANCE)
    token = await form_token(client)
    typed = {"order": order_id, "amount": "12.50", "reason": 'Said "twice" & <once>', "form": "typed-once"}
    with site.later(STALE):
        asked = await client.post("/console/refund", data={"form_token": token} | typed)
        assert asked.status_code == 401
        assert ASKED in asked.text
        assert carried(asked.text).items() >= typed.items(), "nothing is typed twice"
        again = await client.post("/console/refund", data=carried(asked.text) | {"proof_code": "000000"})
        assert again.status_code == 401
        assert carried(again.text).items() >= typed.items()
        code = person.code(await now())
        done = await client.post("/console/refund", data=carried(again.text) | {"proof_code": code})
        assert done.status_code == 303, done.text
        assert done.headers["location"].startswith("/console/approvals/")
        shown = (await client.get(done.headers["location"])).text
        assert "12.50" in shown
        wrong = await client.post("/console/refund", data={"form_token": token} | typed | {"form": "x", "amount": "y"})
        assert wrong.status_code == 422, "it is fresh again, and a mistake is told on the form itself"
    deeds = await deeds_of(site, person)
    assert deeds[-3:] == ["staff.code_refused", "staff.proved", "approval.alone"]


async def test_every_form_that_moves_money_waits_and_no_other(site, enter):
    client, person = await enter(Role.OPERATOR)
    token = await form_token(client)
    waits = wrong = 0
    forms = addresses(site, person.id)
    with site.later(STALE):
        for address, needed in forms:
            answer = await client.post(address, data={"form_token": token, "kept": "as typed"})
            asked = answer.status_code == 401 and 'value="as typed"' in answer.text and ASKED in answer.text
            waits += asked
            wrong += asked != (needed is Door.FRESH or needed in NEEDS_FRESH)
            if address.endswith("/lock"):
                await unlocked(site, person)
    print(f"{waits} of {len(forms)} forms wait for a code or a passkey once it is {STALE} old; {wrong} wrong")
    assert wrong == 0
    assert {needed for _, needed in forms if needed is not Door.SIGNED_IN} >= NEEDS_FRESH & {
        Permission.MANAGE_STAFF,
        Permission.REQUEST_REFUND,
        Permission.ADJUST_CREDIT,
        Permission.EXPLAIN_COUNT,
        Permission.COUNT_TILL,
        Permission.REPLACE_CARDS,
        Permission.EXPORT_PEOPLE,
    }


async def unlocked(site, person) -> None:
    async with site.transaction() as transaction:
        await transaction.connection.execute(
            "UPDATE people.staff_sessions SET locked_at = NULL WHERE staff_id = %s", [person.id]
        )


def test_what_moves_money_decides_on_it_or_lets_somebody_in_is_named_so():
    grave = {
        *("refunds.request", "refunds.approve", "credit.adjust", "adjustments.approve", "floats.request"),
        *("floats.approve", "payments.resolve", "payments.approve", "differences.settle", "differences.approve"),
        *("accounts.end", "accounts.approve", "tills.explain", "tills.count", "days.sign", "work.ask"),
        *("staff.manage", "agents.manage", "catalogue.publish", "catalogue.approve", "vouchers.request"),
        *("vouchers.approve", "cards.replace", "cards.approve", "plans.change", "accounts.export", "offers.stop"),
        *("coupons.request", "coupons.approve"),
    }
    assert grave == NEEDS_FRESH
    assert not {one for one in NEEDS_FRESH if one.value.endswith(".read")}
    assert Permission.KEEP_TILL not in NEEDS_FRESH, "selling does not wait"


async def test_wrong_codes_are_bounded(site, enter, now):
    client, person = await enter(Role.FINANCE)
    data = {"form_token": await form_token(client), "proof_code": "000000"}
    with site.later(STALE):
        said = [(await client.post("/console/refund", data=data)).status_code for _ in range(8)]
        assert said.count(401) == 5, "then one waits"
        assert said[-1] == 429
        good = data | {"proof_code": person.code(await now())}
        assert (await client.post("/console/refund", data=good)).status_code == 429, "with the right one too"
    assert (await deeds_of(site, person)).count("staff.code_refused") == 5


async def test_a_code_that_let_one_in_proves_nothing_more(site, enter, hire, browser, now):
    other = await hire(Role.FINANCE)
    client, _ = await enter(Role.FINANCE)
    data = {"form_token": await form_token(client)}
    with site.later(STALE):
        elsewhere = browser()
        moment = await now()
        assert (await sign_in(elsewhere, other, moment)).status_code == 303
        theirs = data | {"proof_code": other.code(moment + 30)}
        assert (await client.post("/console/refund", data=theirs)).status_code == 401, "a colleague's"
        own = {"form_token": await form_token(elsewhere), "proof_code": other.code(moment)}
        assert (await elsewhere.post("/console/refund", data=own)).status_code == 422, "fresh as it is, it needs none"


async def test_a_locked_screen_shows_nothing_until_its_owner_is_back(site, enter, now):
    client, person = await enter(Role.SUPERVISOR)
    token = await form_token(client)
    assert (await client.post("/console/lock", data={"form_token": token, "back": "/counter/drawer"})).headers[
        "location"
    ] == "/counter/drawer"
    for path in ("/console/work", "/counter/drawer", "/console/me"):
        page = await client.get(path)
        assert page.status_code == 401
        assert "This screen is locked" in page.text
        assert 'href="/console/work"' not in page.text, "no menu either"
    refused = await client.post("/console/staff", data={"form_token": token})
    assert refused.status_code == 401, "nor is anything done"
    page = await client.get("/counter/drawer")
    opening = carried(page.text)
    assert (await client.post("/counter/unlock", data=opening | {"proof_code": "000000"})).status_code == 401
    assert (await client.get("/counter/drawer")).status_code == 401
    with site.later(NEXT):
        code = person.code(await now())
        back = await client.post("/counter/unlock", data=opening | {"proof_code": code})
        assert (back.status_code, back.headers["location"]) == (303, "/counter/drawer")
        assert (await client.get("/counter/drawer")).status_code == 200
    assert (await deeds_of(site, person))[-3:] == ["staff.locked", "staff.code_refused", "staff.proved"]


async def test_pages_that_ask_by_themselves_keep_nobody_signed_in(site, enter):
    sale = f"/counter/sales/{new_id('quote', 1)}"
    polled = ["/console/live/part", f"{sale}/state", f"{sale}?by_itself=yes"]
    left = await enter(Role.OPERATOR)
    for minutes in range(2, int(Lasting().idle.total_seconds()) // 60, 9):
        with site.later(timedelta(minutes=minutes)):
            answers = [(await left[0].get(path)).status_code for path in polled]
            assert answers == [200, 404, 404], "whoever comes back in time sees what is new"
    with site.later(Lasting().idle + timedelta(seconds=5)):
        for path in (*polled, "/console/work"):
            assert (await left[0].get(path)).headers["location"].startswith("/console/sign-in"), path


async def test_a_locked_screen_that_is_looked_at_ends_as_one_that_is_not(site, enter, now):
    client, person = await enter(Role.OPERATOR)
    await client.post("/console/lock", data={"form_token": await form_token(client)})
    almost = Lasting().idle - timedelta(minutes=1)
    with site.later(almost):
        assert (await client.get("/console/live/part")).status_code == 401, "no poll opens it"
        page = await client.get("/console/work")
        assert page.status_code == 401
    with site.later(Lasting().idle + timedelta(seconds=5)):
        assert (await client.get("/console/work")).headers["location"].startswith("/console/sign-in")
    with site.later(almost):
        opened = carried(page.text) | {"proof_code": person.code(await now())}
        assert (await client.post("/console/unlock", data=opened)).status_code == 303
        assert (await client.get("/console/work")).status_code == 200
    with site.later(almost + Lasting().idle - timedelta(minutes=1)):
        assert (await client.get("/console/work")).status_code == 200, "its owner is back and keeps it awake"


def test_every_page_that_asks_by_itself_is_known_to_the_door():
    found = {}
    for room in ("console", "counter"):
        for page in (files("topup.channels") / room / "templates").iterdir():
            text = page.read_text(encoding="utf-8")
            asked = re.findall(r'data-live="([^"?]+)|http-equiv="refresh" content="([^"]+)"', text)
            found |= {re.sub(r"\{\{ \w+ \}\}", "{}", poll or refresh): page.name for poll, refresh in asked}
    known = {re.sub(r"\{\w+\}", "{}", path) for path in POLLED}
    assert {path for path in found if "url=" not in path} == known
    refreshed = {path for path in found if "url=" in path}
    assert refreshed
    assert all(path.endswith(f"?{BY_ITSELF}=yes") for path in refreshed), refreshed


async def test_who_locked_it_may_leave_and_somebody_else_come(enter):
    client, _ = await enter(Role.CLERK)
    token = await form_token(client, "/console/me")
    await client.post("/counter/lock", data={"form_token": token})
    assert (await client.post("/console/sign-out", data={"form_token": token})).status_code == 303
    assert (await client.get("/counter")).headers["location"].startswith("/console/sign-in")


async def test_one_sees_where_one_is_signed_in_and_ends_the_others_alone(site, enter, browser, now):
    client, person = await enter(Role.SUPPORT)
    another, stranger = await enter(Role.SUPPORT)
    elsewhere = browser()
    with site.later(NEXT):
        assert (await sign_in(elsewhere, person, await now())).status_code == 303
    page = (await client.get("/console/me")).text
    [other] = re.findall(r'action="/console/me/sessions/([^"]+)"', page)
    token = await form_token(another)
    assert (await another.post(f"/console/me/sessions/{other}", data={"form_token": token})).status_code == 404
    assert (await elsewhere.get("/console/me")).status_code == 200, f"{stranger.login} ends nobody's"
    token = await form_token(client)
    assert (await client.post(f"/console/me/sessions/{other}", data={"form_token": token})).status_code == 303
    assert (await elsewhere.get("/console/me")).status_code == 303
    assert (await client.get("/console/me")).status_code == 200
    assert (await deeds_of(site, person))[-1] == "staff.signed_out_elsewhere"


async def test_who_tries_what_they_may_not_is_in_the_trail(site, enter):
    client, person = await enter(Role.SUPPORT)
    token = await form_token(client)
    for path in ("/console/staff", "/console/adjust", "/counter/drawer/close"):
        assert (await client.post(path, data={"form_token": token})).status_code == 403
    assert (await client.get("/console/staff")).status_code == 403, "looking in is no deed"
    forged = f"/console/tickets/{new_id('ticket', 1)}"
    assert (await client.post(forged, data={"form_token": "another's"})).status_code == 403
    async with site.transaction() as transaction:
        found = await trail.entries(transaction.connection, actor=person.id, action="staff.refused")
    assert [entry.facts["page"] for entry in reversed(found)] == [
        "/console/staff",
        "/console/adjust",
        "/counter/drawer/close",
        "/console/tickets/{ticket_id}",
    ]
