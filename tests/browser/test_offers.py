"""A price with offers: the code is typed where it is looked for, and the discount is on the price and the receipt."""

import asyncio
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.browsing import Guest
from tests.support.looking import check
from tests.support.selling_offers import an_offered_number, offering

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_code_takes_its_discount_off_the_price_and_stands_on_the_receipt(guest: Callable[..., Guest], site) -> None:
    house = site.house.store
    making = asyncio.run_coroutine_threadsafe(offering(house.database, house.keyring), site.loop)
    [code] = making.result()
    me = guest(locale="en")
    me.number = an_offered_number()
    me.review("credit:10000")
    discounts = me.page.locator(".lines .off")
    expect(discounts).to_have_count(1)
    field = me.page.get_by_label(me.text("coupon_label"))
    expect(field).to_be_hidden()
    me.page.get_by_text(me.text("have_a_code")).click()
    field.fill(code.lower())
    me.press("use_code")
    expect(discounts).to_have_count(2)
    expect(me.page.locator("#codes .note")).to_contain_text(code[-4:])
    check(me, "a price with a code")
    me.press_pay()
    me.page.wait_for_url("**/pay?*")
    me.at_gateway("pay")
    me.sees("headline_delivered")
    assert me.facts()["total"]["amount_minor"] == 8400
    me.page.get_by_role("link", name=me.text("see_receipt")).click()
    expect(me.page.get_by_text("Member coupon")).to_be_visible()
