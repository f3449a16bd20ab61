"""What a text in the search box can be beside a number, a SIM card and an order: a document that somebody shows."""

import re
import unicodedata
from datetime import date
from typing import Final

from topup.kernel.errors import Invalid
from topup.lines.cards.searching import ICCID, IMSI
from topup.people.id_checks import Shown, shown

DOCUMENT: Final = "document"
TAKEN_FOR: Final = (ICCID, IMSI, DOCUMENT)

_PASSPORT: Final = re.compile(r"[A-Z]{1,2}[0-9]{6,9}", re.ASCII)
_RESIDENT: Final = re.compile(r"(?:[1-7][0-9]|8[123]|9[0-9])[0-9]{4}([0-9]{8})[0-9]{3}[0-9X]", re.ASCII)
"""A region (GB/T 2260; 9 for a foreigner's card), the day of birth, a number in that day. SIM cards begin with 89."""
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"
"""The last character of a Chinese resident card by the rest of the weighted sum: GB 11643-1999, after ISO 7064."""


def as_document(text: str) -> list[Shown]:
    """The documents a text can be the number of; none for what is none."""
    plain = _plain(text)
    kinds: tuple[str, ...] = ("passport", "other") if _PASSPORT.fullmatch(plain) else ()
    if _is_resident(plain):
        kinds = ("resident_card",)
    try:
        return [shown(document=kind, number=plain) for kind in kinds]
    except Invalid:
        return []


def _is_resident(plain: str) -> bool:
    parts = _RESIDENT.fullmatch(plain)
    if parts is None or not _is_day(parts[1]):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(plain, _WEIGHTS, strict=False))
    return _CHECKS[total % len(_CHECKS)] == plain[-1]


def _is_day(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text[:64])).upper()
