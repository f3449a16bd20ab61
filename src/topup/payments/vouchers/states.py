"""What can become of a voucher."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class VoucherState(StrEnum):
    """A voucher stands as its batch does, unless it was sold at a counter, redeemed or blocked by itself."""

    APPROVED = "approved"
    """Of a batch: two people agreed that it be made. It has no PIN yet."""
    MADE = "made"
    """Its PIN exists; nobody has been given it."""
    EXPORTED = "exported"
    """Its PIN was written, encrypted, for whoever prints it. Stolen on the way it is worth nothing."""
    ACTIVATED = "activated"
    """Sold, or given away: it pays, and we owe its face to whoever holds it."""
    REDEEMED = "redeemed"
    """It paid. For ever: money that goes back goes back as another voucher."""
    EXPIRED = "expired"
    """Its time came before anybody used it: its face is ours."""
    BLOCKED = "blocked"
    """It will pay nothing. Its face is kept apart, for whoever has a claim to it."""


VOUCHER: Final = Transitions(
    VoucherState.APPROVED,
    {
        VoucherState.APPROVED: frozenset({VoucherState.MADE, VoucherState.EXPIRED, VoucherState.BLOCKED}),
        VoucherState.MADE: frozenset({VoucherState.EXPORTED, VoucherState.EXPIRED, VoucherState.BLOCKED}),
        VoucherState.EXPORTED: frozenset({VoucherState.ACTIVATED, VoucherState.EXPIRED, VoucherState.BLOCKED}),
        VoucherState.ACTIVATED: frozenset({VoucherState.REDEEMED, VoucherState.EXPIRED, VoucherState.BLOCKED}),
        VoucherState.REDEEMED: frozenset(),
        VoucherState.EXPIRED: frozenset(),
        VoucherState.BLOCKED: frozenset(),
    },
)
