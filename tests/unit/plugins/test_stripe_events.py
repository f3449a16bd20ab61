"""Genuine events say what their objects say, or are rejected; whatever stands in them, nothing crashes."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stripe import WebhookSignature

from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused
from topup.payments.ports import (
    DisputeStanding,
    EventRejected,
    Instrument,
    PaymentFact,
    PaymentStanding,
    RefundFact,
    VerifiedEvent,
)
from topup.platform.http import Client
from topup.plugins.payments.stripe import PLUG
from topup.plugins.payments.stripe.events import LISTENED_TO
from topup.plugins.payments.stripe.vectors import SECRET

NOW = datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)
CREATED = int(NOW.timestamp()) - 60
PAYMENT, REFUND = new_id("payment", 1), new_id("refund", 1)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    return PLUG.make(PLUG.example(tmp_path_factory.mktemp("stripe"), "https://gateway.example"), Client())


def parsed(plugin, event):
    body = json.dumps(event)
    header = WebhookSignature.generate_signature_header(body, SECRET, int(NOW.timestamp()))
    return plugin.parse_event({"stripe-signature": header}, body.encode(), NOW)


def event(kind, thing, **changes):
    return {
        "id": "evt_1",
        "object": "event",
        "created": CREATED,
        "livemode": False,
        "type": kind,
        "data": {"object": thing},
        **changes,
    }


def intent(**changes):
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "livemode": False,
        "created": CREATED - 600,
        "status": "succeeded",
        "amount": 5000,
        "amount_received": 5000,
        "currency": "usd",
        "metadata": {"payment_id": PAYMENT},
        **changes,
    }


def charge(**changes):
    return {
        "id": "ch_1",
        "object": "charge",
        "livemode": False,
        "created": CREATED,
        "status": "succeeded",
        "amount": 5000,
        "amount_captured": 5000,
        "amount_refunded": 0,
        "currency": "usd",
        "metadata": {"payment_id": PAYMENT},
        "payment_intent": "pi_1",
        **changes,
    }


def dispute(**changes):
    return {
        "id": "dp_1",
        "object": "dispute",
        "livemode": False,
        "amount": 5000,
        "currency": "usd",
        "status": "needs_response",
        "payment_intent": "pi_1",
        "evidence_details": {"due_by": CREATED + 86_400},
        **changes,
    }


def refund(**changes):
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 5000,
        "currency": "usd",
        "created": CREATED,
        "status": "succeeded",
        "metadata": {"refund_id": REFUND},
        **changes,
    }


KEPT = {"customer": "cus_1", "payment_method": "pm_1", "metadata": {"payment_id": PAYMENT, "keep": "1"}}


@pytest.mark.parametrize(
    ("changes", "instrument"),
    [
        ({}, None),
        (KEPT, Instrument("cus_1:pm_1", "Card")),
        (
            {**KEPT, "payment_method_details": {"type": "card", "card": {"brand": "unionpay", "last4": "0005"}}},
            Instrument("cus_1:pm_1", "UnionPay 0005"),
        ),
        (
            {**KEPT, "payment_method_details": {"type": "card", "card": {"brand": "a_new_one", "last4": "0005"}}},
            Instrument("cus_1:pm_1", "Card 0005"),
        ),
        ({**KEPT, "customer": None}, None),
        ({"customer": "cus_1", "payment_method": "pm_1"}, None),
    ],
)
def test_a_charge_tells_the_card_that_was_kept_and_no_other(plugin, changes, instrument):
    [fact] = parsed(plugin, event("charge.succeeded", charge(**changes))).facts
    at = datetime.fromtimestamp(CREATED, UTC)
    assert fact == PaymentFact(PAYMENT, PaymentStanding.PAID, "pi_1", Money(5000, "USD"), at, instrument)


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("payment_intent.succeeded", intent(status="processing")),
        ("payment_intent.succeeded", intent(metadata={"payment_id": "12345"})),
        ("payment_intent.succeeded", intent(metadata={"payment_id": REFUND})),
        ("payment_intent.payment_failed", intent(status="requires_payment_method")),
        ("payment_intent.canceled", intent(status="canceled")),
        ("charge.succeeded", charge(status="pending")),
        ("charge.succeeded", charge(payment_intent=None)),
        ("charge.refunded", charge()),
        ("refund.updated", refund(metadata={})),
        ("refund.updated", refund(status="a_new_one")),
        ("refund.updated", refund(status="failed", failure_reason="a_new_one")),
        ("charge.dispute.created", dispute(payment_intent=None)),
        ("invoice.paid", {"anything": 1}),
    ],
)
def test_what_says_nothing_of_us_is_genuine_and_has_no_facts(plugin, kind, thing):
    assert parsed(plugin, event(kind, thing)) == VerifiedEvent("evt_1", ())


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        ("succeeded", None, Done("re_1")),
        ("pending", None, Accepted("re_1")),
        ("canceled", None, Refused(Reason.CONFIGURATION, "canceled")),
        ("failed", "lost_or_stolen_card", Refused(Reason.USER, "lost_or_stolen_card")),
    ],
)
def test_a_refund_in_an_event(plugin, status, reason, outcome):
    thing = refund(status=status, failure_reason=reason)
    assert parsed(plugin, event("refund.updated", thing)).facts == (RefundFact(REFUND, outcome),)


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        ("needs_response", DisputeStanding.OPEN),
        ("warning_under_review", DisputeStanding.OPEN),
        ("won", DisputeStanding.WON),
        ("warning_closed", DisputeStanding.WON),
        ("lost", DisputeStanding.LOST),
        ("a_new_one", DisputeStanding.OPEN),
    ],
)
@pytest.mark.parametrize("kind", ["created", "updated", "closed"])
def test_a_dispute_in_an_event(plugin, kind, status, standing):
    [fact] = parsed(plugin, event(f"charge.dispute.{kind}", dispute(status=status))).facts
    assert (fact.payment_id, fact.reference, fact.dispute) == ("", "pi_1", "dp_1")
    assert (fact.standing, fact.amount) == (standing, Money(5000, "USD"))
    assert (fact.respond_by is None) == (standing is not DisputeStanding.OPEN)
    [named] = parsed(plugin, event("charge.dispute.closed", dispute(metadata={"payment_id": PAYMENT}))).facts
    assert named.payment_id == PAYMENT, "somebody wrote our number on it"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
THINGS = st.sampled_from([intent(), charge(), dispute(), refund(), charge(**KEPT)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(sorted(LISTENED_TO)), thing=JSON)
def test_no_object_crashes(plugin, kind, thing):
    try:
        parsed(plugin, event(kind, thing))
    except EventRejected:
        return


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(sorted(LISTENED_TO)), thing=THINGS, name=st.integers(0, 20), value=JSON)
def test_no_field_crashes_and_what_is_paid_is_in_the_object(plugin, kind, thing, name, value):
    field = sorted(thing)[name % len(thing)]
    changed = {**thing, field: value}
    try:
        facts = parsed(plugin, event(kind, changed)).facts
    except EventRejected:
        return
    for fact in facts:
        if isinstance(fact, PaymentFact) and fact.standing is PaymentStanding.PAID:
            assert fact.amount.amount_minor in {changed.get("amount_received"), changed.get("amount_captured")}
