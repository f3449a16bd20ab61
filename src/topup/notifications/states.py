"""The states of a message, and how often it is tried."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class MessageState(StrEnum):
    """How far a message is."""

    WAITING = "waiting"
    """To be sent when it is due."""
    SENDING = "sending"
    """In a sender's hands until its lease ends; found so after that, nobody knows whether it left."""
    SENT = "sent"
    UNSURE = "unsure"
    """Tried twice without knowing whether either arrived: it is not sent a third time."""
    FAILED = "failed"
    """The address will never take it, it could not be sent in all its tries, or it was of no use any more."""


MESSAGE: Final = Transitions(
    MessageState.WAITING,
    {
        MessageState.WAITING: frozenset({MessageState.SENDING}),
        MessageState.SENDING: frozenset(
            {
                MessageState.WAITING,
                MessageState.SENDING,
                MessageState.SENT,
                MessageState.UNSURE,
                MessageState.FAILED,
            }
        ),
        MessageState.SENT: frozenset(),
        # Once more, where a person says so.
        MessageState.UNSURE: frozenset({MessageState.WAITING}),
        MessageState.FAILED: frozenset({MessageState.WAITING}),
    },
)

MAXIMUM_TRIES: Final = 8
"""Over somewhat more than a day, by `pause_after`."""
MAXIMUM_UNKNOWNS: Final = 2
"""A message of which it is unknown whether it arrived is sent once more, never a third time."""
LEASE: Final = timedelta(minutes=2)
"""How long a sender keeps a message; longer than any call to a messenger takes."""

_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=8)


def pause_after(tries: int) -> timedelta:
    """How long to wait after the given number of tries: half a minute, fourfold each time, eight hours at most."""
    return min(_FIRST_PAUSE * 4.0 ** (tries - 1), _LONGEST_PAUSE)
