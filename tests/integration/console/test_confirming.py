"""Nobody is two: an account that one person made, reset or gave more to do waits for a second person, and until then
neither asks, nor decides, nor looks after staff. Through the pages, as whoever tries it would.
"""

import re

import pyotp
import pytest

from tests.integration.console.conftest import PASSWORD, Person, form_token, sign_in
from topup.kernel.ids import new_id
from topup.people import administration
from topup.people.permissions import Role
from topup.work.operations import Decision, list_for_person

pytestmark = pytest.mark.xdist_group("browser")
COUNT = {"till": "one", "expected_minor": 900_001, "counted_minor": 1, "difference_minor": -900_000, "currency": "CNY"}
"""More than anybody decides alone."""
WAITS = "waits for a second person"


@pytest.fixture
def enrol(browser, now):
    """A browser in which the holder of an enrolment code has enrolled and is signed in, and who they say they are."""

    async def enrolled(login: str, code: str, role: Role):
        client = browser()
        page = (await client.post("/console/enrol", data={"login": login, "enrolment": code})).text
        secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
        device = re.search(r'name="device" value="([^"]+)"', page)[1]
        digits = pyotp.TOTP(secret).at(int(await now()))
        fields = {"login": login, "enrolment": code, "device": device, "code": digits}
        done = await client.post("/console/enrol/finish", data=fields | {"password": PASSWORD, "again": PASSWORD})
        assert done.status_code == 200, done.text
        return client, Person("", login, role, secret)

    return enrolled


@pytest.fixture
def invite(enrol):
    """Somebody invites somebody, and enrols in their place with the code that the page shows."""

    async def invited(client, role: Role):
        login = f"new-{new_id('staff', 0)[-6:]}"
        fields = {"form_token": await form_token(client, "/console/staff"), "login": login, "role": role.value}
        page = (await client.post("/console/staff", data=fields)).text
        puppet, person = await enrol(login, _code(page), role)
        return puppet, person, re.search(r'href="(/console/staff/[^"]+)"', page)[1]

    return invited


def _code(page: str) -> str:
    return re.search(r'id="enrolment-code">([0-9A-Z-]{19})<', page)[1]


async def change(client, address: str, decision: str, **fields: str):
    token = await form_token(client, "/console/staff")
    return await client.post(address, data={"form_token": token, "decision": decision} | fields)


@pytest.fixture
def asks(site):
    """Somebody asks that what a drawer lacks be accepted, each time another's."""

    async def asked(client):
        subject = new_id("till", 0)
        async with site.transaction() as transaction:
            connection = transaction.connection
            await list_for_person(connection, [Decision(0, "till_difference", subject, COUNT)], transaction.now)
            cursor = await connection.execute("SELECT id FROM work.items WHERE subject = %s", [subject])
            [item] = await cursor.fetchone()
        fields = {"form_token": await form_token(client, "/console/me"), "kind": "till_accepted", "reason": "Lost"}
        return await client.post(f"/console/work/{item}/ask", data=fields)

    return asked


async def approves(client, address: str):
    fields = {"form_token": await form_token(client, "/console/me"), "decision": "approve", "note": ""}
    return await client.post(address, data=fields)


async def test_nobody_approves_their_own_by_way_of_an_account_they_invite(enter, invite, asks):
    attacker, _ = await enter(Role.OPERATOR)
    asked = (await asks(attacker)).headers["location"]
    puppet, _, _ = await invite(attacker, Role.OPERATOR)
    answer = await approves(puppet, asked)
    assert answer.status_code == 403, "one person was two"
    assert WAITS in answer.text
    assert (await asks(puppet)).status_code == 403, "nor is it asked for by them, to be approved by the first"
    assert (await puppet.get("/console/work")).status_code == 200
    assert WAITS in (await puppet.get("/console/me")).text


