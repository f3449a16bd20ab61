"""Pictures of the home of somebody with a history: their lines, use, abroad, past, messages, help and data, on a phone
and on a desk. Part of `make screenshots`.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

Take = Callable[[Page, str], Path]
HOLDER: Final = "138 0013 8001"
_CODE: Final = re.compile(r"\b[0-9]{6}\b")
_TRIES: Final = 120
_PAUSE_MS: Final = 250
_PAGES: Final[Mapping[str, str]] = {
    "history": "/history",
    "messages": "/account/messages",
    "help": "/help",
    "data": "/account/data",
}


def home_with_a_history(browser: Browser, url: str, take: Take, look: dict[str, Any], desktop: ViewportSize) -> None:
    """Every page of it on a phone, then the same on a desk."""
    context = browser.new_context(**look, reduced_motion="reduce", timezone_id="Asia/Tokyo")
    page = context.new_page()
    _enter(context, page, url)
    for size in (None, desktop):
        if size is not None:
            page.set_viewport_size(size)
        before = "desktop-" if size is not None else ""
        page.goto(f"{url}/home")
        take(page, f"{before}home-1-lines")
        _open(page, "main a[href$=usage]")
        take(page, f"{before}home-2-month")
        _open(page, "main a[href*='/records']")
        take(page, f"{before}home-3-records")
        page.goto(f"{url}/home")
        page.locator("a.line-card").last.click()
        page.wait_for_url("**/lines/*")
        take(page, f"{before}home-4-travel-line")
        _open(page, "main a[href$='/plan']")
        take(page, f"{before}home-plans")
        _open(page, "main a[href*='/plans/']")
        take(page, f"{before}home-plan")
        page.go_back()
        page.go_back()
        _open(page, "main a[href$=abroad]")
        take(page, f"{before}home-5-abroad")
        for name, path in _PAGES.items():
            page.goto(f"{url}{path}")
            take(page, f"{before}home-{name}")
    context.close()


def _enter(context: BrowserContext, page: Page, url: str) -> None:
    """Sign in, and wait until the history is there: it is made after the start."""
    page.goto(f"{url}/account/sign-in")
    page.fill("#number", HOLDER)
    page.locator("main form .button").first.click()
    page.fill("#code", _code(context, url))
    page.locator("main form.sheet .button").click()
    page.wait_for_url(f"{url}/home")
    for _ in range(_TRIES):
        page.goto(f"{url}/account/messages")
        if page.locator(".message").count() > 1 and page.goto(f"{url}/home") and page.locator("a.line-card").count():
            return
        page.wait_for_timeout(_PAUSE_MS)
    raise RuntimeError("no history came")


def _code(context: BrowserContext, url: str) -> str:
    """The code that came to the holder's number: other numbers have theirs in the same mailbox."""
    mailbox = context.new_page()
    digits = HOLDER.replace(" ", "")
    for _ in range(_TRIES):
        mailbox.goto(f"{url}/sandbox/mailbox")
        for letter in mailbox.locator("main li, main article, main section").all_inner_texts():
            if digits in re.sub(r"\s", "", letter) and (found := _CODE.search(letter)):
                mailbox.close()
                return found[0]
        mailbox.wait_for_timeout(_PAUSE_MS)
    raise RuntimeError("no code came")


def _open(page: Page, link: str) -> None:
    address = page.url
    page.locator(link).first.click()
    page.wait_for_url(lambda here: here != address)
