"""Offers on the web's price: discounts by their names, a closed field for codes, and what is said when one is gone."""

import re
from uuid import uuid4

import httpx
import pytest

from tests.support.selling_offers import an_offered_number, offering
from tests.support.subscribers import front_at
from topup.offers.guesses import OF_AN_ADDRESS, count
from topup.platform.guesses import guesser

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
async def codes(site) -> list[str]:
    async with front_at(site) as front:
        return await offering(front.database, site.house.store.keyring, count=2)


@pytest.fixture
async def visitor(site):
    headers = {"accept": "text/html", "accept-language": "en"}
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30, headers=headers) as client:
        yield client


async def priced(visitor, amount=10000) -> tuple[str, str]:
    """Where a new price is, and its page."""
    answer = await visitor.post("/quotes", data={"number": an_offered_number(), "choice": f"credit:{amount}"})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"], (await visitor.get(answer.headers["location"])).text


async def coded(visitor, quote: str, code: str) -> tuple[str, str]:
    answer = await visitor.post(f"{quote}/codes", data={"coupon": code})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"], (await visitor.get(answer.headers["location"])).text


async def test_a_code_changes_the_price_and_a_wrong_one_is_told(visitor, codes):
    quote, page = await priced(visitor)
    assert "Spend and save" in page
    assert '<details class="more no-print" id="codes">' in page, "closed where there is no code"
    quote, page = await coded(visitor, quote, "MEMBER-NONE")
    assert "There is no such code" in page
    assert '<details class="more no-print" id="codes" open>' in page
    assert re.search(r'id="coupon"[^>]* value="MEMBER-NONE"', page), "what was typed stays in its field"
    quote, page = await coded(visitor, quote, f" {codes[0].lower()} ")
    assert "There is no such code" not in page
    assert f"…{codes[0][-4:]}" in page
    assert codes[0] not in page
    assert "Member coupon" in page
    assert "84.00" in page, "100 less 12 less 4"
    again = await visitor.post(f"{quote}/again")
    assert "84.00" in (await visitor.get(again.headers["location"])).text, "the same at today's price, with the code"


async def test_a_code_throws_away_nothing_that_was_filled_in_and_a_press_on_pay_with_one_shows_its_price_first(
    visitor, codes
):
    where, page = await priced(visitor)
    ways = re.findall(r'type="radio" name="method" value="([^"]+)"', page)
    filled = {"key": str(uuid4()), "method": ways[-1], "contact": "me@mail.example"}
    for action in ("codes", "order"):
        answer = await visitor.post(f"{where}/{action}", data={**filled, "coupon": codes[0]})
        said = (await visitor.get(answer.headers["location"])).text
        assert "84.00" in said
        assert re.search(rf'name="method" value="{re.escape(ways[-1])}"[^>]* checked', said)
        assert 'value="me@mail.example"' in said
    answer = await visitor.post(f"{where}/codes", data={**filled, "coupon": "NONE"})
    wrong = (await visitor.get(answer.headers["location"])).text
    assert '<b class="code">NONE</b>' in wrong
    place = re.search(r'formaction="(/quotes/[^/"]+)/codes"', wrong)[1]
    ordered = await visitor.post(f"{place}/order", data={**filled, "method": "sandbox", "coupon": "NONE"})
    assert ordered.headers["location"].startswith("/orders/"), "a code known to be wrong keeps nobody from paying"


@pytest.fixture
async def shut_out(site):
    """Who asks from this machine has typed too many wrong codes; what is counted is as before afterwards."""
    here = guesser(payer=None, address="127.0.0.1", keys=site.house.store.keyring)
    async with site.transaction() as transaction:
        for _ in range(OF_AN_ADDRESS):
            await count(transaction.connection, here, transaction.now)
    yield
    async with site.transaction() as transaction:
        await transaction.connection.execute("DELETE FROM offers.code_guesses")


async def test_who_typed_too_many_wrong_codes_is_told_so_at_the_price_that_still_holds(visitor, codes, shut_out):
    where, _ = await priced(visitor)
    filled = {"method": "sandbox", "contact": "me@mail.example", "coupon": codes[0]}
    answer = await visitor.post(f"{where}/codes", data=filled)
    assert answer.headers["location"].startswith(f"{where}/asked/")
    said = (await visitor.get(answer.headers["location"])).text
    assert "Too many codes were wrong." in said
    assert 'value="me@mail.example"' in said
    assert codes[0] not in said


async def test_an_offer_that_is_gone_when_it_is_ordered_is_said_beside_the_new_price(visitor, codes):
    pages = []
    for _ in range(2):
        quote, _ = await priced(visitor)
        pages.append(await coded(visitor, quote, codes[1]))
    answers = []
    for quote, page in pages:
        key = re.search(r'name="key" value="([^"]+)"', page)[1]
        answers.append(await visitor.post(f"{quote}/order", data={"key": key, "method": "sandbox"}))
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"].startswith("/orders/")
    said = (await visitor.get(answers[1].headers["location"])).text
    assert "An offer in this price is no longer to be had" in said
    assert "An order that is not paid yet holds this code. It is free again by" in said
    assert "88.00" in said
    assert "84.00" not in said
