"""The customer's display: it follows the sale by itself, waits for a yes where the shop wants one, and then forgets."""

import asyncio
import os
import re
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from topup.kernel.ids import new_id
from topup.orders.counter_sales import CounterSales
from topup.payments.cash.records import Session
from topup.shops.displays import SHOWN_FOR, Displays

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SIZES = {"small": (800, 480), "large": (1280, 800)}
_numbers = count(1)


@dataclass
class Till:
    """A till with its display, from the clerk's side."""

    site: Any
    name: str = field(default_factory=lambda: f"display-{next(_numbers)}")

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.site.loop).result(30)

    @property
    def displays(self) -> Displays:
        return Displays(database=self.site.house.store.database)

    def bind(self, page: Page) -> None:
        """Type the code that the page shows; it follows by itself."""
        code = page.locator(".digits").inner_text()
        self.do(self.displays.bind(code=code, till=self.name, by="stf_clerk"))
        expect(page.locator("#screen.idle")).to_be_visible()

    def sells(self, quote_id: str, *, asks: bool = False) -> None:
        sales = CounterSales(database=self.site.house.store.database)
        session = Session(0, new_id("till", 0), self.name, "CNY", 0, "stf_clerk", datetime.now(UTC), None)
        self.do(sales.begin(quote_id=quote_id, session=session, by="stf_clerk"))
        self.do(self.displays.show(till=self.name, sale=quote_id, asks=asks))


@pytest.fixture
def till(site) -> Till:
    return Till(site)


@pytest.fixture
def display(site, chromium) -> Iterator[Any]:
    contexts = []

    def opened(size: tuple[int, int] = SIZES["small"], *, scripts: bool = True, locale: str = "zh-CN") -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=locale, java_script_enabled=scripts
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{site.url}/counter/display")
        return page

    yield opened
    for context in contexts:
        context.close()


def accessible(page: Page) -> None:
    """Nothing that axe finds against WCAG 2.2 AA."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert found.violations_count == 0, found.generate_report()


def fits(page: Page) -> None:
    """Nothing to scroll: there is nobody to do it."""
    overflow = (
        "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
    )
    assert page.evaluate(overflow) == [0, 0]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_it_follows_a_sale_from_the_price_to_the_thanks_without_reloading(display, till, guest, size, shots):
    page = display(size)
    shots(page, f"code-{size[0]}")
    fits(page)
    accessible(page)
    till.bind(page)
    shots(page, f"idle-{size[0]}")
    fits(page)
    payer = guest()
    quote = payer.review()
    till.sells(quote, asks=True)
    grouped = " ".join([payer.number[:3], payer.number[3:7], payer.number[7:]])
    expect(page.locator(".number")).to_have_text(grouped)
    expect(page.locator(".total dd")).to_have_text(re.compile("^¥"))
    shots(page, f"confirm-{size[0]}")
    fits(page)
    accessible(page)
    assert till.do(till.displays.confirmed(till=till.name, sale=quote)) is None
    page.get_by_role("button", name="对，确认").click()
    expect(page.get_by_role("heading")).to_have_text("请付款")
    assert till.do(till.displays.confirmed(till=till.name, sale=quote)) is not None
    shots(page, f"pay-{size[0]}")
    fits(page)
    payer.press_pay()
    payer.page.wait_for_url("**/pay?*")
    expect(page.locator(".qr svg")).to_be_visible()
    shots(page, f"code-to-pay-{size[0]}")
    fits(page)
    payer.at_gateway("pay")
    expect(page.get_by_role("heading")).to_have_text("充值成功，谢谢", timeout=30_000)
    shots(page, f"done-{size[0]}")
    fits(page)
    till.do(till.displays.clear(till=till.name))
    expect(page.locator("#screen.idle")).to_be_visible()
    assert payer.number[3:7] not in page.content()


def test_whoever_is_served_chooses_the_language_and_the_next_one_starts_anew(display, till, guest):
    page = display()
    till.bind(page)
    till.sells(guest().review())
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading")).to_have_text("Please pay")
    assert page.evaluate("document.documentElement.lang") == "en"
    till.do(till.displays.clear(till=till.name))
    expect(page.get_by_role("heading")).to_have_text("欢迎光临")
    till.do(till.displays.speak(till=till.name, locale="zh_Hant"))
    expect(page.get_by_role("heading")).to_have_text("歡迎光臨")


def test_it_works_without_a_script_too(display, till, guest):
    page = display(scripts=False)
    code = page.locator(".digits").inner_text()
    till.do(till.displays.bind(code=code, till=till.name, by="stf_clerk"))
    till.sells(guest().review(), asks=True)
    page.reload()
    page.get_by_role("button", name="对，确认").click()
    expect(page.get_by_role("heading")).to_have_text("请付款")


def test_a_sale_that_was_left_on_the_screen_is_gone_after_a_quarter_of_an_hour(site, display, till, guest):
    page = display()
    till.bind(page)
    payer = guest()
    till.sells(payer.review())
    expect(page.locator(".number")).to_be_visible()
    with site.later(SHOWN_FOR + timedelta(seconds=1)):
        expect(page.locator("#screen.idle")).to_be_visible()
        assert payer.number[3:7] not in page.content()


def test_a_display_that_is_let_go_asks_for_a_new_till(display, till):
    page = display()
    till.bind(page)
    till.do(till.displays.let_go(till=till.name, by="stf_clerk"))
    expect(page.locator(".digits")).to_be_visible()


@pytest.fixture
def shots():
    """Pictures to look at, where they are asked for: TOPUP_SHOTS names a folder."""
    folder = os.environ.get("TOPUP_SHOTS")

    def taken(page: Page, name: str) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png")

    return taken
