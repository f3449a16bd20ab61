"""What a paper looks like, as SVG: every letter where the printer's dots would put it."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import segno

_DOT: Final = 12
_LINE: Final = 34
_EDGE: Final = 24
_CODE: Final = 6
"""Dots of a module, as far as the paper has room."""


def svg(rows: Sequence[Mapping[str, Any]], *, columns: int) -> str:
    """The paper, a unit for each dot."""
    dots = columns * _DOT
    parts: list[str] = []
    down = _EDGE
    for row in rows:
        if "code" in row:
            drawn, height = _code(str(row["code"]), dots, down)
        elif "image" in row:
            drawn, height = _image(row, dots, down)
        else:
            drawn, height = _text(row, columns, down)
        parts.append(drawn)
        down += height
    width, height = dots + 2 * _EDGE, down + _EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<rect width="{width}" height="{height}" fill="#fff"/><g fill="#111" font-family="Noto Sans Mono CJK SC,'
        f' Noto Sans CJK SC, monospace" font-size="22" text-anchor="middle">{"".join(parts)}</g></svg>'
    )


def _text(row: Mapping[str, Any], columns: int, down: int) -> tuple[str, int]:
    size, text, wide = int(row["size"]), str(row["text"]), row["encoding"] == "gb18030"
    takes = [2 if wide and not letter.isascii() else 1 for letter in text]
    room = max(columns - sum(takes) * size, 0)
    at = {"left": 0, "centre": room // 2, "right": room}[str(row["align"])]
    letters = []
    for letter, take in zip(text, takes, strict=True):
        middle = _EDGE + (at + take * size / 2) * _DOT
        at += take * size
        if letter != " ":
            letters.append(f'<text x="{middle:g}" y="{down + 25 * size}">{escape(letter)}</text>')
    weight = ' font-weight="bold"' if row["strong"] else ""
    return f'<g font-size="{22 * size}"{weight}>{"".join(letters)}</g>', _LINE * size


def _code(data: str, dots: int, down: int) -> tuple[str, int]:
    matrix = segno.make(data, error="m", boost_error=False, micro=False).matrix
    module = min(_CODE, dots // len(matrix))
    left = _EDGE + (dots - module * len(matrix)) // 2
    squares = "".join(
        f"M{left + x * module} {down + 8 + y * module}h{module}v{module}h-{module}z"
        for y, line in enumerate(matrix)
        for x, bit in enumerate(line)
        if bit
    )
    return f'<path d="{squares}"/>', module * len(matrix) + 16


def _image(row: Mapping[str, Any], dots: int, down: int) -> tuple[str, int]:
    across, high = row["size"]
    bits, stride = bytes.fromhex(row["image"]), across // 8
    left = _EDGE + (dots - across) // 2
    squares = "".join(
        f"M{left + x} {down + y}h1v1h-1z"
        for y in range(high)
        for x in range(across)
        if bits[y * stride + x // 8] >> (7 - x % 8) & 1
    )
    return f'<path d="{squares}"/>', high
