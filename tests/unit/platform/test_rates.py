"""An operator's file of rates: exact, fresh, or not there at all."""

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from topup.platform.i18n import LOCALES, has_text, translate
from topup.platform.plugs import Health
from topup.platform.rates import RatesFile, RatesUnreadable, look_at_rates, read_rates

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
GOOD = """
source = "Tests"
at = 2026-11-21T08:00:00Z
valid_until = 2026-11-22T08:00:00Z
[CNY]
USD = "7.2488"
JPY = "0.047820"
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rates.toml"
    path.write_text(GOOD)
    return path


def test_a_rate_is_what_is_written_to_the_last_digit(path):
    rates = RatesFile(path).fresh(NOW)
    found = rates.rate("CNY", "JPY", step_minor=1)
    assert (str(found.rate), found.source, found.at) == ("0.047820", "Tests", NOW - timedelta(hours=1))
    assert rates.rate("CNY", "EUR", step_minor=1) is None
    assert rates.rate("USD", "CNY", step_minor=1) is None, "nobody said that rate: the bank's two are not reciprocal"


@pytest.mark.parametrize(("later", "holds"), [(-3600, True), (-3901, False), (82_799, True), (82_800, False)])
def test_stale_rates_and_those_of_tomorrow_are_none(path, later, holds):
    assert (RatesFile(path).fresh(NOW + timedelta(seconds=later)) is not None) == holds


def test_a_file_that_was_written_anew_is_read_anew(path):
    file = RatesFile(path)
    assert file.fresh(NOW).rate("CNY", "USD", step_minor=1).rate == Decimal("7.2488")
    path.write_text(GOOD.replace("7.2488", "7.25"))
    assert file.fresh(NOW).rate("CNY", "USD", step_minor=1).rate == Decimal("7.25")


def test_one_that_is_broken_or_gone_gives_none_until_it_is_mended(path):
    file = RatesFile(path)
    assert file.fresh(NOW)
    path.write_text("at = ")
    assert file.fresh(NOW) is None
    path.unlink()
    assert file.fresh(NOW) is None
    path.write_text(GOOD)
    os.utime(path, ns=(1, 1))
    assert file.fresh(NOW)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"7.2488"', "7.2488"),
        ('"7.2488"', '"seven"'),
        ('"7.2488"', '"-7"'),
        ('"7.2488"', '"0"'),
        ('"7.2488"', '"NaN"'),
        ("USD", "CNY"),
        ("USD", "usd"),
        ("[CNY]", "CNY = 1\n[EUR]"),
        ('source = "Tests"', ""),
        ('source = "Tests"', 'source = " "'),
        ("at = 2026-11-21T08:00:00Z", "at = 2026-11-21T08:00:00"),
        ("valid_until = 2026-11-22T08:00:00Z", "valid_until = 2026-11-21T08:00:00Z"),
        ("valid_until = 2026-11-22T08:00:00Z", "valid_until = 2027-11-22T08:00:00Z"),
        ("valid_until = 2026-11-22T08:00:00Z", ""),
    ],
)
def test_what_is_wrong_in_it_is_said(path, before, after):
    assert before in GOOD
    path.write_text(GOOD.replace(before, after, 1))
    with pytest.raises(RatesUnreadable) as caught:
        read_rates(path)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("hours", "pays_in", "health", "reason"),
    [
        (0, ["USD", "JPY"], Health.FINE, ""),
        (22.5, ["USD"], Health.SOON, "rates.end_soon"),
        (23, ["USD"], Health.WRONG, "rates.stale"),
        (-2, ["USD"], Health.WRONG, "rates.stale"),
        (0, ["USD", "EUR", "GBP"], Health.WRONG, "rates.missing"),
    ],
)
def test_the_doctor_says_how_long_they_hold_and_what_is_missing(path, hours, pays_in, health, reason):
    finding = look_at_rates(path, pays_in, NOW + timedelta(hours=hours))
    assert (finding.subject, finding.health, finding.reason) == ("exchange_rates", health, reason)
    for locale in LOCALES if reason else ():
        assert translate(locale, "doctor", reason, **finding.parameters)
        assert has_text("doctor", f"{reason}.do")


def test_the_doctor_says_what_is_wrong_with_the_file(path):
    path.write_text(GOOD.replace('"7.2488"', '"seven"'))
    finding = look_at_rates(path, ["USD"], NOW)
    assert (finding.health, finding.reason) == (Health.WRONG, "rates.unreadable")
    assert finding.parameters["reason"] == "CNY.USD: not a number"
