"""A gift that is sent: on the price, and where to said on a page of its own, which everybody can use."""

import asyncio
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.browsing import Guest
from tests.support.looking import SMALLEST, check
from tests.support.selling_offers import a_number_with_a_parcel, giving_by_post

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_who_paid_says_where_to_and_sees_that_it_is_packed(guest: Callable[..., Guest], site) -> None:
    asyncio.run_coroutine_threadsafe(giving_by_post(site.house.store.database), site.loop).result(60)
    me = guest(locale="en", size=SMALLEST)
    me.number = a_number_with_a_parcel()
    me.review("credit:5000")
    expect(me.page.get_by_text("Sent by post.")).to_be_visible()
    check(me, "a price with a gift by post")
    me.press_pay()
    me.page.wait_for_url("**/pay?*")
    me.at_gateway("pay")
    me.sees("headline_delivered")
    check(me, "an order whose gift wants an address")
    me.page.get_by_role("link", name="Give the address").click()
    expect(me.page.get_by_label("Country or region")).not_to_be_empty()
    check(me, "where a gift is sent")
    me.page.get_by_label("Address", exact=True).fill("1 Queen's Road\nCentral")
    me.page.get_by_role("button", name="Send it there").click()
    expect(me.page.locator("#mistake")).to_be_focused()
    expect(me.page.get_by_label("Address", exact=True)).to_have_value("1 Queen's Road\nCentral")
    check(me, "an address without a name")
    me.page.get_by_label("Who gets it").fill("Ada Chen")
    me.page.get_by_role("button", name="Send it there").click()
    expect(me.page.get_by_text("Being packed")).to_be_visible()
    check(me, "an order whose gift is packed")
