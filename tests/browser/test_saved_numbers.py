"""Saved numbers: kept after a top-up or on their page, chosen in one tap, asked about where they may be another's."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.test_history import tops_up
from tests.support.browsing import Guest
from tests.support.homes import moves_in
from tests.support.looking import LOOKS, check
from topup.kernel.msisdn import parse_msisdn
from topup.people.subscribers.entering import REST
from topup.platform.i18n import translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def said(guest: Guest, message_id: str, **parameters: object) -> str:
    return translate(guest.locale, "saved", message_id, **parameters)


def press(guest: Guest, message_id: str) -> None:
    guest.page.get_by_role("button", name=said(guest, message_id), exact=True).click()


def add(guest: Guest, number: str, name: str) -> None:
    guest.go("/account/numbers")
    form = guest.page.locator("form[action='/account/numbers']")
    form.locator("#number").fill(number)
    form.locator("#name").fill(name)
    form.get_by_role("button").click()
    guest.page.wait_for_url("**/account/numbers")


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
def test_after_a_top_up_the_number_is_saved_and_the_next_time_it_is_one_tap(
    guest: Callable[..., Guest], a_number: Callable[[], str], locale: str, scripted: str
) -> None:
    me = guest(locale=locale, scripted=scripted == "scripted")
    moves_in(me)
    me.number = a_number()
    grouped = parse_msisdn(me.number).grouped()
    tops_up(me)
    me.page.get_by_text(me.text("save_number"), exact=True).click()
    me.page.get_by_label(me.text("save_number_name")).fill("奶奶")
    me.press("save_number_do")
    expect(me.page.get_by_text(me.text("saved_number"))).to_be_visible()
    expect(me.page.get_by_text(me.text("save_number"), exact=True)).to_have_count(0)
    me.go()
    me.page.get_by_role("link", name="奶奶").click()
    expect(me.page.locator("#number")).to_have_value(grouped)
    expect(me.page.locator("input[value='credit:5000']")).to_be_checked()
    me.press("see_price")
    me.page.wait_for_url("**/quotes/*")
    expect(me.page.locator(".who")).to_contain_text(grouped)


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
def test_it_is_renamed_removed_and_taken_back(
    guest: Callable[..., Guest], a_number: Callable[[], str], scripted: str
) -> None:
    me = guest(locale="en", scripted=scripted == "scripted")
    moves_in(me)
    add(me, a_number(), "Mum")
    me.page.get_by_text(said(me, "change")).click()
    me.page.locator("#name-1").fill("Grandma")
    me.page.locator("form[action$='/name'] button").click()
    expect(me.page.locator("section.sheet")).to_contain_text("Grandma")
    me.page.get_by_text(said(me, "change")).click()
    press(me, "remove")
    expect(me.page.get_by_text(said(me, "removed", name="Grandma"))).to_be_visible()
    expect(me.page.get_by_text(said(me, "none_yet"))).to_be_visible()
    press(me, "undo")
    expect(me.page.locator("section.sheet")).to_contain_text("Grandma")


def test_a_number_that_may_be_somebody_elses_by_now_is_asked_about_first(
    guest: Callable[..., Guest],
) -> None:
    me = guest(locale="en")
    moves_in(me)
    number = "+6581234507"
    add(me, number, "Ah Ma")
    grouped = parse_msisdn(number).grouped()
    with me.site.later(REST):
        me.go()
        pick = me.page.get_by_role("link", name="Ah Ma")
        expect(pick).to_contain_text(me.text("pick_asks"))
        pick.click()
        expect(me.page.get_by_role("heading", level=1)).to_have_text(said(me, "theirs"))
        expect(me.page.locator("#number")).to_have_count(0)
        check(me, "saved theirs")
        press(me, "theirs_yes")
        expect(me.page.locator("#number")).to_have_value(grouped)
        me.go()
        expect(me.page.get_by_role("link", name="Ah Ma")).not_to_contain_text(me.text("pick_asks"))
    with me.site.later(REST * 2):
        me.go()
        me.page.get_by_role("link", name="Ah Ma").click()
        press(me, "theirs_no")
        expect(me.page.get_by_text(said(me, "removed", name="Ah Ma"))).to_be_visible()


def test_what_is_typed_wrong_is_told_beside_the_field(guest: Callable[..., Guest]) -> None:
    me = guest(locale="en")
    moves_in(me)
    me.go("/account/numbers")
    form = me.page.locator("form[action='/account/numbers']")
    form.locator("#number").fill("12345678901")
    form.locator("#name").fill("Nobody")
    form.get_by_role("button").click()
    expect(me.page.locator("#mistake")).to_be_focused()
    expect(me.page.locator("#name")).to_have_value("Nobody")
    check(me, "saved mistake")


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_of_it_can_be_read_in_every_look(
    guest: Callable[..., Guest], a_number: Callable[[], str], look: str
) -> None:
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    me = guest(**options)
    moves_in(me, me.number, names=("我",), elder=elder)
    me.go("/account/numbers")
    check(me, f"saved none {look}")
    for name in ("奶奶", "Uncle Bartholomew in Singapore", "", "爸爸"):
        add(me, a_number(), name)
    check(me, f"saved {look}")
    me.go()
    expect(me.page.locator(".shortcut:visible")).to_have_count(3 if elder else 5)
    expect(me.page.locator(".shortcut").first).to_have_css("opacity", "1")
    check(me, f"picks {look}")
