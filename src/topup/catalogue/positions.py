"""On which line of a TOML file each key and each element stands.

The standard library's parser decides what is TOML and what it means; it keeps no positions. This scanner runs only over
text that parser has taken, so it need not judge anything: it follows keys, headers, strings, arrays and inline tables
(TOML 1.0) and notes where each begins.
"""

import re
import tomllib
from bisect import bisect_right
from typing import Final

Path = tuple[str | int, ...]
"""The way from the top of the file: keys, and indexes of arrays."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_KEY_PART: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_STRING: Final = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}'''  # up to two quotation marks may stand right before the closing three
    r"""|'''.*?'{3,5}"""
    r'''|"(?:\\.|[^"\\])*"'''
    r"""|'[^']*'""",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")


def positions(text: str) -> dict[Path, int]:
    """The line, from 1, of every table, key and array element of `text`, which must be valid TOML.

    A table that a header opens stands on the header's line; one that only dotted keys imply, on the first of them.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.breaks = [found.start() for found in re.finditer("\n", text)]
        self.lines: dict[Path, int] = {(): 1}
        self.last_of: dict[Path, int] = {}
        """Of each array of tables, the index of the table that headers speak of now."""

    def document(self) -> None:
        table: Path = ()
        while self._skip(_BLANK) < len(self.text):
            if self.text.startswith("[[", self.at):
                table = self._header(array=True)
            elif self.text[self.at] == "[":
                table = self._header(array=False)
            else:
                self._pair(table)

    def _header(self, *, array: bool) -> Path:
        width = 2 if array else 1
        line = self._line()
        self.at += width
        keys = self._keys()
        self.at += width
        path = self._resolve((), keys[:-1], line)
        path += (keys[-1],)
        if array:
            self.lines.setdefault(path, line)
            self.last_of[path] = self.last_of.get(path, -1) + 1
            path += (self.last_of[path],)
        self.lines[path] = line
        return path

    def _resolve(self, path: Path, keys: list[str], line: int) -> Path:
        for key in keys:
            path += (key,)
            self.lines.setdefault(path, line)
            if path in self.last_of:
                path += (self.last_of[path],)
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        keys = self._keys()
        path = (*self._resolve(table, keys[:-1], line), keys[-1])
        self.lines[path] = line
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            part = self._take(_KEY_PART)
            keys.append(tomllib.loads(f"key = {part}")["key"] if part[0] in "\"'" else part)
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening in "\"'":
            self._take(_STRING)
        elif opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.text[self._skip(_BLANK)] != "]":
            self.lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self.text[self._skip(_BLANK)] != "}":
            self._pair(path)
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1

    def _line(self) -> int:
        return bisect_right(self.breaks, self.at) + 1

    def _skip(self, pattern: re.Pattern[str]) -> int:
        self._take(pattern)
        return self.at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"not valid TOML at line {self._line()}")
        self.at = found.end()
        return found.group()
