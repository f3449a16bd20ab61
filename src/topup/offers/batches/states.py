"""What can become of a batch of codes."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class BatchState(StrEnum):
    """A code stands as its batch does, unless it was blocked by itself. How often it was used its counter says."""

    APPROVED = "approved"
    """Two people agreed that it be made. It has no codes yet."""
    MAKING = "making"
    """Its codes are being written: none of them is good."""
    MADE = "made"
    """All its codes are good, and were written, encrypted, for whoever gives them out."""
    BLOCKED = "blocked"
    """None of its codes is good any more. For ever; what orders hold is kept for them."""


BATCH: Final = Transitions(
    BatchState.APPROVED,
    {
        BatchState.APPROVED: frozenset({BatchState.MAKING, BatchState.BLOCKED}),
        # Begun anew, where what made it died.
        BatchState.MAKING: frozenset({BatchState.MAKING, BatchState.MADE, BatchState.BLOCKED}),
        BatchState.MADE: frozenset({BatchState.BLOCKED}),
        BatchState.BLOCKED: frozenset(),
    },
)
