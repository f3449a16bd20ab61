"""Keeping a number by the published rules of real carriers: dates and amounts, over month ends, leap days and zones."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.carriers import CARRIERS, at
from topup.catalogue.checking import check
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.documents import FeeStep
from topup.catalogue.life_cycle import opened, step
from topup.catalogue.line_facts import Event, LineFacts
from topup.catalogue.versions import CarrierVersion
from topup.lines.keeping.kept import LONGEST_DAYS, Kept, TooFar, months_between
from topup.lines.keeping.rows import cheapest, not_before

DEMONSTRATION = {file.stem: CarrierVersion(file.stem, 1, check(file).document) for file in demonstration_files()}
FIVE = {**CARRIERS, "yunfan": DEMONSTRATION["yunfan"]}
FIRST = {"smart-philippines": 10_000, "flow-cayman": 500, "vodafone-uk": 1000, "china": 2000, "yunfan": 2000}
"""What each line is topped up with when it begins."""


def a_line(name: str, begun: str, first: int | None = None) -> Kept:
    carrier = FIVE[name]
    now = at(carrier, begun)
    facts = opened(carrier.line_rules, now=now, zone=carrier.zone).facts
    line = Kept(carrier, facts, now, carrier.zone).topped_up(first or FIRST[name])
    assert line is not None
    return line


def local(line: Kept, instant: datetime | None) -> str:
    return f"{instant.astimezone(line.zone):%Y-%m-%d %H:%M}" if instant else ""


def the_end(line: Kept, day: str) -> datetime:
    return line.until(date.fromisoformat(day))


class TestRunway:
    @pytest.mark.parametrize(
        ("name", "begun", "serves", "kept", "months"),
        [
            # 30 days of credit, then 120 of receiving; over a 31st, and over a leap day.
            ("smart-philippines", "2026-01-31 12:00", "2026-03-03 00:00", "2026-07-01 00:00", 5),
            ("smart-philippines", "2028-01-31 12:00", "2028-03-02 00:00", "2028-06-30 00:00", 4),
            # 90 days of a balance of five dollars, then 90 of receiving.
            ("flow-cayman", "2026-11-05 12:00", "2027-02-04 00:00", "2027-05-05 00:00", 5),
            ("flow-cayman", "2027-12-01 23:59", "2028-03-01 00:00", "2028-05-30 00:00", 5),
            # 180 days, and 90 more in which all works; London's midnight is an hour earlier in summer.
            ("vodafone-uk", "2026-08-31 12:00", "2027-05-29 00:00", "2027-05-29 00:00", 8),
            # The fee of eight is paid twice; what is missing on the third 1st blocks, in two steps and two months.
            ("china", "2026-11-30 12:00", "2027-02-01 00:00", "2027-04-16 00:00", 4),
            ("china", "2027-11-30 12:00", "2028-02-01 00:00", "2028-04-16 00:00", 4),
            # 180 days, then 60 in which only a top-up works.
            ("yunfan", "2026-11-05 12:00", "2027-05-05 00:00", "2027-07-04 00:00", 7),
        ],
    )
    def test_until_when_it_serves_and_until_when_the_number_can_be_kept(self, name, begun, serves, kept, months):
        line = a_line(name, begun)
        runway = line.runway()
        assert (local(line, runway.serves_until), local(line, runway.kept_until)) == (serves, kept)
        assert runway.months == months

    def test_a_reserved_number_is_lost_before_it_is_released(self):
        line = a_line("china", "2026-11-30 12:00")
        runway = line.runway()
        assert local(line, runway.released_at) == "2027-07-15 00:00"
        lost = line.at(runway.kept_until + timedelta(hours=1))
        assert lost.runway().is_lost
        assert lost.least(the_end(lost, "2027-06-01")) is None
        assert cheapest(lost, the_end(lost, "2027-06-01")) is None

    def test_two_months_from_a_last_day_end_on_the_last_day_of_february(self):
        carrier = FIVE["china"]
        since = at(carrier, "2027-12-31 00:00")
        line = Kept(carrier, LineFacts("two-way-blocked", since, arrears_minor=800), since, carrier.zone)
        assert local(line, line.runway().kept_until) == "2028-02-29 00:00"

    def test_a_number_that_nothing_ends_is_kept_for_ever(self):
        carrier = DEMONSTRATION["qingfeng"]
        now = at(carrier, "2026-11-05 12:00")
        line = Kept(carrier, opened(carrier.line_rules, now=now, zone=carrier.zone).facts, now, carrier.zone)
        assert (line.runway().kept_until, line.runway().months) == (None, None)
        assert cheapest(line, the_end(line, "2028-11-05")).top_ups == ()

    def test_whole_months_count_by_the_calendar(self):
        zone = FIVE["china"].zone
        counted = [
            months_between(at(FIVE["china"], since), at(FIVE["china"], until), zone)
            for since, until in [
                ("2026-01-31 12:00", "2026-03-01 00:00"),
                ("2026-01-31 12:00", "2026-02-28 00:00"),
                ("2026-01-15 12:00", "2027-01-16 00:00"),
                ("2026-01-15 12:00", "2026-01-15 13:00"),
            ]
        ]
        assert counted == [1, 0, 12, 0]


class TestLeast:
    @pytest.mark.parametrize(
        ("name", "begun", "until", "least"),
        [
            # 100 keeps it through 4 April; 300 through 19 May, 500 through 3 July.
            ("smart-philippines", "2026-11-05 12:00", "2027-04-04", 0),
            ("smart-philippines", "2026-11-05 12:00", "2027-04-05", 30_000),
            ("smart-philippines", "2026-11-05 12:00", "2027-05-19", 30_000),
            ("smart-philippines", "2026-11-05 12:00", "2027-05-20", 50_000),
            ("smart-philippines", "2026-11-05 12:00", "2027-07-04", None),
            # Five dollars more make a balance of ten: 120 days and 90; fifteen more twenty, 180; forty-five more fifty.
            ("flow-cayman", "2026-11-05 12:00", "2027-05-04", 0),
            ("flow-cayman", "2026-11-05 12:00", "2027-05-05", 500),
            ("flow-cayman", "2026-11-05 12:00", "2027-06-04", 1500),
            ("flow-cayman", "2026-11-05 12:00", "2027-08-03", 4500),
            ("flow-cayman", "2026-11-05 12:00", "2028-02-04", None),
            ("vodafone-uk", "2026-08-31 12:00", "2027-05-28", 0),
            ("vodafone-uk", "2026-08-31 12:00", "2027-05-29", None),
            # Four that are missing of the third fee, and eight for each further month.
            ("china", "2026-11-30 12:00", "2027-04-15", 0),
            ("china", "2026-11-30 12:00", "2027-04-16", 400),
            ("china", "2026-11-30 12:00", "2027-05-16", 1200),
            ("yunfan", "2026-11-05 12:00", "2027-07-03", 0),
        ],
    )
    def test_the_smallest_top_up_that_is_sold_and_reaches_the_day(self, name, begun, until, least):
        line = a_line(name, begun)
        found = line.least(the_end(line, until))
        assert (found.amount_minor if found else None) == least

    def test_what_the_carrier_keeps_of_a_top_up_is_bought_too(self):
        china = CARRIERS["china"].document
        kept = replace(china.fees, product=(FeeStep(0, 100, 0, "half_up"),))
        carrier = CarrierVersion("china", 2, replace(china, fees=kept))
        line = a_line("china", "2026-11-30 12:00")
        dearer = Kept(carrier, line.facts, line.now, line.zone)
        assert dearer.least(the_end(line, "2027-04-16")).amount_minor == 500

    @pytest.mark.parametrize("day", [-1, LONGEST_DAYS + 1])
    def test_a_day_gone_by_and_one_too_far_ahead_are_refused(self, day):
        line = a_line("china", "2026-11-30 12:00")
        with pytest.raises(TooFar, match="keeping_until"):
            line.until(date(2026, 11, 30) + timedelta(days=day))


class TestCheapest:
    @pytest.mark.parametrize(
        ("name", "begun", "until", "row"),
        [
            ("smart-philippines", "2026-11-05 12:00", "2027-11-05",
             [(10_000, "2027-04-05 00:00"), (10_000, "2027-09-02 00:00")]),
            ("flow-cayman", "2026-11-05 12:00", "2027-11-05", [(1000, "2027-05-05 00:00")]),
            ("vodafone-uk", "2026-11-05 12:00", "2027-11-05", [(1000, "2027-08-03 00:00")]),
            # What is owed when it is two-way blocked, at the last hour: no fee is charged in those two months.
            ("china", "2026-11-30 12:00", "2027-11-05", [(400, "2027-04-16 00:00"), (1600, "2027-07-16 00:00")]),
            ("yunfan", "2026-11-05 12:00", "2027-11-05", [(2000, "2027-07-04 00:00")]),
        ],
    )  # fmt: skip
    def test_a_year_of_each_carrier(self, name, begun, until, row):
        line = a_line(name, begun)
        found = cheapest(line, the_end(line, until))
        assert [(one.amount.amount_minor, local(line, one.before)) for one in found.top_ups] == row
        assert found.total.amount_minor == sum(amount for amount, _ in row)

    def test_one_that_is_made_too_soon_is_not_enough_and_from_which_day_it_is(self):
        line = a_line("yunfan", "2026-11-05 12:00")
        end = the_end(line, "2027-11-05")
        found, day = cheapest(line, end), date(2027, 3, 10)
        amount = found.top_ups[0].amount.amount_minor
        assert (line.least(end), local(line, line.leads_to(amount))) == (None, "2027-07-04 00:00")
        # 180 days from that day on, and 60 more in which only a top-up works: a day sooner they end a day too soon.
        assert not_before(line, found, end) == day
        assert not line.at(at(line.carrier, "2027-03-09 23:59")).topped_up(amount).is_kept(end)
        assert line.at(at(line.carrier, "2027-03-10 00:00")).topped_up(amount).is_kept(end)

    def test_of_a_row_of_several_no_day_is_named(self):
        line = a_line("china", "2026-11-30 12:00")
        end = the_end(line, "2027-11-05")
        assert not_before(line, cheapest(line, end), end) is None

    def test_nothing_where_it_is_kept_anyway(self):
        line = a_line("vodafone-uk", "2026-11-05 12:00")
        assert cheapest(line, the_end(line, "2026-12-24")).top_ups == ()


def carried_out(line: Kept, row: list[tuple[int, datetime]], end: datetime) -> bool:
    """Whether the number is kept when a row of top-ups is carried out."""
    for amount, instant in row:
        ready = line.at(instant)
        after = ready.topped_up(amount) if line.is_kept(instant) else None
        if after is None:
            return False
        line = after
    return line.is_kept(end)


@given(st.sampled_from(sorted(FIVE)), st.integers(0, 1460), st.integers(0, 540))
@settings(max_examples=40, deadline=None)
def test_what_is_proposed_keeps_it_and_less_or_later_does_not(name, begun, ahead):
    """On any day of four years, one of them with a leap day, and for any day of the next year and a half."""
    line = a_line(name, f"{date(2026, 1, 1) + timedelta(days=begun)} 12:00")
    end = line.until(line.now.astimezone(line.zone).date() + timedelta(days=ahead))
    found = cheapest(line, end)
    assert found is not None
    row = [(one.amount.amount_minor, one.at) for one in found.top_ups]
    assert carried_out(line, row, end)
    if not row:
        return
    assert not carried_out(line, row[:-1], end), "the last of them is needed"
    if found.top_ups[0].before == line.runway().kept_until:
        late = [(amount, instant + timedelta(days=1)) for amount, instant in row]
        assert not carried_out(line, late, end), "a day later it is too late"
    smaller = [one for one in _sold(line) if one < row[-1][0]]
    if smaller:
        assert not carried_out(line, [*row[:-1], (smaller[-1], row[-1][1])], end), "one amount less does not do"


def _sold(line: Kept) -> list[int]:
    """The amounts there are, ascending."""
    credit = line.carrier.document.credit
    free = credit.free
    whole = range(free.minimum_minor, free.maximum_minor + 1, free.step_minor) if free else ()
    return sorted({*line.carrier.face_values, *whole})


def test_a_plan_whose_renewals_keep_the_number_is_told_with_what_it_costs():
    line = a_line("yunfan", "2026-11-05 12:00")
    found = [(one.plan.id, one.cost.amount_minor, one.cycles) for one in line.plans(the_end(line, "2027-11-04"))]
    assert found == [("keep-quarterly", 7200, 4), ("home-quarterly", 75_200, 4), ("home-monthly", 81_600, 12)]
    keeping = replace(line.carrier.plans["keep-quarterly"], cycle="yearly")
    document = replace(line.carrier.document, plans=(keeping,))
    by_the_year = replace(line, carrier=CarrierVersion("yunfan", 2, document))
    # A year lies between two renewals: longer than the 240 days a number lives unused.
    assert by_the_year.plans(the_end(line, "2027-11-04")) == ()


def test_using_a_line_keeps_it_where_the_rules_say_so():
    line = a_line("vodafone-uk", "2026-11-05 12:00")
    later = line.at(line.now + timedelta(days=100))
    used = step(line.rules, later.facts, now=later.now, zone=line.zone, event=Event("activity")).facts
    assert Kept(line.carrier, used, later.now, line.zone).runway().kept_until > line.runway().kept_until
