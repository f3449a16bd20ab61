"""The ways to pay as rows: each currency its own, those of other currencies behind the price's own, one chosen."""

from datetime import UTC, datetime

import pytest

from topup.channels.web.reviewing import chosen_way, method_rows
from topup.channels.web.wording import Wording
from topup.kernel.errors import Problem
from topup.kernel.money import Money
from topup.orders.preference import place_of_method
from topup.orders.views import Exchange, MethodView, PayView
from topup.payments.ports import Scene
from topup.platform.i18n import LOCALES

ZONE = "Asia/Shanghai"
PRICE = Money(9800, "CNY")
AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
DOLLARS = Exchange(PRICE, Money(1352, "USD"), "7.2488", Money(1, "USD"), "Tests", AT)


def way(method, *, fee=0, unavailable=None, pay=None) -> MethodView:
    total = Money(PRICE.amount_minor + fee, "CNY")
    return MethodView(method, Money(fee, "CNY"), total, unavailable, (PayView(total),) if pay is None else pay)


CARD = way("stripe", fee=60, pay=(PayView(Money(9860, "CNY")), PayView(DOLLARS.paid, DOLLARS)))


EUROS = Exchange(PRICE, Money(1190, "EUR"), "8.2350", Money(1, "EUR"), "Tests", AT)


def rows(*methods, wish="", near=""):
    return method_rows(methods, Wording("en"), zone=ZONE, wish=wish, near=near)


def test_a_currency_is_a_row_of_its_own_after_all_that_take_the_price():
    assert [(row.id, row.place) for row in rows(CARD, way("voucher"))] == [
        ("stripe", 1), ("voucher", 2), ("stripe:USD", 3),
    ]  # fmt: skip
    dollars = rows(CARD)[-1]
    assert (dollars.name, dollars.total, dollars.rate) == ("Card · US Dollar", "$13.52", "1 USD = 7.2488 CNY")
    assert dollars.exchange == "CN¥98.00 at 1 USD = 7.2488 CNY, rounded up to the next $0.01"
    assert dollars.source == "Rate by Tests, Nov 21, 2026, 5:00:00\u202fPM (Shanghai time)"


def test_the_currency_of_where_the_reader_is_comes_first_and_is_not_chosen_for_them():
    abroad = way("stripe", pay=(PayView(PRICE), PayView(DOLLARS.paid, DOLLARS), PayView(EUROS.paid, EUROS)))
    assert [row.id for row in rows(abroad)] == ["stripe", "stripe:USD", "stripe:EUR"]
    found = rows(abroad, near="EUR")
    assert [(row.id, row.near, row.chosen) for row in found] == [
        ("stripe", False, True),
        ("stripe:EUR", True, False),
        ("stripe:USD", False, False),
    ]
    assert not any(row.near for row in rows(abroad, near="CNY"))


@pytest.mark.parametrize("locale", LOCALES)
def test_price_rate_rounding_and_source_are_said_in_every_language(locale):
    (_, row) = method_rows([CARD], Wording(locale), zone=ZONE)
    for word in ("98.00", "7.2488", "0.01"):
        assert word in row.exchange
    assert "Tests" in row.source


def test_the_first_that_takes_the_price_is_chosen_unless_another_was_wished_for():
    def chosen(*methods, wish=""):
        return [row.id for row in rows(*methods, wish=wish) if row.chosen]

    only_dollars = way("acme", pay=(PayView(DOLLARS.paid, DOLLARS),))
    assert chosen(CARD, way("voucher")) == ["stripe"]
    assert chosen(CARD, wish="stripe:USD") == ["stripe:USD"]
    assert chosen(CARD, wish="stripe:EUR") == ["stripe"]
    assert chosen(only_dollars) == ["acme:USD"]
    assert chosen(only_dollars, CARD) == ["stripe"]


def test_what_is_not_taken_is_a_row_with_its_reason_and_no_place():
    closed = way("cash", unavailable="method_not_for_device", pay=())
    (row,) = [row for row in rows(CARD, closed) if not row.open]
    assert (row.id, row.place, row.chosen, row.why_not) == ("cash", 0, False, "Not offered on this device.")


@pytest.mark.parametrize("locale", LOCALES)
def test_who_wants_to_pay_cash_is_sent_to_where_it_is_taken(locale):
    closed = way("cash", unavailable="method_at_counter", pay=())
    (row,) = method_rows([closed], Wording(locale), zone=ZONE)
    assert (
        row.why_not
        == {
            "en": "Only at a counter or a kiosk.",
            "zh_Hans": "只能在柜台或自助机上使用。",
            "zh_Hant": "只能在櫃檯或自助機上使用。",
        }[locale]
    )
    assert "phone" not in Wording("en").problem(Problem("method_at_counter")).what_to_do


def test_a_guest_is_not_told_of_what_only_known_payers_have():
    assert [row.id for row in rows(way("balance", unavailable="method_not_for_guests", pay=()))] == []


@pytest.mark.parametrize(
    ("text", "found"), [("stripe", ("stripe", None)), ("stripe:USD", ("stripe", "USD")), ("", ("", None))]
)
def test_a_row_names_method_and_currency(text, found):
    assert chosen_way(text) == found


SLOW = frozenset({"bank_transfer"})
ALL = [
    way("cash"), way("bank_transfer"), way("voucher"), way("stripe", fee=60), way("acme"), way("wechatpay"),
    way("alipay"), way("balance"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("scene", "order"),
    [
        (Scene.PHONE, "alipay wechatpay acme stripe balance voucher cash bank_transfer"),
        (Scene.DESKTOP, "alipay wechatpay acme stripe balance voucher cash bank_transfer"),
        (Scene.WALLET, "wechatpay alipay acme stripe balance voucher cash bank_transfer"),
        (Scene.COUNTER, "wechatpay alipay acme stripe balance voucher cash bank_transfer"),
        (Scene.UNATTENDED, "balance cash voucher acme wechatpay alipay stripe bank_transfer"),
    ],
)
def test_at_once_before_what_one_must_have_before_what_takes_days_and_the_cheapest_first(scene, order):
    found = sorted(ALL, key=lambda one: place_of_method(one, scene, takes_days=one.method in SLOW))
    assert [one.method for one in found] == order.split()


def test_what_is_not_taken_comes_last_however_cheap():
    closed = way("alipay", unavailable="method_not_for_currency", pay=())
    found = sorted(
        [closed, way("bank_transfer", fee=500)],
        key=lambda one: place_of_method(one, Scene.PHONE, takes_days=one.method in SLOW),
    )
    assert [one.method for one in found] == ["bank_transfer", "alipay"]
