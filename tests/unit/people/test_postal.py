"""Postal addresses, as people of every country type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.people.postal import LONGEST_ADDRESS, PostalAddress, UnreadableAddress, parse_address

GOOD = {"name": "Ada Chen", "address": "1 Queen's Road\nCentral", "postcode": "", "country": "Hong Kong", "phone": ""}


def test_an_address_is_read_line_by_line_and_full_width_digits_are_digits():
    found = parse_address(
        name="  陈小明 ",
        address="广东省广州市\r\n\r\n 天河路 1 号   3 楼 \r\n",
        postcode="５１０６２０",
        country="中国",
        phone="＋８６ 138-0013-8000",
    )
    assert found == PostalAddress("陈小明", ("广东省广州市", "天河路 1 号 3 楼"), "510620", "中国", "+86 138-0013-8000")
    assert found.label == ("陈小明", "广东省广州市", "天河路 1 号 3 楼", "510620", "中国", "+86 138-0013-8000")
    assert parse_address(**GOOD | {"postcode": "sw1a  1aa"}).postcode == "SW1A 1AA"
    assert parse_address(**GOOD).label == ("Ada Chen", "1 Queen's Road", "Central", "Hong Kong")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", ""),
        ("name", "x" * 61),
        ("name", "Ada\u202eChen"),
        ("name", "\N{GRINNING FACE}"),
        ("address", "...\n---"),
        ("address", " \n "),
        ("address", "\n".join("abcdefg")),
        ("address", "x" * (LONGEST_ADDRESS + 1)),
        ("address", "1 Road\x07"),
        ("postcode", "1"),
        ("postcode", "510620; DROP"),
        ("country", ""),
        ("country", "x" * 61),
        ("country", "?"),
        ("phone", "call me"),
        ("phone", "1" * 25),
    ],
)
def test_what_is_missing_or_no_such_thing_is_named(field, text):
    with pytest.raises(UnreadableAddress) as refused:
        parse_address(**GOOD | {field: text})
    assert (refused.value.code, refused.value.parameters) == ("postal_unreadable", {"fields": [field]})


def test_everything_that_is_wrong_is_named_at_once():
    with pytest.raises(UnreadableAddress) as refused:
        parse_address(**dict.fromkeys(GOOD, "\x00"))
    assert refused.value.parameters["fields"] == list(GOOD)


@given(st.fixed_dictionaries(dict.fromkeys(GOOD, st.text(max_size=80))))
def test_whatever_is_typed_is_read_as_it_is_stored_or_refused(typed):
    try:
        found = parse_address(**typed)
    except UnreadableAddress:
        return
    again = {
        "name": found.name,
        "address": "\n".join(found.lines),
        "postcode": found.postcode,
        "country": found.country,
        "phone": found.phone,
    }
    assert parse_address(**again) == found
