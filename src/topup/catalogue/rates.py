"""What a carrier asks for use: rates of calls, data and messages, and which of them is for a usage.

Quantities are seconds, bytes and messages. Prices are exact decimals of minor units: nothing is rounded here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import phonenumbers

Service = Literal["voice", "data", "sms", "mms"]
Zone = Literal["home", "roaming", "international"]
PeriodName = Literal["peak", "off_peak"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Remainder = Literal["up", "down", "half_up"]

WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ASSET_OF: Final[Mapping[Service, str]] = {"voice": "VOICE", "data": "DATA", "sms": "SMS"}
"""The asset that pays for a service before money does. No asset counts multimedia messages: money pays for them."""

ANY_NUMBER: Final = "+"


@dataclass(frozen=True, slots=True)
class Period:
    """A price of its own while the line's clocks show `from_minute` to before `to_minute` (of the day, up to 1440).

    One that ends before it begins goes on past midnight; `days` are those on which it begins.
    """

    name: PeriodName
    days: tuple[Weekday, ...]
    from_minute: int
    to_minute: int
    price_minor: Decimal

    def holds(self, local: datetime) -> bool:
        """Whether it holds at this wall-clock time."""
        minute, today = local.hour * 60 + local.minute, local.weekday()
        begun = minute >= self.from_minute and WEEKDAYS[today] in self.days
        if self.from_minute < self.to_minute:
            return begun and minute < self.to_minute
        return begun or (minute < self.to_minute and WEEKDAYS[today - 1] in self.days)


@dataclass(frozen=True, slots=True)
class Rate:
    """What a service costs in a zone: `price_minor` per `per` units, counted in steps of `first`, then of `further`.

    `home` and `international` are for a line in its own country, `roaming` for one in `countries` (ISO 3166).
    `prefixes` (E.164) are the numbers it is for; of several rates the longest prefix counts. None named: at home the
    country's own numbers, roaming all. `area` is a zone's name of the carrier's, which grants may be limited to.
    `connection_fee_minor` is taken once, unless the first step is paid for by what was granted. The first of `periods`
    that holds when a step begins has its price. A calendar day of the line's zone costs at most `daily_cap_minor`.
    What is left below a minor unit is carried along a usage and rounded once, at its end, by `remainder`; a rate with
    a daily cap does so at the end of a day too.
    """

    id: str
    service: Service
    zone: Zone
    first: int
    further: int
    price_minor: Decimal
    per: int
    countries: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    area: str | None = None
    connection_fee_minor: int = 0
    free_numbers: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    daily_cap_minor: int | None = None
    remainder: Remainder = "up"

    @property
    def scope(self) -> str:
        """What a bucket must serve to pay for it, written as a grant's scope: `voice@home`."""
        return f"{self.service}@{self.area or self.zone}"

    @property
    def zones(self) -> frozenset[str]:
        """The names under which a grant's `zones` may mean it."""
        return frozenset((self.zone, self.area)) if self.area else frozenset((self.zone,))

    def counted(self, quantity: int) -> int:
        """`quantity` in whole steps: what is charged for."""
        if quantity <= 0:
            return 0
        return self.first + max(0, -((self.first - quantity) // self.further)) * self.further

    def period_at(self, local: datetime) -> Period | None:
        """The period that holds at this wall-clock time; None: the rate's own price."""
        return next((period for period in self.periods if period.holds(local)), None)


@dataclass(frozen=True, slots=True, eq=False)
class RateBook:
    """The rates of a carrier of `country`, made ready for finding the one for a usage."""

    rates: tuple[Rate, ...]
    country: str
    _by_prefix: dict[tuple[str, str], dict[str, Rate]] = field(init=False, default_factory=dict)
    """By service and country where the line is, then by prefix."""

    def __post_init__(self) -> None:
        # Home comes last, so that a rate for going abroad can never take the country's own numbers from it.
        for rate in sorted(self.rates, key=lambda rate: rate.zone == "home"):
            for country in rate.countries or (self.country,):
                numbers = self._by_prefix.setdefault((rate.service, country), {})
                numbers.update(dict.fromkeys(self._prefixes(rate), rate))

    def _prefixes(self, rate: Rate) -> Iterable[str]:
        if rate.prefixes:
            return rate.prefixes
        return (f"+{phonenumbers.country_code_for_region(self.country)}",) if rate.zone == "home" else (ANY_NUMBER,)

    def find(self, *, service: Service, country: str, called: str | None) -> Rate | None:
        """The rate for a service used in `country`, towards `called` (E.164, a short code, or None), if there is one.

        The longest prefix counts. A short code, and what has no number, are at home or roaming as the line is.
        """
        numbers = self._by_prefix.get((service, country), {})
        if called is None or not called.startswith("+"):
            return next((rate for rate in numbers.values() if rate.zone != "international" and _general(rate)), None)
        lengths = range(len(called), 0, -1)
        return next((numbers[called[:length]] for length in lengths if called[:length] in numbers), None)


def _general(rate: Rate) -> bool:
    """Whether it is for a place as a whole: at home any, roaming one that is not for some numbers only."""
    return rate.zone == "home" or not rate.prefixes
