"""Sealing with a person's own key, which is itself sealed with the installation's: who drops it has erased the rest."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from topup.platform.keys import CannotOpen, KeyRing

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class PersonalSeal:
    """Seals and opens what is one person's. `what` binds a text to its place: a name opens as no number."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "PersonalSeal()"

    def seal(self, text: str, what: str) -> bytes:
        """The text, sealed."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), what.encode())

    def open(self, sealed: bytes, what: str) -> str:
        """What was sealed; raises CannotOpen."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], what.encode()).decode()
        except (InvalidTag, ValueError):
            raise CannotOpen("changed, or sealed for something else") from None


def new_secret(keyring: KeyRing, *, subscriber_id: str) -> bytes:
    """A new person's key, sealed as it is stored."""
    return keyring.seal(os.urandom(_KEY_BYTES), _bound_to(subscriber_id))


def seal_of(keyring: KeyRing, *, subscriber_id: str, secret: bytes) -> PersonalSeal:
    """The seal of a person by their stored key; raises CannotOpen."""
    return PersonalSeal(keyring.unseal(secret, _bound_to(subscriber_id)))


def _bound_to(subscriber_id: str) -> str:
    return f"subscriber:{subscriber_id}"
