"""A lost card at the counter, by keyboard alone: found by its number, replaced by a scanned one, and found by that."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_counter import at_counter, finds, look, opens_drawer  # noqa: F401 - a fixture among them
from tests.support import cards
from tests.support.staff_at_work import DESK, inside
from topup.kernel.ids import new_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines.cards.operations import Giving, give
from topup.lines.cards.states import Given
from topup.lines.operations import open_lines
from topup.lines.registered import register
from topup.people.id_checks import shown
from topup.shops.queries import Directories
from topup.shops.stock.movements import received
from topup.shops.stock.operations import add_item, move
from topup.shops.stock.queries import Item

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PASSPORT = "E7654321"


@pytest.fixture
def lost(site, a_number):
    """A number whose card was lost, and a blank card that every hall has in stock."""
    number = a_number()

    async def work(transaction):
        connection, now = transaction.connection, transaction.now
        msisdn = parse_msisdn(number)
        ref = (await open_lines(connection, [(msisdn, "qingfeng", "Asia/Shanghai")], now, lanes=16))[msisdn.e164]
        old, _ = await cards.blank(transaction)
        await give(connection, Giving(ref, old, Given.ISSUED, "first", "cli"), now)
        seen = shown(document="passport", number=PASSPORT)
        await register(connection, line=ref, seen=seen, now=now, keys=site.house.store.keyring)
        _, new = await cards.blank(transaction, sku="sim-qingfeng")
        await add_item(connection, Item("sim-qingfeng", "sim", {"zh_Hans": "SIM 卡", "en": "SIM card"}), now)
        for place in (await Directories().current(connection)).places:
            await move(
                connection, received(new_id("movement", 0), "sim-qingfeng", place.id, 1, by="cli"), now, lanes=16
            )
        return new

    return number, inside(site, work)


def test_a_lost_card_is_replaced_by_keyboard_alone(at_counter, lost):  # noqa: F811 - the fixture
    number, blank = lost
    page = at_counter(DESK)
    opens_drawer(page)
    finds(page, number)
    expect(page.locator("[name='choice']:checked")).to_be_focused()
    page.keyboard.press("F6")
    page.wait_for_url("**/sim")
    expect(page.locator("#document_number")).to_be_focused()
    look(page, "sim")
    page.keyboard.type("E0000000")
    page.keyboard.press("F9")
    page.keyboard.type(blank.digits[:-1])
    page.keyboard.press("Enter")
    expect(page.locator("#mistake")).to_contain_text("not the document")
    expect(page.locator("#iccid")).to_have_value(blank.digits[:-1])
    look(page, "sim-mistake")
    page.keyboard.press("F4")
    page.keyboard.type(PASSPORT)
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("Pass")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/sims/*")
    expect(page.locator("[role='status']")).to_contain_text("The card was replaced")
    expect(page.locator("dl")).to_contain_text(blank.last_four)
    look(page, "sim-done")
    expect(page.locator("a.button")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/counter/?$"))
    finds(page, blank.digits)
    expect(page.locator(".who [role='status']")).to_contain_text("Found by the ICCID")
    expect(page.locator("h1")).to_have_text(parse_msisdn(number).grouped())
