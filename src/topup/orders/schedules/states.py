"""What can become of a schedule, and of each of its runs."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class ScheduleState(StrEnum):
    """A schedule of somebody's."""

    ACTIVE = "active"
    PAUSED = "paused"
    """By its owner, who may take it up again."""
    STOPPED = "stopped"
    """It cannot go on by itself: the card was declined, or the number is somebody else's now."""
    ENDED = "ended"
    """Removed by its owner; kept for its history."""


SCHEDULE: Final = Transitions(
    ScheduleState.ACTIVE,
    {
        ScheduleState.ACTIVE: frozenset({ScheduleState.PAUSED, ScheduleState.STOPPED, ScheduleState.ENDED}),
        ScheduleState.PAUSED: frozenset({ScheduleState.ACTIVE, ScheduleState.ENDED}),
        ScheduleState.STOPPED: frozenset({ScheduleState.ACTIVE, ScheduleState.ENDED}),
        ScheduleState.ENDED: frozenset(),
    },
)


class RunState(StrEnum):
    """One cause, and what came of it."""

    WAITING = "waiting"
    """For its first attempt, or for the next one after a decline."""
    PAYING = "paying"
    """There may be an order of this attempt, and money may be on its way."""
    DONE = "done"
    """Paid. That it arrives is the order's business."""
    SKIPPED = "skipped"
    """Nothing was to be bought, or nothing may be: no order was made."""
    FAILED = "failed"
    """It was tried, and nobody paid; nothing will follow."""


RUN: Final = Transitions(
    RunState.WAITING,
    {
        RunState.WAITING: frozenset({RunState.PAYING, RunState.SKIPPED, RunState.FAILED}),
        RunState.PAYING: frozenset({RunState.WAITING, RunState.DONE, RunState.SKIPPED, RunState.FAILED}),
        RunState.DONE: frozenset(),
        RunState.SKIPPED: frozenset(),
        RunState.FAILED: frozenset(),
    },
)
OPEN: Final = frozenset({RunState.WAITING, RunState.PAYING})
