"""Passkeys of staff: made and used for our site alone, once for each challenge, by who made them, with a finger."""

import re
import secrets
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from tests.integration.console.conftest import form_token, sign_in
from tests.support.authenticator import Authenticator
from topup.people import administration
from topup.people.permissions import Role
from topup.people.sessions import Lasting
from topup.people.webauthn import CHALLENGE_LASTS, sites_of
from topup.work import trail

pytestmark = pytest.mark.xdist_group("browser")
STALE = Lasting().fresh + timedelta(seconds=1)
NAME = "Office laptop"


@pytest.fixture
async def by_name(site):
    """Fresh browsers at the site's name: at a bare address there are no passkeys."""
    opened = []

    def one() -> httpx.AsyncClient:
        name = site.url.removeprefix("http://").replace("127.0.0.1", "localhost")
        headers = {"accept": "text/html", "accept-language": "en", "host": name}
        opened.append(httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, headers=headers))
        return opened[-1]

    yield one
    for client in opened:
        await client.aclose()


@pytest.fixture
def finger(site) -> Authenticator:
    return another(site, id=secrets.token_bytes(20))


def another(site, **different) -> Authenticator:
    here = sites_of(site.url)["localhost"]
    return replace(Authenticator(here.host, here.origin), **different)


@pytest.fixture
async def owner(by_name, hire, now, finger):
    """Somebody signed in who has a passkey: their browser, and who they are."""
    client, person = by_name(), await hire(Role.FINANCE)
    assert (await sign_in(client, person, await now())).status_code == 303
    assert (await adds(client, finger)).status_code == 303
    return client, person


async def adds(client, finger, **fields):
    token = await form_token(client, "/console/me")
    asked = await client.post("/console/me/passkeys/challenge", data={"form_token": token})
    made = finger.makes(asked.text)
    return await client.post("/console/me/passkeys", data={"form_token": token, "name": NAME} | made | fields)


async def enters(client, finger):
    asked = await client.post("/console/sign-in/passkey/challenge")
    return await client.post("/console/sign-in/passkey", data=finger.signs(asked.text) | {"back": "/console/work"})


async def proves(client, finger, path="/console/refund", **fields):
    token = await form_token(client, "/console/me")
    asked = await client.post("/console/proof", data={"form_token": token})
    signed = {f"proof_{name}": value for name, value in finger.signs(asked.text).items()}
    return await client.post(path, data={"form_token": token, "order": "ord_typed"} | signed | fields)


async def deeds_of(site, person) -> list[str]:
    async with site.transaction() as transaction:
        found = await trail.entries(transaction.connection, actor=person.id, limit=50)
    return [entry.action for entry in reversed(found)]


async def test_a_passkey_lets_in_without_password_and_code_and_is_listed(site, by_name, owner, finger):
    client, person = owner
    page = (await client.get("/console/me")).text
    assert NAME in page
    assert "not used yet" in page
    elsewhere = by_name()
    answer = await enters(elsewhere, finger)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/work")
    assert person.login in (await elsewhere.get("/console/work")).text
    assert "not used yet" not in (await elsewhere.get("/console/me")).text
    assert (await deeds_of(site, person))[-2:] == ["staff.passkey_added", "staff.signed_in_by_passkey"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"verifies": False},
        {"id": b"nobody's ..........."},
        {"count": -1},
    ],
    ids=["another site's page", "for another site", "no finger", "nobody's", "a copy that counts anew"],
)
async def test_what_is_not_right_in_one_thing_lets_nobody_in_and_moves_nothing(site, by_name, owner, finger, wrong):
    client, person = owner
    assert (await enters(by_name(), replace(finger, **wrong))).status_code == 401
    with site.later(STALE):
        refused = await proves(client, replace(finger, **wrong))
        assert refused.status_code == 401
        assert 'value="ord_typed"' in refused.text, "what was typed is kept"
        assert (await proves(client, finger)).status_code != 401, "the right one does"
    assert "staff.passkey_refused" in await deeds_of(site, person)


async def test_an_answer_is_good_once_for_what_was_asked_and_not_for_long(site, by_name, owner, finger):
    client, _ = owner
    elsewhere = by_name()
    challenge = "/console/sign-in/passkey/challenge"
    signed = finger.signs((await elsewhere.post(challenge)).text)
    assert (await elsewhere.post("/console/sign-in/passkey", data=signed)).status_code == 303
    assert (await elsewhere.post("/console/sign-in/passkey", data=signed)).status_code == 401, "replayed"
    late = finger.signs((await elsewhere.post(challenge)).text)
    with site.later(CHALLENGE_LASTS):
        assert (await by_name().post("/console/sign-in/passkey", data=late)).status_code == 401
    token = await form_token(client, "/console/me")
    to_prove = finger.signs((await client.post("/console/proof", data={"form_token": token})).text)
    assert (await by_name().post("/console/sign-in/passkey", data=to_prove)).status_code == 401, "another purpose"
    of_subscribers = finger.signs((await by_name().post("/account/sign-in/passkey/challenge")).text)
    assert (await by_name().post("/console/sign-in/passkey", data=of_subscribers)).status_code == 401


