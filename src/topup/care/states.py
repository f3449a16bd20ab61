"""What can become of a ticket, and what it is about."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class TicketState(StrEnum):
    """Whose turn it is."""

    WAITS_FOR_US = "waits_for_us"
    """Somebody wrote to us."""
    ANSWERED = "answered"
    """We wrote back; whoever asked may write again."""
    SOLVED = "solved"
    """Nothing is left to do. Whoever writes once more opens it again."""


TICKET: Final = Transitions(
    TicketState.WAITS_FOR_US,
    {
        TicketState.WAITS_FOR_US: frozenset({TicketState.ANSWERED, TicketState.SOLVED}),
        TicketState.ANSWERED: frozenset({TicketState.WAITS_FOR_US, TicketState.SOLVED}),
        TicketState.SOLVED: frozenset({TicketState.WAITS_FOR_US}),
    },
)


class Topic(StrEnum):
    """What a ticket is about; also the kind of the item on the work list, `ticket_<topic>`."""

    NOT_ARRIVED = "not_arrived"
    """A top-up that did not arrive."""
    NO_NETWORK = "no_network"
    """A line that does not work."""
    REFUND = "refund"
    """Money of a delivered top-up is asked back."""
    WRONG_NUMBER = "wrong_number"
    """A top-up that was delivered to a number that was not meant."""
    SIM_REPLACEMENT = "sim_replacement"
    """A card that was lost, is damaged or does not fit: another for the same number."""
    OFFICIAL = "official"
    """Something that looks as if it were ours."""
    OTHER = "other"
    """Anything else."""
