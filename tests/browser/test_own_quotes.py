"""The price of a top-up for one's own line says what the line will have; a guest's price of the same says nothing."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.browsing import Guest
from tests.support.homes import gets, moves_in
from tests.support.looking import check

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
def test_the_owner_sees_the_balance_as_it_would_be_and_a_guest_does_not(
    guest: Callable[..., Guest], locale: str
) -> None:
    me, stranger = guest(locale=locale), guest(locale=locale)
    home = moves_in(me, me.number)
    gets(me, home.lines[0], CNY=(3000, 0))
    me.review()
    now, then = me.page.locator(".lines", has_text=me.text("balance_now")).locator("dd").all_inner_texts()
    assert (now[-5:], then[-5:]) == ("30.00", "80.00")
    check(me, f"own quote {locale}")
    stranger.number = me.number
    stranger.review()
    expect(stranger.page.get_by_text(me.text("balance_now"))).to_have_count(0)
    # Whoever is handed the address of the owner's price sees what a guest sees.
    stranger.page.goto(me.page.url)
    expect(stranger.page.locator(".who")).to_be_visible()
    expect(stranger.page.get_by_text(me.text("balance_now"))).to_have_count(0)
