"""A line and a reader in another country: what works there, what keeps the number, and both clocks."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.test_automatic import leaves_a_card
from tests.browser.test_everybody_can_use_it import LOOKS
from tests.browser.test_home import check, said
from tests.support.browsing import PHONE, Guest
from tests.support.desk import LANES
from tests.support.homes import in_the_house, moves_in
from topup.catalogue.queries import Snapshot
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.operations import open_lines
from topup.platform.database import Connection
from topup.platform.i18n import country_name, translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SHOWN = {"phone": {"size": PHONE}, "elder dark, smallest": LOOKS["elder dark, smallest"], "desktop": LOOKS["desktop"]}


def travels(guest: Guest, *, elder: bool = False, card: bool = False) -> str:
    """Sign the guest in with a travel line of Cloudsail in their account, and perhaps a card that is kept; its id."""
    home = moves_in(guest, elder=elder)
    if card:
        leaves_a_card(guest, home)
    number = parse_msisdn(f"+85291{guest.number[-6:]}")

    async def opened(connection: Connection, now: datetime) -> str:
        snapshot = await Snapshot.load(connection)
        wanted = [(number, "yunfan", "Asia/Hong_Kong")]
        # Not of today: then a top-up of today would keep the number no longer.
        since = now - timedelta(days=1)
        line = (await open_lines(connection, wanted, since, lanes=LANES, snapshot=snapshot))[number.e164]
        assert await owners.bind(connection, subscriber_id=home.id, line=line, now=now)
        return str(line.id)

    return in_the_house(guest, opened)


@pytest.mark.parametrize("look", SHOWN)
def test_somebody_abroad_reads_what_works_there_and_what_keeps_the_number(
    guest: Callable[..., Guest], look: str
) -> None:
    options = dict(SHOWN[look])
    elder = options.pop("elder", False)
    me = guest(**options, timezone_id="Asia/Tokyo")
    travels(me, elder=elder)
    me.go("/home")  # the script says where the device is; the next page knows
    me.go("/home")
    expect(me.page.get_by_text(said(me, "by_your_clock", when="")).first).to_be_visible()
    me.page.locator("main a[href$=abroad]").click()
    me.page.wait_for_url("**/abroad")
    expect(me.page.locator("h3").first).to_have_text(country_name("JP", me.locale))
    expect(me.page.get_by_text("0.30").first).to_be_visible()
    expect(me.page.get_by_text(said(me, "kept_by_use"))).to_be_visible()
    check(me, f"abroad {look}")
    me.page.locator("#country").select_option("FR")
    me.page.get_by_role("button", name=said(me, "show")).click()
    expect(me.page.get_by_text(said(me, "no_price"))).to_be_visible()


def test_without_a_script_the_line_has_its_own_clock_alone_and_every_country_can_be_chosen(
    guest: Callable[..., Guest],
) -> None:
    me = guest(size=PHONE, locale="en", scripted=False)
    line = travels(me)
    me.go(f"/home/lines/{line}/abroad?country=TH")
    expect(me.page.locator("h3").first).to_have_text("Thailand")
    assert said(me, "by_your_clock", when="") not in me.page.inner_text("main")


@pytest.mark.parametrize("look", ["phone", "elder dark, smallest"])
def test_a_number_is_kept_until_a_day_by_the_amount_that_is_proposed(guest: Callable[..., Guest], look: str) -> None:
    options = dict(SHOWN[look])
    elder = options.pop("elder", False)
    me = guest(**options)
    line = travels(me, elder=elder)
    me.go("/home")
    me.page.get_by_role("link", name=said(me, "keep_title")).click()
    me.page.wait_for_url("**/keeping")
    expect(me.page.locator(".month-serves")).to_have_count(5)
    expect(me.page.locator(".month-kept")).to_have_count(2)
    expect(me.page.locator("section[aria-labelledby=until-when] .checks").get_by_text("20.00")).to_be_visible()
    check(me, f"keeping {look}")
    me.page.get_by_role("link", name=said(me, "keep_first", sum="HK$20.00")).click()
    me.page.wait_for_url("**/top-up?amount=2000")
    expect(me.page.locator("input[value='credit:2000']")).to_be_checked()
    me.go(f"/home/lines/{line}/keeping?until=2001-01-01")
    expect(me.page.get_by_text(said(me, "keep_day_wrong"))).to_be_visible()


def test_a_number_is_kept_by_itself_with_one_tap_and_stopped_with_all_the_others(guest: Callable[..., Guest]) -> None:
    me = guest(**LOOKS["smallest phone"])
    page = f"/home/lines/{travels(me, card=True)}/keeping"
    me.go(page)
    expect(me.page.locator("section[aria-labelledby=itself]")).to_contain_text("HK$20.00")
    expect(me.page.locator("#cap")).to_have_value("20.00")
    check(me, "keeping by itself, off")
    me.page.locator("#cap").fill("1")
    on = me.page.get_by_role("button", name=said(me, "keep_auto_on"), exact=True)
    on.click()
    expect(me.page.get_by_text(said(me, "keep_auto_wrong_cap"))).to_be_visible()
    on.click()
    expect(me.page.get_by_text(said(me, "keep_auto_is_on", card="Visa 4242", cap="HK$20.00"))).to_be_visible()
    check(me, "keeping by itself, on")
    me.page.get_by_role("link", name=said(me, "keep_auto_all")).click()
    expect(me.page.get_by_text(translate(me.locale, "automatic", "keeps"))).to_be_visible()
    me.page.get_by_role("button", name=translate(me.locale, "automatic", "stop_all"), exact=True).click()
    me.go(page)
    me.page.locator("#cap").fill("40")
    me.page.get_by_role("button", name=said(me, "keep_auto_again"), exact=True).click()
    expect(me.page.get_by_text(said(me, "keep_auto_is_on", card="Visa 4242", cap="HK$40.00"))).to_be_visible()
    me.page.get_by_role("button", name=said(me, "keep_auto_off"), exact=True).click()
    expect(me.page.get_by_role("button", name=said(me, "keep_auto_again"), exact=True)).to_be_visible()
