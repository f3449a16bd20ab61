"""Top-ups that run by themselves: agreed to with a card that was left, and stopped by one tap; in each language."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.browsing import Guest
from tests.support.homes import Home, in_the_house, moves_in
from tests.support.looking import LOOKS, check
from tests.support.simulators import ProviderRunning
from tests.support.site import Site
from topup.orders.wording import method_name
from topup.payments.instruments import records
from topup.payments.ports import Instrument
from topup.platform.http import Client
from topup.platform.i18n import translate
from topup.plugins.payments.alipay import Alipay

_MOST_LOOKS = 200
"""At a page that shows what a wallet said, before it is given up."""

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def said(guest: Guest, message_id: str, **parameters: object) -> str:
    return translate(guest.locale, "automatic", message_id, **parameters)


def press(guest: Guest, message_id: str) -> None:
    guest.page.get_by_role("button", name=said(guest, message_id), exact=True).click()


def leaves_a_card(guest: Guest, home: Home) -> None:
    keys = guest.site.house.store.keyring
    left = Instrument(f"cus_{home.id}:pm_1", "Visa 4242")

    async def kept(connection, now):
        await records.keep(connection, keys, subscriber_id=home.id, method="sandbox", instrument=left, now=now)

    in_the_house(guest, kept)


@pytest.fixture
def wallet(site: Site, alipay: ProviderRunning) -> Iterator[ProviderRunning]:
    """The site takes Alipay, and agrees by it."""
    client = Client(development=True)
    gateways = site.house.desk.post_room._gateways  # the one mapping that all of the desk reads
    gateways["alipay"] = Alipay(alipay.settings, client)
    yield alipay
    for _ in range(_MOST_LOOKS):
        if not left_with_alipay(site):
            break
        done(site, site.house.desk.instruments.forget_due())
    del gateways["alipay"]
    done(site, client.aclose())


def done(site: Site, work: Coroutine[Any, Any, Any]) -> Any:
    """Do something in the site's own loop."""
    return asyncio.run_coroutine_threadsafe(work, site.loop).result(60)


def left_with_alipay(site: Site) -> int:
    async def counted() -> int:
        sql = """
        SELECT (SELECT count(*) FROM payments.instruments WHERE method = 'alipay')
            + (SELECT count(*) FROM payments.agreements WHERE method = 'alipay')
        """
        async with site.house.store.database.read() as transaction:
            row = await (await transaction.connection.execute(sql)).fetchone()
        return int(row[0]) if row else 0

    return int(done(site, counted()))


def agrees_with_alipay(me: Guest) -> None:
    """Asked for here, signed on the wallet's page, and shown here with what was agreed."""
    name = method_name("alipay", locale=me.locale)
    me.page.locator("#most-alipay").fill("120")
    me.page.get_by_role("button", name=said(me, "wallet_agree", name=name)).click()
    expect(me.page.get_by_text(said(me, "note_agree"))).to_be_visible()
    me.page.get_by_role("link", name=said(me, "sign_go", name=name)).click()
    expect(me.page.locator(".band")).to_be_visible()
    me.page.locator("button[value=sign]").click()
    me.page.wait_for_url("**/account/automatic?note=signed")
    for _ in range(_MOST_LOOKS):
        done(me.site, me.site.house.desk.agreements.ask_due())
        me.go("/account/automatic")
        if me.page.get_by_text("Alipay sim***").count():
            break
    expect(me.page.locator("section", has_text="Alipay sim***").last).to_contain_text("120.00")


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
def test_it_is_agreed_to_stopped_by_one_tap_and_removed(
    guest: Callable[..., Guest], a_number: Callable[[], str], wallet: ProviderRunning, locale: str, scripted: str
) -> None:
    me = guest(locale=locale, scripted=scripted == "scripted")
    me.visits, by_wallet = (wallet.url,), scripted == "scripted"
    home = moves_in(me, a_number())
    if not by_wallet:
        leaves_a_card(me, home)
    me.go("/account/automatic")
    if by_wallet:
        agrees_with_alipay(me)
    expect(me.page.get_by_text(said(me, "none_yet"))).to_be_visible()
    me.page.locator("form[action$='/number'] button").first.click()
    me.page.wait_for_url("**/account/automatic/new/**")
    assert me.number[-4:] not in me.page.url, "no address has the number"
    me.page.locator("label[for=trigger-low]").click()
    me.page.locator("#below").fill("20")
    press(me, "agree")
    expect(me.page.locator("#cap")).to_have_attribute("aria-invalid", "true")
    expect(me.page.locator("#below")).to_have_value("20")
    me.page.locator("#cap").fill("200")
    if by_wallet:
        press(me, "agree")
        expect(me.page.locator("#interval")).to_have_attribute("aria-invalid", "true")
        me.page.locator("#interval").fill("30")
    press(me, "agree")
    expect(me.page.get_by_text(said(me, "note_made"))).to_be_visible()
    expect(me.page.locator("section.sheet").first).to_contain_text("20.00")
    press(me, "stop_all")
    expect(me.page.get_by_text(said(me, "note_stopped"))).to_be_visible()
    expect(me.page.get_by_text(said(me, "state_paused"))).to_be_visible()
    me.page.get_by_text(said(me, "change"), exact=True).click()
    press(me, "remove")
    expect(me.page.get_by_text(said(me, "none_yet"))).to_be_visible()
    me.page.locator("form[action*='/cards/'] button").click()
    expect(me.page.get_by_text(said(me, "note_card"))).to_be_visible()
    expect(me.page.get_by_text("Alipay sim***")).to_have_count(0)


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_use_its_pages(guest: Callable[..., Guest], a_number: Callable[[], str], look: str) -> None:
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    me = guest(**options)
    home = moves_in(me, a_number(), names=("奶奶",), elder=elder)
    me.go("/account/automatic")
    check(me, f"automatic-empty {look}")
    leaves_a_card(me, home)
    me.go("/account/automatic")
    check(me, f"automatic-cards {look}")
    me.page.locator("form[action$='/number'] button").first.click()
    me.page.wait_for_url("**/account/automatic/new/**")
    check(me, f"automatic-new {look}")
    me.page.locator("#cap").fill("0")
    press(me, "agree")
    check(me, f"automatic-wrong {look}")
    me.page.locator("#cap").fill("200")
    press(me, "agree")
    expect(me.page.get_by_text(said(me, "note_made"))).to_be_visible()
    check(me, f"automatic {look}")


def test_somebody_without_a_card_is_told_how_to_leave_one_and_a_guest_is_asked_who_they_are(
    guest: Callable[..., Guest],
) -> None:
    me = guest(locale="en")
    me.go("/account/automatic")
    me.page.wait_for_url("**/account/sign-in**")
    moves_in(me)
    me.go("/account/automatic")
    expect(me.page.get_by_text(said(me, "no_card_do"))).to_be_visible()
