"""A masked number shows whose country it is and how it ends, and never enough to call it."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from topup.kernel.msisdn import Msisdn, parse_msisdn


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("13800138000", "138 **** 8000"),
        ("+65 8123 4501", "+65 8 **** 01"),
        ("+852 5123 4567", "+852 5 **** 67"),
        ("+853 6612 3456", "+853 6 **** 56"),
        ("+886 912 345 678", "+886 9 **** 78"),
        ("+1 202 456 1111", "+1 2 **** 11"),
        ("+44 7400 123456", "+44 7 **** 56"),
        ("+7 912 345 67 89", "+7 9 **** 89"),
        ("+86 10 6552 9988", "+86 1 **** 88"),
        ("+290 51234", "+290 5 **** 4"),
    ],
)
def test_the_country_code_stands_apart(number: str, masked: str) -> None:
    assert parse_msisdn(number).masked() == masked


@st.composite
def mobiles(draw: st.DrawFn) -> Msisdn:
    """Mobile numbers of everywhere: the documented example of a country with other digits at its end."""
    region = draw(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    if example is None:
        example = phonenumbers.example_number(region)
    e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    ending = draw(st.text("0123456789", min_size=4, max_size=4))
    return Msisdn(e164[:-4] + ending, region)


@given(mobiles())
def test_anywhere_the_code_is_whole_and_most_of_the_number_hidden(number: Msisdn) -> None:
    code, *shown, ending = number.masked().split(" ")
    if number.country == "CN":
        assert (code, shown, ending) == (number.e164[3:6], ["****"], number.e164[-4:])
        return
    assert code == f"+{phonenumbers.country_code_for_region(number.country)}"
    national = number.e164.removeprefix(code)
    assert national
    assert shown == [national[0], "****"]
    assert national.endswith(ending)
    hidden = len(national) - len(shown[0]) - len(ending)
    assert hidden * 2 >= len(national)
