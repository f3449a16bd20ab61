"""Whose number it is: the longest range that fits; the demonstration serves every mobile number of mainland China."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.checking import check, check_bytes
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.numbering import Numbering, overlaps
from topup.kernel.msisdn import parse_msisdn

DIGITS = st.text(alphabet="123", min_size=1, max_size=6).map(lambda text: f"+{text}")


@given(st.dictionaries(DIGITS, st.sampled_from("abc")), DIGITS)
def test_the_longest_range_decides(ranges, number):
    fitting = sorted((prefix for prefix in ranges if number.startswith(prefix)), key=len)
    expected = ranges[fitting[-1]] if fitting else None
    assert Numbering(ranges.items()).carrier_of(number) == expected


@given(DIGITS, st.lists(DIGITS))
def test_ranges_overlap_when_some_number_lies_in_both(prefix, others):
    found = overlaps(prefix, others)
    sharing = [other for other in others if other[: len(prefix)] == prefix[: len(other)]]
    assert found == (sharing[0] if sharing else None)


def test_the_demonstration_serves_every_mobile_number_of_mainland_china_once():
    ranges = [
        (prefix, found.document.id)
        for found in map(check, demonstration_files())
        for prefix in found.document.numbering.ranges
    ]
    assert len(dict(ranges)) == len(ranges)
    index = Numbering(ranges)
    for head in range(130, 200):
        assert index.carrier_of(f"+86{head}00138000") in {"qingfeng", "haiqiao", "shanlan"}
    assert index.carrier_of("+862012345678") is None


def test_the_demonstration_knows_the_numbers_that_people_try():
    numbering = {found.document.id: found.document for found in map(check, demonstration_files())}
    index = Numbering((prefix, name) for name, document in numbering.items() for prefix in document.numbering.ranges)
    assert index.carrier_of(parse_msisdn("138 0013 8000").e164) == "qingfeng"
    assert index.carrier_of(parse_msisdn("139 0013 9000").e164) == "qingfeng"
    for name, document in numbering.items():
        assert index.carrier_of(document.numbering.example) == name


def test_the_carrier_abroad_is_delivered_to_by_a_plugin():
    [abroad] = [file.document for file in map(check, demonstration_files()) if file.document.currency == "SGD"]
    assert abroad.network == "external:external_demo"
    assert not abroad.opens_lines_on_first_credit


def test_the_example_of_offers_can_be_loaded_beside_the_demonstration():
    example = Path(__file__).parents[3] / "examples" / "offers.toml"
    own = check_bytes(example.read_bytes(), name=example.name).document.numbering.ranges
    others = [part for file in demonstration_files() for part in check(file).document.numbering.ranges]
    assert own
    assert [part for part in own if overlaps(part, others)] == []
