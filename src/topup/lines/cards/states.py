"""How a SIM card can stand."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class CardState(StrEnum):
    """A SIM card, from the maker's box to the bin."""

    BLANK = "blank"
    """It serves no line yet."""
    ACTIVE = "active"
    """It serves a line."""
    BLOCKED = "blocked"
    """Stolen, lost or suspect: it works in no phone until it is unblocked. The line it served keeps it meanwhile."""
    REPLACED = "replaced"
    """Another card serves its line. For ever: whoever finds it has a piece of plastic."""


class CardKind(StrEnum):
    """What a card is."""

    PHYSICAL = "physical"
    ESIM = "esim"
    """A profile in a phone's own chip."""


class Given(StrEnum):
    """Why a line got a card."""

    ISSUED = "issued"
    """Its first, or as the operator's file says."""
    LOST = "lost"
    """In the place of one that was lost or stolen."""
    DAMAGED = "damaged"
    """In the place of one that works no more."""
    NEW_PHONE = "new_phone"
    """In the place of one that does not fit."""


REPLACING: Final = (Given.LOST, Given.DAMAGED, Given.NEW_PHONE)
"""What somebody may give as the reason for another card."""

CARD: Final = Transitions(
    CardState.BLANK,
    {
        CardState.BLANK: frozenset({CardState.ACTIVE, CardState.BLOCKED}),
        CardState.ACTIVE: frozenset({CardState.BLOCKED, CardState.REPLACED}),
        CardState.BLOCKED: frozenset({CardState.ACTIVE, CardState.BLANK, CardState.REPLACED}),
        CardState.REPLACED: frozenset(),
    },
)
