"""What can become of an attempt to pay, and of money that goes back."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from topup.kernel.transitions import Transitions


class PaymentState(StrEnum):
    """An attempt to pay one order by one method."""

    STARTING = "starting"
    """Written down; whether the gateway knows of it is not known yet."""
    PENDING = "pending"
    """The payer can pay."""
    PAID = "paid"
    """Money came. How much, when, and what became of it stands with its captures."""
    DECLINED = "declined"
    """The payer's bank or wallet said no. Money may still come if the payer tries again on the gateway's page."""
    CLOSED = "closed"
    """Given up unpaid. Money that comes all the same is recorded and settled or returned."""
    NEEDS_PERSON = "needs_person"
    """The gateway gave no answer within its horizon."""


PAYMENT: Final = Transitions(
    PaymentState.STARTING,
    {
        PaymentState.STARTING: frozenset(
            {
                PaymentState.PENDING,
                PaymentState.PAID,
                PaymentState.DECLINED,
                PaymentState.CLOSED,
                PaymentState.NEEDS_PERSON,
            }
        ),
        PaymentState.PENDING: frozenset(
            {PaymentState.PAID, PaymentState.DECLINED, PaymentState.CLOSED, PaymentState.NEEDS_PERSON}
        ),
        PaymentState.DECLINED: frozenset({PaymentState.PAID, PaymentState.CLOSED, PaymentState.NEEDS_PERSON}),
        PaymentState.CLOSED: frozenset({PaymentState.PAID}),
        PaymentState.NEEDS_PERSON: frozenset({PaymentState.PAID, PaymentState.CLOSED}),
        PaymentState.PAID: frozenset(),
    },
)


class RefundState(StrEnum):
    """Money on its way back to where it came from, under one number that never changes."""

    REQUESTED = "requested"
    """To be sent; nothing left this machine, or the gateway positively never had it."""
    SENDING = "sending"
    """Being sent; after a crash it is asked about before it is sent again."""
    ACCEPTED = "accepted"
    """Taken in by the gateway, not back yet."""
    UNKNOWN = "unknown"
    """Not understood; asked about, and sent again only under the same number."""
    DISPUTED = "disputed"
    """Not sent: the payer objected with the bank, which may give the money back itself. It waits for the decision."""
    REFUNDED = "refunded"
    """Back at its source; what a bank gave back of it is told apart."""
    TAKEN_BACK = "taken_back"
    """Not sent: the payer's bank took the money and gave it back, in a dispute that we lost."""
    NEEDS_PERSON = "needs_person"
    """Refused, or unanswered past the horizon; or the bank gave back a part of it."""


BACK: Final = frozenset({RefundState.REFUNDED, RefundState.TAKEN_BACK})
"""The payer has the money again."""


REFUND: Final = Transitions(
    RefundState.REQUESTED,
    {
        # Straight to the end where the gateway reports what it had denied having.
        RefundState.REQUESTED: frozenset({RefundState.SENDING, RefundState.REFUNDED}),
        RefundState.SENDING: frozenset(
            {
                RefundState.REQUESTED,
                RefundState.ACCEPTED,
                RefundState.UNKNOWN,
                RefundState.DISPUTED,
                RefundState.REFUNDED,
                RefundState.TAKEN_BACK,
                RefundState.NEEDS_PERSON,
            }
        ),
        # Sent after all where the bank decided for us, or nothing stands in the way any more.
        RefundState.DISPUTED: frozenset(
            {RefundState.REQUESTED, RefundState.REFUNDED, RefundState.TAKEN_BACK, RefundState.NEEDS_PERSON}
        ),
        RefundState.ACCEPTED: frozenset({RefundState.UNKNOWN, RefundState.REFUNDED, RefundState.NEEDS_PERSON}),
        RefundState.UNKNOWN: frozenset(
            {RefundState.REQUESTED, RefundState.ACCEPTED, RefundState.REFUNDED, RefundState.NEEDS_PERSON}
        ),
        RefundState.NEEDS_PERSON: frozenset({RefundState.REFUNDED, RefundState.TAKEN_BACK}),
        RefundState.REFUNDED: frozenset(),
        RefundState.TAKEN_BACK: frozenset(),
    },
)


class Disposition(StrEnum):
    """What became of money that came."""

    KEPT = "kept"
    """It pays the order."""
    SURPLUS = "surplus"
    """The order was paid already: it goes back."""
    LATE = "late"
    """It was paid after the order had expired or been cancelled: it goes back."""
    MISMATCHED = "mismatched"
    """Another amount or currency than asked: it goes back."""


HORIZON: Final = timedelta(hours=24)
"""How long a gateway is asked about what is unknown before a person decides."""

_FIRST: Final = timedelta(seconds=5)
_LONGEST: Final = timedelta(hours=1)


def ask_after(asked: int) -> timedelta:
    """How long to wait before asking for the time number `asked` + 1: 5 s, doubled up to an hour."""
    return min(_FIRST * (1 << min(asked, 12)), _LONGEST)
