"""Each reason has its sentence in each language."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.offers import NAMES
from topup.kernel.money import Money
from topup.offers.answers import Moment, Reason, Verdict
from topup.offers.wording import reason_words
from topup.platform.i18n import LOCALES

PARAMETERS = {
    "day": date(2026, 3, 16),
    "minimum": Money(5000, "CNY"),
    "others": (NAMES | {"en": "Spring"}, NAMES | {"en": "Summer"}),
    "times": 3,
}
NOON = datetime(2026, 3, 15, 4, tzinfo=UTC)
"""Of Shanghai."""


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("locale", LOCALES)
def test_every_reason_has_words(reason, locale):
    words = reason_words(Verdict("spring", NAMES, reason, PARAMETERS), locale=locale)
    assert words
    assert "{" not in words


def test_days_amounts_and_names_are_said_as_people_write_them():
    def said(reason: Reason) -> str:
        return reason_words(Verdict("spring", NAMES, reason, PARAMETERS), locale="en")

    assert said(Reason.NOT_YET) == "Starts on Mar 16, 2026."
    assert said(Reason.BELOW_MINIMUM) == "From CN¥50.00 on."
    assert "with Spring and Summer," in said(Reason.OUTDONE)


@pytest.mark.parametrize("reason", [Reason.CODE_HELD, Reason.PERSON_HELD])
def test_what_is_held_is_said_until_when_by_the_clocks_of_the_line(reason):
    def said(until: datetime, locale: str = "en") -> str:
        parameters = PARAMETERS | {"until": Moment(until, "Asia/Shanghai", NOON)}
        return reason_words(Verdict("spring", NAMES, reason, parameters), locale=locale).replace("\u202f", " ")

    assert "by 12:30 PM (Shanghai time) unless" in said(NOON + timedelta(minutes=30))
    assert "by Mar 16, 2026, 12:30 PM (Shanghai time) unless" in said(NOON + timedelta(days=1, minutes=30))
    assert "最迟12:30（上海时间）" in said(NOON + timedelta(minutes=30), "zh_Hans")
    assert "最遲中午12:30（上海時間）" in said(NOON + timedelta(minutes=30), "zh_Hant")
