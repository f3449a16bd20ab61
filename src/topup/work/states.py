"""What can become of a request that needs a second person."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class ApprovalState(StrEnum):
    """Where a request is that one person made and another decides."""

    REQUESTED = "requested"
    """Asked for; nothing has happened."""
    APPROVED = "approved"
    """Another said yes, and it was done in that very transaction."""
    ALONE = "alone"
    """Small enough for whoever asked, by the table of limits: it was done at once."""
    REJECTED = "rejected"
    """Another said no; nothing has happened."""
    WITHDRAWN = "withdrawn"
    """Whoever asked took it back."""
    EXPIRED = "expired"
    """Nobody decided in time; it may be asked for anew."""


APPROVAL: Final = Transitions(
    ApprovalState.REQUESTED,
    {
        ApprovalState.REQUESTED: frozenset(
            {
                ApprovalState.APPROVED,
                ApprovalState.ALONE,
                ApprovalState.REJECTED,
                ApprovalState.WITHDRAWN,
                ApprovalState.EXPIRED,
            }
        ),
        ApprovalState.APPROVED: frozenset(),
        ApprovalState.ALONE: frozenset(),
        ApprovalState.REJECTED: frozenset(),
        ApprovalState.WITHDRAWN: frozenset(),
        ApprovalState.EXPIRED: frozenset(),
    },
)
