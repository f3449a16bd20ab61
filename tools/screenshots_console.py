"""Pictures of the console: how sales go, an order, a line, the work list."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyotp
from playwright.sync_api import Browser, Page

from topup.channels.cli.demonstration_staff import shown_staff

_PAGES: Final = (
    ("live", "/console/live?by=method"),
    ("orders", "/console/orders"),
    ("work", "/console/work"),
    ("approvals", "/console/approvals"),
)
_LOOK: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 860}, "locale": "en-GB"}


def console(browser: Browser, url: str, data_dir: Path, number: str, take: Callable[[Page, str], Path]) -> None:
    """Sign in as one of the demonstration's staff, and look around."""
    [one] = [person for person in shown_staff(data_dir) if person.login == "support"]
    context = browser.new_context(**_LOOK)
    page = context.new_page()
    page.goto(f"{url}/console/sign-in")
    take(page, "console-0-sign-in")
    page.fill("[name=login]", one.login)
    page.fill("[name=password]", one.password)
    page.fill("[name=code]", pyotp.TOTP(one.secret).now())
    page.press("[name=code]", "Enter")
    page.wait_for_url("**/console/work")
    for place, (name, path) in enumerate(_PAGES, 1):
        page.goto(f"{url}{path}")
        take(page, f"console-{place}-{name}")
    page.goto(f"{url}/console/orders?state=delivered")
    page.locator(".list tbody th a").first.click()
    take(page, "console-5-order")
    page.goto(f"{url}/console/lines?q={number}")
    take(page, "console-6-line")
    context.close()
