"""A digit too many or too few is told as such, although a landline number could be that long."""

import pytest

from topup.kernel.msisdn import InvalidNumber, parse_msisdn


@pytest.mark.parametrize("text", ["1380013800", "138001380001", "138001", "+86 138 0013 800", "+65 8123 456"])
def test_a_digit_too_many_or_too_few_is_a_wrong_length(text):
    with pytest.raises(InvalidNumber, match="number_impossible"):
        parse_msisdn(text)


def test_a_range_that_does_not_exist_is_no_wrong_length():
    with pytest.raises(InvalidNumber, match="number_invalid"):
        parse_msisdn("12345678901")


def test_a_landline_number_is_a_number():
    assert parse_msisdn("010 6552 9988").e164 == "+861065529988"
