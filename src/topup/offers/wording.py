"""Why an offer applies or not, in the reader's language."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from topup.kernel.money import Money
from topup.offers.answers import CodeVerdict, Moment, Parameter, Reason, Verdict
from topup.platform.i18n import DEFAULT_LOCALE, format_clock, format_date, format_money, translate

_HELD: Final = frozenset({Reason.CODE_HELD, Reason.PERSON_HELD})


def reason_words(verdict: Verdict | CodeVerdict, *, locale: str) -> str:
    """The reason as a sentence."""
    said = {name: _said(value, locale) for name, value in verdict.parameters.items()}
    known = "_until" if verdict.reason in _HELD and "until" in said else ""
    return translate(locale, "offers", f"reason_{verdict.reason}{known}", **said)


def name_words(names: Mapping[str, str], *, locale: str) -> str:
    """A campaign's name in this language, else in the default one."""
    return names.get(locale) or names[DEFAULT_LOCALE]


def _said(value: Parameter, locale: str) -> object:
    if isinstance(value, Money):
        return format_money(value, locale)
    if isinstance(value, Moment):
        return format_clock(value.at, locale, zone=value.zone, today=value.today)
    if isinstance(value, date):
        return format_date(value, locale, zone="UTC")
    if isinstance(value, tuple):
        return [name_words(names, locale=locale) for names in value]
    return name_words(value, locale=locale) if isinstance(value, Mapping) else value
