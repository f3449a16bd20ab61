"""The fields of an entry in a file of places, each read and judged by itself."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from topup.platform.i18n import DEFAULT_LOCALE, LOCALES
from topup.shops.hours import UnreadableHours, read_busy, read_spans, read_week
from topup.shops.places import KINDS, Ours, Place, Service, Spans, Texts

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_LONGEST: Final = 500
_PLACE: Final = frozenset(
    {
        "id", "kind", "name", "area", "address", "postcode", "latitude", "longitude", "time_zone", "hours", "special",
        "services", "busy", "phone", "code", "note", "step_free",
    }
)  # fmt: skip
_SERVICE: Final = frozenset({"id", "name", "documents"})
_OURS: Final = frozenset({"sites", "phones", "senders"})


class FieldWrong(ValueError):
    """A field that cannot be taken: a message id and its parameters."""

    def __init__(self, code: str, **parameters: str) -> None:
        super().__init__(code)
        self.code = code
        self.parameters = parameters


def read_place(fields: Any, services: Iterable[str] | None) -> Place:
    """A place; `services` are those it may name (None: any). Raises FieldWrong."""
    given = _table(fields, _PLACE)
    named = _list(given, "services")
    for service in named:
        if services is not None and service not in services:
            raise FieldWrong("shop_service_unknown", service=service)
    return Place(
        id=_id(given),
        kind=_one_of(given, "kind", KINDS),
        names=_texts(given, "name"),
        areas=_texts(given, "area", needed=False),
        addresses=_texts(given, "address"),
        postcode=_text(given, "postcode", needed=False),
        latitude=_degrees(given, "latitude", 90),
        longitude=_degrees(given, "longitude", 180),
        zone=_zone(given),
        week=_hours(given, "hours", read_week, needed=True),
        special=_special(given),
        services=tuple(named),
        busy=_hours(given, "busy", read_busy, needed=False),
        phone=_text(given, "phone", needed=False),
        code=_text(given, "code", needed=False),
        note=_texts(given, "note", needed=False),
        step_free=_yes(given, "step_free"),
    )


def read_service(fields: Any) -> Service:
    """A service. Raises FieldWrong."""
    given = _table(fields, _SERVICE)
    documents = given.get("documents", [])
    if not isinstance(documents, list):
        raise FieldWrong("shop_field_wrong", field="documents")
    return Service(
        id=_id(given),
        names=_texts(given, "name"),
        documents=tuple(_texts({"documents": one}, "documents") for one in documents),
    )


def read_ours(fields: Any) -> Ours:
    """The addresses that are the operator's. Raises FieldWrong."""
    given = _table(fields, _OURS)
    try:
        sites = tuple(site.strip().lower().encode("idna").decode("ascii") for site in _list(given, "sites"))
    except UnicodeError:
        raise FieldWrong("shop_field_wrong", field="sites") from None
    return Ours(sites=sites, phones=tuple(_list(given, "phones")), senders=tuple(_list(given, "senders")))


def _table(fields: Any, known: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(fields, Mapping):
        raise FieldWrong("shop_field_wrong", field="id")
    unknown = fields.keys() - known
    if unknown:
        raise FieldWrong("shop_field_unknown", field=min(unknown))
    return fields


def _text(given: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    value = given.get(name, "")
    if needed and not value:
        raise FieldWrong("shop_field_missing", field=name)
    if not isinstance(value, str) or len(value) > _LONGEST or "\0" in value:
        raise FieldWrong("shop_field_wrong", field=name)
    return value.strip()


def _texts(given: Mapping[str, Any], name: str, *, needed: bool = True) -> Texts:
    value = given.get(name)
    if value is None or isinstance(value, str):
        text = _text(given, name, needed=needed)
        return {DEFAULT_LOCALE: text} if text else {}
    if not isinstance(value, Mapping) or not value.keys() <= set(LOCALES) or DEFAULT_LOCALE not in value:
        raise FieldWrong("shop_field_wrong", field=name)
    return {locale: _text({name: text}, name) for locale, text in value.items()}


def _list(given: Mapping[str, Any], name: str) -> list[str]:
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and 0 < len(one) <= _LONGEST for one in value):
        raise FieldWrong("shop_field_wrong", field=name)
    return value


def _id(given: Mapping[str, Any]) -> str:
    text = _text(given, "id")
    if _ID.fullmatch(text) is None:
        raise FieldWrong("shop_field_wrong", field="id")
    return text


def _one_of(given: Mapping[str, Any], name: str, known: tuple[Any, ...]) -> Any:
    text = _text(given, name)
    if text not in known:
        raise FieldWrong("shop_field_wrong", field=name)
    return text


def _degrees(given: Mapping[str, Any], name: str, most: int) -> float:
    value = given.get(name)
    if value is None or value == "":
        raise FieldWrong("shop_field_missing", field=name)
    try:
        degrees = float(value) if not isinstance(value, bool) else most + 1.0
    except (TypeError, ValueError, OverflowError):
        raise FieldWrong("shop_field_wrong", field=name) from None
    if not abs(degrees) <= most:
        raise FieldWrong("shop_field_wrong", field=name)
    return degrees


def _zone(given: Mapping[str, Any]) -> str:
    name = _text(given, "time_zone")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FieldWrong("shop_field_wrong", field="time_zone") from None
    return name


def _hours(given: Mapping[str, Any], name: str, read: Any, *, needed: bool) -> Any:
    if needed and name not in given:
        raise FieldWrong("shop_field_missing", field=name)
    try:
        return read(_list(given, name))
    except UnreadableHours:
        raise FieldWrong("shop_field_wrong", field=name) from None


def _special(given: Mapping[str, Any]) -> dict[str, Spans]:
    """Days that are unlike others: `"2027-02-17" = "closed"`."""
    value = given.get("special", {})
    if not isinstance(value, Mapping):
        raise FieldWrong("shop_field_wrong", field="special")
    try:
        return {date.fromisoformat(day).isoformat(): read_spans(str(hours)) for day, hours in value.items()}
    except ValueError:
        raise FieldWrong("shop_field_wrong", field="special") from None


def _yes(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise FieldWrong("shop_field_wrong", field=name)
    return value
