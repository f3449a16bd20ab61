"""Opening hours: read as files write them, judged in the place's own zone, exceptions first."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.shops.hours import UnreadableHours, read_busy, read_spans, read_week, spans_on, standing, write_spans
from topup.shops.places import MIDNIGHT, Place, Span


def place(*hours, zone="Asia/Shanghai", special=None, busy=()):
    return Place(
        id="here", kind="hall", names={"zh_Hans": "x"}, areas={}, addresses={"zh_Hans": "y"}, postcode="",
        latitude=0.0, longitude=0.0, zone=zone, week=read_week(hours), busy=read_busy(busy),
        special={day: read_spans(text) for day, text in (special or {}).items()},
    )  # fmt: skip


def at(text, zone_hours=8):
    return datetime.fromisoformat(text).replace(tzinfo=UTC) - timedelta(hours=zone_hours)


DAY_SPANS = st.lists(st.integers(0, MIDNIGHT), min_size=2, max_size=8, unique=True).map(
    lambda minutes: tuple(Span(*pair) for pair in zip(*[iter(sorted(minutes))] * 2, strict=False))
)


@given(DAY_SPANS)
def test_spans_are_read_as_they_are_written(spans):
    assert read_spans(write_spans(spans)) == spans


@pytest.mark.parametrize(
    "text",
    ["", "9-18", "09:00-09:00", "18:00-09:00", "09:00-24:01", "25:00-26:00", "09:00-12:00,11:00-13:00", "always"],
)
def test_what_is_no_span_is_refused(text):
    with pytest.raises(UnreadableHours):
        read_spans(text)


@pytest.mark.parametrize(
    "text", ["Mo 09:00-10:00", "Fri-Mon 09:00-10:00", "09:00-10:00", "Mon", "Mon,Funday 09:00-10:00"]
)
def test_what_names_no_day_is_refused(text):
    with pytest.raises(UnreadableHours):
        read_week([text])


def test_a_day_is_named_once():
    with pytest.raises(UnreadableHours):
        read_week(["Mon-Fri 09:00-18:00", "Wed 10:00-12:00"])


@given(st.text(max_size=40))
def test_any_text_is_hours_or_is_refused(text):
    try:
        week = read_week([text])
    except UnreadableHours:
        return
    assert len(week) == 7


HALL = place(
    "Mon-Fri 09:00-12:00,13:30-18:00", "Sat 10:00-16:00", special={"2026-11-25": "closed", "2026-11-29": "09:00-10:00"}
)


@pytest.mark.parametrize(
    ("now", "is_open", "until"),
    [
        ("2026-11-23 08:59", False, "2026-11-23 09:00"),
        ("2026-11-23 09:00", True, "2026-11-23 12:00"),
        ("2026-11-23 12:00", False, "2026-11-23 13:30"),
        ("2026-11-23 18:00", False, "2026-11-24 09:00"),
        ("2026-11-24 18:01", False, "2026-11-26 09:00"),  # a holiday between
        ("2026-11-28 16:00", False, "2026-11-29 09:00"),  # a Sunday that is open for once
    ],
)
def test_a_hall_stands_as_its_hours_say(now, is_open, until):
    found = standing(HALL, at(now))
    assert (found.open, found.until) == (is_open, at(until))


def test_what_is_open_over_midnight_is_open_once():
    bar = place("Mon 18:00-24:00", "Tue 00:00-02:00")
    assert standing(bar, at("2026-11-23 23:59")).until == at("2026-11-24 02:00")


def test_what_never_closes_says_so():
    found = standing(place("Mon-Sun 00:00-24:00"), at("2026-11-23 03:00"))
    assert found.open
    assert found.until is None


def test_what_never_opens_says_so():
    found = standing(place(), at("2026-11-23 03:00"))
    assert not found.open
    assert found.until is None


def test_hours_are_those_of_the_place():
    london = place("Mon-Sun 09:00-17:00", zone="Europe/London")
    assert standing(london, datetime(2026, 7, 1, 8, 0, tzinfo=UTC)).open
    assert not standing(london, datetime(2026, 12, 1, 8, 0, tzinfo=UTC)).open


def test_many_come_only_while_it_is_open():
    hall = place("Mon 09:00-12:00", busy=["Mon 08:00-10:00"])
    assert not standing(hall, at("2026-11-23 08:30")).busy
    assert standing(hall, at("2026-11-23 09:30")).busy
    assert not standing(hall, at("2026-11-23 10:00")).busy


@given(
    st.integers(0, 2 * 365 * 24 * 60).map(lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)),
    st.sampled_from(["Asia/Shanghai", "Europe/London", "America/New_York", "Australia/Lord_Howe"]),
    st.lists(DAY_SPANS, min_size=7, max_size=7),
)
def test_nothing_changes_before_the_time_that_is_told(now, zone, week):
    """Minute by minute around the change, in zones whose clocks are moved too."""
    somewhere = place(zone=zone)
    somewhere = Place(**{f: getattr(somewhere, f) for f in somewhere.__struct_fields__} | {"week": tuple(week)})
    found = standing(somewhere, now)
    if found.until is None:
        return
    assert found.until > now
    just_before = max(now, found.until - timedelta(seconds=1))
    assert standing(somewhere, just_before).open == found.open
    assert standing(somewhere, just_before).until == found.until
    assert standing(somewhere, found.until).open != found.open


def test_exceptions_come_before_the_week():
    assert spans_on(HALL, date(2026, 11, 25)) == ()
    assert spans_on(HALL, date(2026, 11, 26)) == read_spans("09:00-12:00,13:30-18:00")
