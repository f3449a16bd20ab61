"""What the plugin makes of refunds and bills no simulator gives."""

from datetime import UTC, datetime

import pytest

from tests.support.simulators import a_payment
from tests.support.stripe import CREATED, a_list, asked, charge, error, in_turn, intent, says
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Unknown
from topup.payments.ports import MONEY_DISPUTED, BillUnavailable, RefundRequest

# Refunds.


@pytest.mark.parametrize(
    ("refund", "outcome"),
    [
        ({}, Done("re_1")),
        ({"status": "pending"}, Accepted("re_1")),
        ({"status": "requires_action"}, Accepted("re_1")),
        ({"status": "canceled"}, Refused(Reason.CONFIGURATION, "canceled")),
        ({"status": "failed", "failure_reason": "declined"}, Refused(Reason.USER, "declined")),
        (
            {"status": "failed", "failure_reason": "insufficient_funds"},
            Refused(Reason.CONFIGURATION, "insufficient_funds"),
        ),
        ({"status": "failed", "failure_reason": "a_new_one"}, None),
        ({"status": "failed"}, None),
        ({"status": "a_new_one"}, None),
        ({"amount": 4999}, None),
        ({"currency": "usd"}, None),
        ({"metadata": {}}, None),
    ],
)
async def test_what_a_refund_says(stripe_settings, http_client, refund, outcome):
    payment = a_payment()
    request = RefundRequest(new_id("refund", 1), payment.payment_id, "pi_1", payment.amount, "test")
    answer = {
        "id": "re_1",
        "object": "refund",
        "amount": 5000,
        "currency": "cny",
        "created": CREATED,
        "status": "succeeded",
        "metadata": {"refund_id": request.refund_id},
        **refund,
    }
    said, _ = await asked(stripe_settings, http_client, says(answer), "refund", request)
    assert said == outcome if outcome else isinstance(said, Unknown)


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [
        (error("charge_disputed"), Refused(Reason.CONFIGURATION, MONEY_DISPUTED)),
        (error("refund_disputed_payment"), Refused(Reason.CONFIGURATION, MONEY_DISPUTED)),
        (error(param="amount"), Refused(Reason.CONFIGURATION, "amount_refused")),
        (error("a_new_one"), None),
        (error(), None),
        (error("charge_disputed", kind="api_error"), None),
    ],
)
async def test_what_a_refused_refund_says(stripe_settings, http_client, refusal, outcome):
    payment = a_payment()
    request = RefundRequest(new_id("refund", 1), payment.payment_id, "pi_1", payment.amount, "test")
    said, _ = await asked(stripe_settings, http_client, says(refusal, status=b"400 Bad Request"), "refund", request)
    assert said == outcome if outcome else isinstance(said, Unknown)


# The bill.


def movement(**changes):
    return {
        "id": "txn_1",
        "object": "balance_transaction",
        "amount": -700,
        "fee": 0,
        "currency": "usd",
        "created": CREATED,
        "type": "stripe.fee",
        "reporting_category": "fee",
        "source": None,
        **changes,
    }


async def billed(stripe_settings, http_client, *scripts):
    lines, _ = await asked(
        stripe_settings, http_client, in_turn(*scripts), "bill", datetime.fromtimestamp(CREATED, UTC).date()
    )
    return lines


async def test_a_failed_refund_comes_back_as_a_negative_line(stripe_settings, http_client):
    refund_id = new_id("refund", 1)
    refund = {
        "id": "re_1",
        "object": "refund",
        "amount": 5000,
        "currency": "cny",
        "created": CREATED,
        "status": "failed",
        "metadata": {"refund_id": refund_id},
    }
    [line] = await billed(
        stripe_settings, http_client, says(a_list(movement(type="refund_failure", amount=700, source=refund)))
    )
    assert (line.kind, line.our_id, line.amount) == ("refund", refund_id, Money(-5000, "CNY"))


async def test_a_refund_made_by_hand_is_listed_under_its_payment(stripe_settings, http_client):
    request = a_payment()
    refund = {
        "id": "re_1",
        "object": "refund",
        "amount": 5000,
        "currency": "cny",
        "created": CREATED,
        "status": "succeeded",
        "metadata": {},
        "payment_intent": "pi_1",
    }
    page = a_list(movement(type="refund", source=refund), movement(id="txn_2", type="refund", source=refund))
    lines = await billed(stripe_settings, http_client, says(page), says(intent(request)))
    assert [(line.kind, line.our_id) for line in lines] == [("refund", request.payment_id)] * 2


async def test_what_is_not_ours_or_not_understood_still_stands_on_the_bill(stripe_settings, http_client):
    """Else the lines would not add up to what Stripe pays out."""
    foreign = charge(a_payment(), metadata={"order": "6735"})
    page = a_list(
        movement(),
        movement(id="txn_2", type="charge", source=foreign, amount=700, fee=50),
        movement(id="txn_3", type="charge", source={"object": "charge"}, amount=700),
        movement(id="txn_4", type="a_new_one", source="xx_1"),
    )
    lines = await billed(stripe_settings, http_client, says(page))
    assert [(line.kind, line.our_id, line.reference) for line in lines] == [
        ("other", "", f"txn_{number}") for number in (1, 2, 3, 4)
    ]
    assert (lines[1].amount, lines[1].fee) == (Money(700, "USD"), Money(50, "USD"))


@pytest.mark.parametrize(
    "page", [a_list(movement(currency="dollar")), {"object": "list"}, a_list({"object": "charge"})]
)
async def test_a_bill_that_cannot_be_read_is_not_there(stripe_settings, http_client, page):
    with pytest.raises(BillUnavailable):
        await billed(stripe_settings, http_client, says(page))
