"""What is bought next for a number that is kept by itself: what puts its end off, the cheapest beginning first."""

from datetime import timedelta

import pytest

from tests.support.carriers import at
from tests.unit.lines.test_keeping import DEMONSTRATION, FIVE, a_line
from topup.catalogue.life_cycle import opened
from topup.lines.keeping.kept import Kept
from topup.lines.keeping.next import best_first
from topup.lines.keeping.rows import cheapest

DAYS_BEFORE = 6


@pytest.mark.parametrize("name", sorted(FIVE))
def test_each_puts_the_end_off_and_the_first_begins_the_cheapest_year(name):
    line = a_line(name, "2026-11-05 12:00")
    lost_at = line.runway().kept_until
    ready = line.at(lost_at - timedelta(days=DAYS_BEFORE))
    found = best_first(ready)
    row = cheapest(ready, ready.until(ready.a_year_on))
    assert found[0] == row.top_ups[0].amount.amount_minor
    assert sorted(set(found)) == sorted(found)
    for amount in found:
        assert ready.topped_up(amount).runway().kept_until > lost_at, amount


def test_nothing_for_a_number_that_nothing_ends_and_for_one_that_is_lost():
    carrier = DEMONSTRATION["qingfeng"]
    now = at(carrier, "2026-11-05 12:00")
    assert (
        best_first(Kept(carrier, opened(carrier.line_rules, now=now, zone=carrier.zone).facts, now, carrier.zone)) == ()
    )
    line = a_line("china", "2026-11-30 12:00")
    assert best_first(line.at(line.runway().kept_until + timedelta(hours=1))) == ()
