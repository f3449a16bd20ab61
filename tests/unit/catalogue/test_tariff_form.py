"""Tiers, months, caps, sharing, clocks, states: what a file may say of them, and the sentence for what it may not."""

import tomllib

import jsonschema_rs
import pytest

from tests.support.carriers import EXAMPLES
from topup.catalogue.checking import CatalogueMistakes, check_bytes
from topup.catalogue.documents import Cap, CarrierDocument, CreditTier, SharingLimit
from topup.catalogue.grant_rules import RollOver, ValidityRule
from topup.catalogue.life_cycle_rules import Exit, MonthlyFee, TermTier
from topup.catalogue.schema import carrier_schema
from topup.catalogue.terms import Term
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
validity = VALIDITY
"""
STATES = """\
[clocks.number]
days = 30
restarts = ["topup"]
[[life_cycle.states]]
id = "active"
shows = "active"
leave = [{ when = "credit_gone", to = "low" }]
[[life_cycle.states]]
id = "low"
shows = "low"
leave = [{ when = "clock", clock = "number", to = "over" }, { when = "topup", to = "active" }]
[[life_cycle.states]]
id = "over"
shows = "recycled"
on_entry = { close_line = true, release_number = true }
"""
SHARING = """\
[sharing]
amounts = [5, 20]
fee = [{ fixed = "0.50" }]
tiers = [{ from = 5, validity = { rule = "days", days = 15 } }]
limits = [{ who = "sender", per = "month", times = 3 }]
"""
VALIDATOR = jsonschema_rs.validator_for(carrier_schema())


def with_validity(written: str) -> str:
    return BASE.replace("VALIDITY", written)


PLAIN = with_validity('{ rule = "never" }')


def document(text: str) -> CarrierDocument:
    """What is read; whatever is, the schema takes too, and it is stored and read again as it was."""
    found = check_bytes(text.encode(), name="acme.toml").document
    VALIDATOR.validate(tomllib.loads(text))
    assert from_json(to_json(found)) == found
    return found


def complaints(text: str) -> list[str]:
    with pytest.raises(CatalogueMistakes) as caught:
        document(text)
    return [f"{mistake.line}: {mistake.reason}" for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ('{ rule = "months", months = 1 }', ValidityRule("months", months=1)),
        (
            '{ rule = "months", months = 0, ends = "month_end", policy = "renew" }',
            ValidityRule("months", None, "month_end", "renew", 0),
        ),
        (
            '{ rule = "days", days = 30, at_end = "freeze", grace_days = 90 }',
            ValidityRule("days", 30, at_end="freeze", grace_days=90),
        ),
        (
            '{ rule = "days", days = 30, at_end = "roll_over", roll = { days = 30, cap = "12.50" } }',
            ValidityRule("days", 30, at_end="roll_over", roll=RollOver(30, 1250)),
        ),
        (
            '{ rule = "balance", tiers = [{ from = 0, days = 9 }, { from = "9.99", months = 2 }], ends = "exact" }',
            ValidityRule(
                "balance",
                None,
                "exact",
                "tiers",
                tiers=(TermTier(0, Term(9, None, "exact")), TermTier(999, Term(None, 2, "exact"))),
            ),
        ),
    ],
)
def test_validity(written, rule):
    assert document(with_validity(written)).credit.validity == rule


def test_tiers_of_credit_have_days_and_bonus_of_their_own():
    text = PLAIN + (
        '[[credit.tiers]]\nfrom = 20\nbonus = [{ asset = "SMS", amount = 9 }]\n'
        '[[credit.tiers]]\nfrom = 40\nvalidity = { rule = "days", days = 7 }\n'
    )
    credit = document(text).credit
    assert [tier.from_minor for tier in credit.tiers] == [2000, 4000]
    assert credit.tier(1999) == CreditTier(0)
    assert [grant.amount for grant in credit.tier(2000).bonus] == [9]
    assert (credit.tier(5000).validity, credit.tier(5000).bonus) == (ValidityRule("days", 7), ())


def test_a_grant_rolls_over_in_its_own_unit():
    pack = """[[packs]]