async def test_nobody_is_a_colleague_whom_they_reset(enter, enrol, hire, asks):
    attacker, _ = await enter(Role.OPERATOR)
    asked = (await asks(attacker)).headers["location"]
    colleague = await hire(Role.FINANCE)
    code = _code((await change(attacker, f"/console/staff/{colleague.id}", "reset")).text)
    puppet, _ = await enrol(colleague.login, code, Role.FINANCE)
    assert (await approves(puppet, asked)).status_code == 403


async def test_a_role_that_lets_somebody_do_more_waits_as_well_and_one_that_does_not_does_not(
    enter, hire, browser, now, asks
):
    chief, _ = await enter(Role.SECURITY)
    colleague = await hire(Role.CLERK)
    address = f"/console/staff/{colleague.id}"
    await change(chief, address, "role", role="supervisor")
    client = browser()
    await sign_in(client, colleague, await now())
    assert (await asks(client)).status_code == 403
    assert WAITS in (await chief.get(address)).text
    assert (await change(chief, address, "confirm")).status_code == 403, "who gave the role is not the second person"
    other, _ = await enter(Role.SECURITY)
    assert (await change(other, address, "confirm")).status_code == 303
    assert (await asks(client)).status_code == 303
    await change(chief, address, "role", role="clerk")
    assert WAITS not in (await chief.get(address)).text


async def test_the_account_is_whole_once_another_has_confirmed_it(enter, invite, asks):
    """From the second person's page to the trail; the first one's own page has no button for it."""
    chief, _ = await enter(Role.SECURITY)
    new, person, address = await invite(chief, Role.FINANCE)
    assert 'value="confirm"' not in (await chief.get(address)).text
    assert (await change(chief, address, "confirm")).status_code == 403
    second, who = await enter(Role.SECURITY)
    assert 'value="confirm"' in (await second.get(address)).text
    assert WAITS in (await second.get("/console/staff")).text
    assert (await change(second, address, "confirm")).status_code == 303
    assert who.login in (await second.get(address)).text
    assert (await change(second, address, "confirm")).status_code == 409
    first, _ = await enter(Role.SUPERVISOR)
    asked = (await asks(first)).headers["location"]
    assert (await approves(new, asked)).status_code == 303, "signed in as they were"
    trail = (await second.get(f"/console/trail?subject={address.rpartition('/')[2]}")).text
    assert "Confirmed an account" in trail
    assert person.login in trail


async def test_whoever_is_not_confirmed_does_not_look_after_staff_nor_confirm_others(enter, invite):
    attacker, _ = await enter(Role.SECURITY)
    helper, _, its_address = await invite(attacker, Role.SECURITY)
    _, _, address = await invite(attacker, Role.FINANCE)
    assert (await helper.get("/console/staff")).status_code == 403
    token = await form_token(helper, "/console/me")
    for place in (address, its_address):
        answer = await helper.post(place, data={"form_token": token, "decision": "confirm"})
        assert answer.status_code == 403
    answer = await helper.post("/console/staff", data={"form_token": token, "login": "another", "role": "finance"})
    assert answer.status_code == 403


async def test_nobody_confirms_an_account_before_somebody_holds_it(enter):
    """Else whoever sees its code would enrol after."""
    chief, _ = await enter(Role.SECURITY)
    login = f"new-{new_id('staff', 0)[-6:]}"
    fields = {"form_token": await form_token(chief, "/console/staff"), "login": login, "role": "finance"}
    page = (await chief.post("/console/staff", data=fields)).text
    address = re.search(r'href="(/console/staff/[^"]+)"', page)[1]
    second, _ = await enter(Role.SECURITY)
    assert 'value="confirm"' not in (await second.get(address)).text
    assert (await change(second, address, "confirm")).status_code == 409


async def test_the_command_line_is_a_second_person_and_needs_none(enter, invite, site, asks):
    chief, _ = await enter(Role.SECURITY)
    new, person, address = await invite(chief, Role.SUPERVISOR)
    assert (await asks(new)).status_code == 403
    async with site.transaction() as transaction:
        await administration.confirm(transaction.connection, login=person.login, by="cli", now=transaction.now)
    assert (await asks(new)).status_code == 303
    assert "command line" in (await chief.get(address)).text
