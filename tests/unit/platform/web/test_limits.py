"""Nobody takes everybody's turn, and remembering who asked takes bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.errors import Throttled
from topup.platform.web.limits import Limits, neighbourhood


def allowed(limits: Limits, number: int, *, address: str = "198.51.100.1", now_s: float = 0.0) -> int:
    count = 0
    for _ in range(number):
        try:
            limits.check(kind="quote", address=address, now_s=now_s)
        except Throttled:
            continue
        count += 1
    return count


@pytest.mark.parametrize("rate", [1, 7, 60, 120, 241, 10_000])
def test_a_minutes_worth_may_come_at_once_and_no_more(rate):
    assert allowed(Limits(rates={"quote": rate}), rate + 50) == rate


def test_turns_come_back_evenly():
    limits = Limits(rates={"quote": 60})
    assert allowed(limits, 100, now_s=0.0) == 60
    assert allowed(limits, 100, now_s=10.0) == 10
    assert allowed(limits, 100, now_s=1000.0) == 60


def test_the_wait_that_is_told_is_enough_and_not_much_more():
    limits = Limits(rates={"quote": 4})
    allowed(limits, 4)
    with pytest.raises(Throttled) as refused:
        limits.check(kind="quote", address="198.51.100.1", now_s=0.0)
    wait_s = refused.value.parameters["retry_after_s"]
    assert wait_s == 15
    assert allowed(limits, 5, now_s=float(wait_s)) == 1


def test_kinds_and_addresses_are_counted_apart():
    limits = Limits(rates={"quote": 2, "number": 2})
    assert allowed(limits, 5) == 2
    assert allowed(limits, 5, address="198.51.100.2") == 2
    limits.check(kind="number", address="198.51.100.1", now_s=0.0)


def test_zero_means_no_limit():
    assert allowed(Limits(rates={"quote": 0}), 1000) == 1000


def test_a_flood_of_addresses_does_not_fill_the_memory():
    limits = Limits(rates={"quote": 60}, capacity=100)
    for number in range(10_000):
        limits.check(kind="quote", address=f"2001:db8:{number:x}::1", now_s=0.0)
    assert len(limits._due) <= 101


def test_the_paid_for_are_forgotten():
    limits = Limits(rates={"quote": 60})
    for number in range(100):
        limits.check(kind="quote", address=f"10.0.0.{number}", now_s=0.0)
    for number in range(100):
        limits.check(kind="quote", address="10.0.1.1", now_s=100.0 + number)
    assert len(limits._due) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.1", "198.51.100.1", True),
        ("198.51.100.1", "198.51.100.2", False),
    ],
)
def test_a_subscriber_is_one_caller_however_many_addresses_he_has(one, other, same):
    assert (neighbourhood(one) == neighbourhood(other)) is same


@given(st.lists(st.floats(min_value=0, max_value=5), max_size=300))
def test_no_minute_has_more_than_twice_the_rate(pauses):
    """The promise of the algorithm: a full burst, and what trickles in meanwhile."""
    limits, now_s, taken = Limits(rates={"quote": 20}), 0.0, []
    for pause in pauses:
        now_s += pause
        if allowed(limits, 1, now_s=now_s):
            taken.append(now_s)
    assert all(sum(start <= other <= start + 60 for other in taken) <= 41 for start in taken)
