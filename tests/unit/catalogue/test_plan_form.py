"""Plans in a carrier's file: what may be said of one, and the sentence for what may not."""

import tomllib

import jsonschema_rs
import pytest

from topup.catalogue.checking import CatalogueMistakes, check_bytes
from topup.catalogue.grant_rules import GrantRule, RollOver, ValidityRule
from topup.catalogue.plan_rules import Plan, WithoutCredit
from topup.catalogue.schema import carrier_schema
from topup.catalogue.versions import from_json, to_json

BASE = """\
id = "acme"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "Acme" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138"]
[credit]
face_values = [10, 50]
[[plans]]
id = "basic"
names = { zh_Hans = "基本", zh_Hant = "基本", en = "Basic" }
"""
NAMES = {"zh_Hans": "基本", "zh_Hant": "基本", "en": "Basic"}
FULL = """\
price = "29.90"
cycle = "monthly"
renews = "calendar"
day = 1
proration = "day"
rounding = "up"
counts_as_activity = false
keeps_number = true
on_sale = false
without_credit = { grace_days = 3, blocks = ["data"], lapse_days = 60 }
[[plans.grants]]
asset = "DATA"
amount = "1 GiB"
services = ["data"]
zones = ["home"]
roll = { days = 31, cap = "512 MiB" }
"""
VALIDATOR = jsonschema_rs.validator_for(carrier_schema())


def plans(text: str) -> tuple[Plan, ...]:
    """What is read; the schema takes it too, and it is stored and read again as it was."""
    found = check_bytes(f"{BASE}{text}".encode(), name="acme.toml").document
    VALIDATOR.validate(tomllib.loads(f"{BASE}{text}"))
    assert from_json(to_json(found)) == found
    return found.plans


def complaints(text: str) -> list[str]:
    with pytest.raises(CatalogueMistakes) as caught:
        check_bytes(f"{BASE}{text}".encode(), name="acme.toml")
    return [f"{mistake.line}: {mistake.reason}" for mistake in caught.value.mistakes]


def test_a_plan_says_what_it_costs_includes_and_does_without_credit():
    rolls = ValidityRule(at_end="roll_over", roll=RollOver(31, 2**29))
    included = GrantRule("DATA", 2**30, "plan", 40, ("data",), ("home",), rolls)
    assert plans(FULL) == (
        Plan(
            "basic", NAMES, 2990, "monthly", None, "calendar", 1, (included,), "day", "up",
            WithoutCredit(3, ("data",), 60), is_activity=False, keeps_number=True, on_sale=False,
        ),
    )  # fmt: skip


def test_little_needs_to_be_said():
    assert plans('price = 0\ncycle = "yearly"\n') == (Plan("basic", NAMES, 0, "yearly"),)
    assert plans('price = 5\ncycle = "once"\ndays = 7\n') == (Plan("basic", NAMES, 500, "once", 7),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('price = 5\ncycle = "days"\n', "11: plans[1].days is missing: how long a cycle is"),
        ('price = 5\ncycle = "monthly"\ndays = 3\n', '16: plans[1].days goes with cycle = "days" or "once" only'),
        (
            'price = 5\ncycle = "days"\ndays = 3\nrenews = "calendar"\n',
            "17: plans[1].renews by the calendar goes with months, quarters and years only",
        ),
        ('price = 5\ncycle = "monthly"\nday = 3\n', '16: plans[1].day goes with renews = "calendar" only'),
        (
            'price = 5\ncycle = "monthly"\nwithout_credit = { blocks = ["topup"] }\n',
            "16: plans[1].without_credit.blocks names topup, without which it is never paid",
        ),
        (
            'price = 5\ncycle = "monthly"\nwithout_credit = { grace_days = 9, lapse_days = 8 }\n',
            "16: plans[1].without_credit.lapse_days is over before grace_days are",
        ),
        (
            'price = 5\ncycle = "monthly"\ngrants = [{ asset = "DATA", amount = "1 min" }]\n',
            (
                "16: plans[1].grants[1].amount must be a whole number above 0 or a quantity with one of the units "
                'KiB, MiB, GiB, TiB, kB, MB, GB, TB, not "1 min"'
            ),
        ),
        (
            (
                'price = 5\ncycle = "monthly"\ngrants = [{ asset = "SMS", amount = 5, services = ["sms", "voice"] },\n'
                '{ asset = "SMS", amount = 5 }, { asset = "SMS", amount = 6, services = ["voice", "sms"] }]\n'
            ),
            "17: plans[1].grants[3] is for the same use and of the same priority as grants[1]: make them one",
        ),
        (
            f'price = 5\ncycle = "monthly"\n{BASE[BASE.index("[[plans]]") :]}price = 6\ncycle = "yearly"\n',
            '17: plans[2].id is "basic" a second time',
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(text, complaint):
    assert complaints(text) == [complaint]
