"""What the customer's display says of a sale at each of its steps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from topup.channels.counter.display.showing import THANKS_FOR, is_over, shown
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.orders.counter_sales import Sale, SaleView
from topup.orders.views import OrderView, PaymentView, QuoteGrant, QuoteLine, QuoteView
from topup.payments.cash.records import Taking
from topup.payments.ports import Action
from topup.shops.displays import Screen

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRICE = Money(4850, "CNY")
QUOTE = QuoteView(
    id=new_id("quote", 1), msisdn=parse_msisdn("13800138000"), carrier_id="qingfeng",
    carrier_names={"zh_Hans": "青峰移动", "en": "Qingfeng Mobile"}, catalogue_version=1, product=None,
    face=Money(5000, "CNY"), lines=(QuoteLine("face", Money(5000, "CNY"), "line_face", {}),),
    grants=(QuoteGrant(0, "CNY", 5000, "main", None, {}),), payment_method=None, total=PRICE, zone="Asia/Shanghai",
    created_at=NOW, expires_at=NOW, expired=False,
)  # fmt: skip
SALE = Sale(1, QUOTE.id, "til_1", "counter-1", "tianhe-hall", "stf_clerk", continued=False, at=NOW)
ORDER = OrderView(
    id=new_id("order", 1), quote_id=QUOTE.id, status="awaiting_payment", msisdn=QUOTE.msisdn, carrier_id="qingfeng",
    carrier_names=QUOTE.carrier_names, product=None, face=QUOTE.face, total=PRICE, lines=QUOTE.lines,
    grants=QUOTE.grants, timeline=(), payments=(), next_step="", who_must_act=None, receipt_number=None,
    locale="zh_Hans", zone=QUOTE.zone, created_at=NOW, expires_at=NOW, final=False,
)  # fmt: skip


def screen(*, asks: bool = False) -> Screen:
    return Screen("counter-1", 3, QUOTE.id, asks=asks, confirmed_at=None, locale=None)


def view(status: str | None = None, *payments: PaymentView, taking: Taking | None = None) -> SaleView:
    order = replace(ORDER, status=status, payments=payments) if status else None
    return SaleView(SALE, QUOTE, order, taking)


def paying(action: Action) -> PaymentView:
    return PaymentView(new_id("payment", 1), "alipay", "pending", Money(4880, "CNY"), NOW, action, Money(0, "CNY"))


@pytest.mark.parametrize(
    ("status", "asks", "step"),
    [
        (None, True, "confirm"),
        (None, False, "pay"),
        ("awaiting_payment", True, "confirm"),
        ("awaiting_payment", False, "pay"),
        ("paid", False, "coming"),
        ("delivering", True, "coming"),
        ("delivered", False, "done"),
        ("refunding", False, "failed"),
        ("refunded", False, "failed"),
        ("expired", False, "failed"),
        ("cancelled", False, "failed"),
        ("needs_person", False, "failed"),
        ("unresolved", False, "failed"),
    ],
)
@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
def test_every_step_is_said_in_every_language(status, asks, step, locale):
    said = shown(view(status), screen(asks=asks), locale)
    assert (said.step, bool(said.headline), bool(said.hint)) == (step, True, True)
    assert said.number == "138 0013 8000"


def test_the_price_is_itemised_with_its_total():
    said = shown(view(), screen(), "zh_Hans")
    assert [row.value for row in said.lines] == ["¥50.00"]
    assert (said.total_label, said.total) == ("应付", "¥48.50")


def test_a_code_to_pay_by_is_shown_with_what_it_takes_and_only_once_the_price_was_confirmed():
    by_code = paying(Action("qr", "https://gateway.example/pay", {}))
    said = shown(view("awaiting_payment", by_code), screen(), "zh_Hans")
    assert said.code.startswith("<svg")
    assert (said.total, said.hint) == ("¥48.80", "用支付宝扫码付款。")
    assert shown(view("awaiting_payment", by_code), screen(asks=True), "zh_Hans").code == ""


def test_of_cash_the_change_is_shown():
    taking = Taking(
        1, new_id("payment", 1), 4850, "CNY", "taken", "til_1", tendered_minor=5000, change_minor=150, slip_minor=0,
        taken_at=NOW,
    )  # fmt: skip
    said = shown(view("delivered", taking=taking), screen(), "zh_Hans")
    assert [(row.label, row.value) for row in said.more] == [("收到现金", "¥50.00"), ("找零", "¥1.50")]


def test_what_is_done_is_thanked_for_and_then_gone_while_what_goes_on_stays():
    just, long = timedelta(seconds=1), THANKS_FOR + timedelta(seconds=1)
    assert not is_over(view("delivered"), just)
    assert is_over(view("delivered"), long)
    assert is_over(view("refunded"), long)
    assert not is_over(view("awaiting_payment"), long)
    assert not is_over(view(), long)
