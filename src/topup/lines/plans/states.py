"""The states of a line's plan."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class PlanStanding(StrEnum):
    """How a line stands with its plan."""

    ACTIVE = "active"
    """The cycle at hand is paid."""
    GRACE = "grace"
    """A cycle could not be paid: what it includes is missing, nothing is blocked."""
    WAITING_FOR_CREDIT = "waiting_for_credit"
    """The days of grace are over too: what the file says is blocked until there is enough."""
    LAPSED = "lapsed"
    """It was not paid in time: the line has no plan any more."""
    ENDED = "ended"
    """It was given up, was for once, or the line ended."""


PLAN: Final = Transitions(
    PlanStanding.ACTIVE,
    {
        PlanStanding.ACTIVE: frozenset(PlanStanding),
        PlanStanding.GRACE: frozenset(PlanStanding) - {PlanStanding.GRACE},
        # Back to grace where more days of it are published meanwhile.
        PlanStanding.WAITING_FOR_CREDIT: frozenset(PlanStanding) - {PlanStanding.WAITING_FOR_CREDIT},
        # Another plan may begin on the line then, or the same one anew.
        PlanStanding.LAPSED: frozenset({PlanStanding.ACTIVE, PlanStanding.GRACE, PlanStanding.WAITING_FOR_CREDIT}),
        PlanStanding.ENDED: frozenset({PlanStanding.ACTIVE, PlanStanding.GRACE, PlanStanding.WAITING_FOR_CREDIT}),
    },
)

UNPAID: Final = frozenset({PlanStanding.GRACE, PlanStanding.WAITING_FOR_CREDIT})
OVER: Final = frozenset({PlanStanding.LAPSED, PlanStanding.ENDED})


class PlanChange(StrEnum):
    """What became of a line's plan."""

    BEGUN = "begun"
    """Its first cycle, or the first after it had waited."""
    RENEWED = "renewed"
    SWITCHED = "switched"
    """Another plan began."""
    UNPAID = "unpaid"
    """A cycle could not be paid, and waits."""
    BLOCKED = "blocked"
    """It still waits, and the days of grace are over."""
    LAPSED = "lapsed"
    ENDED = "ended"
