"""Having an account, in a browser: three languages, telephone and desk, without scripts, in large type, by passkey."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.browsing import DESKTOP, PHONE
from tests.support.subscribers import front_at
from topup.kernel.msisdn import parse_msisdn
from topup.people.subscribers.codes import TRIES
from topup.platform.i18n import translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PASSWORD = "haiou zai fei 77"
PAGES = ("", "/lines", "/devices", "/safety", "/password", "/passkeys", "/settings", "/email", "/number", "/delete")


async def _newest(site, number: str) -> str:
    async with front_at(site) as front:
        code = await front.code(parse_msisdn(number))
        await front.forget_minutes()
        return code


async def _opened(site, number: str) -> None:
    async with front_at(site) as front:
        await front.forget_counts()
        await front.open_line(parse_msisdn(number))


async def _as_yesterday(site, number: str) -> None:
    async with front_at(site) as front:
        await front.as_yesterday(parse_msisdn(number))


def run(work):
    """The browser's loop is this thread's: another thread asks the database."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture
def subscriber(guest, site):
    """A guest who holds a telephone whose number has a line, and reads its messages."""

    def made(**options):
        one = guest(**options)
        run(_opened(site, one.number))
        return one

    return made


def said(guest, message_id: str, **parameters) -> str:
    return translate(guest.locale, "account", message_id, **parameters)


def press(guest, message_id: str, **parameters) -> None:
    guest.page.get_by_role("button", name=said(guest, message_id, **parameters), exact=True).click()


def type_code(guest, number: str | None = None) -> None:
    expect(guest.page.get_by_role("heading", level=1)).to_have_text(said(guest, "code_title"))
    guest.page.get_by_label(said(guest, "code_label")).fill(run(_newest(guest.site, number or guest.number)))
    press(guest, "enter")


def come_in(guest, path: str = "/account") -> None:
    """To a page of the account, through its door."""
    guest.go(path)
    expect(guest.page.get_by_role("heading", level=1)).to_have_text(said(guest, "sign_in_title"))
    guest.page.get_by_label(said(guest, "number_label")).fill(guest.number)
    press(guest, "send_code")
    type_code(guest)
    guest.page.wait_for_url(f"**{path}")


def usable(guest) -> None:
    """Nothing is cut off, and axe finds nothing."""
    page = guest.page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    if guest.scripted:
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"
    small = page.evaluate(
        """[...document.querySelectorAll("a.way-on, main button, main input:not([type=checkbox]), select, .tabs a")]
           .filter(one => one.offsetParent && one.getBoundingClientRect().height < 44).map(one => one.outerHTML)"""
    )
    assert small == [], page.url


@pytest.mark.parametrize(
    ("locale", "size", "elder"),
    [("zh_Hans", PHONE, False), ("zh_Hant", DESKTOP, False), ("en", PHONE, False), ("zh_Hans", (320, 640), True)],
    ids=["简体-phone", "繁體-desk", "English-phone", "elder-320"],
)
def test_registering_and_every_page_of_an_account(subscriber, locale, size, elder):
    me = subscriber(locale=locale, size=size)
    if elder:
        me.go()
        me.press("size_large")
    me.go("/account/sign-in")
    usable(me)
    come_in(me)
    for path in PAGES:
        me.go(f"/account{path}")
        usable(me)
    me.go("/account/lines")
    expect(me.page.locator(".digits")).to_have_text(parse_msisdn(me.number).grouped())


def test_without_scripts(subscriber):
    """Register, name one's line, add another's, sign out."""
    me = subscriber(scripted=False)
    come_in(me, "/account/lines")
    me.page.locator("details summary", has_text=said(me, "line_change")).click()
    me.page.get_by_label(said(me, "line_name")).fill("妈妈")
    press(me, "save")
    expect(me.page.locator(".who .strong")).to_have_text("妈妈")
    others = subscriber().number
    me.page.get_by_label(said(me, "line_number")).fill(others)
    press(me, "send_code")
    type_code(me, others)
    expect(me.page.locator(".digits")).to_have_text([parse_msisdn(number).grouped() for number in (me.number, others)])
    me.go("/account")
    expect(me.page.get_by_text(said(me, "alert_line_bound"))).to_be_visible()
    press(me, "all_me")
    expect(me.page.get_by_text(said(me, "alert_line_bound"))).to_have_count(0)
    press(me, "sign_out")
    me.go("/account")
    expect(me.page.get_by_role("heading", level=1)).to_have_text(said(me, "sign_in_title"))


