"""Spans of the calendar: days, months and ends of months, in any zone, over any change of the clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.terms import Term, end_in_state, end_of, last_day, months_on

ZONES = st.sampled_from([
    "Asia/Shanghai", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Apia", "America/Cayman", "America/New_York",
    "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Beirut", "Asia/Manila",
])  # fmt: skip
INSTANTS = st.integers(1_320_000_000, 2_100_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
TERMS = st.one_of(
    st.builds(Term, days=st.integers(1, 800), ends=st.sampled_from(["midnight", "exact", "month_end"])),
    st.builds(Term, months=st.integers(1, 40), ends=st.sampled_from(["midnight", "exact", "month_end"])),
    st.just(Term(months=0, ends="month_end")),
)
CALENDAR_LOST = timedelta(days=1)
"""Apia left a day of December 2011 out: there, and only there, a promised day does not exist."""


@given(TERMS, INSTANTS, ZONES)
def test_an_end_is_never_before_the_end_of_the_day_it_began(term, now, zone):
    end = end_of(term, ZoneInfo(zone), now)
    assert end > now
    if term.ends != "exact":
        assert end.astimezone(ZoneInfo(zone)).date() > now.astimezone(ZoneInfo(zone)).date()


@given(TERMS, INSTANTS, ZONES)
def test_whole_days_promised_are_never_fewer(term, now, zone):
    local, end = now.astimezone(ZoneInfo(zone)), end_of(term, ZoneInfo(zone), now).astimezone(ZoneInfo(zone))
    if term.days is not None:
        assert end.replace(tzinfo=None) - local.replace(tzinfo=None) >= timedelta(days=term.days)
    else:
        assert end.date() >= months_on(local.date(), term.months)


@given(TERMS, INSTANTS, ZONES, st.timedeltas(timedelta(0), timedelta(days=60)))
def test_what_begins_later_never_ends_sooner(term, now, zone, later):
    known = ZoneInfo(zone)
    first, second = end_of(term, known, now), end_of(term, known, now + later)
    began = (now + later).astimezone(known)
    if term.ends == "exact" and term.months and months_on(began.date(), term.months).day < began.day:
        # The 30th and the 31st both come to the 30th of a shorter month, each at its own time of day.
        assert first.astimezone(known).date() <= second.astimezone(known).date()
    else:
        # But within the hour that clocks show twice a later moment shows an earlier time.
        assert first <= second + timedelta(hours=1)


def test_a_month_from_the_31st_ends_on_a_shorter_months_last_day_at_the_same_time_of_day():
    zone = ZoneInfo("Pacific/Pago_Pago")
    month = Term(months=1, ends="exact")
    ends = [
        end_of(month, zone, datetime(2011, 10, day, hour, minute, tzinfo=zone)).astimezone(zone)
        for day, hour, minute in ((30, 7, 40), (31, 0, 0), (31, 23, 59))
    ]
    assert [end.strftime("%d %H:%M") for end in ends] == ["30 07:40", "30 00:00", "30 23:59"]


@given(INSTANTS, ZONES, st.integers(1, 500))
def test_in_a_state_days_are_whole_days_and_never_fewer(now, zone, days):
    known = ZoneInfo(zone)
    end = end_in_state(Term(days=days), known, now)
    passed = end.astimezone(known).replace(tzinfo=None) - now.astimezone(known).replace(tzinfo=None)
    assert timedelta(days=days) <= passed < timedelta(days=days + 1) + timedelta(hours=1)


@given(INSTANTS, ZONES, st.integers(1, 500), st.integers(1, 500))
def test_states_one_after_the_other_add_up(now, zone, first, second):
    """The second begins at a midnight, so that it adds its days and no day more."""
    known = ZoneInfo(zone)
    both = end_in_state(Term(days=second), known, end_in_state(Term(days=first), known, now))
    once = end_in_state(Term(days=first + second), known, now)
    assert abs(both - once) <= (CALENDAR_LOST if zone == "Pacific/Apia" else timedelta(hours=1))


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 1200))
def test_months_on_is_the_same_day_or_the_last(day, months):
    later = months_on(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)


@pytest.mark.parametrize(
    ("term", "began", "last"),
    [
        (Term(months=1), "2026-01-31", "2026-02-28"),
        (Term(months=1), "2028-01-31", "2028-02-29"),
        (Term(months=1), "2026-02-28", "2026-03-28"),
        (Term(months=12), "2028-02-29", "2029-02-28"),
        (Term(months=48), "2028-02-29", "2032-02-29"),
        (Term(months=1), "2026-12-31", "2027-01-31"),
        (Term(months=0, ends="month_end"), "2026-02-01", "2026-02-28"),
        (Term(months=0, ends="month_end"), "2028-02-29", "2028-02-29"),
        (Term(months=1, ends="month_end"), "2026-01-31", "2026-02-28"),
        (Term(days=30, ends="month_end"), "2026-01-01", "2026-01-31"),
        (Term(days=30, ends="month_end"), "2026-01-02", "2026-02-28"),
        (Term(days=1), "2028-02-28", "2028-02-29"),
        (Term(days=365), "2028-02-29", "2029-02-28"),
    ],
)
def test_days_as_a_calendar_says_them(term, began, last):
    assert last_day(term, date.fromisoformat(began)) == date.fromisoformat(last)


@pytest.mark.parametrize(
    ("term", "zone", "since", "ends"),
    [
        # From a midnight, the day that begins counts; from any other time it does not.
        (Term(days=90), "America/Cayman", "2027-02-04T05:00Z", "2027-05-05T05:00Z"),
        (Term(days=90), "America/Cayman", "2027-02-04T05:00:01Z", "2027-05-06T05:00Z"),
        # Through the night of 29 March 2026 clocks in London go forward; the state still ends at midnight.
        (Term(days=90), "Europe/London", "2026-01-01T00:00Z", "2026-03-31T23:00Z"),
        # Both sides of the date line at the same instant.
        (Term(days=1), "Pacific/Kiritimati", "2026-06-30T10:00Z", "2026-07-01T10:00Z"),
        (Term(days=1), "Pacific/Pago_Pago", "2026-06-30T10:00Z", "2026-07-01T11:00Z"),
        # Clocks in Beirut skip midnight on 29 March 2026: the day begins at 1.
        (Term(days=1), "Asia/Beirut", "2026-03-28T22:00Z", "2026-03-29T21:00Z"),
        (Term(months=1), "Asia/Shanghai", "2027-01-31T16:00Z", "2027-02-28T16:00Z"),
        (Term(months=1, ends="month_end"), "Asia/Shanghai", "2027-01-31T16:00Z", "2027-02-28T16:00Z"),
        (Term(days=1, ends="exact"), "Asia/Shanghai", "2027-01-31T16:00Z", "2027-02-01T16:00Z"),
    ],
)
def test_how_long_a_state_lasts(term, zone, since, ends):
    assert end_in_state(term, ZoneInfo(zone), datetime.fromisoformat(since)) == datetime.fromisoformat(ends)
