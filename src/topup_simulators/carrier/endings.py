"""Endings: the last two digits of a number choose how the carrier misbehaves. 00 to 79 simply succeed.

The table is what the guide and the tests read. "Done" means that the number was credited.
"""

from enum import IntEnum


class Ending(IntEnum):
    """The last two digits of the number, and what they do."""

    NOT_FOUND = 80
    """Refused: NUMBER_NOT_FOUND."""
    SUSPENDED = 81
    """Refused: NUMBER_SUSPENDED."""
    FLOAT_OUT = 82
    """Refused: INSUFFICIENT_FLOAT, with HTTP status 500."""
    CALLED_BACK = 83
    """Accepted; done after 1 s, and a callback says so."""
    ASK_ME = 84
    """Accepted; done after 1 s, and only a query tells."""
    SILENT_DONE = 85
    """Done, and no answer until the caller gives up."""
    SILENT_UNDONE = 86
    """Nothing done, and no answer until the caller gives up."""
    BROKEN_DONE = 87
    """Done, and answered with an unsigned 500."""
    HANGS_UP_DONE = 88
    """Done, and hung up on without an answer."""
    HANGS_UP_UNDONE = 89
    """Nothing done, and hung up on without an answer."""
    REVERSED = 90
    """Done; taken back 3 s later, and a callback says so."""
    UNLISTED_DONE = 91
    """Done, and answered with a code that is on no list."""
    GARBAGE = 92
    """Done, and answered with 200 and a body that is no JSON."""
    THROTTLED = 93
    """The first two submissions are asked to wait a second; the third is done."""
    DUPLICATE = 94
    """Done, and the first submission is already answered DUPLICATE."""
    REFUSED_LATER = 95
    """Accepted; refused after 1 s (NUMBER_SUSPENDED), and a callback says so."""
    NEVER_FINAL = 96
    """Accepted, and never anything else."""
    BADLY_SIGNED = 97
    """Done, and the answer's signature does not hold."""
    UNLISTED_UNDONE = 98
    """Nothing done, and answered with a code that is on no list."""
    PRODUCT = 99
    """Refused: PRODUCT_UNKNOWN."""


def ending_of(msisdn: str) -> Ending | None:
    """What the number asks for, if anything."""
    try:
        return Ending(int(msisdn[-2:]))
    except ValueError:
        return None
