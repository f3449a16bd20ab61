"""The door of the console: who comes in, who does not, and what a stranger learns from it."""

import re
import statistics
import time
from datetime import timedelta

import pyotp
import pytest

from tests.integration.console.conftest import PASSWORD, form_token, sign_in
from topup.people import administration, sessions
from topup.people.permissions import Role

LASTING = sessions.Lasting()
pytestmark = pytest.mark.xdist_group("browser")


async def test_somebody_of_the_staff_comes_in_and_goes_out(enter):
    client, person = await enter(Role.SUPPORT)
    page = await client.get("/console/work")
    assert page.status_code == 200
    assert person.login in page.text
    token = await form_token(client)
    out = await client.post("/console/sign-out", data={"form_token": token})
    assert (out.status_code, out.headers["location"]) == (303, "/console/sign-in")
    again = await client.get("/console/work")
    assert again.headers["location"] == "/console/sign-in?back=/console/work"


async def test_nobody_comes_in_with_anything_wrong_and_is_told_one_thing(browser, hire, now, site):
    person = await hire(Role.SUPPORT)
    moment = await now()
    invited = await _invite(site, "not-yet-here")
    wrong = {
        "password": {"password": "five words nobody knows"},
        "code": {"code": "000000" if person.code(moment) != "000000" else "111111"},
        "no code": {"code": ""},
        "old code": {"code": person.code(moment - 120)},
        "name": {"login": "nobody-of-that-name"},
        "not enrolled": {"login": invited},
        "bytes": {"password": "长" * 5000},
    }
    said = {}
    for name, fields in wrong.items():
        answer = await sign_in(browser(), person, moment, **fields)
        assert "set-cookie" not in answer.headers
        said[name] = (answer.status_code, re.sub(r'value="[^"]*"', "", answer.text))
    print(f"{len(wrong)} ways to be wrong, {len(set(said.values()))} answer")
    assert {status for status, _ in said.values()} == {401}
    assert len(set(said.values())) == 1


async def test_a_code_is_taken_once(browser, hire, now):
    person = await hire(Role.SUPPORT)
    moment = await now()
    assert (await sign_in(browser(), person, moment)).status_code == 303
    assert (await sign_in(browser(), person, moment)).status_code == 401
    assert (await sign_in(browser(), person, moment - 30)).status_code == 401, "nor an older one after it"


async def test_a_session_is_new_whatever_the_browser_held(browser, hire, now, site):
    """Fixation: a token planted before is not the one that is signed in."""
    person = await hire(Role.SUPPORT)
    client = browser()
    client.cookies.set("topup_console", "planted", domain="127.0.0.1", path="/console")
    answer = await sign_in(client, person, await now())
    for cookie in answer.headers.get_list("set-cookie"):
        assert "planted" not in cookie
        assert "httponly" in cookie.lower()
        assert "samesite=strict" in cookie.lower()
    planted = browser()
    planted.cookies.set("topup_console", "planted", domain="127.0.0.1", path="/console")
    assert (await planted.get("/console/work")).status_code == 303
    first = client.cookies["topup_console"]
    with site.later(timedelta(seconds=60)):
        again = await sign_in(client, person, await now())
    second = re.search(r"topup_console=([^;,]+)", again.headers["set-cookie"])[1]
    assert first != second
    stale = browser()
    stale.cookies.set("topup_console", first, domain="127.0.0.1", path="/console")
    assert (await stale.get("/console/work")).status_code == 303, "the one before has ended"


@pytest.mark.parametrize("idle", [True, False])
async def test_a_session_ends_by_itself(enter, site, idle):
    client, _ = await enter(Role.SUPPORT)
    if idle:
        with site.later(timedelta(minutes=31)):
            assert (await client.get("/console/work")).status_code == 303
        return
    for minutes in range(20, 12 * 60, 20):
        with site.later(timedelta(minutes=minutes)):
            assert (await client.get("/console/work")).status_code == 200
    with site.later(timedelta(hours=12, minutes=1)):
        assert (await client.get("/console/work")).status_code == 303


async def test_signing_out_everywhere_and_losing_the_account_end_all_sessions(browser, hire, now, site):
    person = await hire(Role.SUPPORT)
    clients = [browser() for _ in range(3)]
    for index, client in enumerate(clients):
        with site.later(timedelta(seconds=31 * index)):
            assert (await sign_in(client, person, await now())).status_code == 303
    token = await form_token(clients[0])
    await clients[0].post("/console/sign-out", data={"form_token": token, "everywhere": "yes"})
    assert {(await client.get("/console/work")).status_code for client in clients} == {303}
    with site.later(timedelta(seconds=150)):
        assert (await sign_in(clients[0], person, await now())).status_code == 303
    async with site.transaction() as transaction:
        await administration.disable(transaction.connection, login=person.login, by="cli", now=transaction.now)
    assert (await clients[0].get("/console/work")).status_code == 303
    with site.later(timedelta(seconds=200)):
        assert (await sign_in(browser(), person, await now())).status_code == 401


async def test_a_form_without_the_sessions_own_token_is_refused(enter):
    client, _ = await enter(Role.SUPPORT)
    other, _ = await enter(Role.SUPPORT)
    tokens = {"none": "", "made up": "0" * 64, "another's": await form_token(other)}
    own = await form_token(client)
    refused = [await _leave(client, one) for one in tokens.values()]
    foreign = [
        await _leave(client, own, **headers)
        for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "null"})
    ]
    print(f"{len(refused) + len(foreign)} forms that are not ours, {sum(s != 403 for s in refused + foreign)} taken")
    assert set(refused + foreign) == {403}
    assert (await client.get("/console/work")).status_code == 200


