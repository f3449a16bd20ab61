"""Asking to be topped up by a link: made by the line's owner, opened by a stranger who never reads the number."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.browsing import Guest
from tests.support.homes import moves_in
from tests.support.looking import LOOKS, check
from topup.kernel.msisdn import parse_msisdn
from topup.platform.i18n import translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def said(guest: Guest, message_id: str, **parameters: object) -> str:
    return translate(guest.locale, "links", message_id, **parameters)


def press(guest: Guest, message_id: str) -> None:
    guest.page.get_by_role("button", name=said(guest, message_id), exact=True).click()


def make(owner: Guest, amount: str = "") -> str:
    """A link to the owner's line; its path."""
    owner.go("/account/links")
    owner.page.locator("#link-amount").fill(amount)
    press(owner, "make")
    owner.page.wait_for_url("**/account/links/lnk_*")
    return "/t/" + owner.page.url.rpartition("/")[2]


def reads(stranger: Guest, owner: Guest) -> None:
    """What is on the page, and behind it, is not the number."""
    number = parse_msisdn(owner.number)
    page = stranger.page.content()
    assert (number.masked() in page, number.grouped() in page) == (True, False)
    assert (owner.number in page, number.e164 in page) == (False, False)


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
def test_a_stranger_tops_up_the_owner_and_reads_the_number_nowhere(
    guest: Callable[..., Guest], locale: str, scripted: str
) -> None:
    owner = guest(locale=locale, scripted=scripted == "scripted")
    moves_in(owner, owner.number)
    path = make(owner, "50")
    expect(owner.page.locator("#link-address")).to_have_text(owner.site.url + path)
    stranger = guest(locale=locale, scripted=scripted == "scripted")
    stranger.go(path)
    reads(stranger, owner)
    stranger.press("see_price")
    stranger.page.wait_for_url("**/quotes/*")
    reads(stranger, owner)
    stranger.press_pay()
    stranger.page.wait_for_url("**/pay?*")
    stranger.at_gateway("pay")
    stranger.sees("headline_delivered")
    reads(stranger, owner)
    order_id = stranger.order_id()
    facts = stranger.facts()
    assert owner.number not in str(facts)
    for page in (f"/orders/{order_id}/help", f"/orders/{order_id}/receipt"):
        stranger.go(page)
        reads(stranger, owner)
    receipt = stranger.page.request.get(f"{stranger.site.url}/api/v1/orders/{order_id}/receipt").text()
    assert owner.number not in receipt
    # Once more, through the same link; and the way back from its price leads to the link.
    stranger.go(f"/orders/{order_id}")
    stranger.press("top_up_again")
    stranger.page.wait_for_url("**/quotes/*")
    reads(stranger, owner)
    stranger.press("change_number_or_amount")
    stranger.page.wait_for_url(f"**{path}")
    # Its owner sees it arrive, and stops the link.
    owner.go("/history")
    expect(owner.page.locator("main")).to_contain_text(parse_msisdn(owner.number).grouped())
    owner.go("/account/links")
    owner.page.locator(f"a[href='/account/links/{path.rpartition('/')[2]}']").click()
    press(owner, "revoke")
    stranger.go(path)
    expect(stranger.page.get_by_role("heading", level=1)).to_have_text(translate(locale, "problems", "link_over"))


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
def test_whoever_opens_it_chooses_the_amount_where_none_is_prepared(guest: Callable[..., Guest], scripted: str) -> None:
    owner = guest(locale="en")
    moves_in(owner, owner.number)
    path = make(owner)
    stranger = guest(locale="en", scripted=scripted == "scripted")
    stranger.go(path)
    reads(stranger, owner)
    stranger.press("see_price")
    expect(stranger.page.locator("#choice-wrong")).to_be_visible()
    stranger.choose("pack:data-10gb-30d")
    stranger.press("see_price")
    stranger.page.wait_for_url("**/quotes/*")
    reads(stranger, owner)


def test_an_amount_that_cannot_be_had_is_told_its_owner_and_kept(guest: Callable[..., Guest]) -> None:
    owner = guest(locale="en")
    moves_in(owner, owner.number)
    owner.go("/account/links")
    owner.page.locator("#link-amount").fill("0.01")
    press(owner, "make")
    expect(owner.page.locator("#mistake")).to_be_focused()
    expect(owner.page.locator("#link-amount")).to_have_value("0.01")
    check(owner, "links mistake")


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_of_it_can_be_read_in_every_look(guest: Callable[..., Guest], look: str) -> None:
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    owner, stranger = guest(**options), guest(**options)
    moves_in(owner, owner.number, names=("我的手机",), elder=elder)
    if elder:
        stranger.page.context.add_cookies([{"name": "size", "value": "large", "url": stranger.site.url}])
    path = make(owner, "100")
    check(owner, f"links one {look}")
    free = make(owner)
    owner.go("/account/links")
    check(owner, f"links {look}")
    stranger.go(path)
    check(stranger, f"links open {look}")
    stranger.go(free)
    check(stranger, f"links open free {look}")
