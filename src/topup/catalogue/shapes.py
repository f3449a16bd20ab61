"""The little language in which the form of a carrier's file is described.

A shape reads a value of the file, and notes every mistake with its line instead of stopping at the first; and it tells
an editor, as JSON Schema, what it takes. So the reader, the schema and the guide cannot disagree.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Protocol

from topup.catalogue.positions import Path
from topup.catalogue.reading import WRONG, Reading, Wrong, digits, shown
from topup.kernel.money import InvalidMoney, Money

Schema = dict[str, Any]


class Shape(Protocol):
    """What a place of the file may hold. `read` gives the value, or WRONG after noting why."""

    def read(self, value: object, path: Path, reading: Reading) -> Any: ...  # noqa: D102 - the class says it

    def schema(self) -> Schema: ...  # noqa: D102 - the class says it


@dataclass(frozen=True, slots=True)
class Text:
    """A text; `pattern` and its meaning in words, or a `check` that gives the reason against a text."""

    words: str = "a text"
    pattern: str | None = None
    check: Callable[[str], str | None] | None = None
    longest: int = 100

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The text, trimmed nowhere."""
        if not isinstance(value, str):
            return reading.mistake(path, f"must be {self.words} in quotes, not {shown(value)}")
        if not value.strip() or not value.isprintable():
            return reading.mistake(path, "must not be empty or hold control characters")
        if len(value) > self.longest:
            return reading.mistake(path, f"is longer than {self.longest} characters")
        if self.pattern is not None and re.fullmatch(self.pattern, value, re.ASCII) is None:
            return reading.mistake(path, f"must be {self.words}, not {shown(value)}")
        if self.check is not None and (reason := self.check(value)) is not None:
            return reading.mistake(path, reason)
        return value

    def schema(self) -> Schema:
        """A string."""
        form: Schema = {"type": "string", "minLength": 1, "maxLength": self.longest}
        return form | ({"pattern": f"^(?:{self.pattern})$"} if self.pattern else {})


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The word."""
        if isinstance(value, str) and value in self.options:
            return value
        return reading.mistake(path, f"must be one of {', '.join(self.options)}, not {shown(value)}")

    def schema(self) -> Schema:
        """An enumeration."""
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The truth."""
        return value if isinstance(value, bool) else reading.mistake(path, f"must be true or false, not {shown(value)}")

    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds."""

    minimum: int
    maximum: int

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The number."""
        if isinstance(value, int) and not isinstance(value, bool) and self.minimum <= value <= self.maximum:
            return value
        words = f"must be a whole number from {self.minimum} to {self.maximum}, not {shown(value)}"
        return reading.mistake(path, words)

    def schema(self) -> Schema:
        """An integer."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in major units of the file's currency, `50` or "48.50", read as minor units.

    Never a float: a computer cannot hold 48.10 as one.
    """

    minimum_minor: int = 1

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The amount in minor units."""
        if isinstance(value, float):
            return reading.mistake(
                path, f'must be written in quotes, as in "{value}": decimals without quotes lose cents'
            )
        if isinstance(value, bool) or not isinstance(value, int | str):
            return reading.mistake(path, f'must be an amount such as 50 or "48.50", not {shown(value)}')
        if isinstance(value, str) and re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", value) is None:
            return reading.mistake(path, f'must be an amount such as 50 or "48.50", not {shown(value)}')
        try:
            minor = Money.from_major(digits(value), reading.currency).amount_minor
        except InvalidMoney as refusal:
            return reading.mistake(path, f"is not an amount of {reading.currency}: {refusal}")
        if minor < self.minimum_minor:
            least = Money(self.minimum_minor, reading.currency).to_major()
            return reading.mistake(path, f"must be at least {least}, not {shown(value)}")
        return minor

    def schema(self) -> Schema:
        """An integer or a string of digits."""
        return {
            "anyOf": [
                {"type": "integer", "minimum": min(self.minimum_minor, 1)},
                {"type": "string", "pattern": r"^[0-9]+(?:\.[0-9]+)?$"},
            ]
        }


@dataclass(frozen=True, slots=True)
class Permille:
    """A rate in thousandths, `6` or "3.8", read as parts per million, of at most so many digits before the point."""

    digits: int = 3

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The rate in parts per million."""
        below = 10**self.digits
        words = f'must be a rate in thousandths from 0 up to below {below}, such as 6 or "3.8", not {shown(value)}'
        if isinstance(value, bool | float) or not isinstance(value, int | str):
            return reading.mistake(path, words)
        if re.fullmatch(self._pattern, digits(value)) is None:
            return reading.mistake(path, words)
        return int(Decimal(value) * 1000)

    def schema(self) -> Schema:
        """An integer or a string of digits."""
        text = {"type": "string", "pattern": f"^{self._pattern}$"}
        return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 10**self.digits - 1}, text]}

    @property
    def _pattern(self) -> str:
        return rf"[0-9]{{1,{self.digits}}}(?:\.[0-9]{{1,3}})?"


