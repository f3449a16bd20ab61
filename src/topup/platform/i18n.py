"""Texts and figures in the reader's language: 简体 (the default), 繁體, English.

Texts live in `topup/locale/<locale>/<domain>.po`, keyed by message id, with `{named}` parameters. All three languages
are complete: `python -m tools.translations` says so, and here a missing text is a defect, never a bare id on a screen.
"""

import re
from collections.abc import Mapping
from copy import copy
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date as babel_date
from babel.dates import format_datetime as babel_datetime
from babel.dates import format_time as babel_time
from babel.dates import get_timezone_location
from babel.lists import format_list
from babel.messages.pofile import read_po
from babel.numbers import NumberPattern, format_decimal

from topup.kernel.money import InvalidMoney, Money, exponent

LOCALES: Final = ("zh_Hans", "zh_Hant", "en")
DEFAULT_LOCALE: Final = "zh_Hans"
LOCALE_DIR: Final = Path(__file__).resolve().parent.parent / "locale"

_LONGEST_HEADER: Final = 256
_TRADITIONAL: Final = frozenset({"hant", "tw", "hk", "mo"})


class MissingText(LookupError):
    """No such message id in that domain and language, or a parameter of its sentence was not given."""


@lru_cache(maxsize=128)
def catalogue(locale: str, domain: str) -> Mapping[str, str]:
    """Every text of a domain in one of LOCALES, by message id; raises MissingText for a domain that is none."""
    path = LOCALE_DIR / locale / f"{domain}.po"
    if locale not in LOCALES or not path.is_file():
        raise MissingText(f"no texts {domain} in {locale}")
    with path.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file, locale=locale) if message.id}


def has_text(domain: str, message_id: str) -> bool:
    """Whether the domain exists and has that message."""
    try:
        return bool(catalogue(DEFAULT_LOCALE, domain).get(message_id))
    except MissingText:
        return False


def translate(locale: str, domain: str, message_id: str, /, **parameters: object) -> str:
    """The text in that language with its parameters filled in; lists become "a, b and c". Raises MissingText."""
    text = catalogue(locale, domain).get(message_id)
    if not text:
        raise MissingText(f"{domain} has no {message_id} in {locale}")
    if "{" not in text:
        return text
    try:
        return text.format_map({name: _said(value, locale) for name, value in parameters.items()})
    except KeyError as error:
        raise MissingText(f"{domain}: {message_id} needs the parameter {error}") from error


def _said(value: object, locale: str) -> str:
    if isinstance(value, list | tuple):
        return format_list([str(part) for part in value], locale=_babel(locale))
    return format_money(value, locale) if isinstance(value, Money) else str(value)


def negotiate(*, query: str | None = None, cookie: str | None = None, accept_language: str | None = None) -> str:
    """The locale to speak: what the address asks for, else what was chosen before, else what the browser prefers.

    What cannot be understood counts as not said; nothing said is DEFAULT_LOCALE (RFC 9110, 12.5.4).
    """
    for wish in (query, cookie):
        known = locale_of_tag(wish) if wish else None
        if known:
            return known
    if not accept_language or len(accept_language) > _LONGEST_HEADER:
        return DEFAULT_LOCALE
    return _preferred(accept_language)


@lru_cache(maxsize=512)
def _preferred(header: str) -> str:
    best, best_quality = DEFAULT_LOCALE, 0.0
    for part in header.split(","):
        tag, _, weight = part.partition(";")
        known = DEFAULT_LOCALE if tag.strip() == "*" else locale_of_tag(tag)
        quality = _quality(weight)
        if known and quality > best_quality:
            best, best_quality = known, quality
    return best


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if name.strip() == "q" and 0 <= quality <= 1 else 0.0


def locale_of_tag(tag: str) -> str | None:
    """The one of LOCALES that a language tag (`zh-TW`, `zh_Hans`, `en-GB`) means, or None."""
    parts = tag.strip().lower().replace("_", "-").split("-")
    if parts[0] == "en":
        return "en"
    # BCP 47: Cantonese is written in traditional characters where no script is named.
    if parts[0] not in {"zh", "yue"}:
        return None
    if "hans" in parts:
        return "zh_Hans"
    return "zh_Hant" if parts[0] == "yue" or _TRADITIONAL & set(parts) else "zh_Hans"


def language_tag(locale: str) -> str:
    """The tag for `lang` and Content-Language: `zh-Hans`, `zh-Hant`, `en`."""
    return locale.replace("_", "-")


@lru_cache(maxsize=16)
def _babel(locale: str) -> Locale:
    try:
        return Locale.parse(locale)
    except (ValueError, UnknownLocaleError) as error:
        raise MissingText(f"no locale {locale}") from error


def format_money(money: Money, locale: str) -> str:
    """`¥48.50`, with every decimal ISO 4217 gives the currency."""
    pattern = _money_pattern(locale, exponent(money.currency))
    return str(pattern.apply(money.to_major(), _babel(locale), currency=money.currency, currency_digits=False))


