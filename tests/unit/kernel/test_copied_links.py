"""A number copied from a link (RFC 3966) is that number."""

import pytest

from topup.kernel.msisdn import InvalidNumber, parse_msisdn


@pytest.mark.parametrize(
    "text", ["tel:+8613800138000", "TEL:+86-138-0013-8000", " tel:13800138000", "ｔｅｌ：＋８６１３８００１３８０００"]
)
def test_the_link_is_left_away(text):
    assert parse_msisdn(text).e164 == "+8613800138000"


@pytest.mark.parametrize("text", ["tel:", "tel:x", "tel 13800138000", "tel:tel:13800138000", "sms:+8613800138000"])
def test_other_letters_are_still_no_number(text):
    with pytest.raises(InvalidNumber, match="number_unreadable"):
        parse_msisdn(text)
