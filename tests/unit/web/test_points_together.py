"""What an account tells of points: one entry for what happened at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from topup.channels.web.account.points import together
from topup.offers.points.queries import Movement

AT = datetime(2026, 3, 15, 12, tzinfo=UTC)
SPENT = Movement(9, AT, -26, "points_spent", "ord_2", "haiqiao")
EARNED = replace(SPENT, sequence=4, points=95, purpose="points_earned", reference="ord_1", at=AT - timedelta(days=1))
PARTS = [SPENT, replace(SPENT, sequence=8, points=-95), replace(SPENT, sequence=7, points=-79)]


def test_points_that_end_on_different_days_and_are_spent_at_once_are_one_entry():
    assert together([*PARTS, EARNED], is_cut=False) == [replace(SPENT, sequence=7, points=-200), EARNED]


def test_what_differs_in_anything_stays_apart():
    others = [
        replace(SPENT, reference="ord_3"),
        replace(SPENT, purpose="points_back"),
        replace(SPENT, carrier_id="lakeside"),
        replace(SPENT, at=AT + timedelta(seconds=1)),
    ]
    assert together([SPENT, *others], is_cut=False) == [SPENT, *others]


def test_what_may_go_on_on_the_next_page_is_told_there_whole():
    assert together([EARNED, *PARTS[:2]], is_cut=True) == [EARNED]
    assert together(PARTS, is_cut=True) == [replace(SPENT, sequence=7, points=-200)], "a page is never empty"
    assert together([], is_cut=False) == []
