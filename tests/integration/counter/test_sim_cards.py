"""SIM cards at the counter: a line is found by its card or its owner's document, and gets another card."""

import asyncio
import json
import re
from dataclasses import dataclass

import pytest

from tests.integration.counter.test_selling import grouped
from tests.support import cards
from topup.kernel.ids import new_id
from topup.kernel.msisdn import parse_msisdn
from topup.kernel.sim_cards import Iccid
from topup.lines.cards.operations import Giving, give
from topup.lines.cards.queries import card_of_line, card_with_iccid, uses_of_line
from topup.lines.cards.states import CardState, Given
from topup.lines.operations import open_lines
from topup.lines.queries import LineRef
from topup.lines.registered import WRONG_OF_A_CLERK, register
from topup.people.id_checks import shown
from topup.people.permissions import Role
from topup.shops.stock.desk import Stock
from topup.shops.stock.movements import received
from topup.shops.stock.queries import Item, level

pytestmark = pytest.mark.xdist_group("browser")
SKU = "sim-qingfeng"
PASSPORTS = iter(range(10_000_000, 99_999_999))


@dataclass
class Held:
    """A line with its card, and the passport it is registered with."""

    number: str
    ref: LineRef
    card: Iccid
    passport: str

    @property
    def shows(self) -> dict[str, str]:
        return {"document": "passport", "document_number": self.passport}


@pytest.fixture
def opened(site, a_number):
    """Lines of our network with a card each, registered or not."""

    async def make(*, passport: str | None = "") -> Held:
        number = a_number()
        passport = f"E{next(PASSPORTS)}" if passport == "" else passport
        async with site.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            msisdn = parse_msisdn(number)
            ref = (await open_lines(connection, [(msisdn, "qingfeng", "Asia/Shanghai")], now, lanes=16))[msisdn.e164]
            card_id, card = await cards.blank(transaction)
            await give(connection, Giving(ref, card_id, Given.ISSUED, "first", "cli"), now)
            if passport is not None:
                seen = shown(document="passport", number=passport)
                await register(connection, line=ref, seen=seen, now=now, keys=site.house.store.keyring)
        return Held(number, ref, card, passport or "E00000000")

    return make


@pytest.fixture
async def line(opened) -> Held:
    return await opened()


@pytest.fixture
async def blank(site, shop):
    """Blank cards, one more in the shop's stock for each."""
    stock = Stock(database=site.house.store.database, lanes=16)

    async def make(**what) -> Iccid:
        await site.within(stock.add_item(Item(SKU, "sim", {"zh_Hans": "SIM 卡", "en": "SIM card"}), by="cli"))
        await site.within(stock.move(received(new_id("movement", 0), SKU, shop, 1, by="cli")))
        async with site.transaction() as transaction:
            return (await cards.blank(transaction, **({"sku": SKU} | what)))[1]

    return make


async def in_stock(site, shop) -> int:
    async with site.transaction() as transaction:
        return await level(transaction.connection, shop, SKU)


async def card_now(site, line: Held):
    async with site.transaction() as transaction:
        return await card_of_line(transaction.connection, line.ref)


async def state_of(site, iccid: Iccid) -> CardState:
    async with site.transaction() as transaction:
        return (await card_with_iccid(transaction.connection, [iccid])).state


async def replaces(clerk, line: Held, iccid: Iccid | str, **more):
    digits = iccid if isinstance(iccid, str) else iccid.digits
    path = (await clerk.finds(line.number)).partition("?")[0]
    fields = line.shows | {"why": "lost", "iccid": digits, "form": new_id("card_use", 0)} | more
    return await clerk.posts(f"{path}/sim", **fields)


async def trail_of(site, line: Held) -> list[tuple[str, dict]]:
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action, facts FROM work.trail WHERE subject = %s ORDER BY sequence", [line.ref.id]
        )
        return [(action, json.loads(facts)) for action, facts in await cursor.fetchall()]


async def test_a_line_is_found_by_its_card_however_it_is_read_and_the_page_says_so(clerk, line):
    for text in (line.card.digits, line.card.grouped(), line.card.digits[:-1], f"{line.card.digits}F"):
        path = await clerk.finds(text)
        page = await clerk.sees(path)
        assert grouped(line.number) in page
        assert "Found by the ICCID" in page
        assert line.card.digits not in path + page
    page = await clerk.sees(await clerk.finds(cards.imsi_of(line.card).digits))
    assert grouped(line.number) in page
    assert "Found by the IMSI" in page
    assert line.card.last_four in page


