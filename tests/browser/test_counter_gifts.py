"""A gift that comes with a sale, by keyboard alone: on the price, handed over by the key that is left, asked back."""

import asyncio
import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_counter import at_counter, finds, look, opens_drawer, puts_in_the_drawer, tenders
from tests.support.gifts import stocked
from tests.support.selling_offers import a_number_with_gifts, giving
from tests.support.staff_at_work import DESK, PHONE
from topup.shops.stock import gifts
from topup.shops.stock.gifts import GiftKey

__all__ = ["at_counter"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


async def on_the_shelf(database, shop: str) -> None:
    await giving(database)
    await stocked(database, 1, place=shop)


async def asked_back(database, order: str) -> None:
    async with database.transaction() as transaction:
        await gifts.take_back(transaction.connection, [GiftKey(order, "mug")], transaction.now)


def test_a_gift_is_handed_over_with_the_key_that_is_left_and_asked_back_with_the_money(site, at_counter):
    def within(work) -> None:
        asyncio.run_coroutine_threadsafe(work, site.loop).result(60)

    database, page = site.house.store.database, at_counter()
    page.wait_for_url("**/counter/open")
    within(on_the_shelf(database, page.locator("#shop").input_value()))
    opens_drawer(page)
    finds(page, a_number_with_gifts())
    page.keyboard.press("F4")
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/sales/*")
    expect(page.get_by_text("Mug × 1")).to_be_visible()
    both_sizes(page, "gift-price")
    tenders(page, "500")
    puts_in_the_drawer(page)
    page.wait_for_url(re.compile(r"/counter/sales/quo_\w+$"))
    expect(page.get_by_role("button", name="The customer has it")).to_be_focused(timeout=20_000)
    both_sizes(page, "gift-waits")
    page.keyboard.press("Enter")
    expect(page.get_by_text("· handed over")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("link", name=re.compile("Next customer"))).to_be_focused()
    both_sizes(page, "gift-given")
    order = page.get_by_text(re.compile("^ord_")).inner_text()
    within(asked_back(database, order))
    page.goto(f"{site.url}/counter/orders/{order}")
    expect(page.get_by_text("Ask for it back: Mug × 1")).to_be_visible()
    both_sizes(page, "gift-asked-back")
    page.get_by_role("button", name="It is back in this shop").press("Enter")
    expect(page.get_by_text("· brought back")).to_be_visible(timeout=20_000)


def both_sizes(page, name: str) -> None:
    for width, height in (PHONE, DESK):
        page.set_viewport_size({"width": width, "height": height})
        look(page, name)
