"""What the console says of times, amounts and evidence, in the zone and the language of who reads it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from topup.channels.console.trailing import GROUPS
from topup.channels.console.wording import Wording
from topup.channels.console.working import _in_zone
from topup.platform.i18n import catalogue

AT = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "Nov 20, 2026, 8:30:00 PM UTC"),
        ("Asia/Shanghai", "Nov 21, 2026, 4:30:00 AM UTC+8"),
        ("Asia/Kolkata", "Nov 21, 2026, 2:00:00 AM UTC+5:30"),
        ("America/St_Johns", "Nov 20, 2026, 5:00:00 PM UTC-3:30"),
    ],
)
def test_a_moment_is_told_with_the_clock_it_is_of(zone, told):
    assert Wording("en", zone).moment(AT).replace("\u202f", " ") == told


def test_a_moment_in_a_form_is_of_the_zone_that_the_page_names():
    assert datetime.fromisoformat(_in_zone("2026-11-21T04:30", "Asia/Shanghai")) == AT
    assert datetime.fromisoformat(_in_zone("2026-11-20T20:30Z", "Asia/Shanghai")) == AT, (
        "one that names its own keeps it"
    )
    assert _in_zone("yesterday", "UTC") == "yesterday", "what is no moment is for the room to refuse"


def test_evidence_is_told_in_words_and_what_nobody_knows_is_left_out():
    facts = Wording("en").facts(
        {"theirs": "80.00 CNY", "ours": None, "method": "alipay", "candidates": ["pay_x"], "reference": "GW1"}
    )
    assert [(fact.name, fact.value, fact.code) for fact in facts] == [
        ("Bill", "CN¥80.00", False),
        ("Paid by", "Alipay", False),
        ("Gateway's reference", "GW1", True),
    ]
    assert Wording("en").amount(Decimal(50), "") == "50"


def test_the_trail_is_narrowed_to_whatever_it_can_tell():
    told = [name.split(".") for name in catalogue("en", "console") if name.startswith("action.")]
    assert {group for _, group, _ in told} == set(GROUPS)


def test_what_changed_is_told_side_by_side_and_what_stayed_is_left_out():
    before = {"kept_by": "stf_1", "float_minor": 20_000, "session": "til_1"}
    after = {"kept_by": "stf_2", "float_minor": 20_000, "counted_minor": 21_000, "session": "til_2"}
    facts = {"currency": "CNY", "before": before, "after": after}
    told = [
        (one.name, one.before and one.before.value, one.after and one.after.value)
        for one in Wording("en").changes(facts, {"stf_1": "ann", "stf_2": "bob"})
    ]
    assert told == [("Counted", None, "CN¥210.00"), ("Kept by", "ann", "bob"), ("Session", "til_1", "til_2")]


def test_what_is_made_has_nothing_before_and_what_has_one_thing_to_tell_no_name():
    [made] = Wording("en").changes({"before": None, "after": {"state": "open", "plan": None}}, {})
    assert (made.name, made.before, made.after.value) == ("State", None, "open")
    [locked] = Wording("en").changes({"before": "open", "after": "locked"}, {})
    assert (locked.name, locked.before.value, locked.after.value) == ("", "open", "locked")
    assert Wording("en").changes({"page": "/console/lock"}, {}) == []
