"""Contacts as people type them, and the table of permissions."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.people.contacts import UnreadableContact, parse_contact
from topup.people.permissions import PERMISSIONS, Permission, Role, allowed


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("someone@example.com", "someone@example.com"),
        ("  Some.One+news@Example.COM ", "Some.One+news@example.com"),
        ("ｓｏｍｅｏｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "someone@example.com"),
        ("someone@bücher.example", "someone@xn--bcher-kva.example"),
        ("someone@例子.测试", "someone@xn--fsqu00a.xn--0zwm56d"),
    ],
)
def test_addresses_are_read_as_people_type_them(typed: str, read: str) -> None:
    assert parse_contact(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "someone",
        "@example.com",
        "someone@",
        "someone@localhost",
        "a b@example.com",
        "a@b@example.com",
        ".a@example.com",
        "a..b@example.com",
        "a.@example.com",
        "a@-example.com",
        "a@exa_mple.com",
        "a@127.0.0.1",
        "a@example..com",
        "a@example.com\nBcc: b@example.com",
        "a\r\n@example.com",
        '"a"@example.com',
        "a@[::1]",
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".com",
        "a@" + "b." * 130 + "com",
        "a\x00@example.com",
        "a@example.com\x00",
        "\ud800@example.com",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(UnreadableContact):
        parse_contact(typed)


@given(st.text(max_size=600))
def test_whatever_is_typed_is_read_or_refused_and_reading_is_stable(typed: str) -> None:
    with suppress(UnreadableContact):
        read = parse_contact(typed)
        assert parse_contact(read) == read
        assert len(read) <= 254
        assert read.isascii()
        assert not any(character.isspace() or ord(character) < 32 for character in read)


def test_every_role_has_its_permissions_and_only_the_operator_has_all() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert [role for role in Role if PERMISSIONS[role] == frozenset(Permission)] == [Role.OPERATOR]


def test_an_auditor_sees_no_line_and_no_order() -> None:
    assert not allowed(Role.AUDITOR, "lines.read")
    assert not allowed(Role.AUDITOR, "orders.read")


def test_a_permission_that_does_not_exist_is_a_defect_and_not_a_no() -> None:
    with pytest.raises(ValueError):
        allowed(Role.OPERATOR, "lines.raed")
