"""A guest tops up a phone, from the first screen to the receipt, as people do it: on a phone, on a desktop, in three
languages, and without JavaScript."""

import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.support.browsing import DESKTOP, PHONE
from topup.kernel.msisdn import parse_msisdn

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SIZES = {"phone": PHONE, "desktop": DESKTOP}


@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_number_amount_price_pay_arrive_receipt(guest, size, locale):
    payer = guest(size=SIZES[size], locale=locale)
    payer.go()
    expect(payer.page.locator("html")).to_have_attribute("lang", locale.replace("_", "-"))
    payer.enter_number()
    grouped = parse_msisdn(payer.number).grouped()
    expect(payer.page.locator(".readback")).to_contain_text(grouped)
    expect(payer.page.locator(".readback")).to_contain_text("Qingfeng Mobile" if locale == "en" else "青峰移")
    payer.choose("credit:5000")
    payer.press("see_price")
    payer.page.wait_for_url("**/quotes/*")
    expect(payer.page.locator(".who")).to_contain_text(grouped)
    total = payer.page.locator(".sum:visible dd").inner_text()
    assert total.endswith("50.00")
    expect(payer.page.locator("#pay .button")).to_have_text(payer.text("pay_sum", sum=total))
    payer.press_pay()
    payer.page.wait_for_url("**/pay?*")
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    expect(payer.page.locator(".steps .done")).to_have_count(4)
    expect(payer.page.locator(".steps time")).to_have_count(4)
    payer.page.get_by_role("link", name=payer.text("see_receipt")).click()
    payer.page.wait_for_url("**/receipt")
    expect(payer.page.locator(".receipt-sum")).to_have_text(total)
    with payer.page.expect_download() as download:
        payer.page.get_by_role("link", name=payer.text("receipt_pdf")).click()
    assert download.value.path().read_bytes().startswith(b"%PDF-")
    payer.page.get_by_role("link", name=payer.text("receipt_verify_link")).click()
    payer.sees("verify_genuine")
    assert payer.number[3:7] not in payer.page.locator("main").inner_text().replace(" ", "")


def test_every_step_works_without_javascript(guest):
    payer = guest(scripted=False)
    payer.order("pack:data-10gb-30d")
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    payer.page.get_by_role("link", name=payer.text("see_receipt")).click()
    expect(payer.page.locator(".receipt-sum")).to_have_text("¥30.00")
    payer.page.get_by_role("link", name=payer.text("back_to_order")).click()
    payer.press("top_up_again")
    payer.page.wait_for_url("**/quotes/*")


def test_a_declined_payment_is_paid_again(guest):
    payer = guest()
    payer.order()
    payer.at_gateway("decline")
    payer.sees("headline_payment_declined")
    payer.page.locator("#pay-again button").first.click()
    payer.page.wait_for_url("**/pay?*")
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    first, second = (payment["status"] for payment in payer.facts()["payments"])
    # Its page is closed as soon as the other has paid.
    assert first in {"declined", "closed"}
    assert second == "paid"


def test_the_same_again_within_minutes_is_asked_about(guest):
    payer = guest()
    payer.order()
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    payer.press("top_up_again")
    payer.page.wait_for_url("**/quotes/*")
    payer.press_pay()
    question = payer.page.get_by_role("checkbox")
    expect(question).to_have_count(1)
    expect(question).to_be_focused()
    payer.press_pay()
    expect(question, "an unanswered question is asked again").to_have_count(1)
    question.check()
    payer.press_pay()
    payer.page.wait_for_url("**/pay?*")


def test_a_large_amount_is_asked_about(guest):
    payer = guest(locale="en")
    payer.review("credit:50000")
    payer.page.get_by_label(payer.text("contact_label")).fill("payer@example.org")
    payer.press_pay()
    question = payer.page.get_by_role("checkbox")
    expect(payer.page.locator(".note.wait")).to_contain_text("large amount")
    expect(payer.page.get_by_label(payer.text("contact_label"))).to_have_value("payer@example.org")
    question.check()
    payer.press_pay()
    payer.page.wait_for_url("**/pay?*")


@pytest.mark.parametrize(
    ("number", "says"),
    [("1380013800", "wrong length"), ("13x", "cannot read"), ("+1 212 555 0100", "this carrier"), ("", "missing")],
)
def test_a_wrong_number_gets_a_sentence_that_helps(guest, number, says):
    payer = guest(locale="en")
    payer.go()
    payer.page.get_by_label(payer.text("number_label")).fill(number)
    payer.press("continue")
    expect(payer.page.locator("#number-wrong")).to_contain_text(re.compile(says, re.IGNORECASE))
    field = payer.page.get_by_label(payer.text("number_label"))
    expect(field).to_have_value(number)
    expect(payer.page).to_have_title(f"Error: {payer.text('home_title')} · topup")
    summary = payer.page.locator("#mistake")
    expect(summary).to_be_focused()
    payer.page.keyboard.press("Tab")
    payer.page.keyboard.press("Enter")
    expect(field).to_be_focused()
    field.fill(payer.number)
    expect(summary).to_have_count(0)
    expect(payer.page).to_have_title(f"{payer.text('home_title')} · topup")


