"""Taking one's data along, and leaving: as people do it, with a script and without."""

import io
import json
import zipfile
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.test_history import sign_in, tops_up
from tests.support.browsing import PHONE, Guest
from tests.support.looking import LOOKS, check
from topup.platform.i18n import translate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def said(guest: Guest, message_id: str, **parameters: object) -> str:
    return translate(guest.locale, "account", message_id, **parameters)


def press(guest: Guest, message_id: str) -> None:
    guest.page.get_by_role("button", name=said(guest, message_id), exact=True).click()


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_can_be_read_at_every_size_and_in_every_look(guest: Callable[..., Guest], look: str) -> None:
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    leaver = guest(**options)
    sign_in(leaver)
    if elder:
        leaver.page.context.add_cookies([{"name": "size", "value": "large", "url": leaver.site.url}])
    leaver.go("/account/data")
    check(leaver, f"data {look}")
    leaver.go("/account/delete")
    check(leaver, f"delete {look}")
    leaver.page.get_by_label(said(leaver, "delete_meant")).check()
    press(leaver, "delete_do")
    expect(leaver.page.get_by_role("button", name=said(leaver, "leaves_stay"), exact=True)).to_be_visible()
    leaver.go("/account")
    check(leaver, f"leaving {look}")


@pytest.mark.parametrize("scripted", ["scripted", "without a script"])
def test_one_takes_everything_along_leaves_and_comes_back(guest: Callable[..., Guest], scripted: str) -> None:
    leaver = guest(size=PHONE, locale="en", scripted=scripted == "scripted")
    sign_in(leaver)
    order_id = tops_up(leaver)
    leaver.go("/account/delete")
    leaver.page.get_by_role("link", name=said(leaver, "delete_take_first")).click()
    path = leaver.page.get_by_role("link", name=said(leaver, "data_take"), exact=True).get_attribute("href")
    cookies = {one["name"]: one["value"] for one in leaver.page.context.cookies()}
    packed = httpx.get(f"{leaver.site.url}{path}", cookies=cookies, trust_env=False)
    held = json.loads(zipfile.ZipFile(io.BytesIO(packed.content)).read("topup.json"))
    assert [one["order"] for one in held["orders"]] == [order_id]
    leaver.go("/account/delete")
    press(leaver, "delete_do")
    expect(leaver.page.get_by_role("link", name=said(leaver, "delete_tick"))).to_be_visible()
    leaver.page.get_by_label(said(leaver, "delete_meant")).check()
    press(leaver, "delete_do")
    leaver.go("/account")
    press(leaver, "leaves_stay")
    expect(leaver.page.get_by_role("button", name=said(leaver, "leaves_stay"), exact=True)).to_have_count(0)


def test_with_money_on_its_way_one_is_told_what_to_wait_for(guest: Callable[..., Guest]) -> None:
    leaver = guest(size=PHONE, locale="zh_Hans")
    sign_in(leaver)
    leaver.order()
    leaver.go("/account/delete")
    expect(leaver.page.get_by_role("heading", name=said(leaver, "delete_open", count=1))).to_be_visible()
    expect(leaver.page.get_by_role("button", name=said(leaver, "delete_do"), exact=True)).to_have_count(0)
    check(leaver, "delete open")
    leaver.page.get_by_role("link", name=said(leaver, "delete_open_see")).click()
    leaver.page.wait_for_url("**/history")
