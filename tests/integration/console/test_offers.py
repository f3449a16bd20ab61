"""Campaigns at the console: how each stands, its rule, codes looked up; stopped by one at once, started by two."""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, timedelta

import pytest

from tests.integration.console.conftest import form_token
from tests.integration.console.test_catalogue import SOURCE, kept, loaded
from tests.support import code_batches
from tests.support.gifts import stocked
from tests.support.selling_offers import giving
from topup.catalogue.campaigns import Limits
from topup.offers import operations
from topup.offers.answers import Reason
from topup.offers.counting import CampaignKey, Wanted
from topup.offers.operations import key_of
from topup.people.permissions import Role
from topup.shops.queries import Directories
from topup.work import trail

pytestmark = pytest.mark.xdist_group("browser")
HOME = "/console/offers"


@dataclass
class Ours:
    """A campaign of the travel card, and what is promised of it."""

    site: object
    id: str
    kept: list[Wanted]

    @property
    def key(self) -> CampaignKey:
        return CampaignKey("yunfan", self.id)

    @property
    def page(self) -> str:
        return f"{HOME}/yunfan/{self.id}"

    @property
    def lanes(self) -> int:
        return self.site.house.store.installation.lanes

    async def take(self, count: int, *, paid: int = 0, off_minor: int = 300) -> list[Reason | None]:
        async with self.site.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            day, until = now.astimezone(UTC).date(), now + timedelta(days=1)
            wanted = [
                Wanted(self.key, f"test-{secrets.token_hex(8)}", off_minor, Limits(total=4), day, until)
                for _ in range(count)
            ]
            answers = await operations.reserve(connection, wanted, now, lanes=self.lanes)
            held = [one for one, answer in zip(wanted, answers, strict=True) if answer is None]
            await operations.settle(connection, [key_of(one) for one in held[:paid]], now, lanes=self.lanes)
        self.kept += held
        return answers

    async def let_go(self) -> None:
        keys = [key_of(one) for one in self.kept]
        async with self.site.transaction() as transaction:
            await operations.release(transaction.connection, keys, transaction.now, lanes=self.lanes)
            await operations.give_back(transaction.connection, keys, transaction.now, lanes=self.lanes)


@pytest.fixture
async def ours(site):
    """A version of the travel card, in whose zone it is always the same day as in UTC, with a campaign nobody had."""
    name = f"spring-{secrets.token_hex(4)}"
    prefix = f"T{secrets.token_hex(4).upper()}"
    campaigns = f"""
[offers.groups.seasonal]
[[campaigns]]
id = "{name}"
names = {{ zh_Hans = "春季满减", zh_Hant = "春季滿減", en = "Spring savings" }}
minimum = 50
coupon = {{ prefix = "{prefix}" }}
discount = {{ fixed = 3 }}
group = "seasonal"
limits = {{ total = 4, budget = 12 }}
[[campaigns]]
id = "{name}-over"
names = {{ zh_Hans = "冬", zh_Hant = "冬", en = "Winter" }}
until = "2001-01-31"
points = 5
"""
    await loaded(site, SOURCE.replace("Asia/Hong_Kong", "UTC") + campaigns)
    found = Ours(site, name, [])
    yield found
    await found.let_go()
    await loaded(site, SOURCE)


async def send(client, address: str, **data: str):
    return await client.post(address, data={"form_token": await form_token(client, "/console/me")} | data)


def said(page: str) -> str:
    """The words of a page's main part."""
    inside = page.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", inside).split())


async def test_the_list_says_how_each_stands_and_what_is_used(enter, ours):
    client, _ = await enter(Role.AUDITOR)
    await ours.take(3, paid=2)
    page = await client.get(f"{HOME}?carrier=yunfan")
    assert page.status_code == 200
    words = said(page.text)
    assert "Spring savings" in words
    assert "running 1" in words
    assert "ended 1" in words
    assert re.search(r"Used 3 of 4 .*Money taken off .*9\.00 of .*12\.00", words)
    ended = said((await client.get(f"{HOME}?carrier=yunfan&state=ended")).text)
    assert "Winter" in ended
    assert "Spring savings" not in ended
    found = said((await client.get(f"{HOME}?q=WINTER")).text)
    assert "Winter" in found
    assert "Spring savings" not in found
    assert "There is no such offer." in said((await client.get(f"{HOME}?q=nothing-like-it")).text)


