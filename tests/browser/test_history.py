"""What was topped up, as who did it finds it again: at every size and look, with a script and without."""

import csv
import io
from collections.abc import Callable
from datetime import datetime

import httpx
import pypdf
import pytest
from playwright.sync_api import expect

from tests.browser.test_messages import in_the_house
from tests.support.browsing import DESKTOP, PHONE, Guest
from tests.support.looking import LOOKS, check
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.queries import lines_now
from topup.people.subscribers import accounts, devices
from topup.people.subscribers.devices import Browser
from topup.platform.database import Connection
from topup.platform.i18n import translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def sign_in(guest: Guest, *, with_line: bool = False) -> str:
    """Sign the guest in with an account for their number, and with its line in it; gives their id."""
    keyring, e164 = guest.site.house.store.keyring, f"+86{guest.number}"

    async def made(connection: Connection, now: datetime) -> tuple[str, str]:
        who = await accounts.create(connection, keyring, e164=e164, locale=guest.locale, elder=False, lane=3, now=now)
        assert who is not None
        if with_line:
            line = (await lines_now(connection, [e164]))[e164]
            await owners.bind(connection, subscriber_id=who, line=line.ref, now=now)
            whose = await accounts.account(connection, keyring, subscriber_id=who)
            await owners.call(connection, subscriber_id=who, line=line.ref, name="=SUM(Mum)", seal=whose.seal)
        browser = Browser(mark="", before="", name="chrome.android", locale=guest.locale, elder=False)
        begun = await devices.begin(connection, subscriber_id=who, browser=browser, door="code", now=now)
        return who, begun.token

    who, token = in_the_house(guest, made)
    guest.page.context.add_cookies([{"name": "here", "value": token, "url": guest.site.url}])
    return who


def tops_up(guest: Guest, choice: str = "credit:5000") -> str:
    """To the end of a top-up; its id."""
    guest.order(choice)
    guest.at_gateway("pay")
    guest.sees("headline_delivered")
    return guest.order_id()


def said(guest: Guest, message_id: str, **parameters: object) -> str:
    return translate(guest.locale, "history", message_id, **parameters)


def fetch(guest: Guest, link: str) -> httpx.Response:
    path = guest.page.get_by_role("link", name=said(guest, link)).get_attribute("href")
    cookies = {one["name"]: one["value"] for one in guest.page.context.cookies()}
    locale = {"accept-language": guest.locale.replace("_", "-")}
    return httpx.get(f"{guest.site.url}{path}", cookies=cookies, headers=locale, trust_env=False)


@pytest.mark.parametrize("look", LOOKS)
def test_the_list_can_be_read_at_every_size_and_in_every_look(guest: Callable[..., Guest], look: str) -> None:
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    reader = guest(**options)
    tops_up(reader, "credit:3000")  # as a guest: the line is there now
    sign_in(reader, with_line=True)
    tops_up(reader, "credit:10000")
    if elder:
        reader.page.context.add_cookies([{"name": "size", "value": "large", "url": reader.site.url}])
    reader.go("/history")
    expect(reader.page.locator(".past-row")).to_have_count(1)
    check(reader, f"history {look}")
    reader.page.get_by_text(said(reader, "narrow")).click()
    check(reader, f"history narrowed {look}")


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_an_order_is_found_again_and_taken_along(
    guest: Callable[..., Guest], scripted: str, size: tuple[int, int]
) -> None:
    reader = guest(size=size, locale="en", scripted=scripted == "scripted")
    tops_up(reader, "credit:3000")
    sign_in(reader, with_line=True)
    order_id = tops_up(reader)
    reader.go("/history")
    page, rows = reader.page, reader.page.locator(".past-row")
    expect(rows).to_have_count(1)
    page.get_by_label(said(reader, "search"), exact=True).fill(reader.number)
    page.get_by_role("button", name=said(reader, "find"), exact=True).click()
    page.wait_for_url("**/history?q=*")
    expect(rows).to_have_count(1)
    page.get_by_label(said(reader, "search"), exact=True).fill("¥30")
    page.get_by_role("button", name=said(reader, "find"), exact=True).click()
    expect(page.get_by_text(said(reader, "nothing_found"))).to_be_visible()
    page.get_by_role("link", name=said(reader, "everything")).click()
    page.get_by_text(said(reader, "narrow")).click()
    page.get_by_label(said(reader, "state"), exact=True).select_option("returned")
    page.get_by_role("button", name=said(reader, "show"), exact=True).click()
    page.wait_for_url("**/history?state=returned")
    expect(rows).to_have_count(0)
    reader.go("/history")
    table = list(csv.reader(io.StringIO(fetch(reader, "take_csv").content.decode("utf-8-sig"))))
    assert [row[10] for row in table[1:]] == [order_id]
    assert table[1][2] == "'=SUM(Mum)"
    statement = fetch(reader, "take_pdf")
    assert statement.headers["content-type"] == "application/pdf"
    assert "50.00" in pypdf.PdfReader(io.BytesIO(statement.content)).pages[0].extract_text()
    rows.get_by_role("link").first.click()
    page.wait_for_url(f"**/orders/{order_id}")
    page.go_back()
    rows.get_by_role("link").last.click()
    page.wait_for_url(f"**/orders/{order_id}/receipt")


