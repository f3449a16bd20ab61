"""The bytes of ESC/POS that a paper is made of, and nothing else ("ESC/POS Command Reference", Seiko Epson).

Text is encoded by us and holds no control character: nothing that somebody typed can steer the printer.
"""

from collections.abc import Sequence
from typing import Final

import segno

from topup.plugins.devices.escpos_network.settings import Encoding
from topup.shops.printing.layout import Row, Set, set_paper
from topup.shops.printing.paper import LONGEST_CODE, Code, Paper

COLUMNS: Final = {80: 48, 58: 32}
"""Letters of font A (12 dots) by the paper's width in mm: 576 and 384 dots."""

RESET: Final = b"\x1b@"
CHINESE: Final = b"\x1c&"
NOT_CHINESE: Final = b"\x1c."
DRAWER: Final = b"\x1bp\x00\x19\xfa"
"""50 ms on, 500 ms off, on the connector's pin 2."""
CUT: Final = b"\x1dVB\x00"
"""Feed as far as the cutter, and cut all but a point."""
TELL_WHEN_DONE: Final = b"\x1dr\x01"
"""Answered in turn, when all before it was printed."""
_PAGES: Final[dict[Encoding, int]] = {"cp437": 0, "cp1252": 16, "cp858": 19}
_ALIGN: Final = {"left": 0, "centre": 1, "right": 2}
_QUIET: Final = 4
"""Modules of white around a code that is sent as an image; a printer that draws it is aligned within the paper."""


class Unprintable(ValueError):
    """The paper has something that cannot be printed."""


def bytes_of(paper: Paper, *, paper_mm: int, encoding: Encoding, native: bool) -> bytes:
    """Everything that is sent for a paper. Raises Unprintable."""
    wide = encoding == "gb18030"
    out = bytearray(RESET)
    out += CHINESE if wide else NOT_CHINESE + b"\x1bt" + bytes([_PAGES[encoding]])
    if paper.drawer:
        out += DRAWER
    try:
        rows = set_paper(paper, columns=COLUMNS[paper_mm], wide=wide)
    except ValueError:
        raise Unprintable from None
    out += b"".join(_of(row, paper_mm=paper_mm, encoding=encoding, native=native) for row in rows)
    if rows:
        out += CUT
    return bytes(out)


def _of(row: Set, *, paper_mm: int, encoding: Encoding, native: bool) -> bytes:
    if isinstance(row, Row):
        return _row(row, encoding)
    if len(row.data) > LONGEST_CODE:
        raise Unprintable
    code = _native(row, paper_mm) if native else _image(row, paper_mm)
    return b"\x1ba\x01" + code + b"\x1ba\x00"


def _row(row: Row, encoding: Encoding) -> bytes:
    size = (row.size - 1) * 0x11
    before = b"\x1ba" + bytes([_ALIGN[row.align]]) + b"\x1bE" + bytes([row.strong]) + b"\x1d!" + bytes([size])
    return before + encoded(row.text, encoding) + b"\n"


def encoded(text: str, encoding: Encoding) -> bytes:
    """A row's text; in a code page a question mark stands for what it has not."""
    if encoding != "gb18030":
        text = text.replace("\uffe5", "\u00a5")
    return text.encode(encoding, "replace")


def _native(code: Code, paper_mm: int) -> bytes:
    data = code.data.encode("ascii")
    side = len(segno.make(data, error="m", boost_error=False, micro=False).matrix)
    module = _module(side, paper_mm)
    return b"".join(
        [
            _symbol(b"1A2\x00"),  # model 2
            _symbol(b"1C" + bytes([module])),
            _symbol(b"1E1"),  # error correction M
            _symbol(b"1P0" + data),
            _symbol(b"1Q0"),
        ]
    )


def _symbol(parameters: bytes) -> bytes:
    return b"\x1d(k" + len(parameters).to_bytes(2, "little") + parameters


def _image(code: Code, paper_mm: int) -> bytes:
    matrix = segno.make(code.data, error="m", boost_error=False, micro=False).matrix
    module = _module(len(matrix) + 2 * _QUIET, paper_mm)
    blank = [0] * (len(matrix) + 2 * _QUIET)
    rows: list[Sequence[int]] = [blank] * _QUIET
    rows += [[0] * _QUIET + [bit & 1 for bit in row] + [0] * _QUIET for row in matrix]
    rows += [blank] * _QUIET
    lines = [line for row in rows for line in [_dots(row, module)] * module]
    across = len(lines[0])
    return b"\x1dv0\x00" + across.to_bytes(2, "little") + len(lines).to_bytes(2, "little") + b"".join(lines)


def _dots(row: Sequence[int], module: int) -> bytes:
    bits = "".join(str(bit) * module for bit in row)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)


def _module(side: int, paper_mm: int) -> int:
    """Dots of a module: as large as leaves the code three quarters of the paper, 2 at least and 8 at most. Raises
    Unprintable where even that is too wide.
    """
    dots = COLUMNS[paper_mm] * 12
    module = min(8, max(2, dots * 3 // 4 // side))
    if module * side > dots:
        raise Unprintable
    return module
