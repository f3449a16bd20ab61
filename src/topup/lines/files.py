"""Files of lines that an operator brings: CSV in UTF-8, read in portions, each row with its line; what is bad is named.

A file may have a million rows: what is kept of one is a number, and rows are read while those before are stored.
"""

import asyncio
import csv
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from stat import S_ISDIR
from typing import Any, Final, Generic, TypeVar

from topup.kernel.errors import Invalid
from topup.platform.together import together

Portion = TypeVar("Portion")
Good = TypeVar("Good")
"""A row that can be stored."""

MAXIMUM_REPORTED: Final = 1_000
"""Bad rows named in a report; all are counted, and told to whoever listens."""
PORTION: Final = 10_000
_LONGEST_LINE: Final = 1_000

Progress = Callable[[int], Awaitable[None]]
"""Told how many bytes of the file are done."""


class UnreadableFile(Invalid):
    """The file as a whole.

    `lines_file_missing` or `lines_file_directory` (with `file`), `lines_file_unreadable` (with `reason`),
    `lines_file_not_utf8`, or `lines_file_columns` (with `wanted`).
    """


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not taken: its line in the file (from 1), and why: a message id with its parameters.

    `number_…` as of `kernel.msisdn`, `line_columns`, `line_carrier_unknown` (or not an own network),
    `line_kind_unknown`, `line_status_unknown`, `line_number_repeated` (first on line `first`), `line_elsewhere` (it is
    a line of `carrier`), `line_number_waits` (a closed line's, until it is free again).
    """

    line: int
    code: str
    parameters: dict[str, str | int] = field(default_factory=dict)


Listener = Callable[[BadRow], None]
"""Told of every bad row."""


@dataclass(slots=True)
class Refused:
    """The bad rows: all are counted in `count` and told to `listener`, `bad` names the first MAXIMUM_REPORTED."""

    listener: Listener | None = None
    count: int = 0
    bad: list[BadRow] = field(default_factory=list)

    def add(self, row: BadRow) -> None:
        """Count a bad row, tell of it, and name it while there is room."""
        self.count += 1
        if self.listener is not None:
            self.listener(row)
        if len(self.bad) < MAXIMUM_REPORTED:
            self.bad.append(row)


@dataclass(slots=True)
class Report:
    """What became of a file's rows: how many were refused, of which `bad` names the first MAXIMUM_REPORTED."""

    refused: int = 0
    bad: list[BadRow] = field(default_factory=list)


@dataclass(slots=True)
class Repeats:
    """Which numbers a file named before, and on which line: as integers, since they may be millions."""

    _first: dict[int, int] = field(default_factory=dict)

    def first(self, e164: str, line: int) -> int:
        """The line that named the number first: `line` itself, where none did."""
        return self._first.setdefault(int(e164), line)


Row = tuple[int, list[str] | None]
"""The line a row ends on, and its fields in the order of the columns asked for: None, where it has another number."""


async def import_rows(
    path: Path,
    *,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    read: Callable[[int, list[str]], Good | BadRow],
    store: Callable[[Sequence[Good]], Awaitable[Iterable[BadRow]]],
    report: Report,
    progress: Progress,
    listener: Listener | None = None,
    size: int = PORTION,
) -> None:
    """Have each row read, in a thread, by its line and its fields, and those that could be stored in portions; `store`
    gives those that were refused then. All that were refused are told to `listener`, and are in the report at the end.

    Raises UnreadableFile, and what `read` and `store` raise.
    """
    refused = Refused(listener)
    wanted = ", ".join(columns)

    def judge(rows: Sequence[Row]) -> _Judged[Good]:
        good: list[Good] = []
        bad: list[BadRow] = []
        for line, fields in rows:
            found = BadRow(line, "line_columns", {"wanted": wanted}) if fields is None else read(line, fields)
            if isinstance(found, BadRow):
                bad.append(found)
            else:
                good.append(found)
        return _Judged(good, bad)

    async def keep(portion: _Judged[Good]) -> None:
        for row in portion.bad:
            refused.add(row)
        if portion.good:
            for row in await store(portion.good):
                refused.add(row)

    await read_in_portions(
        path, columns=columns, optional=optional, judge=judge, store=keep, progress=progress, size=size
    )
    report.refused, report.bad = refused.count, sorted(refused.bad, key=lambda row: row.line)


@dataclass(frozen=True, slots=True)
class _Judged(Generic[Good]):
    good: Sequence[Good]
    bad: Sequence[BadRow]


async def read_in_portions(
    path: Path,
    *,
    columns: Sequence[str],
    judge: Callable[[Sequence[Row]], Portion],
    store: Callable[[Portion], Coroutine[Any, Any, None]],
    progress: Progress,
    size: int = PORTION,
    optional: Sequence[str] = (),
) -> None:
    """Have each portion of the file's rows judged, in a thread, and then stored, while the next is judged.

    The fields are those of `columns`, then of `optional`, which a file may lack: empty there. Raises UnreadableFile,
    and what `judge` and `store` raise.
    """
    with _reasons(path), path.open("rb") as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        rows = _rows(file, columns, optional)

        def following() -> tuple[Portion, int] | None:
            portion = list(islice(rows, size))
            # A pipe does not know where it is.
            return (judge(portion), raw.tell() if raw.seekable() else 0) if portion else None

        found = await asyncio.to_thread(following)
        while found is not None:
            portion, done = found
            # Both have ended when this has: nobody reads on in a file that is closed.
            found, _ = await together(asyncio.to_thread(following), store(portion))
            await progress(done)


def check_file(path: Path) -> None:
    """See that there is something to read, before anything is begun for it. Raises UnreadableFile."""
    with _reasons(path):
        if S_ISDIR(path.stat().st_mode):
            raise IsADirectoryError(path)


@contextmanager
def _reasons(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableFile("lines_file_missing", file=str(path)) from None
    except IsADirectoryError:
        raise UnreadableFile("lines_file_directory", file=str(path)) from None
    except UnicodeDecodeError:
        raise UnreadableFile("lines_file_not_utf8") from None
    except csv.Error as error:
        raise UnreadableFile("lines_file_unreadable", reason=str(error)) from None
    except OSError as error:
        raise UnreadableFile("lines_file_unreadable", reason=error.strerror or "unknown") from None


def _rows(file: Iterator[str], columns: Sequence[str], optional: Sequence[str]) -> Iterator[Row]:
    reader = csv.reader(_bounded(file), strict=True)
    head = [column.strip().lower() for column in next(reader, [])]
    missing = [column for column in optional if column not in head]
    if sorted([*head, *missing]) != sorted([*columns, *optional]):
        raise UnreadableFile("lines_file_columns", wanted=", ".join(columns))
    width = len(head)
    # What is missing stands behind the last.
    order = [(head + missing).index(column) for column in (*columns, *optional)]
    absent = [""] * len(missing)
    for fields in reader:
        if fields:
            matches = len(fields) == width
            whole = fields + absent
            yield reader.line_num, [whole[place].strip() for place in order] if matches else None


def _bounded(file: Iterator[str]) -> Iterator[str]:
    """Lines of the file; one that is absurdly long is cut, and so refused for what is in it."""
    for line in file:
        yield line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE].replace('"', "") + "\n"
