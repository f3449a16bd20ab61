"""The bench's month-end: whoever is due is begun once, never early, and in its day at ten times the average."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.schedules import TIMES, begun_s, month_end

LOOK_S = 0.002


@given(st.lists(st.floats(0, 10_000), min_size=1, max_size=400))
def test_each_is_begun_once_and_not_before_it_is_due(due_s):
    begun = begun_s(due_s, look_s=LOOK_S)
    assert sorted(due for due, _ in begun) == sorted(due_s)
    assert all(begins >= due for due, begins in begun)


def test_ten_times_an_average_day_is_absorbed_for_it_is_spread_over_the_day():
    found = month_end(500, look_s=LOOK_S)
    assert found["month_end_topups"] == 500 * TIMES
    assert found["month_end_wait_p99_s"] * 10 < found["all_at_once_wait_p99_s"]


def test_what_cannot_be_begun_in_its_day_is_said_so():
    with pytest.raises(RuntimeError, match="after the closing of their day"):
        month_end(100, look_s=120.0)
