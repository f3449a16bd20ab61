"""The form of what a carrier asks for use."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, get_args

import phonenumbers

from topup.catalogue.offer_form import IDENTIFIER, UNITS, Fields
from topup.catalogue.positions import Path
from topup.catalogue.rates import ASSET_OF, WEEKDAYS, Period, Rate, Service
from topup.catalogue.reading import WRONG, Reading, Wrong, digits, quantity, shown
from topup.catalogue.shapes import Amount, Choice, Field, ListOf, Quantity, Schema, Table, Text
from topup.kernel.money import exponent


@dataclass(frozen=True, slots=True)
class Price:
    """A price in major units, `1` or "0.0015", of at most nine decimals, read as an exact decimal of minor units."""

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The price in minor units, which need not be whole."""
        if isinstance(value, float):
            words = f'must be written in quotes, as in "{value}": decimals without quotes are not exact'
            return reading.mistake(path, words)
        if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(_PRICE, digits(value)):
            return reading.mistake(path, f'must be a price such as 1 or "0.0015", not {shown(value)}')
        price = Decimal(value).scaleb(exponent(reading.currency))
        return price.normalize() if price else Decimal(0)

    def schema(self) -> Schema:
        """An integer or a string of digits."""
        whole = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
        return {"anyOf": [whole, {"type": "string", "pattern": f"^{_PRICE}$"}]}


