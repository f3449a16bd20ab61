"""What we write to people: templates with typed parameters, rendered in the recipient's language when they are sent.

A template `delivered` has the texts `delivered.subject` and `delivered.body` in the catalogue `messages`, and where it
may go by SMS `delivered.text`, which is short. Parameters
are stored as what they are, an amount as an amount and a time as a time with its zone, and become words only here.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from topup.kernel.money import Money
from topup.platform.i18n import DEFAULT_LOCALE, format_date, format_datetime, has_text, translate, zone_place


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
class Place:
    """The place that an IANA time zone is named for."""

    zone: str


@dataclass(frozen=True, slots=True)
class Words:
    """A text of another catalogue, with its own parameters; several make lines."""

    domain: str
    message: str
    parameters: Mapping[str, "Parameter"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """Something that has a name in each language, as products and plans of a carrier's file."""

    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that is stored sealed, for the same id as the message's address, and opened only to be sent."""

    sealed: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A parameter as it was stored before."""

    json: Any


Parameter = Stored | str | int | Money | LocalTime | LocalDay | Place | Words | Named | Secret | Sequence[Words]

TEMPLATES: Final[Mapping[str, frozenset[str]]] = {
    "delivered": frozenset({"number", "amount", "paid", "at", "receipt_number", "order_url"}),
    "failed": frozenset({"number", "amount", "paid", "order_url"}),
    "full": frozenset({"number", "amount", "paid", "order_url"}),
    "refunded": frozenset({"number", "refunded", "at", "order_url"}),
    "line_changes": frozenset({"number", "status", "on", "to_do"}),
    "line_ends": frozenset({"number", "status", "on"}),
    "ticket_answered": frozenset({"reference", "ticket_url"}),
    **dict.fromkeys(
        ("code_enter", "code_bind", "code_confirm", "code_number", "code_email"), frozenset({"code", "minutes"})
    ),
    "new_device": frozenset({"device", "at"}),
    "line_bound": frozenset({"number", "at"}),
    "account_changed": frozenset({"what", "at"}),
    "line_gone": frozenset({"at"}),
    "automatic_stopped": frozenset({"number", "what", "at"}),
    "automatic_declined": frozenset({"number", "again", "at"}),
    "automatic_not_kept": frozenset({"number", "what", "until", "at"}),
    "float_low": frozenset({"agent", "left", "alarm"}),
    "low": frozenset({"number", "what", "left"}),
    "used_up": frozenset({"number", "what"}),
    "filled": frozenset({"number", "what", "left"}),
    "expiring": frozenset({"number", "left", "until", "why", "to_do"}),
    "line_blocked": frozenset({"number", "status", "blocked"}),
    "line_restored": frozenset({"number", "status", "free"}),
    **dict.fromkeys(("plan_unpaid", "plan_blocked", "plan_renewed"), frozenset({"number", "plan", "amount", "until"})),
    **dict.fromkeys(("plan_lapsed", "plan_ended"), frozenset({"number", "plan"})),
    "arrived": frozenset({"number", "amount", "at"}),
    "credited": frozenset({"number", "amount", "at", "before", "after"}),
    "money_back": frozenset({"number", "amount", "paid"}),
    "money_is_back": frozenset({"number", "refunded", "at"}),
    "gift_sent": frozenset({"number", "gift", "tracking", "at", "order_url"}),
    "gift_wanted": frozenset({"number", "gift", "until", "order_url"}),
    "gift_left": frozenset({"number", "gift", "tracking", "at"}),
    "gift_address": frozenset({"number", "gift", "until"}),
    "digest": frozenset({"count", "news", "messages_url"}),
}
"""Each template with its parameters: `number` with its middle hidden, `amount` of the top-up, what was `paid`; the
`status` a line will have `on` a day, and what there is `to_do` about it. One-time codes have a template for each
purpose. `what` is running low and how much is `left`; `what` stopped a top-up that ran by itself, and when one is
tried `again`; `what` kept one from keeping a number, and `until` when its owner may; `why` it ends then; what is
`blocked` or `free` again. Of a plan, the `amount` that it takes, and `until` when that holds.
The line's money `before` and `after` it was
`credited` is told to who has the line in their account, and to nobody else. Of a `gift` that is sent by post, a
sentence on `tracking` it, or `until` when somebody may say where to. A digest has the `news` of several, a sentence
each.

Every message may have a `stop_url` besides, where one stops messages of its kind without signing in.
"""


_NARROW: Final = re.compile("[\u202f\u00a0]")


def to_json(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Parameters as they are stored."""
    return {name: _stored(value) for name, value in parameters.items()}


def opened(stored: Mapping[str, Any], unseal: Callable[[bytes], bytes]) -> dict[str, Any]:
    """Stored parameters with their secrets in words; raises what `unseal` raises."""
    return {
        name: unseal(b64decode(value["secret"])).decode() if isinstance(value, dict) and "secret" in value else value
        for name, value in stored.items()
    }


def render(template: str, stored: Mapping[str, Any], locale: str) -> tuple[str, str]:
    """Subject and body in `locale`. Raises `platform.i18n.MissingText`."""
    body = say(f"{template}.body", stored, locale)
    if "stop_url" in stored:
        body = f"{body.rstrip()}\n\n{say('stop', stored, locale)}"
    return say(f"{template}.subject", stored, locale), body


def render_short(template: str, stored: Mapping[str, Any], locale: str) -> tuple[str, str]:
    """The same for an SMS: no subject and the short text, where the template has one. Raises MissingText.

    Of what is a list it says the first, and its spaces are those that an SMS has: one narrow space of a time would
    halve the letters there is room for.
    """
    if not has_text("messages", f"{template}.text"):
        return render(template, stored, locale)
    first = {name: value[0] if isinstance(value, list) else value for name, value in stored.items()}
    return "", _NARROW.sub(" ", say(f"{template}.text", first, locale))


def say(message_id: str, stored: Mapping[str, Any], locale: str) -> str:
    """One text of the catalogue `messages` with stored parameters. Raises `platform.i18n.MissingText`."""
    return translate(locale, "messages", message_id, **{name: _told(value, locale) for name, value in stored.items()})


def _stored(value: Parameter) -> Any:
    if isinstance(value, Money):
        return {"money": [value.amount_minor, value.currency]}
    if isinstance(value, LocalTime):
        return {"time": [value.at.isoformat(), value.zone]}
    if isinstance(value, LocalDay):
        return {"day": [value.at.isoformat(), value.zone]}
    if isinstance(value, Stored):
        return value.json
    if isinstance(value, Place):
        return {"place": value.zone}
    if isinstance(value, Secret):
        return {"secret": b64encode(value.sealed).decode()}
    if isinstance(value, Named):
        return {"names": dict(value.names)}
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
        told = {name: _told_within(one, locale) for name, one in parameters.items()}
        return translate(locale, domain, message, **told)
    if "names" in value:
        return value["names"].get(locale) or value["names"][DEFAULT_LOCALE]
    if "place" in value:
        return zone_place(value["place"], locale)
    at, zone = value.get("day") or value["time"]
    told_as = format_date if "day" in value else format_datetime
    return told_as(datetime.fromisoformat(at), locale, zone=zone)


def _told_within(value: Any, locale: str) -> object:
    """Within a sentence several things are "a, b and c", not lines."""
    return [_told(one, locale) for one in value] if isinstance(value, list) else _told(value, locale)
