"""What money coming and going back is in the ledger."""

from topup.ledger import Transfer
from topup.payments.queries import Payment, Refund

SUSPENSE = "suspense"
"""Customers' money between paying and delivery, or on its way back: nothing stays in it."""


DISPUTES = "disputes"
"""What payers' banks took of money that we had given goods for: our cost."""


def clearing(method: str) -> str:
    """The account of what a gateway owes us."""
    return f"clearing:{method}"


def moved(
    way: tuple[str, str], *, lane: int, key: str, currency: str, amount: int, purpose: str, reference: str
) -> Transfer:
    """One movement between two accounts of ours, from the first to the second of `way`; `amount` in minor units."""
    debit, credit = way
    return Transfer(
        lane=lane,
        key=key,
        debit_code=debit,
        credit_code=credit,
        asset=currency,
        amount=amount,
        purpose=purpose,
        reference=reference,
    )


def captured(payment: Payment, *, reference: str, amount_minor: int, currency: str, typed: bool = False) -> Transfer:
    """Money came through the gateway: `clearing:<method>` -> `suspense`, once per gateway reference; apart from that
    once per reference that people `typed`, for the gateway may name other money so.
    """
    return moved(
        (clearing(payment.method), SUSPENSE),
        lane=payment.lane,
        key=f"{payment.id}:capture:{'typed:' if typed else ''}{reference}",
        currency=currency,
        amount=amount_minor,
        purpose="capture",
        reference=payment.order_id,
    )


def gone_back(payment: Payment, refund: Refund, *, taken_minor: int) -> list[Transfer]:
    """A refund is back with the payer, each part posted once per refund number. Of it the payer's bank gave back
    `taken_minor`: `suspense` -> `disputes`; what the bank took of us for that is a line of the gateway's bill, and is
    posted the other way by it. The rest was sent: `suspense` -> `clearing:<method>`, as the bill has it.
    """
    parts = [
        (clearing(payment.method), refund.amount_minor - taken_minor, "refund"),
        (DISPUTES, taken_minor, "dispute"),
    ]
    return [
        moved(
            (SUSPENSE, account),
            lane=payment.lane,
            key=f"{refund.id}:{purpose}",
            currency=refund.currency,
            amount=minor,
            purpose=purpose,
            reference=payment.order_id,
        )
        for account, minor, purpose in parts
        if minor
    ]