@dataclass(frozen=True, slots=True)
class Quantity:
    """How much is granted, whose unit depends on the asset beside it: taken as written, judged with the asset."""

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """A number or a text."""
        if isinstance(value, int | str) and not isinstance(value, bool):
            return value
        return reading.mistake(
            path, f'must be a whole number, or a quantity in quotes such as "1 GiB", not {shown(value)}'
        )

    def schema(self) -> Schema:
        """An integer or a string."""
        return {"type": ["integer", "string"]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of things of one shape, read as a tuple."""

    item: Shape
    minimum: int = 0
    maximum: int = 1000

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The tuple; WRONG when any element is."""
        if not isinstance(value, list):
            return reading.mistake(path, f"must be a list, not {shown(value)}")
        if not self.minimum <= len(value) <= self.maximum:
            return reading.mistake(path, f"must have {self.minimum} to {self.maximum} elements, not {len(value)}")
        items = [self.item.read(element, (*path, index), reading) for index, element in enumerate(value)]
        return WRONG if WRONG in items else tuple(items)

    def schema(self) -> Schema:
        """An array."""
        return {"type": "array", "items": self.item.schema(), "minItems": self.minimum, "maxItems": self.maximum}


@dataclass(frozen=True, slots=True)
class MapOf:
    """A table whose keys the operator chooses."""

    key: str
    key_words: str
    item: Shape
    maximum: int = 100

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """The dictionary; WRONG when any part is."""
        if not isinstance(value, dict):
            return reading.mistake(path, f"must be a table, not {shown(value)}")
        if len(value) > self.maximum:
            return reading.mistake(path, f"must have at most {self.maximum} entries, not {len(value)}")
        items = {key: self._entry(key, element, (*path, key), reading) for key, element in value.items()}
        return WRONG if WRONG in items.values() else items

    def _entry(self, key: str, element: object, path: Path, reading: Reading) -> Any:
        if re.fullmatch(self.key, key, re.ASCII) is None:
            return reading.mistake(path, f"is no {self.key_words}")
        return self.item.read(element, path, reading)

    def schema(self) -> Schema:
        """An object with free keys."""
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{self.key})$"},
            "additionalProperties": self.item.schema(),
            "maxProperties": self.maximum,
        }


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a table: its shape, what it is for, and what holds when it is left out (`required`: it may not be).

    `into` is the field it becomes where the value has another unit than the file, as minor units.
    """

    shape: Shape
    meaning: str
    required: bool = False
    default: Any = None
    into: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table with known keys. `build` makes the value of the fields, and may note mistakes that concern several.

    Of the keys `one_of` exactly one is there, where any are named.
    """

    build: Callable[[dict[str, Any], Path, Reading], Any]
    fields: Mapping[str, Field]
    one_of: tuple[str, ...] = ()

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """What `build` makes; WRONG when a key is unknown, missing or wrong."""
        if not isinstance(value, dict):
            return reading.mistake(path, f"must be a table, not {shown(value)}")
        strange = [self._unknown(key, (*path, key), reading) for key in value if key not in self.fields]
        found = {known.into or name: self._field(name, value, path, reading) for name, known in self.fields.items()}
        if strange or self._one_of_them(value, path, reading) or WRONG in found.values():
            return WRONG
        return self.build(found, path, reading)

    def _field(self, name: str, table: dict[str, Any], path: Path, reading: Reading) -> Any:
        known = self.fields[name]
        if name in table:
            return known.shape.read(table[name], (*path, name), reading)
        if known.required:
            return reading.mistake(path, f"has no {name}: {known.meaning}")
        return known.default

    def _one_of_them(self, table: dict[str, Any], path: Path, reading: Reading) -> Wrong | None:
        there = [name for name in self.one_of if name in table]
        if len(there) == min(len(self.one_of), 1):
            return None
        words = " and ".join(there) if there else f"neither {' nor '.join(self.one_of)}"
        return reading.mistake(path, f"has {words}: it needs exactly one of {', '.join(self.one_of)}")

    def _unknown(self, key: str, path: Path, reading: Reading) -> Wrong:
        near = get_close_matches(key, self.fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here are {', '.join(self.fields)}"
        return reading.mistake(path, f"is unknown; {hint}")

    def schema(self) -> Schema:
        """An object without other keys."""
        return {
            "type": "object",
            "properties": {
                name: known.shape.schema() | {"description": known.meaning} for name, known in self.fields.items()
            },
            "required": [name for name, known in self.fields.items() if known.required],
            "additionalProperties": False,
        } | ({"oneOf": [{"required": [name]} for name in self.one_of]} if self.one_of else {})


@dataclass(frozen=True, slots=True)
class Either:
    """A table, or something short that stands for it."""

    table: Shape
    short: Shape
    expand: Callable[[Any], Any]

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """What the table gives, or `expand` of the short form."""
        if isinstance(value, dict):
            return self.table.read(value, path, reading)
        found = self.short.read(value, path, reading)
        return WRONG if found is WRONG else self.expand(found)

    def schema(self) -> Schema:
        """Either form."""
        return {"anyOf": [self.short.schema(), self.table.schema()]}


@dataclass(frozen=True, slots=True)
class Variants:
    """A table whose other keys depend on the word under `key`."""

    key: str
    tables: Mapping[str, Table]

    def read(self, value: object, path: Path, reading: Reading) -> Any:
        """What the chosen table gives."""
        if not isinstance(value, dict):
            return reading.mistake(path, f"must be a table, not {shown(value)}")
        if self.key not in value:
            return reading.mistake(path, f"has no {self.key}: one of {', '.join(self.tables)}")
        word = Choice(tuple(self.tables)).read(value[self.key], (*path, self.key), reading)
        return WRONG if word is WRONG else self.tables[word].read(value, path, reading)

    def schema(self) -> Schema:
        """One of the tables."""
        return {"oneOf": [table.schema() for table in self.tables.values()]}
