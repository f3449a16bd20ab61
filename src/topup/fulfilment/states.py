"""What can become of an attempt to deliver through another carrier."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class AttemptState(StrEnum):
    """One submission to one carrier, under one number."""

    INTENDED = "intended"
    """To be submitted; nothing has left this machine under this number."""
    SUBMITTING = "submitting"
    """The one submission is under way; after a crash it is asked about."""
    ACCEPTED = "accepted"
    """Taken in by the carrier, not final."""
    UNKNOWN = "unknown"
    """Not understood: asked about, never sent again."""
    DELIVERED = "delivered"
    """The carrier says it is credited."""
    REFUSED = "refused"
    """It will not happen."""
    ABSENT = "absent"
    """The carrier positively never had it: another attempt, under another number, may follow."""
    REVERSED = "reversed"
    """A success the carrier took back."""
    NEEDS_PERSON = "needs_person"
    """No answer within the carrier's horizon."""


_ANSWERS: Final = frozenset(
    {
        AttemptState.ACCEPTED,
        AttemptState.UNKNOWN,
        AttemptState.DELIVERED,
        AttemptState.REFUSED,
        AttemptState.ABSENT,
        AttemptState.REVERSED,
        AttemptState.NEEDS_PERSON,
    }
)

ATTEMPT: Final = Transitions(
    AttemptState.INTENDED,
    {
        AttemptState.INTENDED: frozenset({AttemptState.SUBMITTING, AttemptState.REFUSED}),
        # Back to `intended` only when nothing was sent, or the carrier said it did not take it in.
        AttemptState.SUBMITTING: _ANSWERS | {AttemptState.INTENDED},
        AttemptState.ACCEPTED: _ANSWERS - {AttemptState.ACCEPTED, AttemptState.ABSENT},
        AttemptState.UNKNOWN: _ANSWERS - {AttemptState.UNKNOWN},
        AttemptState.DELIVERED: frozenset({AttemptState.REVERSED}),
        AttemptState.NEEDS_PERSON: frozenset({AttemptState.DELIVERED, AttemptState.REFUSED, AttemptState.REVERSED}),
        AttemptState.REFUSED: frozenset(),
        AttemptState.ABSENT: frozenset(),
        AttemptState.REVERSED: frozenset(),
    },
)

SUBMISSION_TRIES: Final = 8
"""How often a submission that never left this machine is tried again, before the money goes back."""
ATTEMPTS: Final = 3
"""How many attempts, each proven never to have arrived, before the money goes back."""

_FIRST: Final = timedelta(seconds=5)
_LONGEST: Final = timedelta(hours=1)


def ask_after(asked: int, minimum: timedelta) -> timedelta:
    """How long to wait before asking for the time number `asked` + 1: 5 s, doubled up to an hour, and never more
    often than the carrier allows.
    """
    return max(min(_FIRST * (1 << min(asked, 12)), _LONGEST), minimum)
