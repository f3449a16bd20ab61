"""Figures that tests measured, gathered in one place of the output, with or without xdist.

A test takes the fixture `figures` and says `figures("G9", permutations=120, final_states=1)`; where it promises that
something never happens, `figures.never("G3", double_deliveries=0, of=12)` adds the 95 % upper bound 3/N that N tries
without a failure leave open. A line `G6 …` that a test prints is gathered, too.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

_PROPERTY = "figure"
_PRINTED = re.compile(r"^G\d+ .+", re.MULTILINE)


@dataclass(frozen=True)
class Figures:
    """Notes figures of the running test; they travel with its report."""

    _note: Callable[[str, str], None]

    def __call__(self, promise: str, **figures: object) -> None:
        self._note(_PROPERTY, " ".join([promise, *(f"{name}={value}" for name, value in figures.items())]))

    def never(self, promise: str, *, of: int, **figures: object) -> None:
        """What never happened in `of` tries: so it happens at most that often, with 95 % confidence."""
        self(promise, **figures, of=of, upper_bound_95=f"{min(1, 3 / of):.2g}")


@pytest.fixture
def figures(record_property) -> Figures:
    return Figures(record_property)


def pytest_terminal_summary(terminalreporter) -> None:
    lines = sorted(set(_lines(terminalreporter.stats)), key=_in_order)
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)


def _lines(stats: dict[str, list]) -> Iterator[str]:
    for reports in stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == _PROPERTY:
                    yield value
            yield from _PRINTED.findall(getattr(report, "capstdout", ""))


def _in_order(line: str) -> tuple[int, str]:
    promise = line.partition(" ")[0]
    digits = "".join(character for character in promise if character.isdigit())
    return int(digits or 0), line
