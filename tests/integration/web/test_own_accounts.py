"""G23, G24: nobody sees or changes another's account; sessions cannot be planted, forms not sent for somebody."""

import re

import httpx
import pytest

from tests.support.desk import LANES
from tests.support.subscribers import front_at
from topup.channels.web.account import account_routes, household
from topup.channels.web.keeping import Keeping
from topup.channels.web.visitors import FORM_TOKEN, Visitors
from topup.kernel.msisdn import parse_msisdn
from topup.lines.operations import open_lines
from topup.people.subscribers.codes import TRIES
from topup.people.subscribers.devices import form_token_of
from topup.people.subscribers.entering import Entered

NUMBERS = ("13866660001", "13866660002")
SEALED = re.compile(r"[\w-]{60,}")


@pytest.fixture(scope="module")
async def front(site):
    async with front_at(site) as opened:
        async with opened.database.transaction() as transaction:
            lines = [(parse_msisdn(number), "qingfeng", "Asia/Shanghai") for number in NUMBERS]
            await open_lines(transaction.connection, lines, transaction.now, lanes=LANES)
        yield opened


class Person:
    """Somebody signed in, their browser, and the ids of what is theirs."""

    def __init__(self, client, entered, who, line_id):
        self.client, self.entered, self.who, self.line_id = client, entered, who, line_id
        self.form_token = form_token_of(entered.token)

    async def sends(self, path, **fields):
        return await self.client.post(path, data={FORM_TOKEN: self.form_token, **fields})


@pytest.fixture
async def people(front, site):
    """Two of them, each with a line."""
    await front.forget_counts()
    found, clients = [], []
    for number in NUMBERS:
        entered = await front.enter(number)
        who = await front.here(entered)
        line = (await front.rows("SELECT line_id FROM lines.owners WHERE subscriber_id = %s", who.id))[0][0]
        headers = {"accept": "text/html", "accept-language": "en", "cookie": f"here={entered.token}"}
        clients.append(httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, headers=headers))
        found.append(Person(clients[-1], entered, who, line))
    yield found
    for client in clients:
        await client.aclose()


def routes(site) -> list[tuple[str, str]]:
    """Every address below /account, as the site has it."""
    store = site.house.store
    visitors = Visitors(store.database, secure=False)
    house = household(
        database=store.database, keyring=store.keyring, visitors=visitors, keeping=Keeping(store.keyring), lanes=LANES
    )
    return [(method, path) for method, path, _ in account_routes(house, public_url=site.url)]


DOORS = ("/account/sign-in", "/account/code/")


def path_of(template: str, person: Person) -> str:
    """An address with somebody's own ids in it."""
    own = {"line_id": person.line_id, "device_id": person.who.device_id, "passkey_id": "AAAA", "token": "A" * 80}
    return re.sub(r"\{(\w+):str\}", lambda part: own[part[1]], template)


async def test_a_stranger_is_sent_to_the_door_from_every_page(site, people, figures):
    tried = 0
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as client:
        for method, template in routes(site):
            if template.startswith(DOORS):
                continue
            for cookie in (
                "",
                "here=nobody",
                f"here={people[0].entered.token}x",
                f"__Host-here={people[0].entered.token}",
            ):
                answer = await client.request(method, path_of(template, people[0]), headers={"cookie": cookie})
                assert answer.status_code == 303, (method, template)
                assert answer.headers["location"].startswith("/account/sign-in"), (method, template)
                tried += 1
    figures.never("G23", of=tried, pages_of_accounts_shown_to_strangers=0)


async def test_nobody_reaches_what_is_anothers(people, front, site, figures):
    """Every address with an id in it, asked for with the other's ids: nothing is shown, and nothing changes."""
    mine, other = people
    before = await front.rows("SELECT * FROM lines.owners ORDER BY line_id, subscriber_id")
    devices = await front.rows("SELECT id, token FROM people.devices ORDER BY id")
    sealed = (await mine.sends("/account/lines", number="13866660003")).headers["location"]
    tried = 0
    for method, template in routes(site):
        if "{" not in template or template.startswith(DOORS):
            continue
        path = sealed if template.startswith("/account/codes/{token:str}") else path_of(template, mine)
        path += "/again" if template.endswith("/again") and not path.endswith("/again") else ""
        answer = await (other.client.get(path) if method == "GET" else other.sends(path, name="stolen", code="000000"))
        assert answer.status_code == 404, (method, path, answer.status_code)
        assert parse_msisdn(NUMBERS[0]).grouped() not in answer.text
        tried += 1
    assert await front.rows("SELECT * FROM lines.owners ORDER BY line_id, subscriber_id") == before
    assert await front.rows("SELECT id, token FROM people.devices ORDER BY id") == devices
    for path in ("/account", "/account/lines", "/account/settings", "/account/safety", "/account/devices"):
        assert parse_msisdn(NUMBERS[0]).grouped() not in (await other.client.get(path)).text
        tried += 1
    figures.never("G23", of=tried, what_is_anothers_reached=0)


