"""The reference of a bank transfer survives what people and banks make of it, and a slip makes it none."""

from hypothesis import given
from hypothesis import strategies as st

from topup.payments.transfers.codes import CODES, LENGTH, code_of, found_in, grouped, lane_of_code, new_code

LANES = st.integers(0, 1023)
CODE = st.builds(code_of, LANES, st.integers(0, CODES - 1))
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOKS_LIKE = {"0": "0oO", "1": "1iIlL"}
WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="TtＴｔPp"), max_size=60)


@st.composite
def misspelt(draw, code):
    """A code as somebody types it: lower case, letters that look alike, spaces, dashes, line breaks in between."""
    parts = []
    for place, letter in enumerate(code):
        choices = LOOKS_LIKE.get(letter, letter + letter.lower()) if place > 1 else letter + letter.lower()
        parts.append(draw(st.sampled_from(choices)) + draw(st.sampled_from(["", "", " ", "-", "/", "\n", ". "])))
    return "".join(parts)


@given(lane=LANES)
def test_a_code_carries_its_lane_and_is_short_and_plain(lane):
    code = new_code(lane)
    assert len(code) == LENGTH == 12
    assert lane_of_code(code) == lane
    assert set(code) <= set(LETTERS) | {"T", "P"}
    assert found_in(grouped(code)) == [code]


@given(data=st.data(), code=CODE, before=WORDS, after=WORDS)
def test_it_is_found_however_it_was_written(data, code, before, after):
    written = data.draw(misspelt(code))
    assert code in found_in(f"{before} {written} {after}")


@given(codes=st.lists(CODE, min_size=2, max_size=4, unique=True))
def test_several_are_found_in_their_order(codes):
    assert found_in(" und ".join(map(grouped, codes))) == codes


@given(code=CODE, place=st.integers(2, LENGTH - 1), letter=st.sampled_from(LETTERS))
def test_one_wrong_letter_makes_it_none(code, place, letter):
    wrong = code[:place] + letter + code[place + 1 :]
    assert (found_in(wrong) == [code]) == (wrong == code)


@given(code=CODE, places=st.tuples(st.integers(2, LENGTH - 1), st.integers(2, LENGTH - 1)))
def test_two_letters_that_changed_places_make_it_none(code, places):
    first, second = sorted(places)
    letters = list(code)
    letters[first], letters[second] = letters[second], letters[first]
    wrong = "".join(letters)
    assert (found_in(wrong) == [code]) == (wrong == code)


@given(text=st.text(max_size=5_000))
def test_nothing_else_is_taken_for_one(text):
    for code in found_in(text):
        lane_of_code(code)


def test_slips_that_are_not_told_are_counted(figures):
    """Of all single slips and all exchanges of neighbours in many codes, how many pass for another code: none."""
    tried = passed = 0
    for lane in range(0, 1024, 41):
        code = code_of(lane, lane * 991)
        wrongs = {code[:n] + letter + code[n + 1 :] for n in range(2, LENGTH) for letter in LETTERS} - {code}
        wrongs |= {code[:n] + code[n + 1] + code[n] + code[n + 2 :] for n in range(2, LENGTH - 1)} - {code}
        tried += len(wrongs)
        passed += sum(bool(found_in(wrong)) for wrong in wrongs)
    assert passed == 0
    figures.never("G10 transfer references", taken_for_another=passed, of=tried)
