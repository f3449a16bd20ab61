"""Postal addresses people give us, read as they type them."""

import re
import unicodedata
from typing import Final

import msgspec

from topup.kernel.errors import Invalid

LONGEST_NAME: Final = 60
LONGEST_ADDRESS: Final = 240
MOST_LINES: Final = 6
LONGEST_COUNTRY: Final = 60
LONGEST_POSTCODE: Final = 12
LONGEST_PHONE: Final = 24
_POSTCODE: Final = re.compile(r"[A-Z0-9][A-Z0-9 -]{1,11}", re.ASCII)
_PHONE: Final = re.compile(r"\+?[0-9(][0-9 ()./-]{3,22}", re.ASCII)


class PostalAddress(msgspec.Struct, frozen=True):
    """Who gets something by post, and where; `phone` is for the courier alone. Stored sealed, so fields are only ever
    added, with defaults.
    """

    name: str
    lines: tuple[str, ...]
    postcode: str
    """Empty where there are none, as in Hong Kong."""
    country: str
    phone: str = ""

    @property
    def label(self) -> tuple[str, ...]:
        """The lines of a label, top to bottom."""
        return tuple(filter(None, (self.name, *self.lines, self.postcode, self.country, self.phone)))


class UnreadableAddress(Invalid):
    """`postal_unreadable`: `fields` names those that are missing, too long or no such thing."""


def parse_address(*, name: str, address: str, postcode: str, country: str, phone: str) -> PostalAddress:
    """An address as people type it: `address` has a line for each line there is, `postcode` and `phone` may be empty.

    Free text, as every country writes it otherwise, but with a letter or a digit in it; full-width digits of a postcode
    or phone are taken. Raises UnreadableAddress.
    """
    lines = tuple(filter(None, map(_plain, address.splitlines())))
    found = PostalAddress(_plain(name), lines, _narrow(postcode).upper(), _plain(country), _narrow(phone))
    good = {
        "name": _is_text(found.name, LONGEST_NAME),
        "address": 0 < len(lines) <= MOST_LINES and _is_text("".join(lines), LONGEST_ADDRESS),
        "postcode": not found.postcode or _POSTCODE.fullmatch(found.postcode) is not None,
        "country": _is_text(found.country, LONGEST_COUNTRY),
        "phone": not found.phone or _PHONE.fullmatch(found.phone) is not None,
    }
    wrong = [field for field, is_good in good.items() if not is_good]
    if wrong:
        raise UnreadableAddress("postal_unreadable", fields=wrong)
    return found


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _narrow(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _is_text(text: str, longest: int) -> bool:
    return len(text) <= longest and text.isprintable() and any(map(str.isalnum, text))
