"""Sheets for spreadsheets: CSV that every one of them opens, and in which no cell is taken for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠]|[ \u3000]*[\t\r\n]")
"""What a cell must not begin with (OWASP, CSV injection), also behind blanks, which some cut. Full-width forms are
taken for the narrow ones.
"""


def harmless(text: str) -> str:
    """`text`, with an apostrophe before it where a spreadsheet would compute it."""
    return f"'{text}" if _FORMULA.match(text) else text


def as_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The rows as CSV (RFC 4180) in UTF-8 with a byte order mark, as spreadsheets want it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    for row in (header, *rows):
        writer.writerow([harmless(cell) for cell in row])
    return ("\ufeff" + file.getvalue()).encode()
