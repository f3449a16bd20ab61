"""A record of usage as other systems write it, read once: each word of it right, or refused for what is wrong."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final, cast, get_args

import phonenumbers

from topup.catalogue.rates import Service
from topup.charging.usage.rows import Source
from topup.kernel.errors import Invalid
from topup.kernel.msisdn import parse_msisdn

LONGEST_ID: Final = 100
MOST: Final = 10**15
"""Seconds, bytes or messages of one record: a petabyte."""

_ID: Final = re.compile(rf"(?!ses_)[A-Za-z0-9][A-Za-z0-9._:/+=@~-]{{0,{LONGEST_ID - 1}}}")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_CALLED: Final = re.compile(r"\+[1-9][0-9]{1,14}|[0-9*#]{2,8}")
_QUANTITY: Final = re.compile(r"[0-9]{1,16}")
_FIRST_YEAR: Final = 2000
"""No network has records of a time before it: who sends one has a clock that was never set."""
_LAST_YEAR: Final = 9998
"""So far from where time ends that all of it is a time in every zone."""
_SERVICES: Final[frozenset[str]] = frozenset(get_args(Service))


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """`quantity` (seconds, bytes, messages) of a service, used by the line of `msisdn` at `at` (a call: begun).

    `id` is the sender's, and none of a session's: each is charged for once. `country`: None, the line's own; `called`:
    None, nobody.
    """

    id: str
    msisdn: str
    service: Service
    quantity: int
    at: datetime
    country: str | None
    called: str | None
    source: Source

    @property
    def fingerprint(self) -> bytes:
        """What two records that say the same have in common, whichever way they came."""
        said = (
            self.msisdn,
            self.service,
            self.quantity,
            self.at.astimezone(UTC),
            self.country or "",
            self.called or "",
        )
        return blake2b("\0".join(map(str, said)).encode(), digest_size=16).digest()


def read_record(
    *,
    identifier: str,
    number: str,
    service: str,
    quantity: int | str,
    at: datetime | str,
    country: str | None,
    called: str | None,
    source: Source,
) -> UsageRecord:
    """A record from its words.

    Raises Invalid: `usage_id_unreadable`, `usage_service_unknown`, `usage_quantity_unreadable`,
    `usage_time_unreadable`, `usage_time_too_old`, `usage_in_future`, `usage_country_unknown`,
    `usage_called_unreadable`; InvalidNumber.
    """
    if _ID.fullmatch(identifier) is None:
        raise Invalid("usage_id_unreadable", longest=LONGEST_ID)
    if service not in _SERVICES:
        raise Invalid("usage_service_unknown", known=", ".join(sorted(_SERVICES)))
    if country and country not in phonenumbers.SUPPORTED_REGIONS:
        raise Invalid("usage_country_unknown")
    if called and _CALLED.fullmatch(called) is None:
        raise Invalid("usage_called_unreadable")
    return UsageRecord(
        identifier,
        e164_of(number),
        cast("Service", service),
        _quantity(quantity),
        _instant(at),
        country or None,
        called or None,
        source,
    )


@lru_cache(maxsize=65_536)
def e164_of(text: str) -> str:
    """The number of a line as people or networks write it. Raises InvalidNumber."""
    # What networks write is E.164 already: whether it is a line's, the lines know better than any numbering plan.
    return text if _E164.fullmatch(text) else parse_msisdn(text).e164


def _quantity(written: int | str) -> int:
    if isinstance(written, str):
        if _QUANTITY.fullmatch(written) is None:
            raise Invalid("usage_quantity_unreadable", most=MOST)
        written = int(written)
    if not 0 <= written <= MOST:
        raise Invalid("usage_quantity_unreadable", most=MOST)
    return written


def _instant(written: datetime | str) -> datetime:
    if isinstance(written, str):
        try:
            written = datetime.fromisoformat(written)
        except ValueError:
            raise Invalid("usage_time_unreadable") from None
    if written.tzinfo is None:
        raise Invalid("usage_time_unreadable")
    if written.year < _FIRST_YEAR:
        raise Invalid("usage_time_too_old", earliest=f"{_FIRST_YEAR}-01-01")
    if written.year > _LAST_YEAR:
        raise Invalid("usage_in_future")
    return written.astimezone(UTC)
