"""What a carrier's answer means: the table of cases, held against the tables of transitions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.fulfilment.ports import Limits
from topup.fulfilment.queries import Attempt
from topup.fulfilment.states import ATTEMPT, ATTEMPTS, SUBMISSION_TRIES, AttemptState
from topup.kernel.outcome import Accepted, Done, NotSent, Reason, Refused, Reversed, Throttled, Unknown
from topup.orders.delivery import Effect, judge, path_of
from topup.orders.states import ORDER, OrderState

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIMITS = Limits(timedelta(seconds=10), timedelta(hours=24), timedelta(seconds=60))

OUTCOMES = [
    Done("c1"),
    Accepted("c1"),
    Reversed("c1"),
    NotSent("refused"),
    Throttled(30),
    Unknown("timeout"),
    *(Refused(reason, "code") for reason in Reason),
]
OPEN = [AttemptState.SUBMITTING, AttemptState.ACCEPTED, AttemptState.UNKNOWN]
# The states an order is in while its newest attempt is in a state.
ORDER_OF = {
    AttemptState.INTENDED: {OrderState.DELIVERING},
    AttemptState.SUBMITTING: {OrderState.DELIVERING},
    AttemptState.ACCEPTED: {OrderState.DELIVERING},
    AttemptState.UNKNOWN: {OrderState.UNRESOLVED},
    AttemptState.DELIVERED: {OrderState.DELIVERED},
    AttemptState.REFUSED: {OrderState.REFUNDING, OrderState.REFUNDED, OrderState.NEEDS_PERSON},
    AttemptState.ABSENT: {OrderState.REFUNDING, OrderState.REFUNDED, OrderState.NEEDS_PERSON, OrderState.DELIVERING},
    AttemptState.REVERSED: {OrderState.REFUNDING, OrderState.REFUNDED, OrderState.NEEDS_PERSON},
    AttemptState.NEEDS_PERSON: {OrderState.NEEDS_PERSON},
}


def attempt(state, *, age=timedelta(minutes=5), number=1, asked=1, reference=None) -> Attempt:
    submitted = None if state is AttemptState.INTENDED else NOW - age
    return Attempt(
        lane=3,
        id="ful_x",
        order_id="ord_x",
        number=number,
        carrier="external_demo",
        msisdn="+6581234500",
        amount_minor=1000,
        currency="SGD",
        product="credit",
        state=state,
        reference=reference,
        code=None,
        created_at=NOW - age,
        submitted_at=submitted,
        asked=asked,
    )


def judged(state, outcome, *, submission=False, **facts):
    return judge(attempt(state, **facts), outcome, submission=submission, limits=LIMITS, now=NOW)


def attempts_in(states):
    return st.builds(
        attempt,
        st.sampled_from(states),
        age=st.timedeltas(timedelta(0), timedelta(hours=30)),
        number=st.integers(1, ATTEMPTS),
        asked=st.integers(1, 40),
        reference=st.sampled_from([None, "c1"]),
    )


attempts = attempts_in(list(AttemptState))


@given(attempts, st.sampled_from(OUTCOMES))
def test_no_answer_to_a_question_leads_where_the_tables_have_no_way(one, outcome):
    verdict = judge(one, outcome, submission=False, limits=LIMITS, now=NOW)
    assert verdict.state is None or ATTEMPT.permits(one.state, verdict.state)
    for state in ORDER_OF[one.state]:
        before = state
        for after, _ in path_of(verdict, state):
            assert ORDER.permits(before, after)
            before = after


@given(attempts, st.sampled_from(OUTCOMES))
def test_nor_does_the_answer_of_the_submission_however_late_it_comes(one, outcome):
    verdict = judge(one, outcome, submission=True, limits=LIMITS, now=NOW)
    assert verdict.state is None or ATTEMPT.permits(one.state, verdict.state)


@given(attempts, st.sampled_from(OUTCOMES), st.booleans())
def test_what_stays_open_is_always_taken_up_again(one, outcome, submission):
    verdict = judge(one, outcome, submission=submission, limits=LIMITS, now=NOW)
    still = verdict.state or one.state
    if one.state in OPEN and still in {*OPEN, AttemptState.INTENDED}:
        assert verdict.act_at is not None
        assert verdict.act_at > NOW


@given(attempts, st.sampled_from(OUTCOMES), st.booleans())
def test_only_proof_of_non_delivery_gives_the_money_back(one, outcome, submission):
    verdict = judge(one, outcome, submission=submission, limits=LIMITS, now=NOW)
    if verdict.effect in {Effect.REFUND, Effect.REVERSE}:
        assert isinstance(outcome, Refused | Reversed | NotSent | Throttled)
    if isinstance(outcome, Unknown | Accepted):
        assert verdict.effect in {Effect.NOTHING, Effect.WAIT, Effect.PERSON, Effect.CONTRADICTION}


@given(attempts_in(OPEN), st.sampled_from([*OUTCOMES, *[Refused(Reason.ABSENT, "code")] * 9]), st.booleans())
def test_another_attempt_needs_proof_that_this_one_never_arrived(one, outcome, submission):
    verdict = judge(one, outcome, submission=submission, limits=LIMITS, now=NOW)
    if verdict.effect is Effect.RETRY:
        assert outcome == Refused(Reason.ABSENT, "code")
        assert NOW - one.submitted_at >= LIMITS.absence_proves_after
        assert one.state in {AttemptState.SUBMITTING, AttemptState.UNKNOWN}
        assert one.reference is None, "the carrier had taken it in once"


@pytest.mark.parametrize("outcome", [Refused(Reason.ABSENT, "code"), Unknown("timeout")])
def test_what_was_taken_in_once_is_never_believed_absent(outcome):
    first = judged(AttemptState.ACCEPTED, outcome, reference="c1")
    again = judged(first.state or AttemptState.ACCEPTED, Refused(Reason.ABSENT, "code"), reference="c1")
    assert again.effect is Effect.WAIT


def test_absence_is_believed_only_when_the_carrier_had_time_to_notice():
    early = judged(AttemptState.UNKNOWN, Refused(Reason.ABSENT, "code"), age=timedelta(seconds=59))
    assert (early.effect, early.act_at) == (Effect.WAIT, NOW + timedelta(seconds=1))
    assert (
        judged(AttemptState.UNKNOWN, Refused(Reason.ABSENT, "code"), age=timedelta(seconds=60)).effect is Effect.RETRY
    )


def test_after_the_last_attempt_the_money_goes_back():
    last = judged(AttemptState.UNKNOWN, Refused(Reason.ABSENT, "code"), number=ATTEMPTS)
    assert (last.state, last.effect) == (AttemptState.ABSENT, Effect.REFUND)
    tired = judged(AttemptState.SUBMITTING, NotSent("refused"), submission=True, asked=SUBMISSION_TRIES)
    assert (tired.state, tired.effect) == (AttemptState.REFUSED, Effect.REFUND)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("outcome", [Unknown("timeout"), Accepted("c1"), NotSent("refused"), Throttled(5)])
def test_past_the_horizon_a_person_decides(state, outcome):
    verdict = judged(state, outcome, age=timedelta(hours=24, seconds=1))
    assert (verdict.state, verdict.effect) == (AttemptState.NEEDS_PERSON, Effect.PERSON)


def test_a_carrier_is_not_asked_more_often_than_it_allows():
    assert judged(AttemptState.UNKNOWN, Unknown("timeout"), asked=0).act_at == NOW + LIMITS.minimum_interval


@pytest.mark.parametrize(
    ("state", "outcome", "effect"),
    [
        (AttemptState.NEEDS_PERSON, Done("c1"), Effect.DELIVER),
        (AttemptState.NEEDS_PERSON, Refused(Reason.USER, "code"), Effect.REFUND),
        (AttemptState.NEEDS_PERSON, Reversed("c1"), Effect.REFUND),
        (AttemptState.NEEDS_PERSON, Refused(Reason.ABSENT, "code"), Effect.NOTHING),
        (AttemptState.DELIVERED, Reversed("c1"), Effect.REVERSE),
        (AttemptState.DELIVERED, Done("c1"), Effect.NOTHING),
        (AttemptState.DELIVERED, Refused(Reason.USER, "code"), Effect.CONTRADICTION),
        (AttemptState.REFUSED, Done("c1"), Effect.CONTRADICTION),
        (AttemptState.REFUSED, Accepted("c1"), Effect.CONTRADICTION),
        (AttemptState.ABSENT, Done("c1"), Effect.CONTRADICTION),
        (AttemptState.REVERSED, Done("c1"), Effect.NOTHING),
        (AttemptState.REVERSED, Reversed("c1"), Effect.NOTHING),
    ],
)
def test_answers_about_what_seemed_settled(state, outcome, effect):
    assert judged(state, outcome).effect is effect
