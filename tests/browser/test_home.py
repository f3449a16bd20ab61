"""Home of who is signed in: lines at a glance, what ends when and why, and a top-up in three taps."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.support.browsing import PHONE, Guest
from tests.support.homes import GB, gets, moves_in, uses
from tests.support.looking import LOOKS, check
from topup.platform.i18n import country_name, translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def said(guest: Guest, message_id: str, **parameters: object) -> str:
    return translate(guest.locale, "home", message_id, **parameters)


@pytest.mark.parametrize("look", LOOKS)
def test_home_shows_every_line_at_every_size_and_in_every_look(
    guest: Callable[..., Guest], a_number: Callable[[], str], look: str
) -> None:
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    me = guest(**options)
    mine, mums = me.number, a_number()
    home = moves_in(me, mine, mums, names=("", "妈妈"), elder=elder)
    gets(me, home.lines[0], CNY=(5000, 1250), DATA=(10 * GB, 9 * GB), VOICE=(6000, 0), SMS=(100, 40))
    gets(me, home.lines[1], CNY=(800, 0))
    me.go("/home")
    expect(me.page.get_by_text("¥37.50").first).to_be_visible()
    expect(me.page.locator(".ring-share")).to_have_text(["75%", "10%", "100%", "60%"])
    expect(me.page.locator(".ring.little")).to_have_count(1)
    me.page.get_by_text(said(me, "why_then")).first.click()
    check(me, f"home {look}")
    me.page.get_by_role("link", name="妈妈").click()
    expect(me.page.get_by_text("¥8.00").first).to_be_visible()
    check(me, f"home other {look}")
    expect(me.page.get_by_role("heading", name="妈妈")).to_be_visible()


def test_who_has_no_line_is_told_how_to_add_one(guest: Callable[..., Guest]) -> None:
    me = guest(locale="zh_Hant")
    moves_in(me)
    me.go("/home")
    expect(me.page.get_by_text(said(me, "elsewhere"))).to_be_visible()
    check(me, "home empty")
    me.page.get_by_role("link", name=said(me, "bind")).click()
    me.page.wait_for_url("**/account/lines")


def test_home_is_for_who_is_signed_in_and_nobody_sees_anothers_line(
    guest: Callable[..., Guest], a_number: Callable[[], str]
) -> None:
    one, other, stranger = guest(locale="en"), guest(locale="en"), guest(locale="en")
    home = moves_in(one, a_number())
    moves_in(other)
    for path in ("", "/top-up", "/keeping", "/usage", "/usage/records", "/usage/records/usage.csv"):
        address = f"/home/lines/{home.lines[0].id}{path}"
        other.go(address)
        assert other.page.locator(".rings, .runway, .grid, .entries, .chart").count() == 0
        stranger.go(address)
        assert "/account/sign-in" in stranger.page.url


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
def test_a_returning_customer_tops_up_in_three_taps(guest: Callable[..., Guest], locale: str, scripted: str) -> None:
    me = guest(size=PHONE, locale=locale, scripted=scripted == "scripted")
    moves_in(me, me.number)
    me.go("/home")
    me.page.locator("main").get_by_role("link", name=said(me, "top_up"), exact=True).click()
    me.page.wait_for_url("**/top-up")
    me.choose("credit:10000")
    me.press("see_price")
    me.page.wait_for_url("**/quotes/*")
    me.press_pay()
    me.page.wait_for_url("**/pay?*")
    me.at_gateway("pay")
    me.sees("headline_delivered")
    for message_id in ("balance_before", "balance_after"):
        expect(me.page.get_by_text(me.text(message_id))).to_be_visible()
    order = me.page.url
    neighbour = guest(size=PHONE, locale=locale)
    moves_in(neighbour)
    neighbour.page.goto(order)
    neighbour.sees("headline_delivered")
    expect(neighbour.page.get_by_text(me.text("balance_after"))).to_have_count(0)
    # Later nothing is chosen any more: three taps, and the payer is at the gateway's page.
    taps = (
        lambda: me.page.locator("main").get_by_role("link", name=said(me, "top_up"), exact=True).click(),
        lambda: me.press("see_price"),
        me.press_pay,
    )
    assert len(taps) == 3
    with me.site.later(timedelta(hours=2)):
        me.go("/home")
        for tap, where in zip(taps, ("**/top-up", "**/quotes/*", "**/pay?*"), strict=True):
            tap()
            me.page.wait_for_url(where)
    expect(me.page.get_by_text("100.00").first).to_be_visible()


@pytest.mark.parametrize("look", LOOKS)
def test_a_month_is_seen_in_bars_and_as_a_statement(guest: Callable[..., Guest], look: str) -> None:
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    me = guest(**options)
    home = moves_in(me, me.number, elder=elder)
    gets(me, home.lines[0], CNY=(5000, 1250))
    uses(me, home.lines[0], data=(GB, 3 * GB), voice=(600, 1200), sms=(1, 2))
    me.go("/home")
    me.page.get_by_role("link", name=said(me, "usage_title")).click()
    me.page.wait_for_url("**/usage")
    expect(me.page.locator("figure.chart")).to_have_count(3)
    expect(me.page.locator(".chart-bar")).to_have_count(6)
    amounts = me.page.locator("section[aria-labelledby=money] li b")
    expect(amounts).to_have_text([re.compile("^−.*12[.]50$"), re.compile("^[+].*50[.]00$")])
    me.page.get_by_text(said(me, "by_day")).click()
    check(me, f"month {look}")
    last_year = me.page.locator("option").last.get_attribute("value")
    me.page.locator("#month").select_option(last_year)
    me.page.get_by_role("button", name=said(me, "show")).click()
    expect(me.page.get_by_text(said(me, "used_nothing"))).to_be_visible()
    expect(me.page.get_by_text(said(me, "money_nothing"))).to_be_visible()


RECORDS = {"phone": {"size": PHONE}, "elder dark, smallest": LOOKS["elder dark, smallest"], "desktop": LOOKS["desktop"]}


@pytest.mark.parametrize("look", RECORDS)
def test_each_call_is_found_narrowed_and_taken_along(guest: Callable[..., Guest], look: str) -> None:
    options = dict(RECORDS[look])
    elder = options.pop("elder", False)
    me = guest(**options)
    home = moves_in(me, me.number, elder=elder)
    uses(me, home.lines[0], data=(GB, 3 * GB), voice=(600,), sms=(1,), called="+8613900139000", country="JP")
    me.go("/home")
    me.page.get_by_role("link", name=said(me, "usage_title")).click()
    me.page.get_by_role("link", name=said(me, "records_title")).click()
    me.page.wait_for_url("**/records?*")
    rows = me.page.locator("main .entries li")
    expect(rows).to_have_count(4)
    check(me, f"records {look}")
    me.page.fill("#text", "139 0013")
    me.page.get_by_role("button", name=said(me, "find"), exact=True).click()
    expect(rows).to_have_count(2)
    assert "139" not in me.page.url.partition("records")[2], "what was typed is not in the address"
    me.page.fill("#text", country_name("JP", me.locale)[:2])
    me.page.get_by_role("button", name=said(me, "find"), exact=True).click()
    expect(rows).to_have_count(4)
    me.page.get_by_text(said(me, "narrow")).click()
    me.page.locator("#service").select_option("sms")
    me.page.get_by_role("button", name=said(me, "show")).click()
    expect(rows).to_have_count(1)
    address = me.site.url + (me.page.locator("a[download]").get_attribute("href") or "")
    answer = me.page.request.get(address, headers={"accept-language": me.page.evaluate("navigator.language")})
    header, only = csv.reader(io.StringIO(answer.body().decode("utf-8-sig")))
    assert len(header) == len(only) == 9
    assert only[2:5] == ["139 0013 9000", country_name("JP", me.locale), "1"]


def test_whom_one_called_is_shown_to_who_has_shown_lately_who_they_are(guest: Callable[..., Guest]) -> None:
    me = guest(size=PHONE, locale="en")
    home = moves_in(me, me.number)
    with me.site.later(timedelta(minutes=20)):
        for path in ("", "/usage.csv"):
            me.go(f"/home/lines/{home.lines[0].id}/usage/records{path}")
            assert "/account/confirm" in me.page.url
