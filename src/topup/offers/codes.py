"""Codes made one by one: they begin with their campaign's prefix, and the database knows only their marks."""

import secrets
from typing import Final

_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without those that are taken for one another."""
_PART: Final = 5
"""Twice five letters of 32: 50 bits, which nobody guesses against the counters of wrong codes."""


def drawn(prefix: str, count: int) -> list[str]:
    """So many different codes, of the operating system's chance."""
    found: set[str] = set()
    while len(found) < count:
        found.add(_one(prefix))
    return list(found)


def _one(prefix: str) -> str:
    # 256 is a multiple of 32: each letter is as likely as the others.
    letters = "".join(_LETTERS[byte % len(_LETTERS)] for byte in secrets.token_bytes(2 * _PART))
    return f"{prefix}-{letters[:_PART]}-{letters[_PART:]}"
