"""Until when: days of the carrier's own calendar, never cut short, whatever the clocks do."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.grant_rules import ValidityRule
from topup.catalogue.validity import validity_of

ZONES = st.sampled_from([
    "Asia/Shanghai", "Asia/Singapore", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Apia", "Pacific/Chatham",
    "America/New_York", "America/St_Johns", "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo",
    "Asia/Beirut", "Asia/Kathmandu",
])  # fmt: skip
"""Both sides of the date line; changes of an hour, of half an hour, at midnight; a day skipped (Apia, 2011)."""
INSTANTS = st.integers(1_100_000_000, 2_100_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
"""From 2004 to 2036."""
DAYS = st.integers(1, 800)


def until(now: datetime, days: int, zone: str, ends: str = "midnight") -> datetime:
    found, _ = validity_of(ValidityRule("days", days, ends), ZoneInfo(zone), now)
    return found.usable_until


@given(INSTANTS, DAYS, ZONES)
def test_midnight_ends_with_the_last_day_of_the_calendar(now, days, zone):
    local = now.astimezone(ZoneInfo(zone))
    end = until(now, days, zone)
    after = end.astimezone(ZoneInfo(zone))
    just_before = (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
    last_day = local.date() + timedelta(days=days)
    assert after.date() > last_day >= just_before.date()
    # Midnight itself, but where the clocks jump over it or over the whole day.
    assert after.time() == time(0) or just_before.utcoffset() != after.utcoffset()


@given(INSTANTS, DAYS, ZONES, st.sampled_from(["midnight", "exact"]))
def test_nobody_gets_less_than_the_days_promised(now, days, zone, ends):
    # An hour of summer time; and in Apia the day that the calendar itself left out.
    longest_change = timedelta(hours=25) if zone == "Pacific/Apia" else timedelta(hours=1)
    assert until(now, days, zone, ends) - now >= timedelta(days=days) - longest_change
    local, end = now.astimezone(ZoneInfo(zone)), until(now, days, zone, ends).astimezone(ZoneInfo(zone))
    assert end.replace(tzinfo=None) - local.replace(tzinfo=None) >= timedelta(days=days)


@given(INSTANTS, DAYS, ZONES)
def test_exact_ends_at_the_same_time_of_day(now, days, zone):
    local = now.astimezone(ZoneInfo(zone))
    end = until(now, days, zone, "exact").astimezone(ZoneInfo(zone))
    assert end.date() >= local.date() + timedelta(days=days)
    wall = datetime.combine(local.date() + timedelta(days=days), local.time())
    if end.replace(tzinfo=None) != wall:
        # Only a time of day that the clocks skipped is moved, by no more than they jumped.
        skipped = wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone))
        assert skipped.replace(tzinfo=None) != wall


@given(
    INSTANTS,
    st.integers(1, 800),
    ZONES,
    st.sampled_from(["midnight", "exact"]),
    st.timedeltas(timedelta(0), timedelta(40)),
)
def test_later_or_longer_never_ends_sooner(now, days, zone, ends, later):
    assert until(now, days, zone, ends) < until(now, days + 1, zone, ends) or zone == "Pacific/Apia"
    # Within the hour that clocks show twice, a later moment may show an earlier time.
    assert until(now, days, zone, ends) <= until(now + later, days, zone, ends) + timedelta(hours=1)


@pytest.mark.parametrize(
    ("now", "days", "zone", "ends", "expected"),
    [
        # 23:30 in Shanghai is still the 30th; 00:30 is the 31st already, though UTC says the 30th.
        ("2026-11-30T15:30Z", 30, "Asia/Shanghai", "midnight", "2026-12-30T16:00Z"),
        ("2026-11-30T16:30Z", 30, "Asia/Shanghai", "midnight", "2026-12-31T16:00Z"),
        ("2026-01-31T04:00Z", 30, "Asia/Shanghai", "midnight", "2026-03-02T16:00Z"),
        ("2028-01-30T04:00Z", 30, "Asia/Shanghai", "midnight", "2028-02-29T16:00Z"),
        ("2028-02-29T04:00Z", 365, "Asia/Shanghai", "midnight", "2029-02-28T16:00Z"),
        ("2026-12-31T12:00Z", 1, "Asia/Shanghai", "exact", "2027-01-01T12:00Z"),
        # Both sides of the date line at one instant: the 1st in Kiritimati, the 30th in Pago Pago.
        ("2026-06-30T10:30Z", 7, "Pacific/Kiritimati", "midnight", "2026-07-08T10:00Z"),
        ("2026-06-30T10:30Z", 7, "Pacific/Pago_Pago", "midnight", "2026-07-07T11:00Z"),
        # Clocks go forward on 2026-03-08 and back on 2026-11-01 in New York.
        ("2026-03-07T15:00Z", 1, "America/New_York", "exact", "2026-03-08T14:00Z"),
        ("2026-03-07T07:30Z", 1, "America/New_York", "exact", "2026-03-08T07:30Z"),
        ("2026-10-31T05:30Z", 1, "America/New_York", "exact", "2026-11-01T06:30Z"),
        ("2026-10-31T15:00Z", 1, "America/New_York", "midnight", "2026-11-02T05:00Z"),
    ],
)
def test_dates_as_a_calendar_says_them(now, days, zone, ends, expected):
    assert until(datetime.fromisoformat(now), days, zone, ends) == datetime.fromisoformat(expected)


def test_what_never_ends_has_no_end():
    found, why = validity_of(ValidityRule("never"), ZoneInfo("Asia/Shanghai"), datetime(2026, 11, 5, tzinfo=UTC))
    assert found.usable_until is None
    assert why == {"id": "why_never_ends", "inputs": {}}


def test_the_reason_names_what_the_date_came_from():
    rule = ValidityRule("days", 30, "midnight", "longest")
    found, why = validity_of(rule, ZoneInfo("Asia/Shanghai"), datetime(2026, 11, 5, 18, 30, tzinfo=UTC))
    assert why["id"] == "why_midnight"
    assert why["inputs"] == {
        "days": 30,
        "from": "2026-11-06T02:30:00+08:00",
        "last_day": "2026-12-06",
        "zone": "Asia/Shanghai",
        "policy": "longest",
    }
    assert (found.usable_until - timedelta(seconds=1)).astimezone(ZoneInfo("Asia/Shanghai")).date() == date(2026, 12, 6)
