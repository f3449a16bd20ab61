"""Why an offer applies or not, in the reader's language."""

from collections.abc import Mapping
from datetime import date

from topup.kernel.money import Money
from topup.offers.answers import CodeVerdict, Parameter, Verdict
from topup.platform.i18n import DEFAULT_LOCALE, format_date, format_money, translate


def reason_words(verdict: Verdict | CodeVerdict, *, locale: str) -> str:
    """The reason as a sentence."""
    said = {name: _said(value, locale) for name, value in verdict.parameters.items()}
    return translate(locale, "offers", f"reason_{verdict.reason}", **said)


def name_words(names: Mapping[str, str], *, locale: str) -> str:
    """A campaign's name in this language, else in the default one."""
    return names.get(locale) or names[DEFAULT_LOCALE]


def _said(value: Parameter, locale: str) -> object:
    if isinstance(value, Money):
        return format_money(value, locale)
    if isinstance(value, date):
        return format_date(value, locale, zone="UTC")
    if isinstance(value, tuple):
        return [name_words(names, locale=locale) for names in value]
    return name_words(value, locale=locale) if isinstance(value, Mapping) else value
