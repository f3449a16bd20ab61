"""A price in yuan, paid in dollars or yen: what was shown is what is asked for, booked, kept and given back."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import psycopg
import pytest

from topup.kernel.errors import Problem
from topup.kernel.exchange import ExchangeRate
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Reason, Refused
from topup.ledger.invariants import violations
from topup.orders.giving_back import kind as refund_kind
from topup.payments.states import Disposition

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
DOLLARS = ExchangeRate("CNY", "USD", Decimal("7.2488"), "tests", AT)
YEN = ExchangeRate("CNY", "JPY", Decimal("0.0478"), "tests", AT)
DINARS = ExchangeRate("CNY", "KWD", Decimal("23.5"), "tests", AT, 10)
ALL = [DOLLARS, YEN, DINARS]
ONE_DOLLAR_PRICE = Money(690, "USD")
"""¥50.00 at 7.2488 are 6.8977… dollars."""
FOREIGN = {"number": "+6581234500", "amount": 5000, "currency": "SGD"}


@pytest.fixture
def rated(shop):
    shop.gateway.exchange_rates = ALL
    return shop


def asked(payment, facts):
    """What a request, or its approval, says of a refund."""
    return SimpleNamespace(subject=payment.id, facts=facts)


async def delivered(shop, rate=DOLLARS):
    order = await shop.ordered()
    payment = await shop.paying(order, currency=rate.paid_in)
    await shop.tells(shop.paid(payment))
    return await shop.order(order), payment


async def test_every_currency_it_is_taken_in_is_shown_with_rate_rounding_and_source(rated):
    order = await rated.ordered()
    (way,) = await rated.desk.methods(quote_id=order.quote_id)
    assert [pay.amount for pay in way.pay] == [
        Money(5000, "CNY"), ONE_DOLLAR_PRICE, Money(1047, "JPY"), Money(2130, "KWD"),
    ]  # fmt: skip
    plain, dollars, _, dinars = way.pay
    assert plain.exchange is None
    assert (dollars.exchange.rate, dollars.exchange.source, dollars.exchange.at) == ("7.2488", "tests", AT)
    assert (dollars.exchange.price, dinars.exchange.step) == (Money(5000, "CNY"), Money(10, "KWD"))


async def test_the_rate_of_the_quote_holds_whatever_the_rate_is_later(rated):
    order = await rated.ordered()
    rated.gateway.exchange_rates = [ExchangeRate("CNY", "USD", Decimal(7), "tests", AT)]
    payment = await rated.paying(order, currency="USD")
    assert payment.amount == ONE_DOLLAR_PRICE
    assert rated.gateway.starts[payment.id][0].amount == ONE_DOLLAR_PRICE


async def test_a_currency_that_was_not_quoted_cannot_be_paid_in(rated):
    order = await rated.ordered()
    for strange in ("EUR", "XXX", "usd", ""):
        with pytest.raises(Problem, match="method_not_for_currency"):
            await rated.paying(order, currency=strange)
    assert not rated.gateway.starts


async def test_without_rates_nothing_but_the_price_is_taken(shop):
    order = await shop.ordered()
    (way,) = await shop.desk.methods(quote_id=order.quote_id)
    assert [pay.amount.currency for pay in way.pay] == ["CNY"]
    with pytest.raises(Problem, match="method_not_for_currency"):
        await shop.paying(order, currency="USD")


@pytest.mark.parametrize("rate", ALL)
async def test_what_comes_is_booked_in_its_currency_and_exchanged_on_delivery(rated, rate):
    order, payment = await delivered(rated, rate)
    paid = payment.amount
    assert order.status == "delivered"
    assert (order.total, order.paid) == (Money(5000, "CNY"), paid)
    house = await rated.house()
    assert house["clearing:scripted", rate.paid_in] == -paid.amount_minor
    assert house["exchange", rate.paid_in] == paid.amount_minor
    assert house["exchange", "CNY"] == -5000
    assert not [key for key in house if key[0] == "suspense"]
    receipt = (await rated.desk.receipt(order_id=order.id)).body
    assert (receipt.total_minor, receipt.currency, receipt.paid) == (5000, "CNY", paid)
    assert (receipt.exchange.rate, receipt.exchange.source) == (str(rate.rate), "tests")
    async with rated.database.read() as transaction:
        assert await violations(transaction.connection) == []


async def test_another_carrier_is_owed_the_price_in_its_own_currency(rated):
    rated.gateway.exchange_rates = [ExchangeRate("SGD", "JPY", Decimal("0.0086"), "tests", AT)]
    order = await rated.ordered(**FOREIGN)
    payment = await rated.paying(order, currency="JPY")
    await rated.tells(rated.paid(payment))
    await rated.run()
    house = await rated.house()
    assert (await rated.order(order)).status == "delivered"
    assert house["exchange", "JPY"] == payment.amount.amount_minor
    assert -house["exchange", "SGD"] == (await rated.order(order)).total.amount_minor
    assert not [key for key in house if key[0] == "suspense"]


async def test_what_cannot_be_delivered_goes_back_as_it_came_and_nothing_was_exchanged(rated):
    rated.gateway.exchange_rates = [ExchangeRate("SGD", "JPY", Decimal("0.0086"), "tests", AT)]
    rated.carrier.answers = [Refused(Reason.USER, "no such number")]
    order = await rated.ordered(**FOREIGN)
    payment = await rated.paying(order, currency="JPY")
    await rated.tells(rated.paid(payment))
    await rated.run()
    found = await rated.order(order)
    assert (found.status, found.payments[0].refunded) == ("refunded", payment.amount)
    ((request,),) = rated.gateway.refunds.values()
    assert request.amount == payment.amount
    assert await rated.house() == {}


@pytest.mark.parametrize(
    "came", [Money(5000, "CNY"), Money(690, "CNY"), Money(689, "USD"), Money(691, "USD"), Money(690, "EUR")]
)
async def test_another_amount_or_currency_than_was_asked_goes_back(rated, came):
    order = await rated.ordered()
    payment = await rated.paying(order, currency="USD")
    await rated.tells(rated.paid(payment, amount=came))
    await rated.run()
    found = await rated.order(order)
    (back,) = found.payments[0].returned
    assert (found.status, back.reason, back.amount) == ("awaiting_payment", Disposition.MISMATCHED, came)
    assert await rated.house() == {}


async def test_paid_in_two_currencies_one_is_kept_and_the_other_goes_back_in_its_own(rated):
    order = await rated.ordered()
    dollars = await rated.paying(order, currency="USD")
    yen = await rated.paying(order, currency="JPY")
    await rated.tells(rated.paid(yen), rated.paid(dollars))
    await rated.run()
    found = await rated.order(order)
    assert (found.status, found.paid) == ("delivered", yen.amount)
    ((request,),) = rated.gateway.refunds.values()
    assert request.amount == dollars.amount
    house = await rated.house()
    assert ("clearing:scripted", "USD") not in house
    assert house["exchange", "JPY"] == yen.amount.amount_minor


async def test_the_same_attempt_again_is_the_same_in_the_same_currency(rated):
    order = await rated.ordered()
    number = PaymentId(new_id("payment", lane_of(order.id)))
    first = await rated.paying(order, number, currency="USD")
    again = await rated.paying(order, number, currency="USD")
    assert (again.id, again.amount) == (first.id, ONE_DOLLAR_PRICE)


async def test_an_amount_edited_after_it_was_signed_is_not_honoured(rated, database_url):
    order = await rated.ordered()
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute(
            """UPDATE orders.quotes SET body = replace(body, '"USD","amount_minor":690', '"USD","amount_minor":1')"""
        )
        cursor = await connection.execute("SELECT body FROM orders.quotes")
        assert '"amount_minor":1,' in str(await cursor.fetchone())
    with pytest.raises(Problem, match="quote_altered"):
        await rated.desk.methods(quote_id=order.quote_id)


@pytest.mark.parametrize(
    ("typed", "gone"),
    [
        ("", 690),
        ("1.38", 138),
        ("1.38 USD", 138),
        ("10 CNY", 138),
        ("cny 50", 690),
        ("49.99 CNY", 689),
        ("0.08 CNY", 1),
    ],
)
async def test_staff_give_back_in_the_currency_that_was_paid(rated, typed, gone):
    order, payment = await delivered(rated)
    kind = refund_kind()
    async with rated.database.transaction() as transaction:
        facts = await kind.prepare(transaction.connection, asked(payment, {"amount": typed}), transaction.now)
        assert (facts["amount_minor"], facts["currency"]) == (gone, "USD")
        await kind.execute(transaction, asked(payment, facts))
    await rated.run()
    found = await rated.order(order)
    assert (found.status, found.payments[0].refunded) == ("delivered", Money(gone, "USD"))
    house = await rated.house()
    assert house["goodwill", "USD"] == -gone
    assert ("suspense", "USD") not in house


@pytest.mark.parametrize("typed", ["6.91", "50.01 CNY", "1 EUR", "0.07 CNY", "-1 CNY", "1 CNY 2", "CNY", "1,0 CNY"])
async def test_and_never_more_than_came_nor_in_any_other(rated, typed):
    _, payment = await delivered(rated)
    async with rated.database.transaction() as transaction:
        with pytest.raises(Problem, match=r"refund_too_much|amount_unreadable"):
            await refund_kind().prepare(transaction.connection, asked(payment, {"amount": typed}), transaction.now)


async def test_orders_of_one_flush_in_different_currencies_do_not_mix(rated):
    quotes = [
        await rated.desk.quote(number="13800138000", product=None, amount=Money(5000, "CNY"), payment_method=None)
        for _ in range(4)
    ]
    everything = frozenset({"duplicate", "large_amount"})
    payments = []
    for quote, currency in zip(quotes, ["USD", "JPY", "CNY", None], strict=True):
        order = await rated.desk.order(
            order_id=OrderId(new_id("order", lane_of(quote.id))),
            quote_id=quote.id,
            contact=None,
            confirmations=everything,
            locale="en",
            channel="test",
        )
        payments.append(await rated.paying(order, currency=currency))
    await rated.tells(*[rated.paid(payment) for payment in payments])
    house = await rated.house()
    assert [house["clearing:scripted", one] for one in ("USD", "JPY", "CNY")] == [-690, -1047, -10_000]
    assert house["exchange", "CNY"] == -10_000