def test_leaving_an_unfinished_number_says_so_and_typing_it_does_not(guest):
    payer = guest(locale="en")
    payer.go()
    field = payer.page.get_by_label(payer.text("number_label"))
    with payer.page.expect_response("**/number"):
        field.press_sequentially("1380013")
    expect(payer.page.locator("#number-wrong")).to_have_count(0)
    field.blur()
    expect(payer.page.locator("#number-wrong")).to_be_visible()


def test_a_choice_survives_leaving_the_number(guest):
    """Leaving the field asks the server once more; its answer must not draw over a tile that was pressed meanwhile."""
    payer = guest()
    payer.go()
    payer.enter_number()
    with payer.page.expect_response("**/number?left=1") as left:
        payer.choose("credit:3000")
    assert left.value.status == 204
    expect(payer.page.locator("input[name=choice]:checked")).to_have_value("credit:3000")


@pytest.mark.parametrize(
    ("typed", "says"), [("", "first"), ("abc", "cannot read"), ("0.001", "cannot read"), ("9999", "most")]
)
def test_an_amount_that_cannot_be_topped_up_is_explained_beside_the_amounts(guest, typed, says):
    payer = guest(locale="en")
    payer.go()
    payer.enter_number()
    if typed:
        payer.page.locator("#amount").fill(typed)
    payer.press("see_price")
    expect(payer.page.locator("#choice-wrong")).to_contain_text(re.compile(says, re.IGNORECASE))
    expect(payer.page.locator(".readback")).to_be_visible()
    expect(payer.page.locator("#amount")).to_have_value(typed)


def test_an_amount_of_ones_own(guest):
    payer = guest()
    payer.go()
    payer.enter_number()
    payer.page.locator("#amount").fill("48.50")
    payer.press("see_price")
    payer.page.wait_for_url("**/quotes/*")
    expect(payer.page.locator("#pay .button")).to_have_text("支付 ¥48.50")
    payer.press("change_number_or_amount")
    expect(payer.page.locator("#amount")).to_have_value("48.50")
    expect(payer.page.locator("#choice-free")).to_be_checked()


def test_an_expired_price_is_renewed_with_one_press(guest, site):
    payer = guest()
    quote = payer.review()
    with site.later(timedelta(minutes=16)):
        payer.press_pay()
        expect(payer.page.get_by_role("button", name=payer.text("new_quote"))).to_be_visible()
        payer.go(f"/quotes/{quote}")
        payer.press("new_quote")
        payer.page.wait_for_url(lambda url: "/quotes/" in url and quote not in url)
        expect(payer.page.locator("#pay .button")).to_have_text("支付 ¥50.00")


def test_the_page_follows_by_itself(guest, site):
    """Paid elsewhere: the open page comes to say so, without being loaded again."""
    payer = guest()
    payer.order()
    order, payment = payer.at_gateway_for()
    payer.go(order)
    payer.sees("headline_payment_pending")
    loads: list[str] = []
    payer.page.on("framenavigated", lambda frame: loads.append(frame.url))
    answer = payer.page.request.post(f"{site.url}/sandbox/payments/{payment}", data={"outcome": "pay"})
    assert answer.ok
    payer.sees("headline_delivered")
    assert loads == []
    expect(payer.page).to_have_title(re.compile(payer.text("headline_delivered")))


def test_what_another_carrier_confirmed_is_looked_at_once_more(guest):
    """A carrier may take a top-up back: a page that is still open comes to say so, later."""
    payer = guest(locale="en")
    payer.page.clock.install()
    payer.number = "+6581234590"
    payer.order("credit:1000")
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    until = time.monotonic() + 60
    while payer.facts()["status"] != "refunded" and time.monotonic() < until:
        payer.page.wait_for_timeout(100)
    payer.page.clock.fast_forward(100_000)
    payer.sees("headline_delivered")
    payer.page.clock.fast_forward(20_000)
    payer.sees("headline_refunded")
    expect(payer.page).to_have_title(re.compile(payer.text("headline_refunded")))


def test_going_back_and_paying_again_makes_no_second_order(guest):
    payer = guest()
    payer.order()
    first = payer.at_gateway_for()
    payer.page.go_back()
    payer.page.wait_for_url("**/quotes/*")
    payer.page.reload()
    payer.press_pay()
    payer.page.wait_for_url("**/pay?*")
    assert payer.at_gateway_for() == first
    payer.go(first[0])
    go_on = payer.page.locator("#pay-again a")
    expect(go_on).to_contain_text("¥50.00")
    go_on.click()
    payer.page.wait_for_url("**/pay?*")
    assert payer.at_gateway_for() == first


def test_a_declined_payment_leads_on_without_javascript(guest):
    payer = guest(scripted=False, locale="en")
    payer.order()
    payer.at_gateway("decline")
    payer.page.get_by_role("link", name=payer.text("look_again")).click()
    payer.sees("headline_payment_declined")
    payer.page.locator("#pay-again button").first.click()
    payer.page.wait_for_url("**/pay?*")


