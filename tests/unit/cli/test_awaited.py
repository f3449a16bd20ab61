"""An order that waits for a bank transfer says where to, with which reference, until when, and that it takes days."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.cli.test_actions import FACTS
from tests.unit.web.test_progress import a_payment, an_order
from topup.channels.cli import screen, speech
from topup.channels.cli.rendering import order_details
from topup.channels.web.tracking import masked_page, order_page, with_ways_to_pay
from topup.channels.web.wording import Wording
from topup.orders.awaited import next_words, open_payment, transfer_facts, unheard_of
from topup.payments.ports import Action
from topup.platform.i18n import LOCALES

TRANSFER = Action("transfer", parameters=FACTS)


def waiting(action, *, method="bank_transfer", status="pending"):
    payment = replace(a_payment(status), method=method, action=action)
    return an_order("awaiting_payment", next_step=f"payment_{status}", payments=(payment,))


@pytest.fixture(params=LOCALES)
def told(request, monkeypatch):
    monkeypatch.setenv("TOPUP_LANG", request.param)
    speech.locale.cache_clear()
    console = screen.Screen(width=120, force_terminal=False, soft_wrap=True, color_system=None)
    monkeypatch.setattr(screen, "out", console)

    def show(order) -> str:
        with console.capture() as capture:
            screen.show(order_details(order))
        return capture.get()

    yield show
    speech.locale.cache_clear()


def test_the_terminal_says_method_account_reference_and_date_of_an_awaited_transfer(told):
    said = told(waiting(TRANSFER))
    for fact in (FACTS["account"], FACTS["reference"], "2026"):
        assert fact in said
    assert re.search("Shanghai time|上海时间|上海時間", said)
    assert "+00:00" not in said
    assert any(name in said for name in ("Bank transfer", "银行转账", "銀行轉帳"))


def test_the_terminal_names_another_way_and_speaks_of_no_page(told):
    said = told(waiting(Action("redirect", "https://pay.example/1"), method="alipay"))
    assert any(name in said for name in ("Alipay", "支付宝", "支付寶"))
    assert "page" not in said
    assert FACTS["reference"] not in said


@pytest.mark.parametrize("locale", LOCALES)
def test_of_a_transfer_nobody_says_seconds(locale):
    bank, card = (next_words(waiting(action), locale=locale) for action in (TRANSFER, Action("redirect")))
    assert any(days in bank for days in ("days", "几天", "幾天"))
    assert not any(seconds in bank for seconds in ("seconds", "秒"))
    assert any(seconds in card for seconds in ("seconds", "秒"))


def test_what_is_over_or_declined_waits_for_no_transfer():
    declined = waiting(TRANSFER, status="declined")
    over = an_order("awaiting_payment", "expired", payments=waiting(TRANSFER).payments)
    for order in (declined, over, an_order("awaiting_payment")):
        assert open_payment(order) is None
        assert transfer_facts(order) == {}


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_says_reference_and_date_and_leads_back_to_the_account(locale):
    order, wording = waiting(TRANSFER), Wording(locale)
    shown = with_ways_to_pay(order_page(order, wording), order, [], wording, key="k")
    assert shown.next == next_words(order, locale=locale)
    [(_, reference), (name, until)] = shown.transfer
    assert (reference, name) == (FACTS["reference"], wording.text("transfer_until"))
    assert "2026" in until
    assert shown.continue_at == f"/orders/{order.id}/payments/{order.payments[0].id}"


def test_another_way_shows_no_transfer_and_a_stranger_no_reference():
    wording, card = Wording("en"), waiting(Action("redirect", "https://pay.example/1"), method="alipay")
    assert with_ways_to_pay(order_page(card, wording), card, [], wording, key="k").transfer == []
    assert FACTS["reference"] not in repr(masked_page(waiting(TRANSFER), wording))
    assert "days" not in masked_page(waiting(TRANSFER), wording).next


QR = Action("qr", "https://qr.example/1")


def later(order, seconds):
    return replace(order, read_at=order.payments[0].created_at + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("order", "seconds", "unheard"),
    [
        (waiting(QR, method="alipay"), 59, False),
        (waiting(QR, method="alipay"), 60, True),
        (waiting(Action("redirect", "https://pay.example/1"), method="wechatpay"), 86_400, True),
        (waiting(TRANSFER), 86_400, False),
        (waiting(QR, status="declined"), 86_400, False),
        (waiting(QR, status="paid"), 86_400, False),
    ],
)
def test_a_payment_of_which_nothing_is_heard_for_a_minute_may_have_been_declined(order, seconds, unheard):
    assert (unheard_of(later(order, seconds)) is not None) == unheard


def test_an_order_that_nobody_read_is_not_late():
    assert unheard_of(waiting(QR)) is None


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_is_drawn_anew_when_a_minute_is_over_and_names_the_wallet(locale):
    wording = Wording(locale)
    before, after = (
        with_ways_to_pay(order_page(order, wording), order, [], wording, key="k")
        for order in (later(waiting(QR, method="alipay"), seconds) for seconds in (59, 60))
    )
    assert (before.unheard, after.unheard) == ("", wording.method("alipay"))
    assert before.token != after.token
    assert before.token.partition(".")[0] == after.token.partition(".")[0], "it still waits for the same state"
