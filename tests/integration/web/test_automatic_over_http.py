"""Pages of top-ups that run by themselves, over HTTP: what is asked before the card of one is removed."""

import re

import httpx
import pytest

from tests.support.desk import LANES
from tests.support.subscribers import front_at
from topup.catalogue.queries import CatalogueCache
from topup.channels.web.visitors import FORM_TOKEN
from topup.kernel.msisdn import parse_msisdn
from topup.lines.operations import open_lines
from topup.orders.schedules.desk import Schedules, ScheduleWanted
from topup.orders.schedules.rules import Agreement, Trigger
from topup.payments.instruments import records
from topup.payments.ports import Instrument
from topup.people.subscribers.devices import form_token_of

pytestmark = pytest.mark.xdist_group("browser")

AUTOMATIC = "/account/automatic"
MONTHLY = Agreement(Trigger.MONTHLY, day=15, amount_minor=5000, cap_minor=20000)


class Owner:
    """Somebody who is signed in and left two cards, one of which pays a top-up that runs by itself."""

    def __init__(self, client: httpx.AsyncClient, form_token: str, cards: dict[str, str]) -> None:
        self._client = client
        self._form_token = form_token
        self.cards = cards

    async def page(self, path: str = AUTOMATIC) -> str:
        return (await self._client.get(path)).text

    async def leads(self, path: str) -> str:
        """Where a page of its own leads on to."""
        return (await self._client.get(path)).headers["location"]

    async def sends(self, path: str, **fields: str) -> str:
        answer = await self._client.post(AUTOMATIC + path, data={FORM_TOKEN: self._form_token, **fields})
        assert answer.status_code == 303
        return answer.headers["location"]


@pytest.fixture
async def owner(site, a_number):
    number = a_number()
    async with front_at(site) as front:
        await front.forget_counts()
        async with front.database.transaction() as transaction:
            wanted = [(parse_msisdn(number), "qingfeng", "Asia/Shanghai")]
            await open_lines(transaction.connection, wanted, transaction.now, lanes=LANES)
        entered = await front.enter(number)
        who = await front.here(entered)
        async with front.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            for label in ("Visa 4242", "Visa 1881"):
                left = Instrument(f"cus_{who.id}:{label}", label)
                keys = site.house.store.keyring
                await records.keep(connection, keys, subscriber_id=who.id, method="sandbox", instrument=left, now=now)
            cards = {one.label: one.id for one in await records.kept_by(connection, subscriber_id=who.id)}
        schedules = Schedules(database=front.database, catalogue=CatalogueCache(), lanes=LANES)
        await schedules.make(ScheduleWanted(who.id, number, MONTHLY, cards["Visa 4242"], "en"))
    headers = {"accept": "text/html", "accept-language": "en", "cookie": f"here={entered.token}"}
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=60, headers=headers) as client:
        yield Owner(client, form_token_of(entered.token), cards)


async def test_a_card_that_something_pays_with_is_removed_when_its_owner_has_seen_what_stops(owner):
    unused, used = (f"/cards/{owner.cards[label]}/remove" for label in ("Visa 1881", "Visa 4242"))
    assert await owner.sends(unused) == f"{AUTOMATIC}?note=card"
    asked = await owner.sends(used)
    assert asked == AUTOMATIC + used
    question = await owner.page(asked)
    assert "Remove Visa 4242?" in question
    assert "On day 15 of each month" in question
    assert "Stopped." not in await owner.page(), "nothing happened yet"
    assert await owner.sends(used, sure="yes") == f"{AUTOMATIC}?note=card"
    page = await owner.page()
    assert "Stopped." in page
    assert "The card or agreement it paid with is gone." in page


async def test_each_mistake_stands_at_its_box_and_what_was_typed_is_kept(owner):
    [number] = set(re.findall(r'name="number" value="([^"]+)"', await owner.page()))
    form = await owner.sends("/number", number=number)
    kept = {"number": number, "id": re.search(r'name="id" value="([^"]+)"', await owner.page(form))[1]}
    typed = {"trigger": "monthly", "day": "45", "early": "x", "amount": "5000", "cap": "", "interval": "0"}
    page = await owner.page(await owner.sends("/new", **kept, **typed, card=owner.cards["Visa 1881"]))
    wrong = re.findall(r'id="([^"]+)"[^>]* aria-invalid="true"', page)
    assert wrong == ["day", "early", "cap", "interval"]
    assert 'href="#day"' in page, "the first of them is said at the top"
    assert all(f'value="{typed[name]}"' in page for name in ("day", "early", "interval"))
    listed = await owner.page(await owner.leads(await owner.sends("/number", number="123")))
    assert re.findall(r'id="([^"]+)"[^>]* aria-invalid="true"', listed) == ["number"]
    assert 'value="123"' in listed


@pytest.mark.parametrize(
    ("typed", "wrong", "says"),
    [
        ({"cap": "1"}, ["cap"], "from CN¥50.00 to CN¥1,550.00"),
        ({"cap": "1550.01"}, ["cap"], "CN¥50.00 lets one top-up through"),
        ({"trigger": "low", "below": "1000000"}, ["below"], "no more than CN¥500.00"),
        ({"trigger": "low", "below": "0"}, ["below"], "no more than CN¥500.00"),
        ({"trigger": "expiry", "before": "0"}, ["before"], "Type a number from 1 to 30."),
    ],
)
async def test_what_could_never_be_meant_is_a_mistake_at_its_box_with_what_can_be(owner, typed, wrong, says):
    [number] = set(re.findall(r'name="number" value="([^"]+)"', await owner.page()))
    form = await owner.sends("/number", number=number)
    kept = {"number": number, "id": re.search(r'name="id" value="([^"]+)"', await owner.page(form))[1]}
    usual = {"trigger": "monthly", "day": "1", "early": "0", "amount": "5000", "cap": "100", "interval": "1"}
    page = await owner.page(await owner.sends("/new", **kept, **usual | typed, card=owner.cards["Visa 1881"]))
    assert re.findall(r'id="([^"]+)"[^>]* aria-invalid="true"', page) == wrong
    assert says in page


async def test_a_limit_is_lowered_at_once_and_raised_when_its_owner_agrees(owner):
    [one] = set(re.findall(r"/account/automatic/(sch_\w+)/cap", await owner.page()))
    assert await owner.sends(f"/{one}/cap", cap="60") == f"{AUTOMATIC}?note=cap"
    assert "CN¥60.00" in await owner.page()
    asked = await owner.sends(f"/{one}/cap", cap="900")
    question = await owner.page(asked)
    assert "At most CN¥900.00 in a month?" in question
    assert "You agree that the card or wallet chosen here is charged by itself" in question
    assert "CN¥900.00" not in await owner.page(), "nothing happened yet"
    assert await owner.sends(f"/{one}/cap", cap="900.00", sure="yes") == f"{AUTOMATIC}?note=cap"
    assert "CN¥900.00" in await owner.page()
    for mistake in ("1", "2000", "much"):
        page = await owner.page(await owner.sends(f"/{one}/cap", cap=mistake))
        assert re.findall(r'id="([^"]+)"[^>]* aria-invalid="true"', page) == [f"cap-{one}"]
        assert "must be from CN¥50.00 to CN¥1,550.00" in page
        assert f'value="{mistake}"' in page