@pytest.fixture
async def other(by_name, hire, now) -> httpx.AsyncClient:
    """A colleague's browser."""
    client = by_name()
    assert (await sign_in(client, await hire(Role.FINANCE), await now())).status_code == 303
    return client


async def test_nobody_shows_by_anothers_passkey_that_it_is_they(site, owner, finger, other):
    theirs = another(site, id=secrets.token_bytes(20))
    assert (await adds(other, theirs)).status_code == 303
    with site.later(STALE):
        assert (await proves(other, finger)).status_code == 401
        assert (await proves(owner[0], theirs)).status_code == 401
        token, foreign = await form_token(other, "/console/me"), await form_token(owner[0], "/console/me")
        asked = await owner[0].post("/console/proof", data={"form_token": foreign})
        signed = {f"proof_{name}": value for name, value in theirs.signs(asked.text).items()}
        answer = await other.post("/console/refund", data={"form_token": token} | signed)
        assert answer.status_code == 401, "what another session was asked"


async def test_one_that_is_removed_or_of_an_account_that_is_reset_or_blocked_opens_nothing(
    site, by_name, owner, finger, hire
):
    client, person = owner
    token = await form_token(client, "/console/me")
    removing = re.search(r'action="(/console/me/passkeys/[^"]+/remove)"', (await client.get("/console/me")).text)[1]
    assert (await client.post(removing, data={"form_token": token})).status_code == 303
    assert (await client.post(removing, data={"form_token": token})).status_code == 404
    assert (await enters(by_name(), finger)).status_code == 401
    assert (await client.get("/console/me")).status_code == 200, "password and code stay: it was not the last way in"
    assert (await adds(client, finger)).status_code == 303
    async with site.transaction() as transaction:
        await administration.disable(transaction.connection, login=person.login, by="cli", now=transaction.now)
    assert (await enters(by_name(), finger)).status_code == 401, "blocked"
    by = (await hire(Role.SECURITY)).id
    async with site.transaction() as transaction:
        await administration.reset(transaction.connection, login=person.login, by=by, now=transaction.now)
        cursor = await transaction.connection.execute(
            "SELECT count(*) FROM people.staff_passkeys WHERE staff_id = %s", [person.id]
        )
        assert await cursor.fetchone() == (0,), "whoever resets it takes the passkeys too"


async def test_one_added_after_a_reset_does_no_more_than_the_account_may(site, by_name, owner, finger):
    """Whoever invites or resets could be that person: by a passkey too, nothing that takes two before a second one."""
    client, person = owner
    async with site.transaction() as transaction:
        await transaction.connection.execute(
            "UPDATE people.staff SET confirmed_by = NULL, confirmed_at = NULL WHERE id = %s", [person.id]
        )
    elsewhere = by_name()
    assert (await enters(elsewhere, finger)).status_code == 303
    token = await form_token(elsewhere, "/console/me")
    assert (await elsewhere.post("/console/refund", data={"form_token": token})).status_code == 403
    assert (await client.post("/console/refund", data={"form_token": token})).status_code == 403


async def test_adding_one_waits_for_a_proof_too_and_takes_a_name(site, owner, now):
    client, person = owner
    second = another(site, id=secrets.token_bytes(20))
    for name in ("", "x" * 41):
        assert (await adds(client, second, name=name)).status_code == 422
    with site.later(STALE):
        asked = await adds(client, second)
        assert asked.status_code == 401
        kept = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', asked.text.split("</form>")[-3]))
        kept |= {"proof_code": person.code(await now())}
        assert (await client.post("/console/me/passkeys", data=kept)).status_code == 303, "what was made is kept"
    assert (await client.get("/console/me")).text.count(NAME) >= 2


async def test_a_bare_address_has_none(browser, hire, now):
    client, person = browser(), await hire(Role.SUPPORT)
    await sign_in(client, person, await now())
    assert "data-passkey" not in (await client.get("/console/me")).text
    assert "data-passkey" not in (await browser().get("/console/sign-in")).text
    assert (await client.post("/console/sign-in/passkey/challenge")).status_code == 400
