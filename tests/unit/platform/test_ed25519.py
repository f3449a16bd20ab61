"""Our signatures against another implementation of the same standard, and against what is none."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from topup.platform.ed25519 import Signer, Verifier

KEY = Ed25519PrivateKey.generate()
OURS, THEIRS = Signer(KEY), Verifier(KEY.public_key())


def test_the_standards_own_vector():
    """RFC 8032, 7.1, test 2."""
    key = Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert Signer(key).sign(b"\x72") == signature
    assert Verifier(key.public_key()).holds(signature, b"\x72")


@given(st.binary(max_size=2000))
def test_both_implementations_make_and_accept_the_same(message):
    signature = OURS.sign(message)
    assert signature == KEY.sign(message)
    KEY.public_key().verify(signature, message)
    assert THEIRS.holds(signature, message)


@given(st.binary(max_size=200), st.integers(0, 511))
def test_a_flipped_bit_is_refused_by_both(message, bit):
    spoilt = bytearray(OURS.sign(message))
    spoilt[bit // 8] ^= 1 << bit % 8
    assert not THEIRS.holds(bytes(spoilt), message)
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(bytes(spoilt), message)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_what_is_no_signature_holds_for_nothing(length):
    assert not THEIRS.holds(bytes(length), b"")


def test_another_message_and_another_key_are_refused():
    signature = OURS.sign(b"pay 50")
    assert not THEIRS.holds(signature, b"pay 51")
    assert not Verifier(Ed25519PrivateKey.generate().public_key()).holds(signature, b"pay 50")
