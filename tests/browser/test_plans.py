"""The plan of one's own line, on a phone without a script and as an elder reads it: seen, compared, taken, changed."""

from collections.abc import Callable
from datetime import datetime

import pytest
from playwright.sync_api import expect

from tests.support.browsing import PHONE, Guest
from tests.support.homes import in_the_house, moves_in
from tests.support.looking import LOOKS, check
from tests.support.own_plans import a_traveller, line_with_credit, surfed_for_three_months
from topup.lines import owners
from topup.platform.database import Connection, Transaction
from topup.platform.i18n import translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SHOWN = {
    "phone, no script": {"size": PHONE, "locale": "zh_Hans", "scripted": False},
    "elder dark, smallest": LOOKS["elder dark, smallest"],
}


def lives_with(guest: Guest, *, elder: bool) -> None:
    """Sign the guest in with a line of Cloudsail that has credit and was used for months."""
    home = moves_in(guest, elder=elder)
    number = a_traveller()

    async def opened(connection: Connection, now: datetime) -> None:
        transaction = Transaction(connection, now)
        line = await line_with_credit(transaction, number, 30_000)
        await surfed_for_three_months(transaction, line, number, mebibytes=500)
        assert await owners.bind(connection, subscriber_id=home.id, line=line, now=now)

    in_the_house(guest, opened)


@pytest.mark.parametrize("look", SHOWN)
def test_a_plan_is_compared_taken_changed_and_kept(guest: Callable[..., Guest], look: str) -> None:
    options = dict(SHOWN[look])
    elder = options.pop("elder", False)
    me = guest(**options)
    lives_with(me, elder=elder)

    def said(message_id: str, **parameters: object) -> str:
        return translate(me.locale, "plans", message_id, **parameters)

    def looks(name: str) -> None:
        if me.scripted:  # what looks at a page is a script itself
            check(me, f"{name} {look}")

    def choose(plan: str, when: str) -> None:
        me.page.locator(f"a[href$='/plans/{plan}']").click()
        me.page.wait_for_url(f"**/plans/{plan}")
        looks(f"plan {plan}")
        me.page.locator(f"button[value={when}]").click()
        me.page.wait_for_url("**/plan?done=*")

    me.go("/home")
    me.page.locator("a[href$='/plan']").click()
    me.page.wait_for_url("**/plan")
    expect(me.page.get_by_text(said("cheapest"), exact=True)).to_have_count(1)
    looks("plans")
    choose("home-monthly", "now")
    expect(me.page.locator(".ring-share")).to_have_text(["100%", "100%"])
    looks("plan held")
    choose("home-quarterly", "next_cycle")
    undo = me.page.locator("form[action$='/plan/keep'] button")
    looks("plan planned")
    undo.click()
    me.page.wait_for_url("**/plan?done=kept")
    expect(undo).to_have_count(0)
