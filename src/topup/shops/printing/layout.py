"""Setting a paper in columns of equal width, as thermal printers have them: a Chinese character takes two."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from topup.shops.printing.paper import Align, Block, Code, Feed, Line, Pair, Paper, Rule

_GAP: Final = 2
"""Columns at least between a name and its value."""
_SPELLED: Final = {
    "\u00a5": "\uffe5",  # the yuan sign that Chinese character sets have
    "\u00a0": " ",
    "\u2007": " ",
    "\u2009": " ",
    "\u202f": " ",
    "\u2011": "-",
    "\u2212": "-",
}
"""What the characters that our formats of money and dates use are called in Chinese character sets."""
_NEVER_FIRST: Final = frozenset("、。，．：；！？）》」』】%,.:;!?)]}")


@dataclass(frozen=True, slots=True)
class Row:
    """One printed line: at most as wide as the paper."""

    text: str
    align: Align = "left"
    size: Literal[1, 2] = 1
    strong: bool = False


Set = Row | Code
"""What remains of a paper when it is set."""


def printable(text: str) -> str:
    """The text as a printer is given it: composed, in characters it has, and without any that would steer it."""
    composed = unicodedata.normalize("NFC", text)
    spelled = "".join(_SPELLED.get(letter, letter) for letter in composed)
    return "".join(letter if _shows(letter) else " " for letter in spelled)


def _shows(letter: str) -> bool:
    return unicodedata.category(letter)[0] not in "CZ" or letter == " "


def width(text: str, *, wide: bool = True) -> int:
    """Columns that a text takes. `wide`: whatever is not ASCII takes two, as in the character sets of Chinese printers,
    which know no narrow letters besides; else each takes one.
    """
    return sum(1 if letter.isascii() or not wide else 2 for letter in text)


def set_paper(paper: Paper, *, columns: int, wide: bool = True) -> list[Set]:
    """The rows of a paper for a printer with so many columns."""
    return [row for block in paper.blocks for row in _set(block, columns, wide)]


def _set(block: Block, columns: int, wide: bool) -> Iterator[Set]:  # noqa: FBT001 - private, and said by name above
    match block:
        case Line(text=text, align=align, size=size, strong=strong):
            for part in wrap(printable(text), columns // size, wide=wide):
                yield Row(part, align, size, strong)
        case Pair(label=label, value=value, strong=strong):
            for text in pair(printable(label), printable(value), columns, wide=wide):
                yield Row(text, strong=strong)
        case Rule():
            yield Row("-" * columns)
        case Feed(lines=lines):
            yield from (Row("") for _ in range(lines))
        case Code():
            yield _checked(block)


def _checked(code: Code) -> Code:
    """The code, its data in one piece and ASCII; raises ValueError of any other."""
    if not code.data.isascii() or not code.data.isprintable():
        raise ValueError("a code is printable ASCII")
    return code


def pair(label: str, value: str, columns: int, *, wide: bool = True) -> list[str]:
    """A name and a value in as many lines as it takes: the value ends at the right edge and is broken only where it is
    wider than the paper.
    """
    gap = columns - width(label, wide=wide) - width(value, wide=wide)
    if gap >= _GAP or not label or not value:
        return [f"{label}{' ' * max(gap, 0)}{value}"] if gap >= 0 else wrap(label + value, columns, wide=wide)
    values = wrap(value, columns, wide=wide)
    return [*wrap(label, columns, wide=wide), *(_right(part, columns, wide=wide) for part in values)]


def wrap(text: str, columns: int, *, wide: bool = True) -> list[str]:
    """Lines of at most `columns` (two or more): broken at spaces, between Chinese characters, and within a word only
    where it is longer than a line. Punctuation that ends something begins no line.
    """
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        if width(line + piece, wide=wide) <= columns:
            line += piece
            continue
        if piece in _NEVER_FIRST and len(line) > 1 and not line[-1].isascii():
            # It takes the last piece of the line along.
            lines.append(line[:-1].rstrip())
            line = line[-1] + piece
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = ""
        for letter in piece.lstrip():
            if width(line + letter, wide=wide) > columns:
                lines.append(line)
                line = ""
            line += letter
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that stay together: words, and each character that is not ASCII by itself."""
    word = ""
    for letter in text:
        if letter.isascii() and letter != " ":
            word += letter
            continue
        if word:
            yield word
        word = ""
        yield letter
    if word:
        yield word


def _right(text: str, columns: int, *, wide: bool) -> str:
    return " " * (columns - width(text, wide=wide)) + text


def as_text(rows: list[Set], *, columns: int) -> str:
    """What the paper looks like, for eyes and for tests: large letters as ordinary ones, a code as its data."""
    return "\n".join(_as_text(row, columns) for row in rows)


def _as_text(row: Set, columns: int) -> str:
    if isinstance(row, Code):
        return f"[QR {row.data}]"
    room = max(columns - width(row.text) * row.size, 0)
    before = {"left": 0, "centre": room // 2, "right": room}[row.align]
    return (" " * before + row.text).rstrip()
