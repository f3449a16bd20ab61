"""What we write to people: templates with typed parameters, rendered in the recipient's language when they are sent.

A template `delivered` has the texts `delivered.subject` and `delivered.body` in the catalogue `messages`. Parameters
are stored as what they are, an amount as an amount and a time as a time with its zone, and become words only here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.kernel.money import Money
from topup.platform.i18n import format_datetime, translate


@dataclass(frozen=True, slots=True)
class LocalTime:
    """An instant, to be told in an IANA time zone (the line's)."""

    at: datetime
    zone: str


Parameter = str | int | Money | LocalTime

TEMPLATES: Final[Mapping[str, frozenset[str]]] = {
    "delivered": frozenset({"number", "amount", "paid", "at", "receipt_number", "order_url"}),
    "failed": frozenset({"number", "amount", "paid", "order_url"}),
    "full": frozenset({"number", "amount", "paid", "order_url"}),
    "refunded": frozenset({"number", "refunded", "at", "order_url"}),
}
"""Each template with its parameters: `number` grouped as people read it, `amount` of the top-up, what was `paid`."""


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
    return value


def _told(value: Any, locale: str) -> object:
    if not isinstance(value, dict):
        return value
    if "money" in value:
        return Money(*value["money"])
    at, zone = value["time"]
    return format_datetime(datetime.fromisoformat(at), locale, zone=zone)
