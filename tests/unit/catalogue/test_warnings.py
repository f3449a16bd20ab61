"""When a line is low, as a carrier's file says it, and as it is where the file says nothing."""

import pytest

from tests.unit.catalogue.test_guide import START, result
from topup.catalogue.checking import CarrierFile
from topup.catalogue.versions import CarrierVersion, from_json, to_json
from topup.catalogue.warnings import Marks

CREDIT = '[credit]\nface_values = [{ amount = 30 }, { amount = 10 }]\nvalidity = { rule = "never" }\n'


def marks(text: str) -> Marks:
    file = result(START + CREDIT + text)
    assert isinstance(file, CarrierFile), file
    return CarrierVersion("acme", 1, from_json(to_json(file.document))).marks


def test_where_nothing_is_said_it_is_half_of_the_least_top_up_and_the_usual_rest():
    assert marks("") == Marks({"DATA": 100_000_000, "VOICE": 600, "SMS": 10, "PHP": 500}, (3,))


def test_what_is_said_counts_and_the_rest_stays_usual():
    said = marks('[warnings]\nlow = [{ asset = "CREDIT", below = 2 }, { asset = "DATA", below = "1 GB" }]\n')
    assert said.low == {"DATA": 10**9, "VOICE": 600, "SMS": 10, "PHP": 200}


def test_nothing_is_below_zero():
    assert marks('[warnings]\nlow = [{ asset = "SMS", below = 0 }, { asset = "CREDIT", below = 0 }]\n').low == {
        "DATA": 100_000_000,
        "VOICE": 600,
    }


def test_days_are_told_from_the_farthest_on():
    assert marks("[warnings]\nexpiring_days = [1, 7]\n").expiring_days == (7, 1)
    assert marks("[warnings]\nexpiring_days = []\n").expiring_days == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('low = [{ asset = "DATA", below = "5 min" }]', 'must be a quantity of DATA, not "5 min"'),
        ('low = [{ asset = "SMS", below = 1 }, { asset = "SMS", below = 2 }]', "is for SMS a second time"),
        ("expiring_days = [0]", "must be a whole number from 1 to 90, not 0"),
    ],
)
def test_mistakes_are_named(text, reason):
    [found] = result(f"{START}[warnings]\n{text}\n")
    assert found.endswith(reason), found