async def test_its_page_has_the_rule_the_shares_and_the_days_in_three_languages(enter, ours):
    client, _ = await enter(Role.SUPPORT)
    await ours.take(3, paid=2)
    page = (await client.get(ours.page)).text
    words = said(page)
    assert re.search(
        r"Gives \S+3\.00 off .*From \S+50\.00 .*codes of their own that begin with \S+-, each good 1×", words
    )
    assert "3 in these days, 3 on the best of them; 1 still held for orders that are not paid." in words
    assert 'class="used"' in page
    assert 'class="held"' in page
    assert "Stop at once" not in words, "who may not stop it is not offered to"
    for language, rule in (("zh-CN", "适用客户"), ("zh-HK", "適用客戶")):
        answer = await client.get(ours.page, headers={"accept-language": language})
        assert rule in answer.text
    over = said((await client.get(f"{ours.page}-over")).text)
    assert "ended" in over
    assert "5 points" in over
    assert (await client.get(f"{HOME}/yunfan/never-was")).status_code == 404


async def test_what_is_used_up_says_so(enter, ours):
    client, _ = await enter(Role.AUDITOR)
    assert await ours.take(5) == [None, None, None, None, Reason.USED_UP]
    words = said((await client.get(ours.page)).text)
    assert "used up" in words
    assert "All of this offer has been taken." in words


async def test_a_code_is_looked_up_without_saying_whose_it_is(site, enter, ours):
    client, _ = await enter(Role.SUPPORT)
    prefix = re.search(r"begin with (\S+)-,", said((await client.get(ours.page)).text))[1]
    async with site.transaction() as transaction:
        [code] = await code_batches.made(
            transaction.connection, ours.key, prefix=prefix, count=1, by="stf_test", now=transaction.now,
            keys=site.house.store.keyring, lanes=ours.lanes,
        )  # fmt: skip
    for typed, answer in (
        (code.lower(), f"{code} has been used 0 of 1 times."),
        (f"{prefix}-NEVER-MADE9", f"{prefix}-NEVER-MADE9 was never made."),
        ("ANOTHER", "ANOTHER is no code of this offer."),
    ):
        looked = await send(client, f"{ours.page}/code", code=typed)
        assert looked.status_code == 200
        assert answer in said(looked.text)
    assert "1 codes of its own were made." in said((await client.get(ours.page)).text)


async def test_one_stops_it_at_once_what_is_held_stays_and_two_start_it_again(site, enter, ours):
    client, person = await enter(Role.SUPERVISOR)
    await ours.take(1)
    assert (await send(client, f"{ours.page}/stop", reason=" ")).status_code == 422
    assert await ours.take(1) == [None]
    stopped = await send(client, f"{ours.page}/stop", reason="The price was wrong")
    assert (stopped.status_code, stopped.headers["location"]) == (303, ours.page)
    assert await ours.take(1) == [Reason.STOPPED]
    words = said((await client.get(ours.page)).text)
    assert f"Stopped by {person.login}" in words
    assert "The price was wrong" in words
    again = await send(client, f"{ours.page}/stop", reason="Twice")
    assert (again.status_code, "has been stopped already" in again.text) == (409, True)
    async with site.transaction() as transaction:
        await operations.settle(
            transaction.connection, [key_of(ours.kept[0])], transaction.now, lanes=ours.lanes
        )  # what was held is kept

    stop = await stop_of(client, ours)
    asked = await send(client, f"{ours.page}/resume", reason="The price is right now", stop=stop)
    place = asked.headers["location"]
    assert await ours.take(1) == [Reason.STOPPED], "asking is not enough"
    alone = await send(client, place, decision="approve", note="")
    assert alone.status_code == 403
    second, _ = await enter(Role.FINANCE)
    shown = said((await second.get(place)).text)
    assert "Start a stopped offer again" in shown
    assert "The price was wrong" in shown
    assert (await send(second, place, decision="approve", note="")).status_code == 303
    assert await ours.take(1) == [None]
    await tells_before_and_after(site, ours)


async def stop_of(client, ours) -> str:
    """The id of the stop that the campaign's page would have lifted."""
    return re.search(r'name="stop" value="(stp_[^"]+)"', (await client.get(ours.page)).text)[1]


async def test_a_request_lifts_the_stop_it_was_about_and_no_later_one(enter, ours):
    client, _ = await enter(Role.SUPERVISOR)
    second, _ = await enter(Role.OPERATOR)
    await send(client, f"{ours.page}/stop", reason="Once")
    first = await stop_of(client, ours)
    asked = await send(client, f"{ours.page}/resume", reason="Well again", stop=first)
    place = asked.headers["location"]
    twice = await send(client, f"{ours.page}/resume", reason="Well again", stop=first)
    assert twice.status_code == 409, "the same is asked for already"
    assert (await send(second, place, decision="approve", note="")).status_code == 303
    await send(client, f"{ours.page}/stop", reason="Once more")
    late = await send(client, f"{ours.page}/resume", reason="Well again", stop=first)
    assert (late.status_code, "is not stopped" in late.text) == (409, True)
    assert await ours.take(1) == [Reason.STOPPED]


