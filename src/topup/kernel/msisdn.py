"""Phone numbers, parsed once at the edge (ITU-T E.164), however people write them."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from topup.kernel.errors import Invalid

_LONGEST_TEXT: Final = 64
_LONG: Final = 7
"""Digits behind the country code, of which three may be shown; of a shorter number it is two."""


class InvalidNumber(Invalid):
    """Not a number one can call: `number_missing`, `number_unreadable`, `number_impossible` (wrong length) or
    `number_invalid` (no such range).
    """


@dataclass(frozen=True, slots=True)
class Msisdn:
    """A number in E.164 (`+8613800138000`) and the ISO 3166 code of its country (`CN`)."""

    e164: str
    country: str

    def grouped(self) -> str:
        """The number as people of its country read it aloud: `138 0013 8000`."""
        if self.country == "CN" and len(self.e164) == 14:  # noqa: PLR2004 - +86 and eleven digits
            national = self.e164[3:]
            return f"{national[:3]} {national[3:7]} {national[7:]}"
        return phonenumbers.format_number(phonenumbers.parse(self.e164), PhoneNumberFormat.INTERNATIONAL)

    def masked(self) -> str:
        """The number with its middle hidden, for pages a stranger may see: `138 **** 8000`, `+65 8 **** 01`.

        Receipts are signed with it, so it follows from the number and its country code (ITU-T E.164) alone, not from
        how a country's numbers are grouped, which changes.
        """
        if self.country == "CN" and len(self.e164) == 14:  # noqa: PLR2004 - +86 and eleven digits
            return f"{self.e164[3:6]} **** {self.e164[10:]}"
        code = f"+{phonenumbers.parse(self.e164).country_code}"
        national = self.e164.removeprefix(code)
        shown = 2 if len(national) >= _LONG else 1
        return f"{code} {national[:1]} **** {national[-shown:]}"


def parse_msisdn(text: str, *, region: str = "CN") -> Msisdn:
    """Read a number as people write it: spaces, dashes, full-width digits, +86, 0086, a leading 0.

    `region` is the ISO 3166 code that a number without country code belongs to. Raises InvalidNumber.
    """
    if len(text) > _LONGEST_TEXT:
        raise InvalidNumber("number_unreadable")
    return _parse(text, region)


_LINK: Final = re.compile(r"\Atel:(?=[+0-9(])", re.ASCII | re.IGNORECASE)
"""What stands before a number that was copied from a link (RFC 3966)."""
_PLAIN_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")


@lru_cache(maxsize=65_536)
def _parse(text: str, region: str) -> Msisdn:
    # How nearly all are written: nothing is to be stripped, and the library's own pattern decides.
    if region == "CN" and _PLAIN_MOBILE.fullmatch(text) and _chinese_mobile().fullmatch(text):
        return Msisdn(f"+86{text}", "CN")
    return _parsed(text, region)


@lru_cache(maxsize=1)
def _chinese_mobile() -> re.Pattern[str]:
    """The ranges as the library knows them; a pattern that matches nothing would only send all the whole way."""
    metadata = PhoneMetadata.metadata_for_region("CN")
    mobile = metadata.mobile if metadata else None
    return re.compile((mobile.national_number_pattern if mobile else None) or r"(?!)")


def _parsed(text: str, region: str) -> Msisdn:
    plain = _LINK.sub("", unicodedata.normalize("NFKC", text).strip())
    if not plain:
        raise InvalidNumber("number_missing")
    # Letters would be read as a telephone keypad's digits, or dropped: neither is what the person meant.
    if any(character.isalpha() for character in plain):
        raise InvalidNumber("number_unreadable")
    try:
        parsed = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        raise InvalidNumber("number_unreadable") from None
    if parsed.extension:
        raise InvalidNumber("number_unreadable")
    if not phonenumbers.is_possible_number(parsed):
        raise InvalidNumber("number_impossible")
    if not phonenumbers.is_valid_number(parsed):
        # A digit too few may make a possible landline number of a mobile one: what was wrong is still the length.
        fits = phonenumbers.is_possible_number_for_type(parsed, PhoneNumberType.MOBILE)
        raise InvalidNumber("number_invalid" if fits else "number_impossible")
    country = phonenumbers.region_code_for_number(parsed) or region
    return Msisdn(phonenumbers.format_number(parsed, PhoneNumberFormat.E164), country)
