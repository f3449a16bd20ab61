"""What a carrier's file may be like before anybody parses it.

The standard library's parser, and the scanner that finds lines beside it, take time by the square of a key's parts: a
key of 60,000 of them, in a file that a form takes, takes minutes. So the text is read once, in time by its length, and
what nobody writes by hand is refused. Only what is right up to there is told rightly: at what is no TOML the parser
stops before it could take long.
"""

import re
from typing import Final

from topup.catalogue.reading import Mistake

MOST_PARTS: Final = 16
"""Of a key or a header, with dots between; the form of a carrier has five at most."""
LONGEST_LINE: Final = 4_000
"""Characters, without those in strings of several lines."""

# What has no end goes to the end of the line or of the text, so that nothing is read twice.
_TOKEN: Final = re.compile(
    r'''(?P<block>"""(?:\\.|[^\\])*?(?:"{3,5}|\\?\Z)|\'\'\'.*?(?:'{3,5}|\Z))'''
    r"""|(?P<line>\n)|(?P<dot>\.)|(?P<between>[=\[\]{},])"""
    r"""|"(?:\\[^\n]|[^"\\\n])*[\\"]?"""
    r"""|'[^'\n]*'?|\#[^\n]*|[^\S\n]+|[^\s."'\#=\[\]{},]+""",
    re.DOTALL,
)


def beyond_bounds(text: str, *, name: str) -> Mistake | None:
    """The first line that is too long, or has a key of too many parts; None where the text can be parsed."""
    line, length, parts = 1, 0, 1
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "line":
            line, length, parts = line + 1, 0, 1
        elif kind == "block":
            line += token.group().count("\n")
        else:
            length += token.end() - token.start()
            parts = _parts_after(kind, parts)
        if parts > MOST_PARTS:
            return Mistake(name, line, f"a key has more than {MOST_PARTS} parts")
        if length > LONGEST_LINE:
            return Mistake(name, line, f"the line is longer than {LONGEST_LINE} characters")
    return None


def _parts_after(kind: str | None, parts: int) -> int:
    if kind == "dot":
        return parts + 1
    return 1 if kind == "between" else parts
