"""What is told of what is left: each crossing once, and nothing that was so before."""

from hypothesis import given
from hypothesis import strategies as st

from topup.charging.usage.events import Crossing, crossings

MARKS = {"CNY": 500, "DATA": 1000}


def test_what_falls_below_its_mark_is_low():
    assert crossings({"CNY": 500}, {"CNY": 499}, MARKS) == (Crossing("low", "CNY", 499, 500),)


def test_the_mark_itself_is_not_low():
    assert crossings({"CNY": 900}, {"CNY": 500}, MARKS) == ()


def test_what_was_low_is_not_told_again():
    assert crossings({"CNY": 499}, {"CNY": 1}, MARKS) == ()


def test_what_is_used_up_is_not_low_as_well():
    assert crossings({"CNY": 900}, {"CNY": 0}, MARKS) == (Crossing("used_up", "CNY", 0),)
    assert crossings({"CNY": 900}, {}, MARKS) == (Crossing("used_up", "CNY", 0),)


def test_an_asset_without_a_mark_is_only_used_up():
    assert crossings({"POINTS": 3}, {"POINTS": 1}, MARKS) == ()
    assert crossings({"POINTS": 3}, {"POINTS": 0}, MARKS) == (Crossing("used_up", "POINTS", 0),)


def test_what_there_never_was_is_not_used_up():
    assert crossings({"CNY": 0}, {"CNY": 0}, MARKS) == ()


@given(
    steps=st.lists(st.integers(0, 400), max_size=30),
    start=st.integers(0, 3000),
    mark=st.integers(1, 2000),
)
def test_on_the_way_down_each_is_told_once_however_it_is_cut(steps, start, mark):
    told, left = [], start
    for step in steps:
        after = max(left - step, 0)
        told += [found.name for found in crossings({"CNY": left}, {"CNY": after}, {"CNY": mark})]
        left = after
    assert told.count("low") <= 1
    assert told.count("used_up") == (start > 0 and left == 0)
    if start >= mark > left > 0:
        assert told == ["low"]
