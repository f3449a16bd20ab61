"""What can become of a paper that was asked for."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class PrintState(StrEnum):
    """Where a paper is."""

    WAITING = "waiting"
    """To be sent, or to be tried again: nothing of it has left."""
    PRINTING = "printing"
    """With the printer now."""
    PRINTED = "printed"
    """The printer said that all of it is out."""
    UNSURE = "unsure"
    """Some or all of it may be out. Never sent again; whoever wants another asks for a copy."""
    FAILED = "failed"
    """The printer could not be had for too long, or cannot print it: nothing of it has left."""


PRINT: Final = Transitions(
    PrintState.WAITING,
    {
        PrintState.WAITING: frozenset({PrintState.PRINTING}),
        PrintState.PRINTING: frozenset({PrintState.PRINTED, PrintState.WAITING, PrintState.UNSURE, PrintState.FAILED}),
        PrintState.PRINTED: frozenset(),
        PrintState.UNSURE: frozenset(),
        PrintState.FAILED: frozenset({PrintState.WAITING}),
    },
)
