"""Rows on their way to SQL and back: as the arrays that `unnest` takes (many rows, one statement, one round trip), and
as the columns of a dataclass.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any


def columns(rows: Iterable[Sequence[Any]]) -> tuple[list[Any], ...]:
    """The columns of `rows`, each a list. `rows` has at least one row, and rows of one length."""
    return tuple(map(list, zip(*rows, strict=True)))


def texts(rows: Iterable[Sequence[object]]) -> tuple[str, ...]:
    r"""The columns of `rows`, each as one text of lines, for `string_to_array(…, E'\n', '')`: to write an array of
    texts takes eight times as long. None is an empty line. Raises ValueError for a line break in any of them.
    """
    return tuple(_lines(column) for column in zip(*rows, strict=True))


def _lines(column: Sequence[object]) -> str:
    text = "\n".join(["" if one is None else str(one) for one in column])
    if text.count("\n") != len(column) - 1:
        raise ValueError("a line break would shift the rows after it")
    return text


def selected(row: type[Any], alias: str) -> str:
    """The columns of a table that are called as the fields of a dataclass, in their order: `o.lane, o.id`.

    So `psycopg.rows.args_row(row)` may make it by position, in half the time of `class_row`, which goes by name.
    """
    return ", ".join(f"{alias}.{field.name}" for field in fields(row))
