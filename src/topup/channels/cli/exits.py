"""Exit codes, a promise to scripts."""

from enum import IntEnum
from typing import Final

from topup.kernel.errors import Problem


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    REFUSED = 1
    """Refused or failed, for certain: nothing is under way any more."""
    USAGE = 2
    """The command line itself is wrong."""
    UNRESOLVED = 3
    """Something is under way, and how it ends is not known yet: ask again, do not repeat."""
    UNAVAILABLE = 4
    """It could not be tried: a database, a port, a disk. Nothing was lost; try again later."""
    INTERRUPTED = 130
    """Ctrl-C."""
    NOBODY_READS = 141
    """Whoever read our output went away (`topup … | head`): what a shell says of a program that SIGPIPE ended."""


_MISTYPED: Final = frozenset(
    {
        "confirmation_unknown",
        "amount_unreadable",
        "date_unreadable",
        "day_unreadable",
        "roaming_unknown",
        "setting_wrong",
        "signed_amount_unreadable",
    }
)
"""Problems of the command line itself, though only the number's carrier knows how an amount is written."""
_UNAVAILABLE: Final = frozenset({"unavailable", "throttled"})


def exit_of(problem: Problem) -> Exit:
    """The exit code of a problem."""
    if problem.code in _MISTYPED:
        return Exit.USAGE
    # A directory that cannot be used is the machine's matter, whoever named it.
    cannot_be_tried = problem.category in _UNAVAILABLE or problem.code == "data_dir_unusable"
    return Exit.UNAVAILABLE if cannot_be_tried else Exit.REFUSED
