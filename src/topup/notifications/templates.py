"""What we write to people: templates with typed parameters, rendered in the recipient's language when they are sent.

A template `delivered` has the texts `delivered.subject` and `delivered.body` in the catalogue `messages`. Parameters
are stored as what they are, an amount as an amount and a time as a time with its zone, and become words only here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from topup.kernel.money import Money
from topup.platform.i18n import format_date, format_datetime, translate


@dataclass(frozen=True, slots=True)
class LocalTime:
    """An instant, to be told in an IANA time zone (the line's)."""

    at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class LocalDay:
    """The day of an instant in an IANA time zone (the line's)."""

    at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Words:
    """A text of another catalogue, with its own parameters; several make lines."""

    domain: str
    message: str
    parameters: Mapping[str, "str | int | Money"] = field(default_factory=dict)


Parameter = str | int | Money | LocalTime | LocalDay | Words | Sequence[Words]

TEMPLATES: Final[Mapping[str, frozenset[str]]] = {
    "delivered": frozenset({"number", "amount", "paid", "at", "receipt_number", "order_url"}),
    "failed": frozenset({"number", "amount", "paid", "order_url"}),
    "full": frozenset({"number", "amount", "paid", "order_url"}),
    "refunded": frozenset({"number", "refunded", "at", "order_url"}),
    "line_changes": frozenset({"number", "status", "on", "to_do"}),
    "line_ends": frozenset({"number", "status", "on"}),
}
"""Each template with its parameters: `number` with its middle hidden, `amount` of the top-up, what was `paid`; the
`status` a line will have `on` a day, and what there is `to_do` about it.
"""


def to_json(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Parameters as they are stored."""
    return {name: _stored(value) for name, value in parameters.items()}


def render(template: str, stored: Mapping[str, Any], locale: str) -> tuple[str, str]:
    """Subject and body in `locale`. Raises `platform.i18n.MissingText`."""
    parameters = {name: _told(value, locale) for name, value in stored.items()}
    return (
        translate(locale, "messages", f"{template}.subject", **parameters),
        translate(locale, "messages", f"{template}.body", **parameters),
    )


def _stored(value: Parameter) -> Any:
    if isinstance(value, Money):
        return {"money": [value.amount_minor, value.currency]}
    if isinstance(value, LocalTime):
        return {"time": [value.at.isoformat(), value.zone]}
    if isinstance(value, LocalDay):
        return {"day": [value.at.isoformat(), value.zone]}
    if isinstance(value, Words):
        return {"words": [value.domain, value.message, to_json(value.parameters)]}
    return value if isinstance(value, str | int) else [_stored(words) for words in value]


def _told(value: Any, locale: str) -> object:
    if isinstance(value, list):
        return "\n".join(str(_told(one, locale)) for one in value)
    if not isinstance(value, dict):
        return value
    if "money" in value:
        return Money(*value["money"])
    if "words" in value:
        domain, message, parameters = value["words"]
        told = {name: _told(one, locale) for name, one in parameters.items()}
        return translate(locale, domain, message, **told)
    at, zone = value.get("day") or value["time"]
    told_as = format_date if "day" in value else format_datetime
    return told_as(datetime.fromisoformat(at), locale, zone=zone)