id = "data"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "Data" }
price = 9
counts_as_credit = true
[[packs.grants]]
asset = "DATA"
amount = "2 GiB"
validity = { rule = "days", days = 30, at_end = "roll_over", roll = { days = 30, cap = "1 GiB" } }
"""
    [found] = document(PLAIN + pack).packs
    assert found.grants[0].validity.roll == RollOver(30, 2**30)
    assert found.plain
    [complaint] = complaints(PLAIN + pack.replace('cap = "1 GiB"', 'cap = "1 min"'))
    assert complaint.startswith("20: packs[1].grants[1].validity.roll.cap must be a quantity of DATA")


def test_caps_are_for_an_asset_and_a_kind():
    caps = (
        '[[caps]]\nasset = "CREDIT"\namount = 1000\n'
        '[[caps]]\nasset = "DATA"\nkind = "bonus"\namount = "1 GB"\nat_cap = "clip"\n'
    )
    assert document(PLAIN + caps).caps == (Cap("CNY", "main", 100_000), Cap("DATA", "bonus", 10**9, "clip"))
    assert complaints(PLAIN + caps + '[[caps]]\nasset = "CREDIT"\namount = 5\n') == [
        "20: caps[3] is for main of CNY a second time"
    ]


def test_sharing():
    found = document(PLAIN + SHARING).sharing
    assert (found.amounts, found.fee[0].fixed_minor, found.kind, found.plain) == ((500, 2000), 50, "shared", True)
    assert found.limits == (SharingLimit("sender", "month", None, 3, None),)


def test_a_life_cycle():
    found = document(PLAIN + STATES + "[monthly_fee]\namount = 8\nday = 31\narrears = true\n")
    assert found.life_cycle.starts == "active"
    assert [state.id for state in found.life_cycle.states] == ["active", "low", "over"]
    assert found.life_cycle.states[1].exits == (Exit("clock", "over", "number"), Exit("topup", "active"))
    assert found.monthly_fee == MonthlyFee(800, 31, arrears=True)
    assert document(PLAIN + "[life_cycle]\nstarts = 'low'\n" + STATES).life_cycle.starts == "low"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ('{ rule = "months" }', "credit.validity has no months"),
        ('{ rule = "months", months = 0 }', "credit.validity.months must be at least 1, except with ends"),
        ('{ rule = "days", days = 1, months = 1 }', "credit.validity.months is unknown"),
        ('{ rule = "days", days = 3, policy = "tiers" }', "credit.validity.policy must be one of"),
        ('{ rule = "days", days = 3, grace_days = 3 }', 'credit.validity.grace_days goes with at_end = "freeze" only'),
        ('{ rule = "days", days = 3, at_end = "roll_over" }', "credit.validity.roll is missing"),
        (
            '{ rule = "days", days = 3, roll = { days = 3 } }',
            'credit.validity.roll goes with at_end = "roll_over" only',
        ),
        (
            '{ rule = "days", days = 3, at_end = "roll_over", roll = { days = 3, cap = "1.505" } }',
            "credit.validity.roll.cap is not an amount of CNY",
        ),
        (
            '{ rule = "days", days = 3, ends = "month_end", policy = "extend" }',
            "credit.validity.policy moves an end at a month's end on by whole months only",
        ),
        ('{ rule = "balance", tiers = [] }', "credit.validity.tiers must have 1 to 20 elements"),
        (
            '{ rule = "balance", tiers = [{ from = 1, days = 1 }, { from = 1, days = 2 }] }',
            "credit.validity.tiers[2].from must be above",
        ),
        (
            '{ rule = "balance", tiers = [{ from = 1, days = 1, months = 1 }] }',
            "credit.validity.tiers[1] has days and months: it needs exactly one of",
        ),
        ('{ rule = "balance", tiers = [{ from = 1 }] }', "credit.validity.tiers[1] has neither days nor months"),
        ('{ rule = "weeks", weeks = 1 }', "credit.validity.rule must be one of never, days, months, balance"),
    ],
)
def test_a_mistake_of_validity_is_named(written, complaint):
    found = complaints(with_validity(written))
    assert len(found) == 1
    assert found[0].startswith(f"11: {complaint}")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('to = "low"', 'to = "poor"', "18: life_cycle.states[1].leave[1].to is no state; there are active, low, over"),
        ('clock = "number"', 'clock = "sun"', "22: life_cycle.states[2].leave[1].clock is no clock; there are number"),
        ('id = "low"', 'id = "active"', '20: life_cycle.states[2].id is "active" a second time'),
        ('shows = "low"', 'shows = "poor"', "21: life_cycle.states[2].shows must be one of active, low, expiring"),
        (
            'when = "topup", to',
            'when = "topup", clock = "number", to',
            "22: life_cycle.states[2].leave[2].clock is unknown",
        ),
        ('when = "topup", to', 'when = "days", to', "22: life_cycle.states[2].leave[2] has neither days nor months"),
        (
            'when = "topup", to',
            'when = "tuesday", to',
            "22: life_cycle.states[2].leave[2].when must be one of clock, days",
        ),
        (
            'when = "topup", to',
            'when = "credit_gone", to',
            "15: life_cycle.states have a circle that takes no time: active and low",
        ),
        (
            'when = "topup", to',
            'when = "arrears_paid", to',
            "15: life_cycle.states have a circle that takes no time: active and low",
        ),
        (
            "close_line = true, release",
            "close_line = false, release",
            "26: life_cycle.states[3].on_entry releases the number of a line that it does not close",
        ),
        (
            'shows = "recycled"',
            'shows = "recycled"\nleave = [{ when = "topup", to = "active" }]',
            "23: life_cycle.states[3] closes the line: nothing can lead out of it",
        ),
        (
            'shows = "low"',
            'shows = "low"\nblocks = ["topup"]',
            "22: life_cycle.states[2].blocks blocks top-ups, but says what one does",
        ),
        ("days = 30", "weeks = 30", "13: clocks.number.weeks is unknown"),
        ("days = 30", "days = 30\nmonths = 1", "12: clocks.number has days and months"),
        ('["topup"]', '["tuesday"]', "14: clocks.number.restarts[1] must be one of topup, activity, activation"),
        (
            '["topup"]',
            '[{ on = "activity", plain = true }]',
            '14: clocks.number.restarts[1].plain goes with on = "topup"',
        ),
        (
            '["topup"]',
            '[{ on = "topup", days = 1, months = 1 }]',
            "14: clocks.number.restarts[1].months stands beside days",
        ),
        (
            "[[life_cycle.states]]",
            "[life_cycle]\nstarts = 'x'\n[[life_cycle.states]]",
            "16: life_cycle.starts is no state",
        ),
        ("[clocks.number]", "[clocks.Number]", "12: clocks.Number is no clock's name"),
    ],
)
def test_a_mistake_of_a_life_is_named(old, new, complaint):
    found = complaints(PLAIN + STATES.replace(old, new, 1))
    assert found[0].startswith(complaint), found


def test_an_outside_carriers_lines_do_not_live_here():
    text = PLAIN.replace('network = "own"', 'network = "external:demo"')
    assert complaints(text + STATES)[0].startswith("15: life_cycle must be left out: only the own network's")
    assert complaints(text + "[monthly_fee]\namount = 5\n")[0].startswith("12: monthly_fee must be left out")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("amounts = [5, 20]\n", "", "12: sharing allows nothing: it needs amounts or free"),
        ("[5, 20]", "[5, 5]", "13: sharing.amounts[2] is 5 a second time"),
        ("[5, 20]", "[4, 20]", "15: sharing.tiers[1].from must be at most 4, the least amount that can be sent"),
        (", times = 3", "", "16: sharing.limits[1] limits nothing: it needs amount or times"),
        ('"sender"', '"payer"', "16: sharing.limits[1].who must be one of sender, receiver"),
        ("fixed =", "flat =", "14: sharing.fee[1].flat is unknown"),
    ],
)
def test_a_mistake_of_sharing_is_named(old, new, complaint):
    found = complaints(PLAIN + SHARING.replace(old, new, 1))
    assert found[0].startswith(complaint), found


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_satisfies_the_schema(file):
    document(file.read_text(encoding="utf-8"))
