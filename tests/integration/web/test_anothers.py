"""G23: every page for who is signed in, asked by one subscriber for what is another's: as if it did not exist."""

import re
from types import SimpleNamespace

import httpx
import pytest

from tests.support.desk import LANES
from tests.support.selling_offers import a_number_with_a_parcel, giving_by_post, ordered, quoted
from tests.support.subscribers import front_at
from topup.catalogue.queries import CatalogueCache
from topup.channels.web.router import create_web_router
from topup.channels.web.visitors import FORM_TOKEN, SIGN_IN
from topup.kernel.ids import lane_of, new_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines.operations import open_lines
from topup.orders.schedules.desk import Schedules, ScheduleWanted
from topup.orders.schedules.rules import Agreement, Trigger
from topup.payments.instruments import records
from topup.payments.ports import Instrument
from topup.people.subscribers.devices import form_token_of

pytestmark = pytest.mark.xdist_group("browser")

NUMBERS = ("13866660011", "13866660012")
TYPED = "13866660013"
SAVED = "13866660014"
_PART = re.compile(r"\{(\w+):str\}")
_OF = {
    "line_id": "line",
    "device_id": "device",
    "saved_id": "saved",
    "link_id": "link",
    "instrument_id": "instrument",
    "schedule_id": "schedule",
}
MONTHLY = Agreement(Trigger.MONTHLY, day=15, amount_minor=5000, cap_minor=20000)


def every_route(site) -> list[tuple[str, str]]:
    """Method and path of every page there is."""
    store = site.house.store
    router = create_web_router(
        site.house.desk,
        care=site.house.care,
        database=store.database,
        keys=site.house.request_keys,
        keyring=store.keyring,
        lanes=LANES,
        public_url=site.url,
    )
    return sorted(
        (method, route.path) for route in router.routes for method in route.methods if method in {"GET", "POST"}
    )


class Person:
    """Somebody signed in, and what is theirs."""

    def __init__(self, site, number, entered, who, line):
        headers = {"accept": "text/html", "accept-language": "en", "cookie": f"here={entered.token}"}
        self.client = httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, headers=headers)
        self.number, self.who, self.line, self.form_token = number, who, line, form_token_of(entered.token)
        self.passkey = "AAAA"
        self.saved = self.link = self.card = self.schedule = ""

    async def sends(self, path, **fields):
        return await self.client.post(path, data={FORM_TOKEN: self.form_token, **fields})

    async def asks(self, method, path):
        return await (self.client.get(path) if method == "GET" else self.sends(path, name="x", code="000000"))

    @property
    def traces(self) -> list[str]:
        """What no page of somebody else's shows."""
        national = parse_msisdn(self.number)
        return [self.number, national.grouped(), self.who.id, self.who.device_id, self.line, TYPED]


@pytest.fixture
async def people(site):
    async with front_at(site) as front:
        async with front.database.transaction() as transaction:
            lines = [(parse_msisdn(number), "qingfeng", "Asia/Shanghai") for number in NUMBERS]
            await open_lines(transaction.connection, lines, transaction.now, lanes=LANES)
        await front.forget_counts()
        found = []
        for number in NUMBERS:
            entered = await front.enter(number)
            who = await front.here(entered)
            line = (await front.rows("SELECT line_id FROM lines.owners WHERE subscriber_id = %s", who.id))[0][0]
            found.append(Person(site, number, entered, who, line))
            assert (await found[-1].sends("/account/numbers", number=SAVED, name="x")).status_code == 303
            wanted = "SELECT id FROM people.saved_numbers WHERE subscriber_id = %s"
            found[-1].saved = (await front.rows(wanted, who.id))[0][0]
            found[-1].card, found[-1].schedule = await agreed(site, front, who.id, number)
            found[-1].link = (await found[-1].sends("/account/links", line=line)).headers["location"].rpartition("/")[2]
        yield found
        for one in found:
            await one.client.aclose()


async def agreed(site, front, subscriber_id: str, number: str) -> tuple[str, str]:
    """A card that somebody left, and a top-up that they agreed to be charged for by it."""
    left = Instrument(f"cus_{subscriber_id}:pm_1", "Visa 4242")
    async with front.database.transaction() as transaction:
        connection, keys = transaction.connection, site.house.store.keyring
        await records.keep(
            connection, keys, subscriber_id=subscriber_id, method="sandbox", instrument=left, now=transaction.now
        )
        [kept] = await records.kept_by(connection, subscriber_id=subscriber_id)
    schedules = Schedules(database=front.database, catalogue=CatalogueCache(), lanes=LANES)
    return kept.id, await schedules.make(ScheduleWanted(subscriber_id, number, MONTHLY, kept.id, "en"))


async def guarded(site) -> list[tuple[str, str]]:
    """The pages that send a stranger to the door."""
    found = []
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as stranger:
        for method, template in every_route(site):
            answer = await stranger.request(method, _PART.sub("x" * 30, template))
            if answer.status_code == 303 and answer.headers["location"].startswith(SIGN_IN):
                found.append((method, template))
    # An order's id is its payer's capability: whoever has it may save the number that they see.
    return [(method, path) for method, path in found if not path.startswith((SIGN_IN, "/orders/"))]


