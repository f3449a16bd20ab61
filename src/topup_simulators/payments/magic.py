"""Magic amounts: the last two digits of a payment's minor units choose how the gateway misbehaves.

What is not in the table behaves. The table is what the pay page, the guide and the tests read.
"""

from enum import IntEnum


class Magic(IntEnum):
    """The last two digits of `amount_minor`, and what they do."""

    START_BROKEN = 79
    """The first call that begins the payment is done, and answered with 500. Where a page begins it: nothing."""
    CLOSED_IN_WORDS = 80
    """A close is answered with OK, yet the payment can still be paid."""
    QUERY_BADLY_SIGNED = 81
    """The answers to the first two queries carry a signature that does not hold."""
    QUERY_THROTTLED = 82
    """The first two queries are asked to wait a second."""
    REFUND_GARBAGE = 83
    """The first request of a refund is done, and answered with bytes that are no answer."""
    REFUND_SLOW = 84
    """A refund is accepted, and done after 2 s."""
    REFUND_HANGS_UP_UNDONE = 85
    """The first request of a refund is read and hung up on; nothing is done."""
    REFUND_HANGS_UP_DONE = 86
    """The first request of a refund is done, and hung up on without an answer."""
    QUERY_BROKEN = 87
    """Every query is answered with 500; the payment itself is notified as usual."""
    CLOSED_THEN_PAID = 88
    """Paid, but an event `payment.closed` arrives one second before `payment.paid`."""
    REFUND_FAILS_LATER = 89
    """A refund is accepted, and refused after 2 s."""
    REFUND_BROKEN = 90
    """The first request of a refund is done, and answered with 500."""
    DECLINED = 91
    """The payment is declined. Of a payment on a wallet's page the shop hears nothing: it stays open."""
    PAID_LATER = 92
    """Paid after 3 s."""
    NEVER_NOTIFIED = 93
    """Paid and never notified: only a query or the bill tells."""
    NOTIFIED_AGAIN = 94
    """Paid; the event is repeated though it was heard, once as it was and once under another event id."""
    WRONG_AMOUNT = 95
    """One minor unit less than asked for is paid."""
    WRONG_CURRENCY = 96
    """The same number is paid in another currency (USD, or CNY where USD was asked for); nothing where the gateway
    has but one.
    """
    FORGED_FIRST = 97
    """A forged event probes first; the genuine one follows a second later."""
    PAID_THEN_CLOSED = 98
    """Paid, and an event `payment.closed` arrives one second after `payment.paid`."""


def magic_of(amount_minor: int) -> Magic | None:
    """What the amount asks for, if anything."""
    try:
        return Magic(amount_minor % 100)
    except ValueError:
        return None
