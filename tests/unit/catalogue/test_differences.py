"""What differs between two versions of a carrier's file: in words what customers notice, by its key everything else."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topup.catalogue.checking import CatalogueMistakes, check, check_bytes
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.publishing.by_key import changes
from topup.catalogue.publishing.differences import Difference, Group, Tone, differences, lines
from topup.kernel.money import Money

EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "carriers").glob("*.toml"))
FILES = {file.stem: file for file in [*demonstration_files(), *EXAMPLES]}
NUMBER = re.compile(r'(?<=[ "])[0-9]+(?=[",}\s\]])')


def edited(name: str, *pairs: tuple[str, str]):
    text = FILES[name].read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return check_bytes(text.encode(), name=f"{name}.toml")


def told(name: str, *pairs: tuple[str, str]) -> list[Difference]:
    return differences(check(FILES[name]), edited(name, *pairs))


@pytest.mark.parametrize("name", FILES)
def test_a_file_does_not_differ_from_itself(name):
    assert differences(check(FILES[name]), check(FILES[name])) == []
    text = FILES[name].read_text(encoding="utf-8")
    assert lines(text, text) == []


def test_a_pack_gets_dearer_and_another_cheaper():
    dearer, cheaper = told("yunfan", ("price = 58", "price = 68"), ("price = 98", 'price = "88.50"'))
    assert (dearer.says, dearer.tone, dearer.group) == ("pack_dearer", Tone.WORSE, Group.PRICES)
    assert (dearer.about["before"], dearer.about["after"]) == (Money(5800, "HKD"), Money(6800, "HKD"))
    assert dearer.about["name"]["en"] == "5 GB in Asia for 10 days"
    assert (cheaper.says, cheaper.tone) == ("pack_cheaper", Tone.BETTER)
    assert cheaper.about["after"] == Money(8850, "HKD")


def test_a_pack_comes_and_another_goes():
    found = told("yunfan", ('id = "asia-5gb-10d"', 'id = "asia-new"'))
    assert [(one.says, one.tone) for one in found] == [("pack_added", Tone.BETTER), ("pack_gone", Tone.WORSE)]


def test_amounts_come_and_go():
    came, went = told("yunfan", ("    100, 200,", "    100, 300,"))[::-1]
    assert (went.says, went.about) == ("face_value_gone", {"amount": Money(20000, "HKD")})
    assert (came.says, came.about) == ("face_value_added", {"amount": Money(30000, "HKD")})


def test_what_a_pack_grants_is_told_apart_from_how_long_it_lasts():
    [less] = told("yunfan", ('amount = "5 GB"', 'amount = "4 GB"'))
    assert (less.group, less.says, less.tone) == (Group.GRANTS, "pack_grants", Tone.WORSE)
    [longer] = told("yunfan", ("days = 10 }", "days = 12 }"))
    assert (longer.group, longer.says, longer.tone) == (Group.VALIDITY, "pack_grants", Tone.BETTER)
    [both] = told("yunfan", ('amount = "5 GB"', 'amount = "4 GB"'), ("days = 10 }", "days = 12 }"))
    assert (both.group, both.tone) == (Group.GRANTS, Tone.EITHER)


def test_how_long_credit_lasts():
    [one] = told("yunfan", ("days = 180, ends", "days = 90, ends"))
    assert (one.group, one.says) == (Group.VALIDITY, "credit_validity")
    assert (one.about["before"].days, one.about["after"].days) == (180, 90)


def test_fees_rates_and_lives_are_told_by_their_keys():
    found = told(
        "yunfan",
        ("permille = 6", "permille = 8"),
        ('price = "0.80"', 'price = "0.60"'),
        ("days = 60, to", "days = 30, to"),
        ('"+8525", "+8526"', '"+8525", "+8527"'),
    )
    assert [(one.group, one.about["key"], one.about["before"], one.about["after"], one.tone) for one in found] == [
        (Group.FEES, "fees.payment.stripe[1].permille", "6", "8", Tone.WORSE),
        (Group.RATES, "rates[sms-home].price", "0.80", "0.60", Tone.BETTER),
        (Group.LIFE_CYCLE, "life_cycle.states[resting].leave[days].days", "60", "30", Tone.EITHER),
        (Group.NUMBERS, "numbering.ranges", "+8526", "+8527", Tone.EITHER),
    ]


def test_a_rate_that_comes_is_one_difference():
    came = '[[rates]]\nid = "sms-new"\nservice = "sms"\nzone = "roaming"\ncountries = ["US"]\nprice = "1"\n\n'
    [one] = told("yunfan", ("[warnings]", came + "[warnings]"))
    assert (one.says, one.about["key"]) == ("key_added", "rates[sms-new]")
    assert "price = 1" in str(one.about["after"])


def test_a_name_differs_in_words_and_the_order_of_packs_does_too():
    [one] = told("yunfan", ("8 GB in Europe for 15 days", "Europe, 8 GB"))
    assert (one.group, one.says, one.about["name"]["en"]) == (Group.OTHER, "pack_words", "Europe, 8 GB")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_number_of_a_file_can_be_another_without_a_difference(data):
    name = data.draw(st.sampled_from(sorted(FILES)))
    text = FILES[name].read_text(encoding="utf-8")
    places = [
        found for found in NUMBER.finditer(text) if "#" not in text[text.rfind("\n", 0, found.start()) : found.start()]
    ]
    place = data.draw(st.sampled_from(places))
    number = data.draw(st.integers(1, 500).map(str))
    changed = text[: place.start()] + number + text[place.end() :]
    before = check(FILES[name])
    try:
        after = check_bytes(changed.encode(), name="x.toml")
    except CatalogueMistakes:
        return
    assert bool(differences(before, after)) == (before.document != after.document)
    assert bool(lines(before.source, after.source)) == (text != changed)


def test_lists_in_another_order_and_values_of_another_type_differ():
    assert [one.spelled for one in changes({"a": [1, 2]}, {"a": [2, 1]})] == ["a"]
    [one] = changes({"a": [{"id": "x", "n": 1}, {"id": "y"}]}, {"a": [{"id": "y"}, {"id": "x", "n": 1}]})
    assert (one.spelled, one.before, one.after) == ("a", "x · y", "y · x")
    assert changes({"a": [{"n": 1, "m": 2}]}, {"a": [{"m": 2, "n": 1}]}) == []
    [one] = changes({"a": {"b": True}}, {"a": {"b": 1}})
    assert (one.before, one.after) == ("true", "1")


def test_lines_tell_what_came_and_what_went_with_what_stands_around_it():
    found = lines("a\nb\nc\nd\n", "a\nb\nx\nd\n")
    assert [(line.mark, line.text) for line in found][1:] == [
        (" ", "a"),
        (" ", "b"),
        ("-", "c"),
        ("+", "x"),
        (" ", "d"),
    ]
