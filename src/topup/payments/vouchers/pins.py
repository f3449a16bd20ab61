"""The numbers of a voucher: the PIN, which is money, and the serial number, which is none.

A PIN has 18 digits: 17 of chance and a check digit (ISO/IEC 7812-1, annex B, "Luhn"), which finds every single wrong
digit and nearly every swap of two neighbours. So a slip of the finger is told as one, and costs nobody a guess.
"""

import re
import secrets
import unicodedata
from typing import Final

CHANCE: Final = 10**17
"""How many PINs there are: what guessing is measured against."""
_DIGITS: Final = 18
_SEPARATORS: Final = re.compile(r"[\s.\u00b7\u2010-\u2015-]+")
_LONGEST: Final = 64
_GROUP: Final = 6


class UnreadablePin(ValueError):
    """No PIN can be written so. Does not repeat it."""


def new_pin() -> str:
    """A PIN of the operating system's chance."""
    body = f"{secrets.randbelow(CHANCE):0{_DIGITS - 1}}"
    return body + check_digit(body)


def parse_pin(text: str) -> str:
    """A PIN as people type it: with spaces, hyphens or dots, in full-width or other digits. Raises UnreadablePin."""
    if len(text) > _LONGEST:
        raise UnreadablePin
    joined = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    digits = "".join(str(unicodedata.decimal(letter, "x")) for letter in joined)
    if len(digits) != _DIGITS or "x" in digits or check_digit(digits[:-1]) != digits[-1]:
        raise UnreadablePin
    return digits


def grouped(pin: str) -> str:
    """For the eye: `123456 789012 345678`."""
    return " ".join(pin[start : start + _GROUP] for start in range(0, len(pin), _GROUP))


def check_digit(digits: str) -> str:
    """The digit that makes the whole of it pass (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)  # noqa: PLR2004 - of two digits their sum


def serial_of(batch_id: str, number: int) -> str:
    """The serial number of voucher `number`, from 1, of a batch: the last eight letters of its id, and the place."""
    return f"{batch_id[-8:].upper()}-{number:07}"
