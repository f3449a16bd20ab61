"""The labels are complete: each commit and each call to the outside on an order's way has a point before and after it.

Read from the source, so that a new commit or call without its points fails here before it is forgotten there.
"""

import ast
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import topup
from tests.support.labels import all_labels, labels_by_start, triggers_of

SOURCE = Path(topup.__file__).parent
ROOMS = ("orders", "payments", "fulfilment", "notifications", "reconciliation", "channels/api", "channels/web")
ACCOUNTS = SOURCE / "channels" / "web" / "account"
"""On no order's way: what they change is one person's account, each in one transaction."""
FILES = [file for room in ROOMS for file in sorted((SOURCE / room).rglob("*.py")) if ACCOUNTS not in file.parents]
FILES += [
    *sorted((SOURCE / "care" / "reminders").glob("*.py")),
    SOURCE / "ledger" / "tasks.py",
    SOURCE / "offers" / "tasks.py",
    SOURCE / "shops" / "stock" / "tasks.py",
    SOURCE / "shops" / "stock" / "handing_over.py",
    SOURCE / "lines" / "tasks.py",
    SOURCE / "lines" / "reminding.py",
    SOURCE / "lines" / "plans" / "tasks.py",
    SOURCE / "lines" / "plans" / "desk.py",
    SOURCE / "bootstrap" / "house.py",
    SOURCE / "charging" / "adjustments.py",
    SOURCE / "charging" / "sharing" / "desk.py",
    SOURCE / "charging" / "usage" / "tasks.py",
    SOURCE / "people" / "subscribers" / "saving.py",
    SOURCE / "platform" / "request_keys.py",
    SOURCE / "platform" / "batching.py",
]
PLUGINS = {"gateway", "carrier", "messenger"}
NOT_THE_OUTSIDE = {
    ("attempting.py", "look"): "a question about a code that is shown, before there is an order: our own method has it",
    ("attempting.py", "sandbox_outcome"): "the payer's hand in a demonstration: no gateway has it",
    ("floats.py", "float_balance"): "a question about our own float, which moves nothing",
    ("reading.py", "lookup"): "a question about a number, before there is an order",
}


Node = ast.AST | None


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (found for found in ast.walk(node) if isinstance(found, ast.Call))


def _is_point(statement: Node) -> bool:
    return statement is not None and any(
        isinstance(call.func, ast.Name) and call.func.id == "crash_point" for call in _calls(statement)
    )


def _is_commit(statement: ast.AST) -> bool:
    """Only a database begins a transaction: what is begun on a connection that one is in is a savepoint of it."""
    return isinstance(statement, ast.AsyncWith) and any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "transaction"
        and not (isinstance(call.func.value, ast.Name) and call.func.value.id == "connection")
        for item in statement.items
        for call in _calls(item.context_expr)
    )


_COMPOUND = (
    ast.Module | ast.AsyncWith | ast.With | ast.If | ast.For | ast.AsyncFor | ast.While | ast.Try | ast.Match
    | ast.match_case | ast.ExceptHandler | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
)  # fmt: skip


def _outside(statement: ast.AST) -> str | None:
    """The method of a plugin that a simple statement waits for."""
    if isinstance(statement, _COMPOUND):
        return None
    for node in ast.walk(statement):
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id in PLUGINS:
                return called.attr
    return None


Found = tuple[int, str]
"""A line, and the point that is missing there."""


def _unmarked(source: str, name: str) -> list[Found]:
    return list(_look([ast.parse(source)], name))


def _look(statements: Sequence[ast.AST], name: str, before: Node = None, after: Node = None) -> Iterator[Found]:
    """What lacks a point among statements that stand between two others."""
    around = [before, *statements, after, None]
    for index, here in enumerate(statements):
        previous, following, later = around[index], around[index + 2], around[index + 3]
        if _is_commit(here):
            if not _is_point(here.body[-1]):
                yield here.lineno, "before the commit"
            # Between the commit and its point only a run that had nothing to do may leave.
            if not (_is_point(following) or (isinstance(following, ast.If) and _is_point(later))):
                yield here.lineno, "after the commit"
        method = _outside(here)
        if method and (name, method) not in NOT_THE_OUTSIDE:
            if not _is_point(previous):
                yield here.lineno, f"before {method}"
            if not _is_point(following):
                yield here.lineno, f"after {method}"
        yield from _look_inside(here, name, previous, following)


def _look_inside(here: ast.AST, name: str, previous: Node, following: Node) -> Iterator[Found]:
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        # What is tried comes right after what stands before the try.
        around = (previous, following) if isinstance(here, ast.Try) and field == "body" else (None, None)
        inner = getattr(here, field, None)
        if isinstance(inner, list):
            yield from _look(inner, name, *around)


def test_every_commit_and_call_has_its_points():
    missing = [
        f"{file.relative_to(SOURCE)}:{line}: no point {what}"
        for file in FILES
        for line, what in _unmarked(file.read_text(), file.name)
    ]
    assert missing == []


@pytest.mark.parametrize("name", ["orders/outside.py", "orders/desk.py", "notifications/tasks.py"])
def test_the_reader_misses_no_missing_point(name):
    file = SOURCE / name
    lines = file.read_text().splitlines()
    points = [index for index, line in enumerate(lines) if line.lstrip().startswith("crash_point(")]
    assert points
    for point in points:
        indented = lines[point][: -len(lines[point].lstrip())]
        without = [*lines[:point], f"{indented}pass", *lines[point + 1 :]]
        assert _unmarked("\n".join(without), file.name), f"without line {point + 1} of {name} nothing is missed"


def test_each_label_has_somebody_who_passes_it():
    labels = all_labels()
    assert len(labels) >= 70
    assert all(triggers_of(label) for label in labels)
    assert sorted(itertools.chain(*labels_by_start())) == labels
