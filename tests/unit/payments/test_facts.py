"""What a gateway's or a carrier's event said is stored, and read by another process as it was said."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.fulfilment import inbox as carrier_inbox
from topup.fulfilment.ports import CarrierFact
from topup.kernel.ids import InvalidId, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, NotSent, Reason, Refused, Reversed, Throttled, Unknown
from topup.payments.facts import lane_of_fact, read, written
from topup.payments.ports import (
    AgreementFact,
    DisputeFact,
    DisputeStanding,
    PaymentFact,
    PaymentStanding,
    RefundFact,
)

references = st.text(st.characters(codec="utf-8"), max_size=60)
refusals = st.builds(Refused, st.sampled_from(Reason), references)
payments = st.builds(
    PaymentFact,
    st.just(new_id("payment", 3)),
    st.sampled_from(PaymentStanding),
    references,
    st.none() | st.builds(Money, st.integers(-(2**53) + 1, 2**53 - 1), st.sampled_from(["CNY", "JPY", "KWD"])),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    reason=st.sampled_from(["", "insufficient_funds"]),
)
refunds = st.builds(
    RefundFact, st.just(new_id("refund", 3)), st.builds(Done, references) | st.builds(Accepted, references) | refusals
)
objections = (
    references,
    st.sampled_from(DisputeStanding),
    st.builds(Money, st.integers(0, 2**53 - 1), st.just("USD")),
    st.none() | st.datetimes(timezones=st.just(UTC)),
)
disputes = st.builds(DisputeFact, st.just(new_id("payment", 3)), *objections, references) | st.builds(
    DisputeFact, st.just(""), *objections, references.filter(bool)
)
agreements = st.builds(AgreementFact, st.just(new_id("instrument", 3)), st.booleans())
deliveries = st.builds(
    CarrierFact,
    st.just(new_id("fulfilment", 3)),
    st.builds(Done, references) | st.builds(Accepted, references) | st.builds(Reversed, references) | refusals,
)


@given(st.lists(payments | refunds | disputes | agreements, max_size=4))
def test_a_gateways_facts_read_back(facts):
    assert read(written(facts)) == tuple(facts)


@given(st.lists(deliveries, max_size=4))
def test_a_carriers_facts_read_back(facts):
    assert carrier_inbox.read(carrier_inbox.written(facts)) == tuple(facts)


@given(payments | refunds | disputes | agreements)
def test_a_fact_lives_where_what_it_is_about_lives(fact):
    named = any(getattr(fact, f"{kind}_id", "") for kind in ("payment", "refund", "agreement"))
    assert lane_of_fact(fact) == (3 if named else None)


@pytest.mark.parametrize(
    "fact",
    [
        PaymentFact("pi_1", PaymentStanding.CLOSED, "", None, None),
        PaymentFact("", PaymentStanding.CLOSED, "", None, None),
        RefundFact(new_id("payment", 3), Done("x")),
        AgreementFact(new_id("payment", 3), ended=True),
        DisputeFact("", "dp_1", DisputeStanding.OPEN, Money(1, "USD"), None),
    ],
)
def test_a_fact_about_nothing_of_ours_is_refused(fact):
    with pytest.raises(InvalidId):
        lane_of_fact(fact)


def test_no_facts_are_told_from_some_in_the_database():
    """The inbox's statement knows an event without facts by this text."""
    assert written([]) == carrier_inbox.written([]) == "[]"


@pytest.mark.parametrize("outcome", [Unknown("?"), NotSent("?"), Throttled(1)])
def test_an_event_never_says_that_nobody_knows(outcome):
    with pytest.raises(ValueError, match="an event says what happened"):
        written([RefundFact(new_id("refund", 3), outcome)])
    with pytest.raises(ValueError, match="an event says what happened"):
        carrier_inbox.written([CarrierFact(new_id("fulfilment", 3), outcome)])
