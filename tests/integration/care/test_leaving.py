"""What somebody takes along, and the end of their account: all of it, and nothing that leads to them afterwards."""

import io
import json
import zipfile
from datetime import timedelta

import pytest

from tests.support import cards
from tests.support.desk import LANES, OWN_NUMBER
from tests.support.households import Households
from topup.care import tickets
from topup.care.personal import leaving
from topup.care.states import Topic
from topup.care.taking import as_page, bundle
from topup.care.tickets import NewTicket
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.lines.cards.operations import Giving, give
from topup.lines.cards.states import Given
from topup.lines.queries import lines_now
from topup.notifications import notices
from topup.notifications.notices import Notice
from topup.people.operations import seal_contact
from topup.people.subscribers import accounts
from topup.people.subscribers.leaving import UNDO, Leaving, leaves_at
from topup.platform import crash

E164 = parse_msisdn(OWN_NUMBER).e164
ADDRESS, CONTACT = "canary@example.com", "canary-news@example.com"
WORDS = "canary words about <my> money"


class Leaver:
    """Somebody with something in every room."""

    def __init__(self, shop, who):
        self.shop, self.id = shop, who
        self.leaving = leaving(database=shop.database, keyring=shop.keys)

    async def orders(self, *, pays=True):
        order = await self.shop.ordered(payer_id=self.id, contact=CONTACT)
        if pays:
            await self.shop.tells(self.shop.paid(await self.shop.paying(order)))
            await self.shop.run()
        return order

    async def rows(self, sql, *parameters):
        async with self.shop.database.read() as transaction:
            return await (await transaction.connection.execute(sql, parameters)).fetchall()

    async def tables_with(self, text):
        """Every table in which that stands in the clear."""
        named = await self.rows(
            "SELECT schemaname || '.' || tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'public')"
        )
        found = [
            name
            for (name,) in named
            if await self.rows(f"SELECT 1 FROM {name} AS t WHERE t::text LIKE %s", f"%{text}%")
        ]
        return sorted(found)


@pytest.fixture
async def leaver(shop):
    await shop.tells(shop.paid(await shop.paying(await shop.ordered())))  # opens the line
    await shop.run()
    async with shop.database.read() as transaction:
        line = (await lines_now(transaction.connection, [E164]))[E164].ref
    who = await Households(shop.database, shop.keys).moves_in(E164, line, email=ADDRESS)
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        contact = seal_contact(shop.keys, lane=tickets.lane_of_new(None, "key", LANES), address=CONTACT)
        ticket = NewTicket("key", Topic.OTHER, WORDS, "en", contact=contact, subscriber_id=who)
        await tickets.open_ticket(connection, ticket, now, keys=shop.keys, lanes=LANES)
        told = Notice(
            who, "cause", "arrived", "line_blocked", {"number": "138 **** 8000", "status": "", "blocked": []}, "UTC"
        )
        await notices.add(connection, [told], now)
    return Leaver(shop, who)


async def test_all_that_is_kept_is_in_the_file(leaver):
    order = await leaver.orders()
    held = await leaver.leaving.held(subscriber_id=leaver.id)
    assert held["account"][0]["number"] == E164
    assert held["account"][0]["email"] == ADDRESS
    assert [(line["number"], line["sim_card"]) for line in held["lines"]] == [(E164, [])]
    assert [(one["order"], one["contact"]) for one in held["orders"]] == [(order.id, CONTACT)]
    assert held["tickets"][0]["written"][0]["text"] == WORDS
    assert len(held["messages"]) == 1
    for locale in ("zh_Hans", "zh_Hant", "en"):
        packed = zipfile.ZipFile(io.BytesIO(bundle(held, locale=locale)))
        assert json.loads(packed.read("topup.json")) == held
        page = packed.read("topup.html").decode()
        assert {
            text
            for text in (E164, ADDRESS, CONTACT, order.id, "canary words about &lt;my&gt; money")
            if text not in page
        } == set()


async def test_the_card_of_ones_line_is_in_the_file_and_its_number_is_not(leaver):
    async with leaver.shop.database.transaction() as transaction:
        line = (await lines_now(transaction.connection, [E164]))[E164]
        card_id, iccid = await cards.blank(transaction, carrier_id=line.carrier_id)
        giving = Giving(line.ref, card_id, Given.ISSUED, "form:1", "stf_1")
        await give(transaction.connection, giving, transaction.now)
    imsi = cards.imsi_of(iccid)
    held = await leaver.leaving.held(subscriber_id=leaver.id)
    [line] = held["lines"]
    assert line["sim_card"] == [{"iccid": iccid.masked(), "imsi": imsi.masked(), "kind": "physical", "state": "active"}]
    assert {text for text in (iccid.digits, imsi.digits) if text in json.dumps(held)} == set()
    for locale, heading in (("zh_Hans", "SIM 卡"), ("zh_Hant", "SIM 卡"), ("en", "SIM card")):
        page = as_page(held, locale=locale)
        assert f"<dt>{heading}</dt><dd><dl><dt>" in page
        assert iccid.masked() in page


