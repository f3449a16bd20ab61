"""What is written on SIM cards and in them, parsed once at the edge: ICCID (ITU-T E.118) and IMSI (ITU-T E.212)."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from topup.kernel.errors import Invalid

_LONGEST_TEXT: Final = 64
_SHOWN: Final = 4
_ICCID: Final = re.compile(r"89[0-9]{17,18}", re.ASCII)
"""The issuer's industry (89: telecommunications), then country, issuer and account, and a check digit: 19 digits, or 20
as several countries have them.
"""
_UNCHECKED: Final = re.compile(r"89[0-9]{16,17}", re.ASCII)
_IMSI: Final = re.compile(r"(?:[2-7][0-9]{2}|901|001)[0-9]{11,12}", re.ASCII)
"""The country (of a region, of the whole world, or of a test network), the network, and the subscriber in it."""


class InvalidCard(Invalid):
    """Not what a SIM card has: `iccid_unreadable`, `iccid_mistyped` (its check digit is wrong), `imsi_unreadable`."""


@dataclass(frozen=True, slots=True)
class Iccid:
    """The number of a SIM card, with its check digit. It names its owner as a telephone number does: never log it."""

    digits: str

    def __repr__(self) -> str:
        return f"Iccid({self.masked()!r})"

    @property
    def last_four(self) -> str:
        """The last four digits, which many cards have in large print."""
        return self.digits[-_SHOWN:]

    def masked(self) -> str:
        """As pages show it: `8986 **** 1234`."""
        return f"{self.digits[:_SHOWN]} **** {self.last_four}"

    def grouped(self) -> str:
        """As it is read aloud, in groups of four."""
        return " ".join(self.digits[place : place + _SHOWN] for place in range(0, len(self.digits), _SHOWN))


@dataclass(frozen=True, slots=True)
class Imsi:
    """What the network knows a card by. Never log it."""

    digits: str

    def __repr__(self) -> str:
        return f"Imsi({self.masked()!r})"

    def masked(self) -> str:
        """Country and network, and the last four digits: `46000 **** 1234`."""
        return f"{self.digits[:5]} **** {self.digits[-_SHOWN:]}"


def parse_iccid(text: str) -> Iccid:
    """Read an ICCID with its check digit: spaces, dashes, full-width digits, the `F` that fills a card's last byte.

    Raises InvalidCard `iccid_unreadable`, `iccid_mistyped`.
    """
    plain = _plain(text).removesuffix("F")
    if _ICCID.fullmatch(plain) is None:
        raise InvalidCard("iccid_unreadable")
    if not _is_checked(plain):
        raise InvalidCard("iccid_mistyped")
    return Iccid(plain)


def possible_iccids(text: str) -> tuple[Iccid, ...]:
    """What cards a text may be the number of: as it stands, and as one that lacks its check digit, as many barcodes do.

    Nothing for what is no ICCID; two where it can be either, the one that is complete first.
    """
    plain = _plain(text).removesuffix("F")
    whole = [plain] if _ICCID.fullmatch(plain) and _is_checked(plain) else []
    unchecked = [plain + _check_digit(plain)] if _UNCHECKED.fullmatch(plain) else []
    return tuple(Iccid(digits) for digits in (*whole, *unchecked))


def looks_like_iccid(text: str) -> bool:
    """Whether it can only be meant for an ICCID, rightly typed or not."""
    plain = _plain(text).removesuffix("F")
    return bool(_ICCID.fullmatch(plain) or _UNCHECKED.fullmatch(plain))


def parse_imsi(text: str) -> Imsi:
    """Read an IMSI. Raises InvalidCard `imsi_unreadable`."""
    plain = _plain(text)
    if _IMSI.fullmatch(plain) is None:
        raise InvalidCard("imsi_unreadable")
    return Imsi(plain)


def _plain(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        return ""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()


def _is_checked(digits: str) -> bool:
    return _check_digit(digits[:-1]) == digits[-1]


def _check_digit(digits: str) -> str:
    """By Luhn (ISO/IEC 7812-1, annex B), for what it is to be put behind."""
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits)))
    return str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)  # noqa: PLR2004 - two digits' sum
