"""Rows as the arrays that SQL's `unnest` takes: many rows, one statement, one round trip."""

from collections.abc import Iterable, Sequence
from typing import Any


def columns(rows: Iterable[Sequence[Any]]) -> tuple[list[Any], ...]:
    """The columns of `rows`, each a list. `rows` has at least one row, and rows of one length."""
    return tuple(map(list, zip(*rows, strict=True)))