@pytest.mark.parametrize("scripted", [True, False])
def test_going_back_comes_to_every_page_there_was(guest, scripted):
    payer = guest(locale="en", scripted=scripted)
    payer.go()
    payer.page.get_by_label(payer.text("number_label")).fill("139")
    payer.press("continue")
    expect(payer.page.locator("#number-wrong")).to_be_visible()
    payer.enter_number()
    payer.choose("credit:50000")
    payer.press("see_price")
    payer.page.wait_for_url("**/quotes/*")
    payer.press_pay()
    expect(payer.page.get_by_role("checkbox")).to_have_count(1)
    payer.page.get_by_role("checkbox").check()
    payer.press_pay()
    payer.page.wait_for_url("**/pay?*")
    payer.page.go_back()
    expect(payer.page.get_by_role("checkbox")).to_have_count(1)
    payer.page.go_back()
    expect(payer.page.locator("#pay .button")).to_be_visible()
    payer.page.go_back()
    if not scripted:
        expect(payer.page.locator(".readback")).to_be_visible()
        expect(payer.page.locator("input[value='credit:50000']")).to_have_count(1)
        payer.page.go_back()
    expect(payer.page.locator("#number-wrong")).to_be_visible()


def test_an_order_is_cancelled_and_begun_again(guest):
    payer = guest(locale="en")
    payer.order()
    payer.go(payer.at_gateway_for()[0])
    payer.press("cancel_order")
    payer.sees("headline_cancelled")
    assert payer.facts()["status"] == "cancelled"
    payer.press("top_up_again")
    payer.page.wait_for_url("**/quotes/*")


def test_a_number_of_another_carrier_whose_answer_is_unknown_is_not_called_failed(guest):
    payer = guest(locale="en")
    payer.number = "+6581234585"
    payer.order("credit:1000")
    payer.at_gateway("pay")
    payer.sees("headline_unresolved")
    expect(payer.page.locator("main")).to_contain_text("do not top up again")


def test_the_shared_page_shows_progress_only(guest):
    payer = guest(locale="en")
    payer.order()
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    payer.page.get_by_text(payer.text("share_title")).click()
    shared = payer.page.locator("details a").get_attribute("href")
    stranger = guest(locale="en")
    stranger.go(shared)
    shown = stranger.page.locator("main").inner_text()
    assert payer.number[3:7] not in shown.replace(" ", "")
    assert "50.00" not in shown.replace("CN¥50.00 credit", "")
    assert stranger.page.locator("main a, main button, main form").count() == 0


def test_language_and_size_are_remembered(guest):
    reader = guest(locale="en")
    reader.review()
    address = reader.page.url
    reader.page.locator("summary").first.click()
    reader.page.get_by_role("button", name="繁體").click()
    expect(reader.page.locator("html")).to_have_attribute("lang", "zh-Hant")
    assert reader.page.url == address
    reader.page.get_by_role("button", name="大字版").click()
    expect(reader.page.locator("html")).to_have_class("elder")
    reader.go()
    expect(reader.page.locator("html")).to_have_attribute("lang", "zh-Hant")
    reader.locale = "zh_Hant"
    reader.enter_number()
    expect(reader.page.locator(".tile:visible")).to_have_count(3)


def test_a_top_up_with_the_keyboard_alone(guest):
    payer = guest(size=DESKTOP, locale="en")
    payer.go()
    keys = payer.page.keyboard
    keys.type(payer.number)
    expect(payer.page.locator(".readback")).to_be_visible()
    keys.press("Enter")
    expect(payer.page.locator("input[name=choice]").first).to_be_focused()
    expect(payer.page.locator("#choice-wrong")).to_have_count(0)
    keys.press("Space")
    keys.press("ArrowRight")
    expect(payer.page.locator("input[name=choice]:checked")).to_have_value("credit:2000")
    keys.press("Enter")
    payer.page.wait_for_url("**/quotes/*")
    payer.page.locator("#pay .button").focus()
    keys.press("Enter")
    payer.page.wait_for_url("**/pay?*")


def test_offline_shows_the_receipts_this_device_has_seen(guest):
    payer = guest(service_workers="allow")
    payer.order()
    payer.at_gateway("pay")
    payer.sees("headline_delivered")
    payer.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    payer.page.get_by_role("link", name=payer.text("see_receipt")).click()
    payer.page.wait_for_url("**/receipt")
    receipt, title = payer.page.url, payer.page.title()
    payer.page.wait_for_function("caches.open('receipts').then((kept) => kept.keys()).then((all) => all.length === 1)")
    payer.page.context.set_offline(True)
    payer.go()
    payer.sees("offline_title")
    payer.page.get_by_role("link", name=title).click()
    payer.page.wait_for_url(receipt)
    expect(payer.page.locator(".receipt-sum")).to_have_text("¥50.00")
    payer.complaints.clear()  # the browser itself tells that it is offline


@pytest.mark.parametrize("path", ["/nowhere", "/orders/ord_00000000000000000000000000", "/quotes/x", "/s/forged"])
def test_nothing_there_is_said_kindly(guest, path):
    reader = guest(locale="en")
    reader.go(path)
    expect(reader.page.get_by_role("link", name=reader.text("start_again"))).to_be_visible()
