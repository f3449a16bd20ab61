"""The console in a browser, with its one file of keys: by keys alone, on a desk and on a telephone, by everybody."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.staff_at_work import DESK, PASSWORD, PHONE, accessible, code_now, hire, inside
from topup.people.permissions import Role
from topup.work.operations import Decision, list_for_person

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SUBJECT = "pay_01m7yvpaw208wggeccwn03fkz7"


async def _list(transaction) -> None:
    evidence = {"method": "sandbox", "amount_minor": 4850, "currency": "CNY", "asked": 27}
    decision = Decision(1, "payment_unresolved", SUBJECT, evidence)
    await list_for_person(transaction.connection, [decision], transaction.now)


@pytest.fixture
def console(site, chromium):
    """A page of somebody who is about to sign in, and what they know."""
    contexts = []

    def opened(size: tuple[int, int], *, scripts: bool = True):
        person = hire(site, Role.OPERATOR)
        inside(site, _list)
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, locale="en-GB", java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{site.url}/console")
        return page, (person.login, code_now(site, person.secret)), said

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_deciding_by_keys_alone(console, size):
    page, (login, code), said = console(size)
    accessible(page)
    expect(page.locator("#login")).to_be_focused()
    page.keyboard.type(login)
    for text in (PASSWORD, code):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/console/work$"))
    accessible(page)
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('table') !== null"), "j goes to the first row"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q", "/ goes to the search"
    page.keyboard.type(SUBJECT)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"q=pay_"))
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('table') !== null"), "j goes to the first row"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/console/work/wrk_"))
    accessible(page)
    page.locator("details.more summary").nth(1).focus()
    page.keyboard.press("Enter")
    accessible(page)
    for name in ("approvals", "refund", "adjust", "trail", "staff", "me", "enrol"):
        page.goto(f"{page.url.partition('/console')[0]}/console/{name}")
        accessible(page)
    page.goto(f"{page.url.partition('/console')[0]}/console/settings")
    expect(page.locator(".rooms [aria-current]")).to_be_in_viewport(ratio=1)
    assert said == [], "no style, script or picture was refused"
