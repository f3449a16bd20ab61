"""Where the reader is: a time is told twice only where two clocks differ, and their currency comes first."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from topup.channels.web.whereabouts import here_words
from topup.channels.web.wording import Wording
from topup.platform.i18n import format_price

AT = datetime(2026, 5, 17, 16, tzinfo=UTC)
WORDING = Wording("en")


@pytest.mark.parametrize(
    ("here", "said"),
    [("Asia/Shanghai", ""), ("Asia/Singapore", ""), (None, ""), ("Asia/Tokyo", "1:00"), ("Europe/Berlin", "6:00")],
)
def test_a_time_is_told_by_the_readers_clock_where_that_shows_another(here: str | None, said: str) -> None:
    words = here_words(AT, "Asia/Shanghai", here, WORDING)
    assert bool(words) == bool(said)
    assert said in words


def test_what_never_comes_is_told_by_no_clock() -> None:
    assert here_words(None, "Asia/Shanghai", "Asia/Tokyo", WORDING) == ""


@pytest.mark.parametrize(
    ("major", "said"), [("0.29", "¥0.29"), ("3", "¥3.00"), ("0.0035", "¥0.0035"), ("10.000", "¥10.00")]
)
def test_a_price_is_exact_below_a_minor_unit_too(major: str, said: str) -> None:
    assert format_price(Decimal(major), "CNY", "zh_Hans") == said