def test_a_gift_is_seen_and_leads_to_a_page_that_anybody_may_see(guest: Callable[..., Guest]) -> None:
    owner, giver = guest(locale="en"), guest(locale="en")
    tops_up(owner)
    sign_in(owner, with_line=True)
    sign_in(giver)
    giver.number = owner.number
    order_id = tops_up(giver, "credit:3000")
    owner.go("/history")
    row = owner.page.locator(".past-row")
    expect(row).to_have_count(1)
    assert order_id not in owner.page.content()
    assert "¥30.00" in row.inner_text()
    check(owner, "history gift")
    row.get_by_role("link").click()
    owner.page.wait_for_url("**/s/*")
    assert owner.number not in owner.page.content()
    giver.go("/history")
    expect(giver.page.locator(".past-row")).to_have_count(1)
    owner_line = f"+86{owner.number}"
    assert parse_msisdn(owner_line).grouped() in giver.page.content()  # the giver typed it


@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
def test_who_has_topped_up_nothing_reads_what_will_be_there(guest: Callable[..., Guest], locale: str) -> None:
    reader = guest(locale=locale)
    sign_in(reader)
    reader.go("/history")
    expect(reader.page.get_by_role("heading", name=said(reader, "nothing_yet"))).to_be_visible()
    check(reader, f"history empty {locale}")


def test_history_is_for_who_is_signed_in_and_nobody_reads_anothers(guest: Callable[..., Guest]) -> None:
    one, other, stranger = guest(locale="en"), guest(locale="en"), guest(locale="en")
    tops_up(one, "credit:3000")
    sign_in(one, with_line=True)
    tops_up(one)
    sign_in(other)
    one.go("/history")
    one.page.get_by_label(said(one, "search"), exact=True).fill("50")
    one.page.get_by_role("button", name=said(one, "find"), exact=True).click()
    one.page.wait_for_url("**/history?q=*")
    sealed = one.page.url.removeprefix(one.site.url)
    line = one.page.locator("#line option").nth(1).get_attribute("value")
    for path in ("/history", "/history/topup.csv", "/history/topup.pdf", sealed, f"/history?line={line}"):
        answer = httpx.get(f"{one.site.url}{path}", trust_env=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/account/sign-in")
    cookies = {entry["name"]: entry["value"] for entry in other.page.context.cookies()}
    for query in (sealed.removeprefix("/history"), f"?line={line}", f"?before={sealed.rpartition('=')[2]}"):
        for path in ("/history", "/history/topup.csv", "/history/topup.pdf"):
            answer = httpx.get(f"{one.site.url}{path}{query}", cookies=cookies, trust_env=False)
            assert answer.status_code == 404, (path, query)
    stranger.go("/history")
    assert "/account/sign-in" in stranger.page.url
