"""What money coming and going back is in the ledger."""

from topup.ledger import Transfer
from topup.payments.queries import Payment, Refund

SUSPENSE = "suspense"
"""Customers' money between paying and delivery, or on its way back: nothing stays in it."""


def clearing(method: str) -> str:
    """The account of what a gateway owes us."""
    return f"clearing:{method}"


def captured(payment: Payment, *, reference: str, amount_minor: int, currency: str) -> Transfer:
    """Money came through the gateway: `clearing:<method>` -> `suspense`, once per gateway reference."""
    return Transfer(
        lane=payment.lane,
        key=f"{payment.id}:capture:{reference}",
        debit_code=clearing(payment.method),
        credit_code=SUSPENSE,
        asset=currency,
        amount=amount_minor,
        purpose="capture",
        reference=payment.order_id,
    )


def refunded(payment: Payment, refund: Refund) -> Transfer:
    """Money is back at its source: `suspense` -> `clearing:<method>`, once per refund number."""
    return Transfer(
        lane=payment.lane,
        key=f"{refund.id}:refund",
        debit_code=SUSPENSE,
        credit_code=clearing(payment.method),
        asset=refund.currency,
        amount=refund.amount_minor,
        purpose="refund",
        reference=payment.order_id,
    )
