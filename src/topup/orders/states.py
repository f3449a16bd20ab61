"""The states of an order. They concern the payment that is kept; surplus money goes back as rows of its payment."""

from enum import StrEnum
from typing import Final

from topup.kernel.errors import WhoMustAct
from topup.kernel.transitions import Transitions


class OrderState(StrEnum):
    """Where an order is in its life."""

    QUOTED = "quoted"
    """A price was signed; nothing is promised by the payer."""
    AWAITING_PAYMENT = "awaiting_payment"
    """Ordered; the payer's turn."""
    PAID = "paid"
    """The payment that is kept has come."""
    DELIVERING = "delivering"
    """On its way to the line."""
    DELIVERED = "delivered"
    """Credited; the receipt is issued."""
    UNRESOLVED = "unresolved"
    """Nobody can say yet whether it was credited; it is being asked about."""
    REFUNDING = "refunding"
    """It will not be credited; the money is on its way back."""
    REFUNDED = "refunded"
    """The money is back at its source."""
    EXPIRED = "expired"
    """Not paid in time."""
    CANCELLED = "cancelled"
    """Called off by the payer before paying."""
    NEEDS_PERSON = "needs_person"
    """Machines could not settle it; a person decides, with the evidence."""


ORDER: Final = Transitions(
    OrderState.QUOTED,
    {
        OrderState.QUOTED: frozenset({OrderState.AWAITING_PAYMENT}),
        OrderState.AWAITING_PAYMENT: frozenset({OrderState.PAID, OrderState.EXPIRED, OrderState.CANCELLED}),
        OrderState.PAID: frozenset({OrderState.DELIVERING, OrderState.REFUNDING}),
        OrderState.DELIVERING: frozenset(
            {OrderState.DELIVERED, OrderState.UNRESOLVED, OrderState.REFUNDING, OrderState.NEEDS_PERSON}
        ),
        OrderState.UNRESOLVED: frozenset(
            {OrderState.DELIVERED, OrderState.DELIVERING, OrderState.REFUNDING, OrderState.NEEDS_PERSON}
        ),
        # Paid in time, and heard of late.
        OrderState.EXPIRED: frozenset({OrderState.PAID}),
        OrderState.CANCELLED: frozenset({OrderState.PAID}),
        # A carrier took its success back.
        OrderState.DELIVERED: frozenset({OrderState.REFUNDING}),
        OrderState.REFUNDING: frozenset({OrderState.REFUNDED, OrderState.NEEDS_PERSON}),
        OrderState.NEEDS_PERSON: frozenset({OrderState.DELIVERED, OrderState.REFUNDING, OrderState.REFUNDED}),
        OrderState.REFUNDED: frozenset(),
    },
)

SETTLED: Final = frozenset({OrderState.DELIVERED, OrderState.REFUNDED, OrderState.EXPIRED, OrderState.CANCELLED})
"""Nothing more happens by itself, but for money that comes late or a carrier's reversal."""

DECIDES_OFFERS: Final = frozenset({OrderState.PAID, OrderState.EXPIRED, OrderState.CANCELLED, OrderState.REFUNDED})
"""Where what is held of offers for an order is used, let go, or given back."""
USED: Final = frozenset(
    {
        OrderState.PAID,
        OrderState.DELIVERING,
        OrderState.DELIVERED,
        OrderState.UNRESOLVED,
        OrderState.REFUNDING,
        OrderState.NEEDS_PERSON,
    }
)
"""The order is paid for. While its money is on its way back it may yet be delivered: a person can say so."""
LET_GO: Final = frozenset({OrderState.EXPIRED, OrderState.CANCELLED})
"""It was not paid for."""

DECIDES_POINTS: Final = DECIDES_OFFERS | {OrderState.DELIVERED}
"""Where the payer's points are spent, let go or given back, and where points are earned or taken back."""

WHO_MUST_ACT: Final[dict[OrderState, WhoMustAct | None]] = {
    OrderState.QUOTED: WhoMustAct.YOU,
    OrderState.AWAITING_PAYMENT: WhoMustAct.YOU,
    OrderState.PAID: WhoMustAct.WAIT,
    OrderState.DELIVERING: WhoMustAct.WAIT,
    OrderState.UNRESOLVED: WhoMustAct.CARRIER,
    OrderState.REFUNDING: WhoMustAct.WAIT,
    OrderState.NEEDS_PERSON: WhoMustAct.US,
    OrderState.DELIVERED: None,
    OrderState.REFUNDED: None,
    OrderState.EXPIRED: None,
    OrderState.CANCELLED: None,
}


class Cause(StrEnum):
    """Why an order changed its state; `cause.<value>` in the catalogue `orders`."""

    QUOTED = "quoted"
    ORDERED = "ordered"
    PAID = "paid"
    PAID_IN_TIME = "paid_in_time"
    """Paid before it expired or was cancelled, heard of afterwards."""
    CREDITING = "crediting"
    CREDITED = "credited"
    SENT_TO_CARRIER = "sent_to_carrier"
    CARRIER_CONFIRMED = "carrier_confirmed"
    CARRIER_SILENT = "carrier_silent"
    CARRIER_ANSWERED = "carrier_answered"
    """After a silence: taken in, not final."""
    CARRIER_NEVER_HAD_IT = "carrier_never_had_it"
    """Proven not to have arrived: sent anew under a new number."""
    CARRIER_REFUSED = "carrier_refused"
    CARRIER_UNREACHABLE = "carrier_unreachable"
    CARRIER_REVERSED = "carrier_reversed"
    NUMBER_CANNOT_BE_TOPPED_UP = "number_cannot_be_topped_up"
    CAP_EXCEEDED = "cap_exceeded"
    """The line came to have so much since it was ordered that it may not hold this too."""
    BALANCE_LIMIT = "balance_limit"
    """The same, of what a balance can hold at all."""
    NO_ANSWER_IN_TIME = "no_answer_in_time"
    NOT_PAID_IN_TIME = "not_paid_in_time"
    CANCELLED_BY_PAYER = "cancelled_by_payer"
    MONEY_BACK = "money_back"
    REFUND_REFUSED = "refund_refused"
    MONEY_MISMATCHED = "money_mismatched"
    """Money of another amount or currency came: the state stays, and the money goes back."""
    MONEY_LATE = "money_late"
    MONEY_SECOND = "money_second"
    """Money came after the order had ended: likewise."""
    OTHER_MONEY_BACK = "other_money_back"
    """Such money is back at its source."""
    GIVEN_BACK = "given_back"
    """Staff give back some of what was paid, or all of it; the credit stays."""
    GIVEN_BACK_ARRIVED = "given_back_arrived"
    """What they gave back is at its source."""


BESIDE: Final = frozenset(
    {
        Cause.MONEY_MISMATCHED,
        Cause.MONEY_LATE,
        Cause.MONEY_SECOND,
        Cause.OTHER_MONEY_BACK,
        Cause.GIVEN_BACK,
        Cause.GIVEN_BACK_ARRIVED,
    }
)
"""What happened beside the order's life: entries of its timeline that changed no state."""
