"""In the app an owner sees their SIM card, and finds their line by it; nobody else does."""

import asyncio

import httpx
import pytest

from tests.support import cards
from tests.support.desk import LANES
from tests.support.subscribers import front_at
from topup.kernel.msisdn import parse_msisdn
from topup.lines.cards.operations import Giving, block, give
from topup.lines.cards.states import Given
from topup.lines.operations import open_lines

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
async def owned(site, a_number):
    """A line on an eSIM, its card, and whoever is signed in as its owner, as another, and as nobody."""
    number = a_number()
    async with front_at(site) as front:
        await front.forget_counts()
        async with front.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            wanted = [(parse_msisdn(number), "qingfeng", "Asia/Shanghai")]
            [line] = (await open_lines(connection, wanted, now, lanes=LANES)).values()
            card_id, card = await cards.blank(transaction, kind="esim")
            await give(connection, Giving(line, card_id, Given.ISSUED, "first", "cli"), now)
        whose = {"owner": await front.enter(number), "another": await front.enter(a_number())}
    cookies = {who: f"here={entered.token}" for who, entered in whose.items()} | {"guest": ""}
    clients = {
        who: httpx.AsyncClient(
            base_url=site.url,
            trust_env=False,
            headers={"accept": "text/html", "accept-language": "en", "cookie": cookie},
        )
        for who, cookie in cookies.items()
    }
    yield number, card_id, card, clients
    for client in clients.values():
        await client.aclose()


async def test_the_owner_finds_their_line_by_iccid_and_imsi_and_tops_it_up(owned):
    number, _, card, clients = owned
    grouped = parse_msisdn(number).grouped()
    for text in (card.digits, card.grouped(), card.digits[:-1], cards.imsi_of(card).digits):
        offer = await clients["owner"].post("/number?left=1", data={"number": text})
        assert grouped in offer.text, text
        quoted = await clients["owner"].post("/quotes", data={"number": text, "choice": "credit:5000"})
        assert quoted.headers["location"].startswith("/quotes/"), text
    page = await clients["owner"].get(quoted.headers["location"])
    assert grouped in page.text


async def test_for_all_others_a_card_is_no_number_whether_there_is_such_a_card_or_not(owned):
    number, _, card, clients = owned
    nobodys = cards.iccid()
    for who in ("another", "guest"):
        said = [
            (await clients[who].post("/number?left=1", data={"number": one.digits})).text.replace(one.digits, "")
            for one in (card, nobodys)
        ]
        assert said[0] == said[1]
        assert parse_msisdn(number).grouped() not in said[0]
        quoted = await clients[who].post("/quotes", data={"number": card.digits, "choice": "credit:5000"})
        assert quoted.headers["location"].startswith("/start/")


async def test_for_a_guest_no_card_is_looked_up(site, owned):
    """Where nobody can look into cards and accounts a guest is answered as ever: there is nothing to measure."""
    _, _, card, clients = owned
    async with site.transaction() as transaction, asyncio.timeout(10):
        await transaction.connection.execute("LOCK TABLE lines.cards, lines.owners")
        answer = await clients["guest"].post("/number?left=1", data={"number": card.digits})
    assert answer.status_code == 200


async def test_the_owner_sees_what_card_the_line_has_and_that_it_is_blocked(site, owned):
    _, card_id, card, clients = owned
    page = (await clients["owner"].get("/home")).text
    assert f"eSIM ending {card.last_four} · in use" in page
    assert card.digits not in page
    async with site.transaction() as transaction:
        await block(transaction.connection, card_id, transaction.now)
    assert f"eSIM ending {card.last_four} · blocked" in (await clients["owner"].get("/home")).text