async def test_a_form_without_its_token_or_from_elsewhere_is_refused(people, site, figures):
    mine, other = people
    tried = 0
    elsewhere = [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ]
    for method, template in routes(site):
        if method != "POST":
            continue
        path = path_of(template, mine)
        if not template.startswith(DOORS):
            for token in ("", "x", other.form_token, mine.entered.token):
                answer = await mine.client.post(path, data={FORM_TOKEN: token})
                assert answer.status_code == 403, (template, token)
                tried += 1
        for headers in elsewhere:
            answer = await mine.client.post(path, data={FORM_TOKEN: mine.form_token}, headers=headers)
            assert answer.status_code == 403, (template, headers)
            tried += 1
    assert (await mine.client.get("/account")).status_code == 200
    figures.never("G24", of=tried, forms_of_others_taken=0)


async def test_the_cookies_are_for_this_site_and_no_script(front, site):
    await front.forget_counts()
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as client:
        client.cookies.set("here", "planted", domain="127.0.0.1")
        asked = await client.post("/account/sign-in", data={"number": NUMBERS[0]})
        code = await front.code(parse_msisdn(NUMBERS[0]))
        came = await client.post(asked.headers["location"], data={"code": code})
    assert came.status_code == 303
    given = {one.partition("=")[0]: one for one in came.headers.get_list("set-cookie")}
    for name in ("here", "device"):
        assert "HttpOnly" in given[name]
        assert "SameSite=lax" in given[name]
        assert "Path=/" in given[name]
    assert "planted" not in given["here"]


def test_over_https_cookies_are_bound_to_this_very_host(site):
    visitors = Visitors(site.house.store.database, secure=True)
    for cookie in visitors.cookies_of(Entered("sub_x", "token", "mark", "en", elder=False, registered=True)):
        assert cookie.key.startswith("__Host-")
        assert cookie.secure
        assert cookie.path == "/"
        assert cookie.domain is None


async def test_what_is_grave_is_asked_for_first(people, front, site):
    """Some time after signing in, what could lock the owner out wants a fresh code."""
    mine = people[0]
    async with front.database.transaction() as transaction:
        await transaction.connection.execute(
            "UPDATE people.devices SET proven_at = proven_at - interval '1 hour' WHERE id = %s", [mine.who.device_id]
        )
    for path in ("/account/password", "/account/passkeys", "/account/number", "/account/email", "/account/delete"):
        answer = await mine.client.get(path)
        assert answer.headers["location"] == f"/account/confirm?back={path}"
        assert (await mine.sends(path)).headers["location"].startswith("/account/confirm")
    await front.forget_counts()
    asked = await mine.sends("/account/confirm", back="/account/password")
    code = await front.code(parse_msisdn(NUMBERS[0]))
    came = await mine.sends(asked.headers["location"], code=code)
    assert came.headers["location"] == "/account/password"
    assert (await mine.client.get("/account/password")).status_code == 200


async def test_a_password_never_comes_back(people, front):
    mine = people[0]
    answer = await mine.sends("/account/password", password="canaryshort")
    page = await mine.client.get(answer.headers["location"])
    assert "canaryshort" not in answer.headers["location"] + page.text
    wrong = {"number": NUMBERS[0], "password": "canarywrong"}
    answer = await mine.client.post("/account/sign-in/password", data=wrong, headers={"cookie": ""})
    page = await mine.client.get(answer.headers["location"], headers={"cookie": ""})
    assert "canarywrong" not in answer.headers["location"] + page.text
    assert SEALED.search(answer.headers["location"])


async def test_a_wrong_code_is_compared_with_the_message_and_after_too_many_another_is_sent(people, front):
    mine = people[0]
    await front.forget_counts()
    page = (await mine.sends("/account/confirm", back="/account")).headers["location"]
    code = await front.code(parse_msisdn(NUMBERS[0]))
    shown = []
    for _ in range(TRIES):
        page = (await mine.sends(page, code=f"{(int(code) + 1) % 10**6:06}")).headers["location"]
        shown.append((await mine.client.get(page)).text)
    assert all("Compare it with the message, or have another sent." in one for one in shown[:-1])
    assert "Ask for a new one" in shown[-1]
    first = shown[-1].partition("<main")[2].partition("<button")[0]
    assert f'action="{page}/again"' in first, "the first button sends another"
    assert 'name="code"' not in shown[-1]
    assert all("device" not in one.partition("<main")[2].partition("</main>")[0] for one in shown)


async def test_settings_that_were_saved_are_said_to_be(people):
    page = (await people[0].client.get("/account/settings?done=1")).text
    assert "<h2>Saved</h2>" in page


async def test_no_page_that_asks_for_a_code_says_that_we_never_do(people):
    page = (await people[0].client.get("/account/sign-in", headers={"cookie": ""})).text
    assert "We never ask for a password, a code or an ID by telephone or in messages." in page


async def test_a_link_that_is_held_up_to_others_shows_its_number_masked(people):
    mine, number = people[0], parse_msisdn(NUMBERS[0])
    made = await mine.sends("/account/links", line=mine.line_id, amount="", days="7")
    page = (await mine.client.get(made.headers["location"])).text
    assert number.masked() in page
    assert number.grouped() not in page
