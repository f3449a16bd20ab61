"""Pictures of topping up for others: saved numbers, links, and paying elsewhere. Part of `make screenshots`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

Take = Callable[[Page, str], Path]
FRIENDS = (("13700137000", "奶奶"), ("13900139000", "爸爸"))


def saved_numbers_and_links(page: Page, url: str, take: Take) -> None:
    """For `page`, which is signed in with a line: its saved numbers, the first screen with them, a link to share."""
    for number, name in FRIENDS:
        page.goto(f"{url}/account/numbers")
        form = page.locator("form[action='/account/numbers']")
        form.locator("#number").fill(number)
        form.locator("#name").fill(name)
        form.locator(".button").click()
        page.wait_for_url(f"{url}/account/numbers")
    take(page, "saved-1-numbers")
    page.goto(url)
    take(page, "saved-2-first-screen")
    page.goto(f"{url}/account/links")
    page.locator("#link-amount").fill("50")
    page.locator("main form .button").click()
    page.wait_for_url("**/account/links/lnk_*")
    take(page, "links-1-share")


def a_link_that_is_opened(browser: Browser, own: str, take: Take, look: dict[str, Any]) -> None:
    """What whoever gets a link sees; `own` is the address of its owner's page."""
    context = browser.new_context(**look, reduced_motion="reduce")
    page = context.new_page()
    page.goto(own.replace("/account/links/", "/t/"))
    take(page, "links-2-opened")
    context.close()


def paying_elsewhere(
    browser: Browser, url: str, price: Callable[[Page], None], take: Take, look: dict[str, Any]
) -> None:
    """The code of an order, its door, and what the other device pays; `price` brings a page to a price."""
    context = browser.new_context(**look, reduced_motion="reduce")
    page, other = context.new_page(), context.new_page()
    price(page)
    page.locator("button[value=elsewhere]").click()
    page.wait_for_url("**/elsewhere")
    take(page, "elsewhere-1-code")
    other.goto(f"{url}/pay")
    other.fill("#code", page.inner_text("#pay-code"))
    take(other, "elsewhere-2-door")
    other.locator("main form .button").click()
    other.locator("#pay-again").wait_for()
    take(other, "elsewhere-3-pay")
    context.close()
