"""ICCID and IMSI, however they are typed, scanned or read from a card."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from topup.kernel.sim_cards import (
    Iccid,
    Imsi,
    InvalidCard,
    looks_like_iccid,
    parse_iccid,
    parse_imsi,
    possible_iccids,
)

ACCOUNTS = st.integers(16, 17).flatmap(lambda length: st.text("0123456789", min_size=length, max_size=length))


def refusal(text: str) -> str:
    try:
        parse_iccid(text)
    except InvalidCard as problem:
        return problem.code
    return ""


def completed(account: str) -> str:
    """The ICCID of an account, its check digit found by trying: the parser must take one of ten."""
    said = {f"89{account}{digit}": refusal(f"89{account}{digit}") for digit in "0123456789"}
    assert sorted(said.values()) == ["", *["iccid_mistyped"] * 9]
    return next(text for text, code in said.items() if not code)


def test_the_check_digit_is_that_of_iso_7812():
    """The example of annex B, with what makes it an ICCID's length counted in: zeros in front weigh nothing."""
    weights = [2, 1] * 9
    account = "892000007992739871"
    products = [int(digit) * weight for digit, weight in zip(reversed(account), weights, strict=True)]
    check = (10 - sum(sum(map(int, str(product))) for product in products) % 10) % 10
    assert parse_iccid(f"{account}{check}").digits == f"{account}{check}"


@given(ACCOUNTS)
def test_of_ten_check_digits_one_is_right(account):
    assert completed(account).startswith(f"89{account}")


@given(ACCOUNTS, st.integers(2, 18), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(account, place, more):
    right = completed(account)
    place = min(place, len(right) - 1)
    wrong = right[:place] + str((int(right[place]) + more) % 10) + right[place + 1 :]
    with pytest.raises(InvalidCard) as caught:
        parse_iccid(wrong)
    assert caught.value.code == "iccid_mistyped"


@given(ACCOUNTS, st.integers(2, 17))
def test_two_neighbours_that_changed_places_are_noticed(account, place):
    right = completed(account)
    one, other = right[place], right[place + 1]
    # What Luhn cannot see, as its standard says.
    assume(one != other and {one, other} != {"0", "9"})
    with pytest.raises(InvalidCard):
        parse_iccid(right[:place] + other + one + right[place + 2 :])


@given(ACCOUNTS)
def test_it_is_found_with_its_check_digit_and_without(account):
    right = Iccid(completed(account))
    assert possible_iccids(right.digits)[0] == right
    assert right in possible_iccids(right.digits[:-1])
    assert looks_like_iccid(right.digits[:-1])


@given(ACCOUNTS)
def test_however_it_is_written_it_is_the_same(account):
    right = Iccid(completed(account))
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in right.digits)
    for text in (right.grouped(), right.digits.replace("89", "89-", 1), f" {wide} ", f"{right.digits}F"):
        assert parse_iccid(text) == right


@given(ACCOUNTS)
def test_neither_pages_nor_logs_have_it_whole(account):
    right = Iccid(completed(account))
    assert right.digits not in repr(right)
    assert right.digits[4:-4] not in right.masked()
    assert right.masked().endswith(right.last_four)


@pytest.mark.parametrize(
    "text", ["", "89", "1" * 19, "13800138000", "8986" + "0" * 20, "8" * 200, "89860012345678901X"]
)
def test_what_is_no_card_is_refused(text):
    with pytest.raises(InvalidCard) as caught:
        parse_iccid(text)
    assert caught.value.code == "iccid_unreadable"
    assert possible_iccids(text) == ()
    assert not looks_like_iccid(text)


@pytest.mark.parametrize("text", ["460001234567890", "46000 1234567890", "901280123456789", "001010123456789"])
def test_an_imsi_is_taken(text):
    found = parse_imsi(text)
    assert found.digits == text.replace(" ", "")
    assert found.digits[5:-4] not in repr(found) + found.masked()


@pytest.mark.parametrize("text", ["", "138001380001234", "008613800138000", "4600012345678901", "46000123456789X"])
def test_what_no_network_gave_is_refused(text):
    with pytest.raises(InvalidCard) as caught:
        parse_imsi(text)
    assert caught.value.code == "imsi_unreadable"


def test_a_fourteen_digit_imsi_is_one_too():
    assert parse_imsi("31041012345678") == Imsi("31041012345678")
