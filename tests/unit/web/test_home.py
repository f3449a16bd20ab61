"""Home's arithmetic: how full a ring is, which months can be chosen, how a statement is drawn together."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.channels.web.home.months import HEIGHT, WIDTH, charts, choices, merged, parse_month
from topup.channels.web.home.showing import card, share_of
from topup.channels.web.wording import Wording
from topup.charging.usage.months import UsedOnDay
from topup.kernel.ids import LineId, new_id
from topup.kernel.money import Money
from topup.ledger.statements import Entry
from topup.lines.owners import OwnedLine
from topup.lines.queries import LineRef
from topup.orders.own_lines import Glance
from topup.orders.own_months import month_after

AMOUNTS = st.integers(0, 10**15)
MONTHS = st.dates(date(2000, 1, 1), date(2100, 12, 31)).map(lambda day: day.replace(day=1))
NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)


@given(AMOUNTS, AMOUNTS)
def test_a_ring_is_between_empty_and_full_and_empty_only_when_nothing_is_left(left, spent):
    share = share_of(left, left + spent)
    if left + spent == 0:
        assert share is None
    else:
        assert share is not None
        assert 0 <= share <= 100
        assert (share == 0) == (left == 0)
        assert spent == 0 or share < 100


def test_a_ring_of_what_is_not_known_is_not_drawn():
    assert share_of(5, None) is None


@given(MONTHS, MONTHS)
def test_the_months_of_a_year_can_be_chosen_and_the_one_that_is_shown(this, shown):
    found = choices(this, shown)
    assert {this, shown} <= set(found)
    assert found == sorted(set(found), reverse=True)
    recent = [month for month in found if month <= this][:13] if shown <= this else found[-13:]
    assert len(recent) == 13
    assert all(
        month_after(older) == newer for newer, older in zip(choices(this, this), choices(this, this)[1:], strict=False)
    )


@given(MONTHS)
def test_a_month_is_read_as_it_is_written(month):
    assert parse_month(f"{month:%Y-%m}") == month


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "1999-12", "2026-1", "２０２６-11", "2026-11-01", "0000-01", "9999-12"]
)
def test_what_is_no_month_is_the_present_one(text):
    assert parse_month(text) is None


@given(st.lists(st.tuples(st.sampled_from(["usage", "grant"]), st.integers(0, 3), st.integers(1, 100)), max_size=30))
def test_what_is_drawn_together_loses_nothing(moves):
    balance, entries = 0, []
    for purpose, days, amount in sorted(moves, key=lambda move: move[1]):
        change = amount if purpose == "grant" else -amount
        balance += change
        entries.insert(0, Entry(NOON + timedelta(days=days), purpose, change, balance))
    found = merged(entries, "Asia/Shanghai")
    assert sum(one.amount for one in found) == balance
    for newer, older in pairwise(found):
        assert newer.after - newer.amount == older.after
        same_day = newer.at.date() == older.at.date()
        assert not (newer.purpose == older.purpose == "usage" and same_day)


@given(
    MONTHS,
    st.lists(st.tuples(st.integers(1, 28), st.sampled_from(["data", "voice", "sms", "mms"]), AMOUNTS), max_size=20),
)
def test_every_bar_is_within_its_picture_and_every_use_is_seen(month, used):
    rows = {(day, service): UsedOnDay(month.replace(day=day), service, quantity, 0) for day, service, quantity in used}
    for chart in charts(month, list(rows.values()), Wording("en")):
        those = {row.day.day: row.quantity for row in rows.values() if row.service == chart.service}
        assert len(chart.bars) == (month_after(month) - month).days
        for number, bar in enumerate(chart.bars, start=1):
            assert 0 <= bar.x <= WIDTH - chart.bar_width
            assert bar.y >= 0
            assert bar.height <= HEIGHT
            assert (bar.height > 0) == (those.get(number, 0) > 0)
    assert {chart.service for chart in charts(month, list(rows.values()), Wording("en"))} == {
        row.service for row in rows.values() if row.quantity
    }


@pytest.mark.parametrize(
    ("ending", "said"), [(5000, "Valid through Nov 24, 2026"), (2000, "CN¥20.00 of it through Nov 24, 2026")]
)
def test_a_card_says_how_much_of_the_money_ends_first(ending, said):
    ref = LineRef(1, LineId(new_id("line", 1)))
    owned = OwnedLine(ref, "+8613800138000", "qingfeng", "Asia/Shanghai", "Home", NOON, NOON)
    end = datetime(2026, 11, 24, 16, tzinfo=UTC)
    glance = Glance({"en": "Qingfeng"}, "active", Money(5000, "CNY"), end, Money(ending, "CNY"))
    assert card(owned, glance, Wording("en")).ends == said
