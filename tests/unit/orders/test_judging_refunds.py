"""What a gateway's answer means for money on its way back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.outcome import Accepted, Done, NotSent, Reason, Refused, Reversed, Throttled, Unknown
from topup.orders.refunding import next_of
from topup.payments.queries import Refund
from topup.payments.states import HORIZON, REFUND, RefundState

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTCOMES = [
    Done("r1"),
    Accepted("r1"),
    Reversed("r1"),
    NotSent("refused"),
    Throttled(90),
    Unknown("timeout"),
    *(Refused(reason, "code") for reason in Reason),
]
# What may be asked about, and stay as it is.
ASKED = [RefundState.SENDING, RefundState.ACCEPTED, RefundState.UNKNOWN]


def refund(state, *, age=timedelta(minutes=1), tries=1) -> Refund:
    return Refund(3, "ref_x", "pay_x", "g1", 5000, "CNY", "late", state, NOW - age, tries, NOW - age)


refunds = st.builds(
    refund, st.sampled_from(ASKED), age=st.timedeltas(timedelta(0), 2 * HORIZON), tries=st.integers(1, 40)
)


@given(refunds, st.sampled_from(OUTCOMES))
def test_no_answer_to_a_question_leads_where_the_table_has_no_way(one, outcome):
    state, _ = next_of(one, outcome, sending=False, now=NOW)
    assert REFUND.permits(one.state, state) or state is one.state is not RefundState.SENDING


@given(st.sampled_from(OUTCOMES), st.integers(1, 40))
def test_nor_does_the_answer_of_sending(outcome, tries):
    state, _ = next_of(refund(RefundState.SENDING, tries=tries), outcome, sending=True, now=NOW)
    assert REFUND.permits(RefundState.SENDING, state)


@given(refunds, st.sampled_from(OUTCOMES), st.booleans())
def test_what_stays_open_is_always_taken_up_again(one, outcome, sending):
    state, act_at = next_of(one, outcome, sending=sending, now=NOW)
    assert (act_at is None) == (state in {RefundState.REFUNDED, RefundState.NEEDS_PERSON})
    assert act_at is None or act_at > NOW


@given(refunds, st.sampled_from(OUTCOMES), st.booleans())
def test_it_is_sent_again_only_where_the_gateway_does_not_have_it(one, outcome, sending):
    state, _ = next_of(one, outcome, sending=sending, now=NOW)
    if state is RefundState.REQUESTED:
        if sending:
            assert isinstance(outcome, NotSent | Throttled)
        else:
            assert outcome == Refused(Reason.ABSENT, "code")
            assert one.state is not RefundState.ACCEPTED, "the gateway had taken it in"


@given(refunds, st.sampled_from(OUTCOMES), st.booleans())
def test_only_done_is_back(one, outcome, sending):
    state, _ = next_of(one, outcome, sending=sending, now=NOW)
    assert (state is RefundState.REFUNDED) == isinstance(outcome, Done)


@pytest.mark.parametrize("state", ASKED)
@pytest.mark.parametrize("outcome", [Unknown("timeout"), Accepted("r1"), NotSent("refused"), Throttled(90)])
def test_past_the_horizon_a_person_decides(state, outcome):
    late = refund(state, age=HORIZON + timedelta(seconds=1))
    assert next_of(late, outcome, sending=False, now=NOW) == (RefundState.NEEDS_PERSON, None)


@pytest.mark.parametrize("outcome", [Unknown("timeout"), Accepted("r1")])
def test_but_what_was_sent_just_now_is_asked_about_once_more(outcome):
    late = refund(RefundState.SENDING, age=HORIZON + timedelta(seconds=1))
    state, act_at = next_of(late, outcome, sending=True, now=NOW)
    assert state in {RefundState.UNKNOWN, RefundState.ACCEPTED}
    assert act_at is not None


def test_one_that_was_taken_in_and_is_denied_afterwards_ends_with_a_person():
    denied = Refused(Reason.ABSENT, "code")
    assert next_of(refund(RefundState.ACCEPTED), denied, sending=False, now=NOW)[0] is RefundState.ACCEPTED
    late = refund(RefundState.ACCEPTED, age=HORIZON + timedelta(seconds=1))
    assert next_of(late, denied, sending=False, now=NOW) == (RefundState.NEEDS_PERSON, None)
