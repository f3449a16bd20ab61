"""One reading of a carrier's file: where things stand in it, what is wrong in it, and the words for that."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from topup.catalogue.positions import Path
from topup.kernel.money import MAXIMUM_AMOUNT, Money, exponent

MAXIMUM_MISTAKES: Final = 200
"""Past this many the rest would only bury the first."""

_LONGEST_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file: on `line` (from 1), and `reason`, a sentence that says what to write instead."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class Wrong:
    """Stands for a value that could not be read; the mistake is noted already."""


WRONG: Final = Wrong()


@dataclass(slots=True)
class Reading:
    """One reading of one file: where things stand in it, and what was found wrong so far."""

    file: str
    lines: Mapping[Path, int]
    currency: str
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it that the file does have."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def mistake(self, path: Path, reason: str) -> Wrong:
        """Note that what stands at `path` is wrong. `reason` begins a sentence with the name of the place."""
        if len(self.mistakes) < MAXIMUM_MISTAKES:
            self.mistakes.append(Mistake(self.file, self.line(path), f"{spelled(path)} {reason}"))
        return WRONG


def spelled(path: Path) -> str:
    """A path as an operator would say it: `credit.face_values[3]`; elements are counted from 1."""
    if not path:
        return "the file"
    words = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path)
    return words.removeprefix(".")


def shown(value: object) -> str:
    """A value as it may stand in a sentence: short."""
    if isinstance(value, str):
        text = '"' + "".join(character if character.isprintable() else "?" for character in value) + '"'
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, dict | list):
        text = "a table" if isinstance(value, dict) else "a list"
    elif isinstance(value, int):
        text = str(value) if abs(value) <= MAXIMUM_AMOUNT else "a very large number"
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def digits(value: int | str) -> str:
    """A number of a TOML file as text; too large a one is given as one that every shape refuses."""
    if isinstance(value, int) and abs(value) > MAXIMUM_AMOUNT:
        return str(MAXIMUM_AMOUNT + 1)
    return str(value)


def quantity(text: int | str, units: Mapping[str, int]) -> int | None:
    """`"1.5 GiB"` as a count of the smallest unit, or None where it is not exactly one, or above what we count."""
    if isinstance(text, int):
        return text if 0 < text <= MAXIMUM_AMOUNT else None
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]+)", text, re.ASCII)
    if found is None or found[2] not in units:
        return None
    count = Decimal(found[1]) * units[found[2]]
    return int(count) if count == count.to_integral_value() and 0 < count <= MAXIMUM_AMOUNT else None


def major(amount_minor: int, currency: str) -> str:
    """An amount for a sentence: `48.50`, `50`."""
    text = Money(amount_minor, currency).to_major()
    return text.removesuffix("." + "0" * exponent(currency))