async def tells_before_and_after(site, ours) -> None:
    async with site.transaction() as transaction:
        found = await trail.entries(transaction.connection, subject=f"yunfan/{ours.id}", limit=10)
    told = [(one.action, one.facts["before"], one.facts["after"]) for one in found if one.action.startswith("offer.")]
    assert told == [("offer.resumed", "stopped", "not_stopped"), ("offer.stopped", "not_stopped", "stopped")]


async def test_what_is_not_stopped_cannot_be_started_and_support_cannot_stop(enter, ours):
    client, _ = await enter(Role.SUPERVISOR)
    answer = await send(client, f"{ours.page}/resume", reason="Because")
    assert (answer.status_code, "is not stopped" in answer.text) == (409, True)
    other, _ = await enter(Role.SUPPORT)
    assert (await send(other, f"{ours.page}/stop", reason="Because")).status_code == 403


async def test_stopping_waits_for_a_fresh_proof(site, enter, ours):
    client, _ = await enter(Role.OPERATOR)
    token = await form_token(client, "/console/me")
    with site.later(timedelta(minutes=11)):
        asked = await client.post(f"{ours.page}/stop", data={"form_token": token, "reason": "Because"})
        assert "Stopped" not in said((await client.get(ours.page)).text)
    assert asked.status_code != 303


async def test_a_price_is_tried_with_every_offers_reason_and_holds_nothing(enter, ours):
    client, _ = await enter(Role.SUPPORT)
    form = await client.get(f"{HOME}/preview?carrier=yunfan")
    assert 'name="product"' in form.text
    wanted = {"carrier": "yunfan", "amount": "50", "channel": "web", "customer": "first", "codes": "nobodys-code"}
    told = said((await send(client, f"{HOME}/preview", **wanted)).text)
    assert re.search(r"To pay HK\$50\.00", told)
    assert "NOBODYS-CODE There is no such code." in told
    assert f"Spring savings {ours.id} Needs a coupon code." in told
    assert re.search(rf"Winter {ours.id}-over Ended on Jan 31, 2001\.", told)
    on_its_day = said((await send(client, f"{HOME}/preview", **wanted, on="2001-01-31")).text)
    assert f"✓ Winter {ours.id}-over Applied." in on_its_day
    assert "5 points earned" in on_its_day
    number = said((await send(client, f"{HOME}/preview", number="+85251230017")).text)
    assert "customer get? Cloudsail Travel The same" in number, "the carrier is found by its number"
    for wrong, words in (
        ({"number": "123"}, "number"),
        ({"carrier": "nobody"}, "carrier"),
        ({"amount": "x"}, "amount"),
    ):
        answer = await send(client, f"{HOME}/preview", **wanted | wrong)
        assert (answer.status_code, words in answer.text) == (422, True)
    assert "Used 0 of 4" in said((await client.get(f"{HOME}?carrier=yunfan")).text)


async def test_a_draft_is_tried_before_it_is_published(enter, ours):
    client, _ = await enter(Role.SUPERVISOR)
    more = (
        '\n[[campaigns]]\nid = "summer-draft"\nnames = { zh_Hans = "夏", zh_Hant = "夏", en = "Summer" }\npoints = 7\n'
    )
    draft = (await kept(client, SOURCE + more)).rpartition("/")[2]
    assert f"/console/offers/preview?draft={draft}" in (await client.get(f"/console/catalogue/drafts/{draft}")).text
    told = said((await send(client, f"{HOME}/preview", draft=draft, amount="50", channel="web")).text)
    assert "✓ Summer summer-draft Applied." in told
    assert "Spring savings" not in told
    assert (await client.get(f"{HOME}/preview?draft=dft_nobodys")).status_code == 422


async def test_a_price_is_tried_with_what_a_shop_has_to_give(site, enter):
    client, _ = await enter(Role.SUPPORT)
    database = site.house.store.database
    await site.within(giving(database))
    async with site.transaction() as transaction:
        directory = await Directories().current(transaction.connection)
    here, elsewhere = (one for one in directory.places if one.id in {"tianhe-hall", "yuexiu-hall"})
    await site.within(stocked(database, 1, place=here.id))
    wanted = {"carrier": "giving", "amount": "50", "channel": "counter"}

    async def told(**fields: str) -> str:
        return said((await send(client, f"{HOME}/preview", **wanted | fields)).text)

    there = await told(shop=here.id)
    assert "✓ A mug mug Applied." in there
    assert re.search(rf"Gifts at {here.names['en']} Mug Free pieces: \d+", there)
    nothing = await told(shop=elsewhere.id)
    assert "A mug mug The gift is out of stock." in nothing
    assert re.search(rf"Gifts at {elsewhere.names['en']} mug not kept there", nothing)
    assert "count at counters alone" in await told(shop=here.id, channel="web")
    assert (await send(client, f"{HOME}/preview", **wanted, shop="nowhere")).status_code == 422