async def test_a_card_nobody_knows_or_mistyped_or_blank_leads_nowhere(clerk, blank):
    nobodys = cards.iccid().digits
    mistyped = nobodys[:-1] + str((int(nobodys[-1]) + 1) % 10)
    texts = {
        nobodys: (404, "We know no such card"),
        mistyped: (422, "A digit of the ICCID is wrong"),
        (await blank()).digits: (404, "serves no number"),
        cards.imsi_of(cards.iccid()).digits: (404, "We know no card with this IMSI"),
        "nothing at all": (404, "Enter a number, a SIM card, a document, an order"),
    }
    for text, (status, words) in texts.items():
        said = await clerk.posts("/counter/find", q=text)
        assert said.status_code == status
        assert words in said.text


async def test_a_document_leads_to_its_holders_lines_and_who_asked_is_in_the_trail(site, clerk, opened):
    first = await opened()
    page = await clerk.sees(await clerk.finds(first.passport))
    assert grouped(first.number) in page
    assert "owner's document" in page.replace("&#39;", "'")
    second = await opened(passport=first.passport)
    answer = await clerk.posts("/counter/find", q=first.passport)
    assert answer.status_code == 200
    assert len(re.findall(r"138 \*{4} \d{4}", answer.text)) == 2
    assert grouped(second.number) not in answer.text
    nobodys = await clerk.posts("/counter/find", q="E00000001")
    assert nobodys.status_code == 404
    assert "E00000001" not in nobodys.text
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT facts::text FROM work.trail WHERE action = 'counter.searched_document' AND actor = %s", [clerk.id]
        )
        facts = [row[0] for row in await cursor.fetchall()]
    assert len(facts) == 3
    assert first.passport not in "".join(facts)


async def test_who_tries_documents_out_in_the_search_is_stopped_there_and_at_every_line(site, clerk, line, blank):
    known = [await clerk.posts("/counter/find", q=line.passport) for _ in range(WRONG_OF_A_CLERK + 1)]
    assert {one.status_code for one in known} == {303}, "those that lead to a line are not counted"
    tried = [await clerk.posts("/counter/find", q=f"E{number:08}") for number in range(WRONG_OF_A_CLERK)]
    assert {one.status_code for one in tried} == {404}
    stopped = await clerk.posts("/counter/find", q=line.passport)
    assert stopped.status_code == 429, "even the right one, for now"
    assert "Too many documents" in stopped.text
    assert line.number not in stopped.text
    assert (await replaces(clerk, line, await blank())).status_code == 429
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT facts::jsonb FROM work.trail WHERE action = 'counter.searched_document' AND actor = %s"
            " ORDER BY sequence DESC LIMIT 1",
            [clerk.id],
        )
        assert await cursor.fetchone() == ({"too_many": True},)


async def test_the_owner_gets_another_card_and_the_old_one_stops(site, shop, clerk, line, blank):
    new = await blank()
    had = await in_stock(site, shop)
    answer = await replaces(clerk, line, new)
    assert answer.status_code == 303, answer.text
    assert (await card_now(site, line)).iccid == new
    assert await state_of(site, line.card) is CardState.REPLACED
    assert await in_stock(site, shop) == had - 1
    page = await clerk.sees(answer.headers["location"])
    assert new.last_four in page
    assert new.digits not in page
    slip = await clerk.client.get(f"{answer.headers['location']}/slip.pdf")
    assert slip.content.startswith(b"%PDF")
    [(action, facts)] = await trail_of(site, line)
    assert action == "line.card_replaced"
    assert (facts["before"], facts["after"], facts["reason"]) == (line.card.last_four, new.last_four, "lost")
    assert new.digits not in str(facts)


async def test_the_same_form_twice_or_at_once_hands_over_one_card(site, shop, clerk, line, blank):
    new, form = await blank(), new_id("card_use", 0)
    had = await in_stock(site, shop)
    said = await asyncio.gather(*(replaces(clerk, line, new, form=form) for _ in range(3)))
    assert {one.status_code for one in said} == {303}
    assert len({one.headers["location"] for one in said}) == 1
    assert await in_stock(site, shop) == had - 1
    async with site.transaction() as transaction:
        assert len(await uses_of_line(transaction.connection, line.ref)) == 2


async def test_another_document_is_refused_what_was_typed_stays_and_who_tries_on_is_stopped(site, clerk, line, blank):
    new = await blank()
    others = {"document_number": "E99999999", "text": "Lost on the bus", "why": "damaged"}
    for _ in range(3):
        answer = await replaces(clerk, line, new, **others)
        assert answer.status_code == 409
        assert "not the document" in answer.text
        for typed in (
            "E99999999",
            "Lost on the bus",
            new.digits,
            'value="damaged" selected',
            'value="passport" selected',
        ):
            assert typed in answer.text
    assert (await replaces(clerk, line, new)).status_code == 429, "even the right one, for now"
    assert (await card_now(site, line)).iccid == line.card
    assert await state_of(site, new) is CardState.BLANK


