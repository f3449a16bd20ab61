"""Reading an operator's file of places: TOML, or CSV in UTF-8 for places alone. What is wrong is named by its line.

A place that cannot be read hinders no other. The services and the addresses of ours are read whole or not at all: with
half of them people would be told what is not so.
"""

import csv
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from topup.catalogue.positions import positions
from topup.kernel.errors import Invalid
from topup.shops.fields import FieldWrong, read_ours, read_place, read_service
from topup.shops.places import Ours, Place, Service

MAXIMUM_BYTES: Final = 8_000_000
MAXIMUM_PLACES: Final = 5_000

_CSV_LISTS: Final = {"hours": ";", "special": ";", "busy": ";", "services": " "}
_TABLES: Final = frozenset({"place", "service", "ours"})


class UnreadableFile(Invalid):
    """The file as a whole: `shops_file_missing` (with `file`), `shops_file_unreadable` (with `reason`),
    `shops_file_type`, `shops_file_large`.
    """


@dataclass(frozen=True, slots=True)
class BadEntry:
    """A place that was not taken: the line it begins on, its id as far as it has one, and why: a message id with its
    parameters.
    """

    line: int
    id: str
    code: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says. `services` and `ours` are None where it says nothing of them."""

    places: tuple[Place, ...]
    services: tuple[Service, ...] | None = None
    ours: Ours | None = None
    bad: list[BadEntry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    line: int
    fields: Mapping[str, Any]


def read_directory(path: Path) -> Reading:
    """Read the file at `path`, by the end of its name. Raises UnreadableFile, and Invalid with the code and the `line`
    of a service or an address of ours that is wrong.
    """
    kinds: dict[str, Callable[[str], Reading]] = {".toml": _read_toml, ".csv": _read_csv}
    read = kinds.get(path.suffix.lower())
    if read is None:
        raise UnreadableFile("shops_file_type")
    return read(_text(path))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        raise UnreadableFile("shops_file_missing", file=str(path)) from None
    except OSError as error:
        raise UnreadableFile("shops_file_unreadable", reason=error.strerror or "unknown") from None
    if len(raw) > MAXIMUM_BYTES:
        raise UnreadableFile("shops_file_large")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableFile("shops_file_unreadable", reason="UTF-8") from None


def _read_toml(text: str) -> Reading:
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile("shops_file_unreadable", reason=str(error)) from None
    lines = positions(text)
    unknown = content.keys() - _TABLES
    if unknown:
        raise UnreadableFile("shops_file_unreadable", reason=f"[{min(unknown)}]")
    services = _services(content, lines)
    ours = _whole(lines.get(("ours",), 1), lambda: read_ours(content["ours"])) if "ours" in content else None
    entries = (_Entry(lines.get(("place", n), 1), fields) for n, fields in enumerate(content.get("place", [])))
    places, bad = _places(entries, {service.id for service in services} if services is not None else None)
    return Reading(places, services, ours, bad)


def _services(content: Mapping[str, Any], lines: Mapping[Any, int]) -> tuple[Service, ...] | None:
    if "service" not in content:
        return None
    entries = enumerate(content["service"])
    return tuple(_whole(lines.get(("service", n), 1), lambda one=one: read_service(one)) for n, one in entries)  # type: ignore[misc]  # a default is how a lambda keeps its own


def _whole(line: int, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except FieldWrong as wrong:
        raise _invalid(wrong, line) from None


def _invalid(wrong: FieldWrong, line: int) -> Invalid:
    found = Invalid(wrong.code)
    found.parameters = {**wrong.parameters, "line": line}
    return found


def _read_csv(text: str) -> Reading:
    def rows() -> Iterator[_Entry]:
        reader = csv.DictReader(text.splitlines(), strict=True)
        for row in reader:
            given = {name.strip().lower(): value.strip() for name, value in row.items() if name and value}
            yield _Entry(reader.line_num, _from_csv(given))

    try:
        places, bad = _places(rows(), None)
    except csv.Error as error:
        raise UnreadableFile("shops_file_unreadable", reason=str(error)) from None
    return Reading(places, bad=bad)


def _from_csv(given: Mapping[str, str]) -> dict[str, Any]:
    """A row as a table of TOML would say it."""
    fields: dict[str, Any] = {name: value for name, value in given.items() if value}
    for name, separator in _CSV_LISTS.items():
        if name in fields:
            fields[name] = [part.strip() for part in fields[name].split(separator) if part.strip()]
    if "special" in fields:
        pairs = (part.partition(" ") for part in fields["special"])
        fields["special"] = {day: hours for day, _, hours in pairs}
    if "step_free" in fields:
        fields["step_free"] = fields["step_free"].lower() in {"yes", "true", "1"}
    return fields


def _places(entries: Iterator[_Entry], services: set[str] | None) -> tuple[tuple[Place, ...], list[BadEntry]]:
    """Every place that can be read, each id once; `services` are those it may name (None: any)."""
    places: dict[str, Place] = {}
    bad: list[BadEntry] = []
    for count, entry in enumerate(entries, 1):
        if count > MAXIMUM_PLACES:
            raise UnreadableFile("shops_file_large")
        name = entry.fields.get("id") if isinstance(entry.fields, Mapping) else None
        try:
            place = read_place(entry.fields, services)
        except FieldWrong as wrong:
            bad.append(BadEntry(entry.line, name if isinstance(name, str) else "", wrong.code, wrong.parameters))
            continue
        if place.id in places:
            bad.append(BadEntry(entry.line, place.id, "shop_repeated", {"id": place.id}))
        else:
            places[place.id] = place
    return tuple(places.values()), bad
