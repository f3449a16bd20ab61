"""Staff show that it is still they, by a code and by a passkey, and lock their screen by a key."""

import asyncio
import re
from datetime import timedelta

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.test_console_journeys import at_work, look
from tests.support.staff_at_work import DESK, PHONE, code_now, hire, inside, sign_in
from topup.people.permissions import Role
from topup.people.sessions import Lasting

__all__ = ["at_work"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
STALE = Lasting().fresh + timedelta(seconds=1)
VIRTUAL = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def code_later(site, secret: str) -> str:
    """What a device shows once the last proof is stale."""
    now = inside(site, lambda transaction: asyncio.sleep(0, transaction.now))
    return pyotp.TOTP(secret).at(int((now + STALE).timestamp()))


@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with"])
def test_a_code_is_asked_for_and_nothing_is_typed_twice(site, at_work, scripts):
    page, person = at_work(None, PHONE, scripts=scripts), hire(site, Role.FINANCE)
    sign_in(site, page, person)
    with site.later(STALE):
        page.goto(f"{site.url}/console/refund")
        page.fill("#order", "ord_mistyped")
        page.fill("#reason", "The line was somebody else's")
        page.click("form.sheet button")
        expect(page.get_by_role("heading", level=1)).to_have_text("Is it still you?")
        if scripts:
            look(page, "proving")
        page.get_by_label("Code of your device").fill(code_later(site, person.secret))
        page.get_by_role("button", name="Confirm and go on").click()
        expect(page.get_by_role("heading", level=1)).not_to_have_text("Is it still you?")
        expect(page.locator("#order")).to_have_value("ord_mistyped")
        expect(page.locator("#reason")).to_have_value("The line was somebody else's")


def test_a_passkey_is_added_lets_in_and_shows_that_it_is_they(site, at_work):
    page, person = at_work(None, DESK), hire(site, Role.FINANCE)
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": VIRTUAL})
    sign_in(site, page, person)
    by_name = site.url.replace("127.0.0.1", "localhost")
    page.goto(f"{by_name}/console/sign-in")
    inside(site, lambda transaction: transaction.connection.execute("UPDATE people.staff SET totp_step = 0"))
    page.fill("#login", person.login)
    page.fill("#password", "four words nobody knows")
    page.fill("#code", code_now(site, person.secret))
    page.click("form.sheet button")
    page.wait_for_url(re.compile(r"/console/(?!sign-in)"))
    page.goto(f"{by_name}/console/me")
    page.get_by_label("What to call it").fill("Office laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator(".owned b", has_text="Office laptop")).to_be_visible()
    look(page, "me")
    page.get_by_role("main").get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(re.compile(r"/console/(?!sign-in)"))
    with site.later(STALE):
        page.goto(f"{by_name}/console/refund")
        page.fill("#order", "ord_mistyped")
        page.fill("#reason", "By a finger")
        page.click("form.sheet button")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.locator("#reason")).to_have_value("By a finger")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_clerk_locks_the_screen_by_a_key_and_goes_on_where_they_were(site, at_work, size):
    page, person = at_work(None, size), hire(site, Role.CLERK)
    sign_in(site, page, person)
    page.goto(f"{site.url}/counter/open")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("F10")
    expect(page.get_by_role("heading", level=1)).to_have_text("This screen is locked")
    look(page, "locked")
    inside(
        site, lambda transaction: transaction.connection.execute("UPDATE people.staff SET totp_step = totp_step - 2")
    )
    code = page.get_by_label("Code of your device")
    expect(code).to_be_focused()
    code.fill(code_now(site, person.secret))
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/open")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("This screen is locked")
