"""Every page, at every size and in every look: axe finds nothing serious, nothing is cut off, small or hard to hit."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.support.browsing import PHONE, Guest
from tests.support.looking import LAYOUT, LOOKS, SMALLEST, SPLIT, looked_at, nothing_wrong

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def every_page(payer: Guest) -> Iterator[str]:
    """Brings the guest to each kind of page, and names it."""
    yield from _before_ordering(payer)
    yield from _after_ordering(payer)
    yield from _elsewhere(payer)


def _before_ordering(payer: Guest) -> Iterator[str]:
    payer.go()
    yield "first screen"
    payer.page.get_by_label(payer.text("number_label")).fill("12345678901")
    payer.press("continue")
    payer.page.wait_for_url("**/start/*")
    yield "wrong number"
    payer.enter_number()
    yield "amounts"
    payer.press("see_price")
    expect(payer.page.locator("#choice-wrong")).to_be_visible()
    yield "no amount"
    payer.review("credit:50000")
    yield "price"
    payer.press_pay()
    expect(payer.page.get_by_role("checkbox")).to_be_visible()
    yield "question"
    payer.page.get_by_role("checkbox").check()
    payer.page.get_by_label(payer.text("contact_label")).fill("x@y.z@")
    payer.page.locator("#pay").evaluate("(form) => { form.noValidate = true; }")
    payer.press_pay()
    expect(payer.page.locator("#contact-wrong")).to_be_visible()
    yield "unreadable contact"
    payer.page.get_by_label(payer.text("contact_label")).fill("")
    payer.press_pay()  # what was confirmed before stays confirmed
    payer.page.wait_for_url("**/pay?*")


def _after_ordering(payer: Guest) -> Iterator[str]:
    payer.at_gateway("decline")
    payer.sees("headline_payment_declined")
    yield "declined"
    payer.page.locator("#pay-again button").first.click()
    payer.page.wait_for_url("**/pay?*")
    order, _ = payer.at_gateway_for()
    payer.go(order)
    payer.sees("headline_payment_pending")
    yield "payment open"
    payer.page.locator("#pay-again a").click()
    payer.page.wait_for_url("**/pay?*")
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    payer.page.get_by_text(payer.text("share_title")).click()
    yield "delivered"
    shared = payer.page.locator("details a").get_attribute("href")
    payer.go(f"{order}/receipt")
    yield "receipt"
    payer.page.locator(".proof a").click()
    yield "genuine"
    payer.go(shared)
    yield "shared"


def _elsewhere(payer: Guest) -> Iterator[str]:
    payer.go("/verify/forged")
    yield "forged"
    payer.go("/nowhere")
    yield "nowhere"
    payer.go("/problems/quote_expired")
    yield "problem explained"
    payer.go("/offline")
    payer.page.locator("summary").first.click()
    yield "offline, menu open"


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_serious_on_any_page(guest, look):
    options = dict(LOOKS[look])
    elder = options.pop("elder", False)
    payer = guest(**options)
    if elder:
        payer.page.context.add_cookies([{"name": "size", "value": "large", "url": payer.site.url}])
    nothing_wrong(every_page(payer), payer.page, look)


BROKEN = """() => [...document.querySelectorAll(".tile b, .top .plain-button")].filter((element) => {
  const text = document.createRange();
  text.selectNodeContents(element);
  const box = (element.closest(".tile") ?? document.querySelector(".top")).getBoundingClientRect();
  const lines = [...text.getClientRects()].filter((line) => line.width);
  const tops = lines.map((line) => line.top);
  const sideways = lines.some((line) => line.left < box.left || line.right > box.right);
  return sideways || Math.max(...tops) - Math.min(...tops) > 4;
}).map((element) => element.textContent.trim())"""


@pytest.mark.parametrize("size", [PHONE, SMALLEST])
@pytest.mark.parametrize("elder", [False, True])
@pytest.mark.parametrize("locale", ["en", "zh_Hant"])
def test_no_amount_and_no_word_of_the_header_breaks_inside(guest, locale, elder, size):
    payer = guest(size=size, locale=locale)
    if elder:
        payer.page.context.add_cookies([{"name": "size", "value": "large", "url": payer.site.url}])
    payer.go()
    payer.enter_number("+65 8123 4567")
    for more in payer.page.locator("details.more > summary").all():
        more.click()
    assert payer.page.evaluate(BROKEN) == []
    assert payer.page.evaluate(LAYOUT) == []


@pytest.mark.parametrize("size", [PHONE, SMALLEST])
def test_no_word_is_torn_however_large(guest, size):
    payer = guest(size=size, locale="en")
    payer.page.context.add_cookies([{"name": "size", "value": "large", "url": payer.site.url}])
    torn = {}
    for name in every_page(payer):
        torn[name] = looked_at(lambda: payer.page.evaluate(SPLIT))
    assert {name: words for name, words in torn.items() if words} == {}


TORN = """() => [...document.querySelectorAll(".lines dd")].flatMap((element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const torn = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (const word of node.data.matchAll(/[^ ]*(年|午)[^ ]*/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((line) => line.top)).size > 1) torn.push(word[0]);
    }
  }
  return torn;
})"""


def test_dates_and_times_of_a_receipt_stay_whole_on_a_small_phone(guest):
    payer = guest(size=SMALLEST, locale="zh_Hant")
    payer.order()
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    payer.go(payer.page.url.removeprefix(payer.site.url).partition("?")[0] + "/receipt")
    expect(payer.page.locator(".lines dd", has_text="年").first).to_be_visible()
    assert payer.page.evaluate(TORN) == []
    assert payer.page.evaluate(LAYOUT) == []


def test_a_page_on_paper_is_the_receipt_alone(guest):
    payer = guest()
    payer.order()
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    payer.go(payer.page.url.removeprefix(payer.site.url).partition("?")[0] + "/receipt")
    payer.page.emulate_media(media="print")
    for hidden in (".top", ".foot", ".actions"):
        expect(payer.page.locator(hidden).first).to_be_hidden()
    expect(payer.page.locator(".proof svg")).to_be_visible()
    assert payer.page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") <= 1
