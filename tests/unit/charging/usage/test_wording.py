"""Every reason and every event has its words, in each language."""

from datetime import UTC, datetime
from typing import get_args

import pytest

from topup.catalogue.life_cycle_rules import Blockable
from topup.catalogue.rates import PeriodName, Service
from topup.charging import rating
from topup.charging.usage.events import EventName
from topup.charging.usage.history import Told
from topup.charging.usage.wording import asset_words, event_words, quantity_words, reason_words
from topup.platform.i18n import LOCALES, has_text

REASONS = (
    rating.ALLOWANCE,
    rating.CONNECTION,
    rating.ROUNDING,
    rating.RATED,
    rating.FREE_NUMBER,
    rating.FREE_PRICE,
    rating.DAILY_CAP,
    *(f"usage_{name}" for name in get_args(PeriodName)),
)
REFUSALS = (
    rating.RATE_MISSING, rating.TOO_LONG, "line_unknown", "line_barred", "line_closed", "line_blocked",
    "usage_id_reused", "usage_before_line", "usage_in_future", "insufficient_funds", "bucket_frozen",
)  # fmt: skip
FACTS = {
    "low": {"asset": "CNY", "left": 947, "mark": 1000},
    "used_up": {"asset": "DATA", "left": 0},
    "expiring": {"asset": "VOICE", "left": 600, "bucket_id": "acc_1", "usable_until": "2026-05-04T16:00:00+00:00"},
    "blocked": {"state": "empty", "blocks": list(get_args(Blockable))},
    "restored": {"asset": "SMS", "left": 10},
}


def told(name, facts):
    return Told("evt_1", name, 1, datetime(2026, 5, 1, tzinfo=UTC), facts)


def said(name, locale="en"):
    return event_words(told(name, FACTS[name]), zone="Asia/Shanghai", locale=locale)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_reason_every_service_and_every_event_has_words(locale):
    assert len({reason_words(reason, locale=locale) for reason in REASONS}) == len(REASONS)
    assert all(quantity_words(service, 90, locale=locale) for service in get_args(Service))
    assert len({said(name, locale) for name in get_args(EventName)}) == len(FACTS)


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_has_words(code):
    assert has_text("problems", code)
    assert has_text("problems", f"{code}.do")


def test_events_say_what_is_left_and_until_when():
    assert said("low") == "Balance running low: CN¥9.47 left."
    assert said("used_up") == "Data: used up."
    assert said("expiring").startswith("10 min")
    assert "May 5, 2026" in said("expiring")
    assert "calling" in said("blocked")
    assert said("restored", "zh_Hans").startswith("短信又有了")


def test_a_state_that_frees_something_says_what():
    freed = told("restored", {"state": "active", "blocks": ["voice_out"]})
    assert event_words(freed, zone="Asia/Shanghai", locale="en") == "Restored: calling."


def test_money_is_said_as_people_write_it():
    assert asset_words("JPY", 500, locale="en") == "¥500"