async def test_while_money_is_on_its_way_the_account_stays(leaver):
    await leaver.orders(pays=False)
    assert (await leaver.leaving.standing(subscriber_id=leaver.id)).unsettled == 1
    with pytest.raises(Conflict, match="money_is_open"):
        await leaver.leaving.leave(subscriber_id=leaver.id)
    await leaver.shop.later(days=1)
    await leaver.shop.run()  # it expires
    await leaver.leaving.leave(subscriber_id=leaver.id)
    await leaver.orders(pays=False)  # begun meanwhile
    leaver.shop.database.clock_offset += UNDO - timedelta(minutes=5)
    await leaver.orders(pays=False)
    await leaver.shop.later(minutes=6)
    assert await leaver.leaving.erase_due() == 1
    assert await leaver.leaving.held(subscriber_id=leaver.id)
    await leaver.shop.later(days=1)
    await leaver.shop.run()
    await leaver.leaving.erase_due()
    with pytest.raises(NotFound):
        await leaver.leaving.held(subscriber_id=leaver.id)


async def test_for_three_days_it_can_be_taken_back(leaver):
    at = await leaver.leaving.leave(subscriber_id=leaver.id)
    leaver.shop.database.clock_offset += UNDO - timedelta(minutes=1)
    assert await leaver.leaving.erase_due() == 0
    async with leaver.shop.database.read() as transaction:
        assert await leaves_at(transaction.connection, subscriber_id=leaver.id) == at
        assert at > transaction.now
    await leaver.leaving.stay(subscriber_id=leaver.id)
    leaver.shop.database.clock_offset += UNDO
    assert await leaver.leaving.erase_due() == 0
    assert (await leaver.leaving.held(subscriber_id=leaver.id))["lines"]


async def test_afterwards_nothing_leads_to_them_and_what_the_law_wants_stays(leaver, figures):
    order = await leaver.orders()
    receipt = (await leaver.shop.order(order)).receipt_number
    before = await leaver.tables_with(leaver.id)
    assert {"orders.orders", "care.tickets", "lines.owners", "notifications.notices"} < set(before)
    await leaver.leaving.leave(subscriber_id=leaver.id)
    leaver.shop.database.clock_offset += UNDO
    assert await leaver.leaving.erase_due() == 1
    assert await leaver.leaving.erase_due() == 0
    assert await leaver.tables_with(leaver.id) == ["people.subscribers"]
    left = await leaver.rows("SELECT secret, number, mark, password, email, leaves_at FROM people.subscribers")
    assert left == [(None,) * 6]
    assert await leaver.rows("SELECT 1 FROM people.contacts") == []
    assert await leaver.rows("SELECT 1 FROM care.messages") == []
    async with leaver.shop.database.read() as transaction:
        with pytest.raises(NotFound):
            await accounts.account(transaction.connection, leaver.shop.keys, subscriber_id=leaver.id)
    assert (await leaver.shop.order(order)).receipt_number == receipt
    figures("erasure", tables_that_led_to_a_person=len(before), after=0)


class Unforgetting:
    """A room that fails over one person."""

    def __init__(self, whose):
        self.whose = whose

    async def held(self, connection, whose):
        return {}

    async def unsettled(self, connection, *, subscriber_id):
        return 0

    async def forget(self, connection, *, subscriber_id, now):
        if subscriber_id == self.whose:
            await connection.execute("SELECT 1 / 0")


async def test_one_account_that_cannot_be_ended_keeps_nobody_else_and_is_tried_again(leaver):
    other = await Households(leaver.shop.database, leaver.shop.keys).moves_in("+8613800138999")
    failing = Unforgetting(leaver.id)
    away = Leaving(database=leaver.shop.database, keyring=leaver.shop.keys, keepers=[failing])
    for who in (leaver.id, other):
        await away.leave(subscriber_id=who)
    leaver.shop.database.clock_offset += UNDO
    assert await away.erase_due() == 2
    erased = "SELECT id FROM people.subscribers WHERE erased_at IS NOT NULL"
    assert await leaver.rows(erased) == [(other,)]
    assert await away.erase_due() == 0, "not again at once"
    failing.whose = None
    leaver.shop.database.clock_offset += timedelta(hours=1, minutes=1)
    assert await away.erase_due() == 1
    assert {who for (who,) in await leaver.rows(erased)} == {leaver.id, other}


class Died(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("label", sorted(label for label in crash.LABELS if label.startswith("subscribers.")))
async def test_who_dies_while_an_account_ends_ends_it_once_and_whole(leaver, monkeypatch, label):
    await leaver.leaving.leave(subscriber_id=leaver.id)
    leaver.shop.database.clock_offset += UNDO

    def die(pid, sign):
        crash._Armed.label = None
        raise Died

    monkeypatch.setattr(crash.os, "kill", die)
    monkeypatch.setattr(crash._Armed, "label", label)
    monkeypatch.setattr(crash._Armed, "remaining", 1)
    with pytest.raises(Died):
        await leaver.leaving.erase_due()
    done = label.endswith("after_commit")
    assert (leaver.id in str(await leaver.rows("SELECT subscriber_id FROM lines.owners"))) is not done
    assert await leaver.leaving.erase_due() == (0 if done else 1)
    assert await leaver.tables_with(leaver.id) == ["people.subscribers"]
