"""A clerk at /counter, by keyboard alone: a drawer opened, top-ups sold, change given, the server lost, the count."""

import asyncio
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.staff_at_work import DESK, PHONE, accessible, hire, sign_in
from topup.people.permissions import Role

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
LOCALES = {"en": "en-GB", "zh_Hans": "zh-CN", "zh_Hant": "zh-TW"}
_tills = iter(range(60, 99))


@pytest.fixture
def at_counter(site, chromium):
    """A clerk at a browser of their own, signed in by the door and led to the counter."""
    contexts = []

    def opened(size=DESK, *, locale="en", scripts=True):
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=LOCALES[locale], java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        sign_in(site, page, hire(site, Role.CLERK))
        return page

    yield opened
    for context in contexts:
        context.close()


def look(page, name: str) -> None:
    """Whether everybody can use it, with scripts or without; a picture where one is asked for."""
    accessible(page)
    picture(page, name)


def picture(page, name: str) -> None:
    if pictures := os.environ.get("TOPUP_PICTURES"):
        width = page.viewport_size["width"]
        page.screenshot(path=Path(pictures) / f"{name}-{width}.png", full_page=True)


def opens_drawer(page, float_: str = "200") -> None:
    """With the keyboard alone: the shop has the focus, then the till, then the float."""
    page.wait_for_url("**/counter/open")
    expect(page.locator("#shop")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type(str(next(_tills)))
    page.keyboard.press("Tab")
    page.keyboard.type(float_)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/counter/?$"))


def finds(page, number: str) -> None:
    """As a scanner does: the box has the focus, and Enter follows."""
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/lines/*")


def tenders(page, amount: str) -> None:
    """The box has the focus once the page is drawn; a hand is not faster than the drawing, a test may be."""
    expect(page.locator("#tendered")).to_be_focused()
    page.keyboard.type(amount)
    page.keyboard.press("Enter")


def puts_in_the_drawer(page) -> None:
    page.wait_for_url("**/change?*")
    expect(page.locator("button[data-key='F9']")).to_be_focused()
    page.keyboard.press("Enter")


def sells(page, number: str, tendered: str = "100") -> None:
    """From the search box to the change, without a mouse."""
    finds(page, number)
    page.keyboard.press("F4")
    while not page.locator("input[value='credit:5000']").is_checked():
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/sales/*")
    tenders(page, tendered)
    puts_in_the_drawer(page)
    page.wait_for_url(re.compile(r"/counter/sales/quo_\w+$"))


@pytest.mark.parametrize(("size", "locale"), [(DESK, "en"), (PHONE, "zh_Hans"), (DESK, "zh_Hant")])
def test_a_top_up_for_cash_by_keyboard_alone_in_each_language(at_counter, a_number, size, locale):
    page = at_counter(size, locale=locale)
    page.wait_for_url("**/counter/open")
    look(page, f"counter-open-{locale}")
    opens_drawer(page)
    look(page, f"counter-first-{locale}")
    number = a_number()
    finds(page, number)
    look(page, f"counter-line-{locale}")
    page.keyboard.press("F2")
    page.wait_for_url(re.compile("/counter/?$"))
    sells(page, number)
    expect(page.locator(".note.done h2")).to_contain_text("50.00")
    expect(page.get_by_text(re.compile("Delivered|已到账|已到帳")).first).to_be_visible(timeout=20_000)
    look(page, f"counter-sold-{locale}")
    page.keyboard.press("F9")
    page.wait_for_url(re.compile("/counter/?$"))
    expect(page.locator(".list tbody tr")).to_have_count(1)
    look(page, f"counter-sales-{locale}")
    page.keyboard.press("F8")
    page.wait_for_url("**/counter/drawer")
    look(page, f"counter-drawer-{locale}")
    expect(page.locator("#close-counted")).to_be_focused()
    page.keyboard.type("249")
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/reports/*")
    expect(page.locator("#reason")).to_be_focused()
    look(page, f"counter-report-{locale}")
    page.keyboard.type("Gave one yuan too much")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".note.wait")).to_be_visible()


def test_the_page_says_at_once_that_the_server_is_lost_and_keeps_what_was_typed(at_counter, a_number):
    page = at_counter()
    opens_drawer(page)
    number = a_number()
    finds(page, number)
    page.keyboard.press("F4")
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/sales/*")
    expect(page.locator("#tendered")).to_be_focused()
    page.keyboard.type("100")
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    expect(page.locator("#lost")).to_be_visible(timeout=4_000)
    expect(page.locator("#lost")).to_contain_text("The server is lost")
    look(page, "counter-lost-en")
    expect(page.locator("#tendered")).to_have_value("100")
    page.context.set_offline(False)
    expect(page.locator("#lost")).to_contain_text("The server is back", timeout=10_000)
    page.locator("#tendered").press("Enter")
    page.wait_for_url("**/change?*")


def test_a_sale_whose_answer_was_lost_is_found_again_with_what_was_taken_and_given(at_counter, a_number):
    page = at_counter()
    opens_drawer(page)
    counter = page.url
    finds(page, a_number())
    page.keyboard.press("F4")
    while not page.locator("input[value='credit:5000']").is_checked():
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/sales/*")
    tenders(page, "100")
    page.wait_for_url("**/change?*")
    reached = []

    def cut(route) -> None:
        reached.append(route.fetch(max_redirects=0).status)
        route.abort("connectionreset")

    page.route("**/cash", cut)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/cash")):
        page.get_by_role("button", name="in the drawer").press("Enter")
    assert reached == [303], "the server took it, and nobody was told"
    page.unroute("**/cash")
    page.goto(counter)
    row = page.locator(".list tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(re.compile("100.00.*50.00"))
    row.locator("a").press("Enter")
    page.wait_for_url(re.compile(r"/counter/sales/quo_\w+$"))
    expect(page.locator(".note.done h2")).to_contain_text("50.00")
    expect(page.locator("#tendered")).to_have_count(0)


def test_without_scripts_everything_can_be_done(at_counter, a_number):
    page = at_counter(scripts=False)
    opens_drawer(page)
    finds(page, a_number())
    page.locator("input[value='credit:5000']").check()
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/sales/*")
    look(page, "counter-price-en")
    tenders(page, "")
    page.wait_for_url("**/change?*")
    picture(page, "counter-change-en")
    puts_in_the_drawer(page)
    expect(page.get_by_text("Delivered").first).to_be_visible(timeout=20_000)
    order = page.get_by_text(re.compile("^ord_")).inner_text()
    page.goto(re.sub("/counter/.*", f"/counter/orders/{order}", page.url))
    picture(page, "counter-order-en")


def shows_code(page, number: str) -> None:
    """A sale whose code waits to be scanned."""
    finds(page, number)
    page.keyboard.press("F4")
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/sales/*")
    page.locator("button[name=way]").first.focus()
    page.keyboard.press("Enter")
    page.locator(".code-picture svg").wait_for()


async def scanned(site, order_id: str) -> None:
    """The customer scans it, and pays."""
    order = await site.house.desk.get_order(order_id=order_id)
    await site.house.desk.demo_payment(payment_id=order.payments[-1].id, outcome="pay")


def test_a_code_to_scan_is_shown_and_the_page_goes_on_by_itself_when_it_is_paid(at_counter, a_number, site):
    page = at_counter()
    opens_drawer(page)
    shows_code(page, a_number())
    look(page, "counter-qr-en")
    order = page.get_by_text(re.compile("^ord_")).inner_text()
    asyncio.run_coroutine_threadsafe(scanned(site, order), site.loop).result(20)
    expect(page.get_by_text("Delivered").first).to_be_visible(timeout=20_000)


def test_a_sale_whose_code_nobody_scans_is_called_off(at_counter, a_number):
    page = at_counter()
    opens_drawer(page)
    shows_code(page, a_number())
    page.get_by_role("button", name="Cancel this sale").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/counter/?$"))
    expect(page.locator(".list tbody")).to_contain_text("Cancelled")
