"""A plain Chinese mobile number is read by its pattern alone: to the same end as by the whole library."""

import random

import pytest

from topup.kernel.msisdn import InvalidNumber, _parsed, parse_msisdn

PREFIXES = [f"{prefix:04d}" for prefix in range(1000, 2000)]


def read(parse, text):
    try:
        return parse(text)
    except InvalidNumber as refused:
        return refused.code


@pytest.mark.parametrize("first", ["10", "11", "12", "13", "14", "15", "16", "17", "18", "19"])
def test_the_quick_way_and_the_whole_one_agree_on_every_range(first):
    chance = random.Random(first)
    for prefix in PREFIXES:
        if prefix.startswith(first):
            for digits in (6, 7, 7, 7, 8):
                text = prefix + "".join(chance.choices("0123456789", k=digits))
                assert read(parse_msisdn, text) == read(lambda written: _parsed(written, "CN"), text), text


@pytest.mark.parametrize(
    "text", ["１３８００１３８０００", "138 0013 8000", "13800138000\n", "+8613800138000", "٠١٢٣٤٥٦٧٨٩٠"]
)
def test_what_is_written_otherwise_takes_the_whole_way(text):
    assert read(parse_msisdn, text) == read(lambda written: _parsed(written, "CN"), text)


def test_elsewhere_eleven_digits_are_not_a_chinese_mobile_number():
    assert read(lambda text: parse_msisdn(text, region="US"), "13800138000") != "CN"
    assert getattr(read(lambda text: parse_msisdn(text, region="US"), "13102345678"), "country", "") != "CN"