async def test_a_line_without_an_owners_document_takes_a_supervisor(site, staff, clerk, opened, blank):
    line, new = await opened(passport=None), await blank()
    answer = await replaces(clerk, line, new)
    assert answer.status_code == 409
    assert "A supervisor must agree" in answer.text
    colleague = await staff(Role.CLERK)
    for login, code in ((clerk.login, await clerk.code(ahead=1)), (colleague.login, await colleague.code(ahead=1))):
        assert (await replaces(clerk, line, new, login=login, code=code)).status_code == 403
    supervisor = await staff(Role.SUPERVISOR)
    wrong = await replaces(clerk, line, new, login=supervisor.login, code="000000")
    assert wrong.status_code == 401
    assert supervisor.login in wrong.text
    agreed = await replaces(clerk, line, new, login=supervisor.login, code=await supervisor.code(ahead=1))
    assert agreed.status_code == 303, agreed.text
    [(_, facts)] = await trail_of(site, line)
    assert (facts["risk"], facts["allowed_by"]) == ("owner_unknown", supervisor.id)


async def test_a_card_that_was_replaced_lately_is_not_replaced_again_by_one_person(site, clerk, line, blank):
    first, second = await blank(), await blank()
    assert (await replaces(clerk, line, first)).status_code == 303
    answer = await replaces(clerk, line, second)
    assert answer.status_code == 409
    assert "last seven days" in answer.text
    assert (await card_now(site, line)).iccid == first


async def test_two_clerks_with_one_blank_card_hand_it_to_one_line(  # noqa: PLR0917 - fixtures
    site, staff, shop, till_number, clerk, opened, blank
):
    other = await staff()
    await other.opens(shop=shop, number=till_number())
    lines, new = [await opened(), await opened()], await blank()
    had = await in_stock(site, shop)
    said = await asyncio.gather(*(replaces(who, line, new) for who, line in zip((clerk, other), lines, strict=True)))
    assert sorted(one.status_code for one in said) == [303, 409]
    assert await in_stock(site, shop) == had - 1
    assert [(await card_now(site, line)).iccid == new for line in lines].count(True) == 1


async def test_a_card_that_is_in_no_stock_or_of_another_carrier_is_refused(site, shop, clerk, line, blank):
    unstocked, others = await blank(sku=None), await blank(carrier_id="shanlan")
    assert (await replaces(clerk, line, unstocked)).status_code == 409
    assert (await replaces(clerk, line, others)).status_code == 409
    assert (await replaces(clerk, line, line.card)).status_code == 409, "its own"
    assert await state_of(site, unstocked) is CardState.BLANK
    elsewhere = await blank(sku="sim-nowhere")
    before = await in_stock(site, shop)
    assert (await replaces(clerk, line, elsewhere)).status_code == 404
    assert await state_of(site, elsewhere) is CardState.BLANK, "what cannot leave the stock is not handed over"
    assert await in_stock(site, shop) == before


async def test_without_a_card_at_hand_it_is_taken_down(site, clerk, line):
    answer = await replaces(clerk, line, "", why="damaged", text="The chip is broken")
    assert answer.status_code == 200, answer.text
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT evidence FROM care.tickets WHERE topic = 'sim_replacement' ORDER BY created_at DESC LIMIT 1"
        )
        [evidence] = await cursor.fetchone()
    assert (evidence["line"], evidence["why"], evidence["taken_by"]) == (line.ref.id, "damaged", clerk.id)
    assert (await replaces(clerk, line, "", document_number="E99999999")).status_code == 409


async def test_a_card_of_another_network_is_taken_down_in_words_with_the_end_of_the_document(site, clerk):
    path = await clerk.finds("+6581234567")
    page = await clerk.sees(f"{path}/sim")
    assert "whose cards we cannot replace" in page
    assert "ICCID" not in page
    form = new_id("card_use", 0)
    wish = {"document": "resident_card", "document_number": "11010519491231002X", "why": "lost", "form": form}
    assert (await clerk.posts(f"{path}/sim", **wish | {"document_number": "x"})).status_code == 422
    answer = await clerk.posts(f"{path}/sim", **wish)
    assert answer.status_code == 200, answer.text
    assert "taken down" in answer.text
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT evidence FROM care.tickets WHERE topic = 'sim_replacement' AND evidence ->> 'taken_by' = %s",
            [clerk.id],
        )
        [[evidence]] = await cursor.fetchall()
    assert (evidence["last_four"], evidence["document"]) == ("002X", "resident_card")
    assert "11010519491231002X" not in str(evidence)


async def test_a_card_that_was_handed_over_is_shown_to_who_did_it(staff, clerk, line, blank):
    done = (await replaces(clerk, line, await blank())).headers["location"]
    stranger = await staff()
    assert (await stranger.client.get(done)).status_code == 404
    for nobodys in (new_id("card_use", 0), "x"):
        unknown = await clerk.client.get(f"/counter/sims/{nobodys}")
        assert unknown.status_code == 404
        assert "no such card that was handed over" in unknown.text
