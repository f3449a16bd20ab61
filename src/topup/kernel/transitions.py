"""A table of transitions: which state may follow which, said once, drawn and enforced from the same table."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

State = TypeVar("State", bound=StrEnum)


class Transitions(Generic[State]):
    """Which states each state may come from. `initial` is where a thing begins.

    Raises ValueError at import when a state of the enum is not in the table, so that a new state cannot be forgotten.
    """

    def __init__(self, initial: State, allowed: Mapping[State, frozenset[State]]) -> None:
        missing = set(type(initial)) - set(allowed)
        if missing:
            raise ValueError(f"states without a row: {sorted(missing)}")
        self.initial = initial
        self.allowed = dict(allowed)

    def sources(self, target: State) -> frozenset[State]:
        """The states from which `target` may be reached in one step."""
        return frozenset(source for source, targets in self.allowed.items() if target in targets)

    def permits(self, source: State, target: State) -> bool:
        """Whether `source -> target` is a step of the table."""
        return target in self.allowed[source]

    @property
    def final(self) -> frozenset[State]:
        """The states nothing follows."""
        return frozenset(state for state, targets in self.allowed.items() if not targets)

    def mermaid(self) -> str:
        """The diagram of the table, for docs."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for source, targets in self.allowed.items():
            lines += [f"    {source} --> {target}" for target in sorted(targets)]
            if not targets:
                lines.append(f"    {source} --> [*]")
        return "\n".join(lines)