async def test_pages_run_nothing_of_others_and_are_framed_by_nobody(enter, browser):
    client, _ = await enter(Role.AUDITOR)
    for path in ("/console/work", "/console/trail", "/console/sign-in", "/console/enrol", "/console/nowhere"):
        answer = await (browser() if "sign-in" in path else client).get(path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy, "our one file of keys, and nothing written into a page"
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.text.count("<script") == answer.text.count('<script src="/console/assets/console.')
        assert "style=" not in answer.text
        assert answer.headers["cache-control"] == "private, no-store"


async def test_enrolling_takes_a_code_once_and_a_device(browser, site, now):
    code = await _invitation(site, "somebody-new")
    client = browser()
    wrong = await client.post("/console/enrol", data={"login": "somebody-new", "enrolment": "AAAA-BBBB-CCCC-DDDD"})
    assert wrong.status_code == 401
    page = await client.post("/console/enrol", data={"login": "somebody-new", "enrolment": code.lower()})
    assert page.status_code == 200
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)[1].replace(" ", "")
    device = re.search(r'name="device" value="([^"]+)"', page.text)[1]
    digits = pyotp.TOTP(secret).at(int(await now()))
    fields = {"login": "somebody-new", "enrolment": code, "device": device, "code": digits}
    fields |= {"password": PASSWORD, "again": PASSWORD}
    lengths = [{"password": text, "again": text} for text in ("short", "long " * 1000)]
    for bad in ({"again": "other"}, *lengths, {"code": "12345"}):
        answer = await client.post("/console/enrol/finish", data=fields | bad)
        assert answer.status_code == 422
        assert 'name="device"' in answer.text, "on the form itself"
        assert 'role="alert"' in answer.text
    done = await client.post("/console/enrol/finish", data=fields)
    assert done.status_code == 200
    recovery = re.findall(r"<code>([0-9A-Z-]{19})</code>", done.text)
    assert len(recovery) == 10
    assert (await client.get("/console/work")).status_code == 200
    assert (await client.post("/console/enrol/finish", data=fields)).status_code == 401, "the code was used"
    by_recovery = {"login": "somebody-new", "password": PASSWORD, "code": recovery[3]}
    assert (await browser().post("/console/sign-in", data=by_recovery)).status_code == 303
    assert (await browser().post("/console/sign-in", data=by_recovery)).status_code == 401
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT s::text FROM people.staff s UNION ALL SELECT r::text FROM people.staff_recovery r"
        )
        stored = str(await cursor.fetchall())
    assert not any(shown in stored for shown in (secret, PASSWORD, code, *recovery))


async def test_guessing_is_slowed_down_alike_for_names_that_nobody_has(browser, hire, now, site):
    person = await hire(Role.SUPPORT)
    seen = {}
    for login in (person.login, "nobody-of-that-name-either"):
        answers = [await sign_in(browser(), person, 0, login=login) for _ in range(8)]
        seen[login] = [answer.status_code for answer in answers]
        assert int(answers[-1].headers["retry-after"]) <= 10
    print(f"attempts answered before waiting: {seen[person.login].count(401)} of 8")
    assert seen[person.login] == seen["nobody-of-that-name-either"] == [401] * 5 + [429] * 3
    with site.later(timedelta(seconds=11)):
        assert (await sign_in(browser(), person, await now())).status_code == 303


async def test_a_stranger_cannot_tell_a_name_by_the_time_it_takes(browser, hire, site):
    """Compared by ranks, as a stranger would: half is chance."""
    person = await hire(Role.SUPPORT)
    times: dict[str, list[float]] = {person.login: [], "nobody-knows-me": []}
    client = browser()
    for _ in range(12):
        for login, took in times.items():
            await _forgive(site)
            began = time.perf_counter()
            answer = await sign_in(client, person, 0, login=login)
            took.append(time.perf_counter() - began)
            assert answer.status_code == 401
    known, unknown = times.values()
    wins = statistics.mean((a > b) + (a == b) / 2 for a in known for b in unknown)
    print(f"telling a name that exists by time: AUC {wins:.2f} of {len(known)} x {len(unknown)} attempts")
    assert 0.1 < wins < 0.9
    assert min(*known, *unknown) > 0.02, "each was compared with a password's hash"


async def _leave(client, token: str, **headers: str) -> int:
    return (await client.post("/console/sign-out", data={"form_token": token}, headers=headers)).status_code


async def _forgive(site) -> None:
    async with site.transaction() as transaction:
        await transaction.connection.execute("DELETE FROM people.sign_in_attempts")


async def _invitation(site, login: str) -> str:
    async with site.transaction() as transaction:
        invited = await administration.add(
            transaction.connection, login=login, role=Role.SUPPORT, by="cli", now=transaction.now
        )
    return invited.code


async def _invite(site, login: str) -> str:
    await _invitation(site, login)
    return login


async def test_a_session_ends_when_it_rests_and_in_any_case_after_a_day_of_work(enter, site):
    resting, _ = await enter(Role.SUPPORT)
    with site.later(LASTING.idle + timedelta(seconds=1)):
        assert (await resting.get("/console/work")).headers["location"].startswith("/console/sign-in")
    busy, _ = await enter(Role.SUPPORT)
    passed = timedelta()
    while (passed := passed + LASTING.idle - timedelta(minutes=1)) < LASTING.longest:
        with site.later(passed):
            assert (await busy.get("/console/work")).status_code == 200, passed
    with site.later(LASTING.longest + timedelta(seconds=1)):
        assert (await busy.get("/console/work")).headers["location"].startswith("/console/sign-in")