async def tokens_of(mine: Person) -> dict[str, str]:
    """Addresses with something sealed in them, as pages gave them to who asked."""
    return {
        "/account/codes/{token:str}": (await mine.sends("/account/lines", number=TYPED)).headers["location"],
        "/account/lines/again/{token:str}": (await mine.sends("/account/lines", number=TYPED + "9")).headers[
            "location"
        ],
        "/account/numbers/again/{token:str}": (await mine.sends("/account/numbers", number=TYPED + "9")).headers[
            "location"
        ],
        "/account/links/again/{token:str}": (await mine.sends("/account/links", line=mine.line, amount="0.01")).headers[
            "location"
        ],
        "/account/automatic/new/{token:str}": (await mine.sends("/account/automatic/number", number=TYPED)).headers[
            "location"
        ],
        "/account/automatic/again/{token:str}": (
            await mine.sends("/account/automatic/agreements", method="alipay", most="0")
        ).headers["location"],
        "/account/automatic/{schedule_id:str}/cap/{token:str}": (
            await mine.sends(f"/account/automatic/{mine.schedule}/cap", cap="500")
        ).headers["location"],
        "/account/email/{token:str}": (await mine.sends("/account/email", email="no address")).headers["location"],
        "/account/number/{token:str}": (await mine.sends("/account/number", number=TYPED + "9")).headers["location"],
        "/account/password/{token:str}": (await mine.sends("/account/password", password="x")).headers["location"],
    }


def path_of(template: str, own: dict[str, str], sealed: dict[str, str]) -> str:
    for known, path in sealed.items():
        if template.startswith(known):
            return path + template.removeprefix(known)
    return _PART.sub(lambda part: own[part[1]], template)


async def test_what_is_anothers_is_as_if_it_did_not_exist(site, people, figures):
    mine, other = people
    sealed = await tokens_of(mine)
    theirs = {
        "line_id": mine.line,
        "device_id": mine.who.device_id,
        "passkey_id": mine.passkey,
        "saved_id": mine.saved,
        "link_id": mine.link,
        "instrument_id": mine.card,
        "schedule_id": mine.schedule,
        "plan_id": "monthly",
    }
    nobodys = {name: new_id(_OF[name], 3) for name in _OF} | {"passkey_id": "BBBB", "plan_id": "monthly"}
    routes = await guarded(site)
    tried = 0
    for method, template in routes:
        if "{" in template:
            unreal = {one: f"{path[:-9]}{'A' * 90}" for one, path in sealed.items()}
            answer = await other.asks(method, path_of(template, theirs, sealed))
            missing = await other.asks(method, path_of(template, nobodys, unreal))
            assert (answer.status_code, missing.status_code) == (404, 404), (method, template)
            assert sorted(answer.headers) == sorted(missing.headers)
            shown = _same(answer.text, theirs, sealed)
            assert shown == _same(missing.text, nobodys, unreal), template
        elif method == "GET":
            shown = (await other.asks("GET", template)).text
        else:
            continue
        assert not [trace for trace in mine.traces if trace in shown], (method, template)
        tried += 1
    own = [
        "/history?line={line_id:str}",
        "/history/topup.csv?line={line_id:str}",
        "/history/topup.pdf?line={line_id:str}",
    ]
    for template in own:
        assert (await mine.asks("GET", path_of(template, theirs, {}))).status_code == 200
        assert (await other.asks("GET", path_of(template, theirs, {}))).status_code == 404
        assert (await other.asks("GET", path_of(template, nobodys, {}))).status_code == 404
        tried += 1
    assert len(routes) > 40
    figures.never("G23", of=tried, signed_in_pages_that_showed_what_is_anothers=0)


async def test_where_a_gift_goes_is_its_payers_alone(site, people, gifted):
    """An order's id is its payer's capability; but where somebody lives who ordered while signed in, only they see."""
    mine, other = people
    order = await gifted(mine.who.id)
    address = {"name": "Ada Chen", "address": TYPED, "country": "Hong Kong", "postcode": "", "phone": ""}
    paths = [f"/orders/{order}/address"]
    wrong = await mine.sends(paths[0], **address | {"name": ""})
    paths.append(wrong.headers["location"])
    assert (await mine.sends(paths[0], **address)).status_code == 303
    assert TYPED in (await mine.asks("GET", paths[0])).text
    assert TYPED not in (await mine.asks("GET", f"/orders/{order}")).text, "the id may be in other hands"
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as stranger:
        for path in paths:
            answer = await stranger.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, f"{SIGN_IN}?back={paths[0]}")
            assert (await other.asks("GET", path)).status_code == 404
        assert (await stranger.post(paths[0], data=address)).headers["location"].startswith(SIGN_IN)
        assert TYPED not in (await stranger.get(f"/orders/{order}")).text
    assert (await other.sends(paths[0], **address)).status_code == 404
    no_token = await mine.client.post(paths[0], data=address)
    assert no_token.status_code == 403


@pytest.fixture
async def gifted(site):
    """Orders of somebody's that are paid, with a mug that is sent to where they say."""
    desk = site.house.desk
    await site.within(giving_by_post(site.house.store.database))

    async def bought(payer_id: str | None) -> str:
        quote = await quoted(SimpleNamespace(desk=desk), number=a_number_with_a_parcel(), payer_id=payer_id)
        order = await ordered(SimpleNamespace(desk=desk), quote, payer_id=payer_id)
        async with site.transaction() as transaction:
            # Paid, as far as gifts go: how money comes in is not what this is about.
            await transaction.connection.execute(
                "UPDATE orders.orders SET state = 'paid' WHERE lane = %s AND id = %s", [lane_of(order.id), order.id]
            )
        return order.id

    async def within(payer_id: str | None) -> str:
        return await site.within(bought(payer_id))

    return within


def _same(text: str, ids: dict[str, str], sealed: dict[str, str]) -> str:
    """A page without what it was asked for, and without what each page has of its own."""
    for one in (*ids.values(), *(path.rpartition("/")[2] for path in sealed.values())):
        text = text.replace(one, "…")
    return re.sub(r'value="/[^"]*"|[A-Za-z0-9_-]{60,}', "…", text)
