"""Each reason has its sentence in each language."""

from datetime import date

import pytest

from tests.support.offers import NAMES
from topup.kernel.money import Money
from topup.offers.answers import Reason, Verdict
from topup.offers.wording import reason_words
from topup.platform.i18n import LOCALES

PARAMETERS = {
    "day": date(2026, 3, 16),
    "minimum": Money(5000, "CNY"),
    "others": (NAMES | {"en": "Spring"}, NAMES | {"en": "Summer"}),
    "times": 3,
}


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
