"""What is known of a dispute does not depend on the order of its news; and never does more go back than came."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce

from hypothesis import assume, given
from hypothesis import strategies as st

from topup.kernel.ids import PaymentId, RefundId, new_id
from topup.payments.disputes import Dispute, Room, gone_minor, joined, lost_minor, room_in, taken_minor, taken_of
from topup.payments.ports import DisputeStanding
from topup.payments.queries import Capture, Refund
from topup.payments.states import Disposition, RefundState

PAYMENT = PaymentId(new_id("payment", 3))
PAID_AT = datetime(2026, 11, 1, tzinfo=UTC)

tellings = st.builds(
    Dispute,
    st.just(3),
    st.just(PAYMENT),
    st.just("dp_1"),
    st.sampled_from(["", "pi_1"]),
    st.sampled_from(DisputeStanding),
    st.integers(0, 120),
    st.sampled_from(["USD", "EUR"]),
    st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
)
captures = st.builds(
    lambda refunded: Capture(3, PAYMENT, "pi_1", 100, "USD", PAID_AT, Disposition.KEPT, refunded), st.integers(1, 100)
)


@given(st.lists(tellings, min_size=1, max_size=5), st.randoms())
def test_whatever_order_its_news_come_in_the_same_is_known(told, chance):
    mixed = [*told, *told]
    chance.shuffle(mixed)
    assert reduce(joined, mixed) == reduce(joined, told)


@given(captures, st.lists(tellings, max_size=3))
def test_what_is_sent_and_what_the_bank_took_is_never_more_than_came(capture, disputes):
    room = room_in(capture, disputes)
    taken = taken_minor(capture, disputes)
    if room is Room.FREE:
        assert capture.refunded_minor + taken <= capture.amount_minor
    if room is Room.TAKEN_BACK:
        assert taken >= capture.refunded_minor
    if room is Room.WAITS:
        assert any(dispute.standing is DisputeStanding.OPEN for dispute in disputes)


@given(captures, st.lists(tellings, max_size=3))
def test_what_was_won_stands_in_nobodys_way(capture, disputes):
    won = [replace(dispute, standing=DisputeStanding.WON) for dispute in disputes]
    assert room_in(capture, won) is Room.FREE
    assert room_in(capture, [*disputes, *won]) is room_in(capture, disputes)


@given(captures, tellings)
def test_it_concerns_the_money_it_names_or_all_where_it_names_none(capture, dispute):
    assume(dispute.reference)
    assert room_in(replace(capture, reference="pi_2"), [dispute]) is Room.FREE
    assert room_in(replace(capture, payment_id=PaymentId(new_id("payment", 3))), [dispute]) is Room.FREE
    assert replace(dispute, reference="").concerns(replace(capture, reference="pi_2"))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.integers(0, 100), st.randoms())
def test_refunds_recorded_one_after_another_leave_with_what_was_lost_no_more_than_came(amounts, lost, chance):
    amounts = amounts if sum(amounts) <= 100 else amounts[:1]
    capture = Capture(3, PAYMENT, "pi_1", 100, "USD", PAID_AT, Disposition.KEPT, sum(amounts))
    dispute = Dispute(3, PAYMENT, "dp_1", "pi_1", DisputeStanding.LOST, lost, "USD", None)
    chance.shuffle(amounts)
    sent, taken = 0, 0
    for amount in amounts:
        part = taken_of(refund_of(amount), capture, [dispute], before_minor=taken)
        sent, taken = sent + amount - part, taken + part
    assert sent + lost <= 100
    assert sent + lost == 100 or taken == 0, "no more is held back than must be"


@given(st.integers(1, 100), tellings)
def test_nothing_of_a_refund_counts_as_taken_but_by_a_loss_in_its_currency(amount, dispute):
    assume(dispute.standing is not DisputeStanding.LOST or dispute.currency != "USD")
    capture = Capture(3, PAYMENT, "pi_1", 100, "USD", PAID_AT, Disposition.KEPT, amount)
    assert taken_of(refund_of(amount), capture, [dispute], before_minor=0) == 0


def refund_of(amount: int) -> Refund:
    number = RefundId(new_id("refund", 3))
    return Refund(3, number, PAYMENT, "pi_1", amount, "USD", "late", RefundState.NEEDS_PERSON, PAID_AT, 1, PAID_AT)


@given(captures, st.lists(tellings, max_size=3))
def test_what_is_gone_is_what_was_promised_back_and_lost_and_never_more_than_came(capture, disputes):
    gone = gone_minor(capture, disputes)
    assert capture.refunded_minor <= gone <= capture.amount_minor
    assert gone - capture.refunded_minor <= lost_minor(capture, disputes)
    not_lost = [dispute for dispute in disputes if dispute.standing is not DisputeStanding.LOST]
    assert gone_minor(capture, not_lost) == capture.refunded_minor
    assert lost_minor(capture, [replace(dispute, currency="EUR") for dispute in disputes]) == 0
    for dispute in disputes:
        lost = replace(dispute, standing=DisputeStanding.LOST, currency="USD", amount_minor=100)
        if lost.concerns(capture):
            assert gone_minor(capture, [lost]) == capture.amount_minor
