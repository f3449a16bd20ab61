"""What can become of an offer that was promised to an order."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class ReservationState(StrEnum):
    """One campaign for one order."""

    HELD = "held"
    """Promised to an order that is not paid yet: nobody else can have it."""
    SETTLED = "settled"
    """The order was paid: it is used."""
    RELEASED = "released"
    """The order was not paid, or never made: it is there for others again."""
    GIVEN_BACK = "given_back"
    """The money went back, and so did this: it is there for others again."""


RESERVATION: Final = Transitions(
    ReservationState.HELD,
    {
        ReservationState.HELD: frozenset({ReservationState.SETTLED, ReservationState.RELEASED}),
        ReservationState.SETTLED: frozenset({ReservationState.GIVEN_BACK}),
        # Asked for again; or paid in time, which was learned late: the price was promised.
        ReservationState.RELEASED: frozenset({ReservationState.HELD, ReservationState.SETTLED}),
        ReservationState.GIVEN_BACK: frozenset(),
    },
)
