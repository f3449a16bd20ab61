"""The reference of a bank transfer: twelve letters that survive a form, a telephone and a bank.

`TP`, two letters of the lane, six of chance, two of check, in Crockford's base 32 (no I, L, O, U): every code that
differs in one letter, or in which two letters changed places, is none. Written in groups of four: `TP03 7K2M 9QXA`.
"""

import re
import secrets
import unicodedata
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_TAKEN_FOR: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_PREFIX: Final = "TP"
_BODY: Final = 8
"""Letters of the lane and of chance."""
CODES: Final = 32 ** (_BODY - 2)
"""References there are in a lane."""
LENGTH: Final = len(_PREFIX) + _BODY + 2
_MODULUS: Final = 1021
"""The largest prime below 32 * 32: two letters hold the check, and it tells every slip of one letter."""
_LONGEST_TEXT: Final = 4_000
_NOT_LETTERS: Final = re.compile(r"[^0-9A-Z]+")
MOST_CODES: Final = 8
"""Codes that are looked up for one transfer; more is a list of somebody's, not a reference."""


class InvalidCode(ValueError):
    """Not a reference of ours."""


def new_code(lane: int) -> str:
    """A new reference of a payment in `lane`, not grouped."""
    return code_of(lane, secrets.randbelow(CODES))


def code_of(lane: int, number: int) -> str:
    """The reference number `number` (below CODES) of a lane."""
    value = lane << 5 * (_BODY - 2) | number
    body = "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(_BODY)))
    return _PREFIX + body + _check(body)


def grouped(code: str) -> str:
    """As it is shown: in groups of four."""
    return " ".join(code[start : start + 4] for start in range(0, LENGTH, 4))


def lane_of_code(code: str) -> int:
    """The lane of a code that `found_in` gave; raises InvalidCode."""
    body = code[len(_PREFIX) : len(_PREFIX) + _BODY]
    if len(code) != LENGTH or not set(body) <= _VALUES.keys() or code != _PREFIX + body + _check(body):
        raise InvalidCode(code[:2])
    return _VALUES[body[0]] << 5 | _VALUES[body[1]]


def found_in(text: str) -> list[str]:
    """The references in what a bank hands on, however they were written: in lower case, in groups, with letters that
    look like digits, in the middle of other words, broken over lines. At most MOST_CODES, in order, each once.
    """
    plain = unicodedata.normalize("NFKC", text[:_LONGEST_TEXT]).upper()
    run = _NOT_LETTERS.sub("", plain)
    found: dict[str, None] = {}
    start = run.find(_PREFIX)
    while start >= 0 and len(found) < MOST_CODES:
        code = _PREFIX + run[start + len(_PREFIX) : start + LENGTH].translate(_TAKEN_FOR)
        if _is_code(code):
            found[code] = None
        start = run.find(_PREFIX, start + 1)
    return list(found)


def _is_code(code: str) -> bool:
    try:
        lane_of_code(code)
    except InvalidCode:
        return False
    return True


def _check(body: str) -> str:
    number = 0
    for letter in body:
        number = (number * 32 + _VALUES[letter]) % _MODULUS
    # As if the check's own letters were part of the number: so a slip in them, or beside them, tells as well.
    check = -number * 1024 % _MODULUS
    return _ALPHABET[check >> 5] + _ALPHABET[check & 31]
