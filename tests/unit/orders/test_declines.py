"""Why a payment was declined is told in sentences, never in a gateway's words, and of a stolen card it is not told."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.orders.declines import GENERAL, told, why_declined
from topup.orders.views import PaymentView
from topup.payments.ports import Decline
from topup.platform.i18n import LOCALES


def declined(reason, status="declined"):
    paid = Money(5000, "CNY")
    at = datetime(2026, 11, 21, tzinfo=UTC)
    return PaymentView(new_id("payment", 3), "stripe", status, paid, at, None, Money(0, "CNY"), reason=reason)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("reason", [GENERAL, *Decline])
def test_every_reason_has_a_sentence_and_says_what_to_do(reason, locale):
    what, what_to_do = why_declined(declined(told(reason)), locale=locale)
    assert told(reason) == reason
    assert what
    assert what_to_do
    assert not {"lost", "stolen", "fraud", "挂失", "盗", "掛失", "盜"} & set(what.lower().split())


@given(st.text(max_size=100))
def test_no_word_of_a_gateway_reaches_a_payer(word):
    code = told(f"X {word}")
    assert code == GENERAL


@pytest.mark.parametrize("reason", ["currency_wrong", "insufficient_funds", "ACQ.SELLER_NOT_EXIST", "", "do_not_honor"])
def test_what_has_no_sentence_of_its_own_is_told_in_general(reason):
    assert told(reason) == GENERAL


@pytest.mark.parametrize("reason", ["voucher_refused", "line_cannot_pay", "balance_not_offered"])
def test_what_a_way_to_pay_of_the_house_says_is_told(reason):
    assert told(reason) == reason


@pytest.mark.parametrize("status", ["paid", "pending", "closed", "refunded"])
def test_of_what_was_not_declined_nothing_is_told(status):
    assert why_declined(declined("declined_funds", status), locale="en") is None
