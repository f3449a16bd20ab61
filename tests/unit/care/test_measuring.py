"""Measured waiting: within how long a share arrived, told only of enough."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from topup.care.waiting import BOUNDS_S, FEWEST, Waiting, _bar, within

COUNTS = st.lists(st.integers(0, 50), min_size=len(BOUNDS_S) + 1, max_size=len(BOUNDS_S) + 1)


@given(COUNTS, st.floats(0.05, 0.99))
def test_at_least_that_share_arrived_within_it(counts, share):
    found = within(counts, share)
    if found is None:
        assert sum(counts[:-1]) < share * sum(counts) or not sum(counts)
        return
    place = BOUNDS_S.index(found)
    assert sum(counts[: place + 1]) >= share * sum(counts)
    assert place == 0 or sum(counts[:place]) < share * sum(counts) or not sum(counts[:place])


def bars(*waits, orders=FEWEST):
    return tuple(_bar(hour, [0] * BOUNDS_S.index(wait) + [orders] + [0] * 11) for hour, wait in enumerate(waits))


def waiting(hours, orders=1000):
    return Waiting("UTC", orders, 1.0, 1.0, hours, ())


def test_the_quickest_hours_are_named():
    assert waiting(bars(5.0, 1.0, 60.0, 1.0)).best_hours == [1, 3]


def test_where_all_go_alike_none_is_best():
    assert waiting(bars(1.0, 1.0, 1.0)).best_hours == []


def test_of_too_few_nothing_is_told():
    [bar] = bars(1.0, orders=FEWEST - 1)
    assert not bar.enough
    assert bar.most_s is None
    assert waiting((bar,)).best_hours == []
    assert not waiting((), orders=199).enough
    assert waiting((), orders=200).enough


def at(hour, day=20):
    return datetime(2026, 11, day, hour, 30, tzinfo=UTC)


def test_a_rush_is_told_at_its_hour_and_on_its_day_and_at_no_other():
    hours = bars(*[5.0] * 18, 60.0, *[5.0] * 5)
    days = tuple(replace(bar, number=bar.number + 1) for bar in bars(*[5.0] * 30, 120.0))
    measured = Waiting("UTC", 1000, 1.0, 5.0, hours, days)
    assert measured.slower_at(at(18)) == 60.0
    assert measured.slower_at(at(17)) is None
    assert measured.slower_at(at(17, day=30)) is None
    last = Waiting("Asia/Shanghai", 1000, 1.0, 5.0, hours, days)
    assert last.slower_at(datetime(2026, 12, 30, 16, 30, tzinfo=UTC)) == 120.0, "the 31st has begun there"


def test_of_too_few_no_rush_is_told():
    hours = bars(*[5.0] * 18, 60.0, *[5.0] * 5, orders=FEWEST - 1)
    assert Waiting("UTC", 1000, 1.0, 5.0, hours, ()).slower_at(at(18)) is None
    assert Waiting("UTC", 100, 1.0, 5.0, bars(*[60.0] * 24), ()).slower_at(at(18)) is None