def test_a_wrong_code_and_another_one(subscriber):
    me = subscriber(locale="en")
    me.go("/account")
    me.page.get_by_label(said(me, "number_label")).fill("12")
    press(me, "send_code")
    expect(me.page.locator("#mistake")).to_be_focused()
    usable(me)
    me.page.get_by_label(said(me, "number_label")).fill(me.number)
    press(me, "send_code")
    me.page.get_by_label(said(me, "code_label")).fill("000000")
    press(me, "enter")
    expect(me.page.locator("#mistake")).to_be_visible()
    usable(me)
    run(_newest(me.site, me.number))
    press(me, "send_again")
    expect(me.page.get_by_role("status")).to_have_text(said(me, "sent_again"))
    for _ in range(TRIES):
        me.page.get_by_label(said(me, "code_label")).fill("000000")
        press(me, "enter")
        expect(me.page.locator("#mistake")).to_be_visible()
    expect(me.page.locator("main button").first).to_have_text(said(me, "send_new"))
    usable(me)
    run(_newest(me.site, me.number))
    press(me, "send_new")
    type_code(me)
    me.page.wait_for_url("**/account")


def test_a_passkey_opens_the_account_again(subscriber, site):
    me = subscriber(locale="en")
    tools = me.page.context.new_cdp_session(me.page)
    tools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    site_by_name = site.url.replace("127.0.0.1", "localhost")
    me.named(site_by_name)
    come_in(me, "/account/passkeys")
    press(me, "passkey_add")
    expect(me.page.locator("section.sheet h2")).to_have_text(re.compile("Chrome"))
    me.go("/account")
    press(me, "sign_out")
    me.go("/account/sign-in?back=/account/lines")
    press(me, "with_passkey")
    expect(me.page.get_by_role("heading", level=1)).to_have_text(said(me, "lines"))
    me.go("/account/passkeys")
    press_named = me.page.get_by_role("button", name=re.compile(f"^{said(me, 'passkey_remove')}"))
    press_named.click()
    expect(me.page.locator("section.sheet")).to_have_count(0)


def test_a_password_and_what_is_asked_before_it(subscriber, site):
    me = subscriber(locale="en")
    come_in(me)
    run(_as_yesterday(site, me.number))
    me.go("/account/password")
    expect(me.page.get_by_role("heading", level=1)).to_have_text(said(me, "confirm_title"))
    usable(me)
    press(me, "confirm_send", number=parse_msisdn(me.number).masked())
    type_code(me)
    me.page.wait_for_url("**/account/password")
    me.page.get_by_label(said(me, "password_new")).fill("password123")
    press(me, "save")
    expect(me.page.locator("#mistake")).to_be_visible()
    me.page.get_by_label(said(me, "password_new")).fill(PASSWORD)
    press(me, "save")
    me.page.wait_for_url("**/account/safety")
    other = subscriber(locale="en")
    other.go("/account/sign-in/password")
    usable(other)
    other.page.get_by_label(said(other, "number_label")).fill(me.number)
    other.page.get_by_label(said(other, "password_label")).fill(PASSWORD)
    press(other, "sign_in")
    other.page.wait_for_url("**/home")
    me.go("/account")
    expect(me.page.get_by_text(said(me, "alert_new_device"))).to_be_visible()
    me.go("/account/devices")
    press_named = me.page.get_by_role("button", name=re.compile(f"^{said(me, 'device_out')}:"))
    press_named.click()
    other.go("/account")
    expect(other.page.get_by_role("heading", level=1)).to_have_text(said(other, "sign_in_title"))


def test_settings_follow_the_account(subscriber):
    me = subscriber(locale="en")
    come_in(me, "/account/settings")
    me.page.locator("#language").select_option("zh_Hant")
    me.page.locator("#size").select_option("large")
    me.page.locator("#quiet_from").select_option("20")
    press(me, "save")
    expect(me.page.locator("html")).to_have_attribute("lang", "zh-Hant")
    expect(me.page.locator("html")).to_have_class("elder")
    expect(me.page.locator("#quiet_from")).to_have_value("20")
    usable(me)
