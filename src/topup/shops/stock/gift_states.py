"""What becomes of a gift that goes with an order."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class GiftState(StrEnum):
    """Pieces of a shop's stock for one order."""

    HELD = "held"
    """Kept back for an order that is not paid yet: nobody else can have them."""
    PROMISED = "promised"
    """The order was paid: they wait for the customer."""
    HANDED_OVER = "handed_over"
    """The customer has them."""
    RELEASED = "released"
    """The order was not paid, or its money went back before they were handed over: there for others again."""
    LAPSED = "lapsed"
    """Nobody came for them in time: there for others again."""
    ASKED_BACK = "asked_back"
    """The money went back after they were handed over: the customer is asked for them."""
    RETURNED = "returned"
    """The customer brought them back: in stock again."""
    KEPT = "kept"
    """The customer did not: what they are worth is a person's matter."""


GIFT: Final = Transitions(
    GiftState.HELD,
    {
        # Handed over the moment the order was delivered, before it was noted that it had been paid.
        GiftState.HELD: frozenset({GiftState.PROMISED, GiftState.RELEASED, GiftState.HANDED_OVER}),
        GiftState.PROMISED: frozenset({GiftState.HANDED_OVER, GiftState.RELEASED, GiftState.LAPSED}),
        GiftState.HANDED_OVER: frozenset({GiftState.ASKED_BACK}),
        # Asked for again; or paid in time, which was learned late: it was promised with the price.
        GiftState.RELEASED: frozenset({GiftState.HELD, GiftState.PROMISED}),
        GiftState.LAPSED: frozenset(),
        GiftState.ASKED_BACK: frozenset({GiftState.RETURNED, GiftState.KEPT}),
        GiftState.RETURNED: frozenset(),
        GiftState.KEPT: frozenset(),
    },
)

KEPT_BACK: Final = frozenset({GiftState.HELD, GiftState.PROMISED})
"""While it is so, its pieces are in the shop and nobody else's."""
