"""The states of credit on its way from one line to another."""

from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class ShareState(StrEnum):
    """Where a share is in its life."""

    REQUESTED = "requested"
    """The carrier's rules allow it; nothing has moved."""
    HELD = "held"
    """Amount and fee are held with the sender: nobody else can spend them."""
    CREDITED = "credited"
    """The receiver has it; the sender's hold is about to be settled."""
    SHARED = "shared"
    """Done: the receiver has it, and the sender has paid it and the fee."""
    REFUSED = "refused"
    """The sender did not have it: nothing has moved."""
    RETURNING = "returning"
    """The receiver cannot take it; the sender's hold is about to be released."""
    RETURNED = "returned"
    """The sender has amount and fee again, in the buckets they were held in."""


SHARE: Final = Transitions(
    ShareState.REQUESTED,
    {
        ShareState.REQUESTED: frozenset({ShareState.HELD, ShareState.REFUSED}),
        # Once it is decided that it goes back, it is never credited: so the two cannot both happen.
        ShareState.HELD: frozenset({ShareState.CREDITED, ShareState.RETURNING}),
        ShareState.CREDITED: frozenset({ShareState.SHARED}),
        ShareState.RETURNING: frozenset({ShareState.RETURNED}),
        ShareState.SHARED: frozenset(),
        ShareState.REFUSED: frozenset(),
        ShareState.RETURNED: frozenset(),
    },
)

COUNTED: Final = frozenset({ShareState.REQUESTED, ShareState.HELD, ShareState.CREDITED, ShareState.SHARED})
"""What counts towards a limit: what arrived, and what is on its way there."""


class ShareCause(StrEnum):
    """Why a share changed its state."""

    ASKED_FOR = "asked_for"
    HELD = "held"
    ARRIVED = "arrived"
    SETTLED = "settled"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    """The sender's line has less than amount, fee, and what must stay."""
    NOT_SHAREABLE = "sharing_not_shareable"
    """There is enough, but of a kind that cannot be passed on: gifts, and what others sent."""
    BUCKET_FROZEN = "bucket_frozen"
    """There is enough, but its time has come."""
    RECEIVER_CANNOT_TAKE = "receiver_cannot_take"
    """The receiver's line was closed or barred meanwhile."""
    CAP_EXCEEDED = "cap_exceeded"
    """The receiver may not hold that much of this kind."""
    BALANCE_LIMIT = "balance_limit"
    """The receiver's bucket would become larger than can be kept."""
    GIVEN_BACK = "given_back"
