"""Pictures of the counter on a desktop and on a tablet: a drawer, a line, a price, change, an order, the reports."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyotp
from playwright.sync_api import Browser, Page

from topup.channels.cli.demonstration_staff import shown_staff

_SIZES: Final = {"counter": (1280, 860), "counter-tablet": (820, 1180)}
_LOOK: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 860}, "locale": "zh-CN"}
_TILL: Final = "9"

Take = Callable[[Page, str], Path]


def counter(browser: Browser, url: str, data_dir: Path, number: str, take: Take) -> None:
    """Sign in as the demonstration's clerk, sell once for cash, and count the drawer."""
    [clerk] = [person for person in shown_staff(data_dir) if person.login == "clerk"]
    context = browser.new_context(**_LOOK)
    page = context.new_page()
    page.goto(f"{url}/console/sign-in")
    page.fill("[name=login]", clerk.login)
    page.fill("[name=password]", clerk.password)
    page.fill("[name=code]", pyotp.TOTP(clerk.secret).now())
    page.press("[name=code]", "Enter")
    page.wait_for_url("**/counter/open")
    _taken(page, "0-open", take)
    page.fill("#till", _TILL)
    page.fill("#float", "200")
    page.press("#float", "Enter")
    page.wait_for_url(re.compile("/counter/?$"))
    _sale(page, number, take)
    for name, path in (("6-first", ""), ("7-cards", "/cards"), ("8-terminals", "/terminals"), ("9-drawer", "/drawer")):
        page.goto(f"{url}/counter{path}")
        _taken(page, name, take)
    page.fill("#close-counted", "230")
    page.press("#close-counted", "Enter")
    page.wait_for_url("**/counter/reports/*")
    _taken(page, "z-report", take)
    context.close()


def _sale(page: Page, number: str, take: Take) -> None:
    """One sale for cash, from the search box to the order's page."""
    page.fill("#q", number)
    page.press("#q", "Enter")
    page.wait_for_url("**/counter/lines/*")
    _taken(page, "1-line", take)
    page.check("input[value='credit:3000']")
    page.locator("form.columns .button").click()
    page.wait_for_url("**/counter/sales/*")
    _taken(page, "2-price", take)
    page.fill("#tendered", "100")
    page.press("#tendered", "Enter")
    page.wait_for_url("**/change")
    _taken(page, "3-change", take)
    page.locator("form.sheet .button").click()
    page.locator("a[data-key=F9]").wait_for()
    _taken(page, "4-done", take)
    order = re.search(r"ord_[0-9a-z]{26}", page.content())
    if order is None:
        raise SystemExit("the sale's page names no order")
    page.goto(re.sub("/counter/.*", f"/counter/orders/{order[0]}", page.url))
    _taken(page, "5-order", take)


def _taken(page: Page, name: str, take: Take) -> None:
    """The page as it is, on each size."""
    for prefix, (width, height) in _SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        take(page, f"{prefix}-{name}")