_PRICE: Final = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_TIME: Final = Text("a time of day such as 08:00", r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_MINUTES: Final = 60


def _country(text: str) -> str | None:
    known = text in phonenumbers.SUPPORTED_REGIONS
    return None if known else f"must be an ISO 3166 country such as HK, not {shown(text)}"


def _period(fields: Fields, path: Path, reading: Reading) -> Period | Wrong:
    begin, end = (_minute(fields[name]) for name in ("from", "to"))
    if begin == end or begin == _minute("24:00"):
        return reading.mistake((*path, "to"), "must be another time than from, which is before 24:00")
    days = tuple(day for day in WEEKDAYS if day in fields["days"])
    return Period(fields["name"], days, begin, end, fields["price_minor"])


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * _MINUTES + int(minutes)


_PERIOD: Final = Table(
    _period,
    {
        "name": Field(Choice(("peak", "off_peak")), "what people are told", required=True),
        "days": Field(ListOf(Choice(WEEKDAYS), 1, 7), "the days on which it begins", default=WEEKDAYS),
        "from": Field(_TIME, "when it begins, by the clocks of the line's zone", required=True),
        "to": Field(_TIME, "when it is over; before its beginning: on the next day", required=True),
        "price": Field(Price(), "the price while it holds", required=True, into="price_minor"),
    },
)


def _rate(fields: Fields, path: Path, reading: Reading) -> Rate | Wrong:
    steps = _steps(fields.pop("steps"), fields["service"], (*path, "steps"), reading)
    per = _per(fields["per"], fields["service"], (*path, "per"), reading)
    wrong = _zone(fields, path, reading)
    if isinstance(steps, Wrong) or isinstance(per, Wrong) or wrong is not None:
        return WRONG
    return Rate(**fields | {"first": steps[0], "further": steps[1], "per": per})


def _zone(fields: Fields, path: Path, reading: Reading) -> Wrong | None:
    """What a zone needs, and what has no meaning in it."""
    zone = fields["zone"]
    if (zone == "roaming") != bool(fields["countries"]):
        return reading.mistake((*path, "countries"), "go with zone roaming, which needs them")
    if zone == "international" and not fields["prefixes"]:
        return reading.mistake(path, "has no prefixes: an international rate is for the numbers they begin")
    if fields["service"] == "data" and (fields["prefixes"] or fields["free_numbers"]):
        return reading.mistake(path, "names numbers, but data is sent to none")
    return None


def _steps(written: int | str | None, service: Service, path: Path, reading: Reading) -> tuple[int, int] | Wrong:
    if written is None:
        if service in _MESSAGES:
            return 1, 1
        return reading.mistake(path[:-1], f"has no steps: the units it is counted in, such as {_EXAMPLES[service][0]}")
    parts = [part.strip() for part in written.split("+")] if isinstance(written, str) else [written]
    found = [_count(part, service) for part in parts]
    known = [count for count in found if count is not None]
    if len(known) != len(found) or len(known) not in (1, 2):
        return reading.mistake(path, f"must be steps such as {_EXAMPLES[service][0]}, not {shown(written)}")
    return known[0], known[-1]


def _per(written: int | str | None, service: Service, path: Path, reading: Reading) -> int | Wrong:
    if written is None and service in _MESSAGES:
        return 1
    if written is None:
        return reading.mistake(path[:-1], f"has no per: what the price is for, such as {_EXAMPLES[service][1]}")
    count = _count(written, service)
    return count or reading.mistake(path, f"must be a quantity such as {_EXAMPLES[service][1]}, not {shown(written)}")


def _count(written: int | str, service: Service) -> int | None:
    bare = isinstance(written, str) and re.fullmatch(r"[0-9]{1,12}", written, re.ASCII)
    return quantity(int(written) if bare else written, UNITS.get(ASSET_OF.get(service, ""), {}))


_MESSAGES: Final = ("sms", "mms")
_EXAMPLES: Final = {
    "voice": ('"60+60" or "6 s"', '"1 min"'),
    "data": ('"100 kB" or "1 MB + 100 kB"', '"1 MB"'),
    "sms": ("1", "1"),
    "mms": ("1", "1"),
}

_RATE: Final = Table(
    _rate,
    {
        "id": Field(Text("a short name such as voice-home", IDENTIFIER, longest=64), "its id", required=True),
        "service": Field(Choice(get_args(Service)), "what is used", required=True),
        "zone": Field(
            Choice(("home", "roaming", "international")),
            "at home to the country's own numbers, in another country, or from home to another country's numbers",
            default="home",
        ),
        "countries": Field(
            ListOf(Text("an ISO 3166 country", check=_country), 1, 250), "of roaming: where the line is", default=()
        ),
        "prefixes": Field(
            ListOf(Text("the beginning of a number such as +852", r"\+[1-9][0-9]{0,13}"), 1, 1000),
            "beginnings of the numbers it is for; the longest that fits counts",
            default=(),
        ),
        "area": Field(Text("a zone's name", IDENTIFIER), "a name that the zones of grants may use for it"),
        "steps": Field(Quantity(), 'the first and each further step, "60+1", or one for both; messages: 1'),
        "price": Field(Price(), "the price of per units", required=True, into="price_minor"),
        "per": Field(Quantity(), 'what the price is for: "1 min", "1 MB"; messages: 1'),
        "connection_fee": Field(Amount(0), "what beginning costs", default=0, into="connection_fee_minor"),
        "free_numbers": Field(
            ListOf(Text("a number such as +8610086 or a short code", r"\+?[0-9]{1,15}"), 0, 1000),
            "numbers that cost nothing",
            default=(),
        ),
        "periods": Field(ListOf(_PERIOD, 0, 20), "prices by time; the first that holds counts", default=()),
        "daily_cap": Field(Amount(0), "at most so much a day", into="daily_cap_minor"),
        "remainder": Field(Choice(("up", "down", "half_up")), "how the last fraction is rounded", default="up"),
    },
)


@dataclass(frozen=True, slots=True)
class _Rates:
    """Rates of which no two have the same id, or are for the same."""

    rates: ListOf

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The rates; WRONG where two say the same."""
        found = self.rates.read(value, path, reading)
        if isinstance(found, Wrong):
            return found
        ids: set[str] = set()
        places: dict[tuple[str, ...], str] = {}
        wrong: Wrong | None = None
        for index, rate in enumerate(found):
            if rate.id in ids:
                wrong = reading.mistake((*path, index, "id"), f"is {shown(rate.id)} a second time")
            ids.add(rate.id)
            other = next((places[place] for place in _places(rate) if place in places), None)
            if other is not None:
                wrong = reading.mistake((*path, index), f"is for the same as {other}: only one of them can count")
            places |= dict.fromkeys(_places(rate), rate.id)
        return found if wrong is None else wrong

    def schema(self) -> Schema:
        """An array."""
        return self.rates.schema()


def _places(rate: Rate) -> list[tuple[str, ...]]:
    """Every place and prefix it is for. A home rate and an international one share the place, and its prefixes."""
    return [
        (rate.service, country, prefix)
        for country in rate.countries or ("",)
        for prefix in rate.prefixes or (rate.zone,)
    ]


RATES: Final = _Rates(ListOf(_RATE, 0, 1000))
