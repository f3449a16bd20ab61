"""The same order, paid on another device by its code or its picture: with a script and without, in every look."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.browsing import Guest
from tests.support.looking import LOOKS, check
from topup.kernel.msisdn import parse_msisdn
from topup.orders.elsewhere import PayCode
from topup.platform.i18n import translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def said(guest: Guest, message_id: str, **parameters: object) -> str:
    return translate(guest.locale, "elsewhere", message_id, **parameters)


def ask_for_a_code(payer: Guest, choice: str = "credit:5000") -> str:
    """Order without paying here; the code."""
    payer.review(choice)
    payer.press("pay_elsewhere")
    payer.page.wait_for_url("**/elsewhere")
    return payer.page.locator("#pay-code").inner_text()


def type_it(helper: Guest, code: str) -> None:
    helper.go("/pay")
    helper.page.get_by_label(said(helper, "code")).fill(code)
    helper.press("continue")


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
def test_somebody_elses_device_pays_and_learns_nothing_but_number_masked_and_sum(
    guest: Callable[..., Guest], locale: str, scripted: str
) -> None:
    payer = guest(locale=locale, scripted=scripted == "scripted")
    helper = guest(locale=locale, scripted=scripted == "scripted")
    code = ask_for_a_code(payer)
    assert re.fullmatch(r"\d{4} \d{3} \d{3}", code)
    order_id = payer.order_id()
    type_it(helper, code)
    expect(helper.page.get_by_role("heading", level=1)).to_have_text(said(helper, "pay_pay"))
    number = parse_msisdn(payer.number)
    expect(helper.page.locator("dl")).to_contain_text(number.masked())
    shown = helper.page.content()
    assert (order_id in shown, number.grouped() in shown, payer.number in shown) == (False, False, False)
    helper.page.locator("#pay-again button[value=sandbox]").click()
    helper.page.wait_for_url(lambda url: url.startswith(helper.site.gateway_url))
    assert order_id not in helper.page.url
    helper.page.locator("button[value=pay]").click()
    helper.page.wait_for_url("**/pay/*")
    if scripted != "scripted":
        looks_again(helper, until=said(helper, "pay_paid"))
    expect(helper.page.get_by_role("heading", level=1)).to_have_text(said(helper, "pay_paid"), timeout=30_000)
    # The device that ordered goes on by itself, to where the money is.
    payer.page.wait_for_url(f"**/orders/{order_id}", timeout=30_000)
    payer.sees("headline_delivered")
    # Paid, the code leads nowhere any more.
    type_it(helper, code)
    expect(helper.page.locator("#mistake")).to_have_text(translate(locale, "problems", "pay_code_unknown"))


def test_the_picture_leads_to_the_same_page_until_the_time_is_over(guest: Callable[..., Guest]) -> None:
    payer, helper = guest(locale="en"), guest(locale="en")
    ask_for_a_code(payer)
    order_id = payer.order_id()
    expect(payer.page.get_by_role("img", name=said(payer, "picture"))).to_be_visible()
    found = payer.site.house.desk.elsewhere
    token = _in_the_sites_loop(payer, found.code(order_id=order_id)).token
    helper.go(f"/pay/{token}")
    expect(helper.page.get_by_role("heading", level=1)).to_have_text(said(helper, "pay_pay"))
    payer.go(f"/orders/{order_id}")
    payer.press("cancel_order")
    helper.go(f"/pay/{token}")
    expect(helper.page.get_by_role("heading", level=1)).to_have_text(said(helper, "pay_over"))
    expect(helper.page.locator("#pay-again")).to_have_count(0)


def looks_again(helper: Guest, *, until: str) -> None:
    """Without scripts a page with a form does not ask by itself: whoever waits presses the link."""
    heading = helper.page.get_by_role("heading", level=1)
    for _ in range(120):
        if heading.inner_text() == until:
            return
        helper.page.locator("main noscript a, main a[href^='/pay/']").first.click()
        helper.page.wait_for_timeout(250)


def _in_the_sites_loop(guest: Guest, work: Coroutine[Any, Any, PayCode]) -> PayCode:
    return asyncio.run_coroutine_threadsafe(work, guest.site.loop).result(10)


def test_a_wrong_code_is_told_on_the_same_form_with_what_was_typed(guest: Callable[..., Guest]) -> None:
    helper = guest(locale="en")
    type_it(helper, "4821 773 59")
    expect(helper.page.locator("#mistake")).to_be_focused()
    expect(helper.page.get_by_label(said(helper, "code"))).to_have_value("4821 773 59")
    helper.go("/pay/" + "A" * 60)
    expect(helper.page.get_by_role("heading", level=1)).to_have_text(translate("en", "problems", "pay_code_unknown"))


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_of_it_can_be_read_in_every_look(guest: Callable[..., Guest], look: str) -> None:
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    payer, helper = guest(**options), guest(**options)
    if elder:
        for one in (payer, helper):
            one.page.context.add_cookies([{"name": "size", "value": "large", "url": one.site.url}])
    code = ask_for_a_code(payer)
    check(payer, f"elsewhere code {look}")
    type_it(helper, "4821 773 59")
    check(helper, f"elsewhere door {look}")
    type_it(helper, code)
    check(helper, f"elsewhere pay {look}")
    helper.page.locator("#pay-again button[value=sandbox]").click()
    helper.page.wait_for_url(lambda url: url.startswith(helper.site.gateway_url))
    helper.page.locator("button[value=pay]").click()
    expect(helper.page.get_by_role("heading", level=1)).to_have_text(said(helper, "pay_paid"), timeout=30_000)
    check(helper, f"elsewhere paid {look}")
