"""Ids of what has only a number in its lane: reversible, of the usual shape, and none when mistyped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.ids import MAXIMUM_LANES, InvalidId, is_id, lane_of, new_id, number_of, numbered_id

LANES = st.integers(0, MAXIMUM_LANES - 1)
NUMBERS = st.integers(1, 2**50 - 1)


@given(LANES, NUMBERS)
def test_an_id_leads_back_to_its_lane_and_number(lane, number):
    identifier = numbered_id("transfer", lane, number)
    assert is_id("transfer", identifier)
    assert lane_of(identifier) == lane
    assert number_of("transfer", identifier) == (lane, number)


@given(LANES, NUMBERS, NUMBERS)
def test_ids_of_a_lane_sort_by_number(lane, first, second):
    ids = [numbered_id("transfer", lane, number) for number in (first, second)]
    assert (ids[0] < ids[1]) == (first < second)


@given(LANES, NUMBERS, st.integers(4, 29), st.sampled_from("0123456789abcdefghjkmnpqrstvwxyz"))
def test_a_mistyped_id_is_none(lane, number, place, letter):
    identifier = numbered_id("transfer", lane, number)
    mistyped = identifier[:place] + letter + identifier[place + 1 :]
    if mistyped != identifier:
        with pytest.raises(InvalidId):
            number_of("transfer", mistyped)


TEXTS = {"empty": "", "short": "trf_", "another's": "shr_" + "0" * 26, "number 0": "trf_" + "0" * 26}


@pytest.mark.parametrize("text", [*TEXTS.values(), new_id("transfer", 3)], ids=[*TEXTS, "by chance"])
def test_other_texts_are_none(text):
    with pytest.raises(InvalidId):
        number_of("transfer", text)


@pytest.mark.parametrize("number", [0, -1, 2**50])
def test_a_number_that_does_not_fit_has_no_id(number):
    with pytest.raises(InvalidId):
        numbered_id("transfer", 0, number)
