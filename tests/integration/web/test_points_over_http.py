"""Points on the web: what a top-up brings, what they pay, and what the account shows of them."""

import re
from uuid import uuid4

import httpx
import pytest

from tests.support.selling_offers import an_offered_number, offering
from tests.support.subscribers import front_at
from topup.channels.web.visitors import FORM_TOKEN
from topup.offers.points import operations
from topup.offers.points.operations import Aim, Reward
from topup.offers.points.postings import FOR_EVER, AccountKey
from topup.people.subscribers.devices import form_token_of

pytestmark = pytest.mark.xdist_group("browser")
NUMBER = "13866660031"


@pytest.fixture
async def customer(site):
    """Somebody who is signed in and has 1,234 points with the carrier that has offers."""
    async with front_at(site) as front:
        await offering(front.database, site.house.store.keyring)
        await front.forget_counts()
        entered = await front.enter(NUMBER)
        who = await front.here(entered)
        async with front.database.transaction() as transaction:
            key = AccountKey(who.id, "offering")
            reward = Aim(key, f"ord_{uuid4().hex[:26]}", None, transaction.now, Reward(1234, 1234, FOR_EVER))
            await operations.follow(transaction.connection, [reward], transaction.now)
        headers = {"accept": "text/html", "accept-language": "en", "cookie": f"here={entered.token}"}
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, headers=headers) as client:
            client.form_token = form_token_of(entered.token)
            yield client


async def shown(client, answer) -> tuple[str, str]:
    """Where an answer leads, and the page there."""
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    return where, (await client.get(where)).text


async def test_points_are_offered_used_and_kept_and_the_account_shows_them(customer):
    choice = {"number": an_offered_number(), "choice": "credit:10000", FORM_TOKEN: customer.form_token}
    quote, page = await shown(customer, await customer.post("/quotes", data=choice))
    assert "You get 88 points for it once it has arrived." in page
    assert "Use 1,200 points: HK$12.00 less" in page
    assert "Paid with" not in page, "nobody spends points who did not say so"
    ways = re.findall(r'type="radio" name="method" value="([^"]+)"', page)
    filled = {"key": str(uuid4()), "method": ways[-1], "contact": "me@mail.example"}
    quote, page = await shown(customer, await customer.post(f"{quote}/codes", data={**filled, "points": "all"}))
    assert "Paid with 1200 points" in page
    assert "HK$76.00" in page
    assert 'value="me@mail.example"' in page, "nothing that was filled in is thrown away"
    quote = re.search(r'formaction="(/quotes/[^/"]+)/codes"', page)[1]
    kept, page = await shown(customer, await customer.post(f"{quote}/codes", data={"points": "none"}))
    assert "Paid with" not in page
    quote, page = await shown(customer, await customer.post(f"{quote}/again"))
    assert "Paid with 1200 points" in page, "the same at today's price, with the points"
    order, _ = await shown(customer, await customer.post(f"{quote}/order", data={**filled, "method": "sandbox"}))
    _, order_id = re.search(r"(/orders/(ord_\w+))", order).groups()
    assert "76 points" in (await customer.get(f"/orders/{order_id}")).text
    page = (await customer.get("/account/points")).text
    assert "34 points" in page
    assert "With orders that wait to be paid: 1,200 points" in page
    assert "+1,234" in page
    fresh = {**choice, "number": an_offered_number()}
    _, page = await shown(customer, await customer.post("/quotes", data=fresh))
    assert "100 points are spent at once at least." in page
    _, page = await shown(customer, await customer.post(f"{kept}/codes", data={"points": "all"}))
    assert "100 points are spent at once at least." in page


async def test_a_guest_is_told_nothing_of_points(site, customer):
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as guest:
        answer = await guest.post("/quotes", data={"number": an_offered_number(), "choice": "credit:10000"})
        page = (await guest.get(answer.headers["location"])).text
        assert 'id="points"' not in page
        assert (await guest.get("/account/points")).status_code == 303