def format_price(major: Decimal, currency: str, locale: str) -> str:
    """An exact price in major units, also below a minor unit: `¥0.29`, `¥0.0035`."""
    digits = max(exponent(currency), -int(major.normalize().as_tuple().exponent))
    return str(_money_pattern(locale, digits).apply(major, _babel(locale), currency=currency, currency_digits=False))


@lru_cache(maxsize=16)
def _money_pattern(locale: str, digits: int) -> NumberPattern:
    pattern: NumberPattern = copy(_babel(locale).currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


_AMOUNTS: Final = ("largest", "left", "maximum", "minimum", "nearest", "needed")
"""What sentences about money call amounts: in parameters they stand in major units, beside their `currency`."""


_QUANTITIES: Final = ("limit", "room")
"""What sentences about lines call quantities, of whatever a line has: `40.00 CNY`, `10 GB`."""
_MONEY: Final = re.compile(r"([0-9.]+) ([A-Z]{3})", re.ASCII)


def in_words(parameters: Mapping[str, object], locale: str) -> dict[str, object]:
    """The parameters of a sentence, with its amounts of money as people write them: `¥500.00`."""
    said = dict(parameters)
    currency = said.get("currency")
    if isinstance(currency, str):
        said |= {name: _amount_in_words(said[name], currency, locale) for name in _AMOUNTS if name in said}
    for name in _QUANTITIES:
        if match := _MONEY.fullmatch(str(said.get(name))):
            said[name] = _amount_in_words(match[1], match[2], locale)
    return said


def _amount_in_words(value: object, currency: str, locale: str) -> object:
    if isinstance(value, list):
        return [_amount_in_words(one, currency, locale) for one in value]
    try:
        return format_money(Money.from_major(str(value), currency), locale)
    except InvalidMoney:  # no currency, as the SMS of `30 SMS`
        return f"{value} {currency}"


def format_number(value: int, locale: str) -> str:
    """`1,234`, grouped as the language groups."""
    return format_decimal(value, locale=_babel(locale))


def format_date(value: date | datetime, locale: str, *, zone: str) -> str:
    """The day, medium length, of an instant in an IANA zone (or of a date)."""
    moved = value.astimezone(ZoneInfo(zone)) if isinstance(value, datetime) else value
    return babel_date(moved, "medium", locale=_babel(locale))


def format_time(value: datetime, locale: str, *, zone: str) -> str:
    """Hours, minutes and seconds in an IANA zone."""
    return babel_time(value.astimezone(ZoneInfo(zone)), "medium", locale=_babel(locale))


def format_clock(value: datetime, locale: str, *, zone: str, today: datetime) -> str:
    """Hours and minutes in an IANA zone, with its name; with the day too where that is not the day of `today`."""
    return in_zone(format_minute(value, locale, zone=zone, today=today), locale, zone=zone)


def format_minute(value: datetime, locale: str, *, zone: str, today: datetime | None = None) -> str:
    """Day, hours and minutes in an IANA zone: of what is to come, which nobody plans to the second. Without the day
    where that is the day of `today`.
    """
    where, known = ZoneInfo(zone), _babel(locale)
    moved = value.astimezone(where)
    if today is not None and moved.date() == today.astimezone(where).date():
        return babel_time(moved, "short", locale=known)
    pattern = str(known.datetime_formats["medium"]).replace("'", "")
    clock, day = babel_time(moved, "short", locale=known), babel_date(moved, "medium", locale=known)
    return pattern.replace("{0}", clock).replace("{1}", day)


def format_datetime(value: datetime, locale: str, *, zone: str) -> str:
    """Day and time of day, medium length, in an IANA zone."""
    return babel_datetime(value.astimezone(ZoneInfo(zone)), "medium", locale=_babel(locale))


def format_moment(value: datetime, locale: str, *, zone: str) -> str:
    """The same where it stands alone, so that nobody need guess by whose clocks: with the zone's name."""
    return in_zone(format_datetime(value, locale, zone=zone), locale, zone=zone)


def in_zone(said: str, locale: str, *, zone: str) -> str:
    """A time that was written already, with the name of the IANA zone it is told in: `… (Shanghai time)`."""
    place = zone_place(zone, locale)
    return translate(locale, "platform", "time_in_utc" if place == "UTC" else "time_in_zone", time=said, place=place)


@lru_cache(maxsize=256)
def zone_place(zone: str, locale: str) -> str:
    """The place whose time an IANA zone is: `上海`, `Shanghai`; `UTC`."""
    return str(get_timezone_location(ZoneInfo(zone), locale=_babel(locale), return_city=True))


def country_name(code: str, locale: str) -> str:
    """What people of that language call a country (ISO 3166); the code itself of one that has no name."""
    return str(Locale.parse(locale).territories.get(code, code))


def countries_named(text: str, locale: str) -> list[str]:
    """The countries whose names begin with `text`, or whose code it is."""
    wanted = text.strip().casefold()
    names = Locale.parse(locale).territories.items()
    return [
        code for code, name in names if wanted and (name.casefold().startswith(wanted) or code.casefold() == wanted)
    ]
