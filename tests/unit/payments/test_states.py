"""The tables of transitions of orders, payments, refunds and deliveries: what they must and must not allow."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.fulfilment import states as deliveries
from topup.fulfilment.states import ATTEMPT, AttemptState
from topup.orders.states import ORDER, SETTLED, WHO_MUST_ACT, OrderState
from topup.payments import states as payments
from topup.payments.states import PAYMENT, REFUND, PaymentState, RefundState

TABLES = [ORDER, PAYMENT, REFUND, ATTEMPT]


def reachable(table, start) -> set:
    found, open_ = set(), {start}
    while open_:
        state = open_.pop()
        found.add(state)
        open_ |= table.allowed[state] - found
    return found


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(table.initial).__name__)
def test_every_state_can_be_reached_and_every_life_can_end(table):
    assert reachable(table, table.initial) == set(table.allowed)
    for state in table.allowed:
        assert reachable(table, state) & table.final


def test_money_that_comes_is_taken_note_of_in_every_state_of_a_payment():
    for state in PaymentState:
        assert state is PaymentState.PAID or PAYMENT.permits(state, PaymentState.PAID)
    assert not PAYMENT.allowed[PaymentState.PAID]


def test_a_gateway_that_falls_silent_can_be_given_up_in_every_state_it_is_asked_in():
    for state in (PaymentState.STARTING, PaymentState.PENDING, PaymentState.DECLINED):
        assert PAYMENT.permits(state, PaymentState.NEEDS_PERSON)


def test_what_is_credited_or_back_is_never_credited_or_back_again():
    assert not ORDER.allowed[OrderState.REFUNDED]
    assert ORDER.allowed[OrderState.DELIVERED] == {OrderState.REFUNDING}
    assert not REFUND.allowed[RefundState.REFUNDED]
    assert ORDER.sources(OrderState.DELIVERED) == {
        OrderState.DELIVERING,
        OrderState.UNRESOLVED,
        OrderState.NEEDS_PERSON,
    }


def test_only_what_never_left_is_submitted_again():
    assert ATTEMPT.sources(AttemptState.INTENDED) == {AttemptState.SUBMITTING}
    assert ATTEMPT.sources(AttemptState.SUBMITTING) == {AttemptState.INTENDED}
    assert not ATTEMPT.permits(AttemptState.ACCEPTED, AttemptState.ABSENT)


def test_an_order_reaches_a_person_only_where_machines_could_not_know():
    assert ORDER.sources(OrderState.NEEDS_PERSON) == {
        OrderState.DELIVERING,
        OrderState.UNRESOLVED,
        OrderState.REFUNDING,
    }


def test_every_state_says_whose_turn_it_is():
    assert set(WHO_MUST_ACT) == set(OrderState)
    assert {state for state, who in WHO_MUST_ACT.items() if who is None} == SETTLED


@given(st.integers(0, 32_000))
def test_questions_grow_rarer_up_to_an_hour(asked):
    wait = payments.ask_after(asked)
    assert timedelta(seconds=5) <= wait <= payments.ask_after(asked + 1) <= timedelta(hours=1)


@given(st.integers(0, 32_000), st.timedeltas(timedelta(0), timedelta(hours=5)))
def test_a_carrier_is_never_asked_sooner_than_its_contract_allows(asked, minimum):
    assert deliveries.ask_after(asked, minimum) >= max(minimum, timedelta(seconds=5))
