"""Passwords, codes of devices, and how long one waits."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.errors import Invalid
from topup.people import credentials, staff
from topup.people.administration import Invited
from topup.people.attempts import FREE, LONGEST_WAIT, wait_after
from topup.people.sessions import SignedIn, form_token_of
from topup.people.signing_in import Offered

RFC_6238 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""`12345678901234567890` in base 32: the SHA-1 secret of RFC 6238, appendix B."""


@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")],
)
def test_codes_are_those_of_the_standard(moment: int, code: str) -> None:
    """The last six of its eight digits (RFC 6238, appendix B)."""
    now = datetime.fromtimestamp(moment, UTC)
    assert credentials.code_of(RFC_6238, now) == code
    assert credentials.step_of(RFC_6238, f" {code[:3]} {code[3:]}", now) == moment // 30


def test_a_code_is_good_for_the_step_before_and_after_and_no_longer() -> None:
    now = datetime.fromtimestamp(1_234_567_890, UTC)
    code = credentials.code_of(RFC_6238, now)
    for steps, expected in ((-2, None), (-1, 41152263), (0, 41152263), (1, 41152263), (2, None)):
        assert credentials.step_of(RFC_6238, code, now + timedelta(seconds=30 * steps)) == expected


@given(st.text(max_size=20))
def test_whatever_is_typed_is_a_code_or_none(text: str) -> None:
    credentials.step_of(RFC_6238, text, datetime.fromtimestamp(59, UTC))
    assert len(staff.code_hash(text)) == 32


def test_recovery_codes_are_read_as_people_write_them() -> None:
    code = staff.new_code()
    assert len({staff.code_hash(text) for text in (code, code.lower(), code.replace("-", " "), f" {code} ")}) == 1
    assert staff.code_hash("O0I1-L") == staff.code_hash("00111")
    assert len({staff.new_code() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_too_short"),
        ("x" * 257, "password_too_long"),
        ("aaaaaaaaaaaaaaaa", "password_too_simple"),
        ("my name is support1", "password_too_simple"),
    ],
)
def test_a_password_is_hard_to_guess(password: str, code: str) -> None:
    with pytest.raises(Invalid, match=code):
        credentials.check_password(password, login="support1")


async def test_a_password_holds_however_its_letters_are_composed_and_no_other_does() -> None:
    stored = await credentials.hashed("Größe und vier Wörter")
    assert stored.startswith("$argon2id$")
    assert await credentials.holds("Gro\u0308\u00dfe und vier Wo\u0308rter", stored)
    for other in ("größe und vier wörter", "", "x" * 1000):
        assert not await credentials.holds(other, stored)
    assert not await credentials.holds("anything", None)


def test_waiting_begins_after_the_free_attempts_and_is_bounded() -> None:
    for free in FREE.values():
        waits = [wait_after(number, free=free) for number in range(1, free + 30)]
        assert not any(waits[: free - 1])
        assert waits[free - 1] > timedelta(0)
        assert waits == sorted(waits)
        assert waits[-1] == LONGEST_WAIT


def test_a_session_knows_its_own_forms_and_secrets_are_not_printed() -> None:
    one, other = form_token_of("one"), form_token_of("other")
    who = SignedIn("stf_x", "x", staff.Role.SUPPORT, datetime.now(UTC), one, confirmed=True)
    assert who.sent(one)
    assert not any(who.sent(text) for text in (other, "", one[:-1], "ö", "\ud800"))
    assert "pass" not in repr(Offered("login", "pass", "123456"))
    assert "ABCD" not in repr(Invited("stf_x", "x", "ABCD", datetime.now(UTC)))
