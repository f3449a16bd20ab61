"""An operator's file of exchange rates: TOML, written anew by whoever decides the rates, read again when it changed.

    source = "Bank of China, selling"
    at = 2026-11-21T01:00:00Z
    valid_until = 2026-11-22T01:00:00Z

    [CNY]                 # what one of these costs, in yuan
    USD = "7.2488"
    JPY = "0.047820"

Rates are written as text, for a number of TOML is not exact. A file that is stale, or cannot be read, gives no rates at
all: nobody is shown a price that nobody stands for.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from topup.kernel.exchange import ExchangeRate, InvalidRate
from topup.platform.plugs import Finding, Health

LONGEST_VALID: Final = timedelta(days=31)
"""Rates that would hold for longer are a slip of the pen."""
_AHEAD: Final = timedelta(minutes=5)
"""A clock that is a little slow must not refuse rates that were just written."""
_SOON: Final = timedelta(hours=1)
_SUBJECT: Final = "exchange_rates"
_LONGEST_SOURCE: Final = 80
_LONGEST_FILE: Final = 65_536


class RatesUnreadable(ValueError):
    """The file says no rates: it is not there, or something in it is wrong."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What the file says: by the price's currency and the one that is paid."""

    source: str
    at: datetime
    valid_until: datetime
    rates: Mapping[tuple[str, str], Decimal]

    def is_fresh(self, now: datetime) -> bool:
        """Whether they hold at `now`."""
        return self.at - _AHEAD <= now < self.valid_until

    def rate(self, priced_in: str, paid_in: str, *, step_minor: int) -> ExchangeRate | None:
        """The rate between two currencies, if there is one."""
        found = self.rates.get((priced_in, paid_in))
        return None if found is None else ExchangeRate(priced_in, paid_in, found, self.source, self.at, step_minor)


class RatesFile:
    """The rates of a file; looked at again whenever the file was written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._rates: Rates | None = None

    def fresh(self, now: datetime) -> Rates | None:
        """The rates that hold at `now`; None where there are none."""
        try:
            rates = self._current()
        except RatesUnreadable:
            return None
        return rates if rates.is_fresh(now) else None

    def _current(self) -> Rates:
        try:
            status = self._path.stat()
        except OSError as error:
            raise RatesUnreadable(error.strerror or "cannot be read") from None
        seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        if seen != self._seen or self._rates is None:
            self._rates = None
            self._seen = seen
            self._rates = read_rates(self._path)
        return self._rates


def read_rates(path: Path) -> Rates:
    """What a file says. Raises RatesUnreadable, which says what is wrong with it."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_FILE + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RatesUnreadable(getattr(error, "strerror", None) or "not UTF-8") from None
    if len(text) > _LONGEST_FILE:
        raise RatesUnreadable("the file is too long")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RatesUnreadable(str(error)) from None
    source, at, until = content.pop("source", ""), content.pop("at", None), content.pop("valid_until", None)
    if not isinstance(source, str) or not source.strip() or not source.isprintable() or len(source) > _LONGEST_SOURCE:
        raise RatesUnreadable("source: who says these rates, in a few words")
    if not _is_moment(at) or not _is_moment(until):
        raise RatesUnreadable("at and valid_until: a date and time with a zone")
    if not timedelta(0) < until - at <= LONGEST_VALID:
        raise RatesUnreadable(f"valid_until: after at, by {LONGEST_VALID.days} days at most")
    return Rates(source.strip(), at, until, _rates(content, source.strip(), at))


def _is_moment(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _rates(tables: Mapping[str, Any], source: str, at: datetime) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = {}
    for priced_in, table in tables.items():
        if not isinstance(table, dict):
            raise RatesUnreadable(f"{priced_in}: a table named by a currency")
        for paid_in, text in table.items():
            if not isinstance(text, str):
                raise RatesUnreadable(f"{priced_in}.{paid_in}: write the rate as text, in quotes")
            try:
                rate = Decimal(text)
                ExchangeRate(priced_in, paid_in, rate, source, at)
            except InvalidOperation:
                raise RatesUnreadable(f"{priced_in}.{paid_in}: not a number") from None
            except InvalidRate as error:
                raise RatesUnreadable(f"{priced_in}.{paid_in}: {error}") from None
            found[priced_in, paid_in] = rate
    return found


def look_at_rates(path: Path, pays_in: Sequence[str], now: datetime) -> Finding:
    """What `topup doctor` says of a file of rates, and of the currencies that are to be paid in by them."""
    try:
        rates = read_rates(path)
    except RatesUnreadable as error:
        return Finding(_SUBJECT, Health.WRONG, "rates.unreadable", {"file": str(path), "reason": str(error)})
    until = {"until": rates.valid_until.isoformat(" ", "minutes")}
    if not rates.is_fresh(now):
        return Finding(_SUBJECT, Health.WRONG, "rates.stale", until)
    known = {paid_in for _, paid_in in rates.rates}
    missing = [currency for currency in pays_in if currency not in known]
    if missing:
        return Finding(_SUBJECT, Health.WRONG, "rates.missing", {"currencies": ", ".join(missing)})
    if not rates.is_fresh(now + _SOON):
        return Finding(_SUBJECT, Health.SOON, "rates.end_soon", until)
    return Finding(_SUBJECT, Health.FINE)
