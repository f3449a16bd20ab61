"""From a file an operator wrote to a document, or to the list of everything wrong in it."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from topup.catalogue.bounds import beyond_bounds
from topup.catalogue.documents import CarrierDocument
from topup.catalogue.positions import positions
from topup.catalogue.reading import Mistake, Reading, Wrong
from topup.kernel.money import is_currency

LARGEST_FILE_BYTES: Final = 1_000_000

_AT_LINE: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_AT_END: Final = " (at end of document)"


class CatalogueMistakes(Exception):
    """The file cannot be published; `mistakes` says where and why, in the order of lines. Never empty."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class CarrierFile:
    """A file without mistakes: its name, its text, and what it says."""

    name: str
    source: str
    document: CarrierDocument


def check(path: Path) -> CarrierFile:
    """Read the carrier's file at `path`. Raises CatalogueMistakes, also for a file that cannot be read."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as trouble:
        raise CatalogueMistakes([Mistake(name, 1, f"the file cannot be read: {trouble.strerror or trouble}")]) from None
    return check_bytes(raw, name=name)


def check_bytes(raw: bytes, *, name: str) -> CarrierFile:
    """Read a carrier's file from memory; `name` is what mistakes call it. Raises CatalogueMistakes."""
    from topup.catalogue.form import CARRIER  # noqa: PLC0415 - slow to load, and who only reads versions needs none

    text = _decode(raw, name)
    beyond = beyond_bounds(text, name=name)
    if beyond:
        raise CatalogueMistakes([beyond])
    content = _parse(text, name)
    currency = content.get("currency")
    known = currency if isinstance(currency, str) and is_currency(currency) else "CNY"
    reading = Reading(file=name, lines=positions(text), currency=known)
    document = CARRIER.read(content, (), reading)
    if reading.mistakes or isinstance(document, Wrong):
        raise CatalogueMistakes(sorted(reading.mistakes, key=lambda mistake: mistake.line))
    return CarrierFile(name, text, document)


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > LARGEST_FILE_BYTES:
        raise CatalogueMistakes([Mistake(name, 1, f"the file is larger than {LARGEST_FILE_BYTES} bytes")])
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as trouble:
        line = raw.count(b"\n", 0, trouble.start) + 1
        raise CatalogueMistakes([Mistake(name, line, "the text is not UTF-8")]) from None


def _parse(text: str, name: str) -> dict[str, Any]:
    """What the standard library makes of it; its complaints become mistakes with a line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as trouble:
        complaint = str(trouble)
        found = _AT_LINE.search(complaint)
        line = int(found[1]) if found else text.count("\n") + 1
        reason = _AT_LINE.sub("", complaint).removesuffix(_AT_END)
        raise CatalogueMistakes([Mistake(name, line, f"this is not TOML: {reason}")]) from None
    except (ValueError, RecursionError):
        # Integers of thousands of digits and brackets nested without end: the parser gives up without saying where.
        reason = "this is not TOML that can be read: a number is too long, or brackets are nested too deeply"
        raise CatalogueMistakes([Mistake(name, _longest_line(text), reason)]) from None


def _longest_line(text: str) -> int:
    lengths = [len(line) for line in text.split("\n")]
    return lengths.index(max(lengths)) + 1
