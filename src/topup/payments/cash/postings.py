"""What cash is in the ledger. A drawer has an account of its own; while nobody keeps the till, it is zero."""

from typing import Final

from topup.ledger import Transfer
from topup.payments.postings import clearing, moved
from topup.payments.vouchers.postings import SOLD

METHOD: Final = "cash"
SAFE: Final = "safe"
"""Where floats come from, and where what was counted goes."""
DIFFERENCES: Final = "cash_differences"
EXPENSES: Final = "till_expenses"
"""What was bought with money of a drawer."""


def drawer(till: str) -> str:
    """The account of what is in a till's drawer: it gives what was put in, as all do that have money of ours."""
    return f"drawer:{till}"


def taken(payment_id: str, lane: int, till: str, currency: str, amount: int) -> Transfer:
    """The price of a payment went into a drawer."""
    return moved(
        (drawer(till), clearing(METHOD)),
        lane=lane,
        key=f"{payment_id}:cash",
        currency=currency,
        amount=amount,
        purpose="cash_taken",
        reference=payment_id,
    )


def paid_back(refund_id: str, lane: int, till: str, currency: str, amount: int) -> Transfer:
    """What goes back of a payment left a drawer."""
    return moved(
        (clearing(METHOD), drawer(till)),
        lane=lane,
        key=f"{refund_id}:cash",
        currency=currency,
        amount=amount,
        purpose="cash_paid_back",
        reference=refund_id,
    )


def opened(session_id: str, lane: int, till: str, currency: str, float_minor: int) -> list[Transfer]:
    """The float went from the safe into the drawer."""
    if not float_minor:
        return []
    return [
        moved(
            (drawer(till), SAFE),
            lane=lane,
            key=f"{session_id}:float",
            currency=currency,
            amount=float_minor,
            purpose="till_float",
            reference=session_id,
        )
    ]


def between(session_id: str, lane: int, till: str, currency: str, *, form: str, why: str, amount: int) -> Transfer:
    """Money went into a drawer (`amount` above zero) or out of it, and paid for no top-up."""
    other = {"expense": EXPENSES, "card": SOLD}.get(why, SAFE)
    return moved(
        (drawer(till), other) if amount > 0 else (other, drawer(till)),
        lane=lane,
        key=f"{session_id}:moved:{form}",
        currency=currency,
        amount=abs(amount),
        purpose=f"till_{why}",
        reference=session_id,
    )


def closed(session_id: str, lane: int, till: str, currency: str, *, counted: int, difference: int) -> list[Transfer]:
    """What was counted went from the drawer into the safe; what was too much or too little is ours to explain."""
    rows = [(SAFE, drawer(till), counted, "count")]
    rows += [(DIFFERENCES, drawer(till), -difference, "missing"), (drawer(till), DIFFERENCES, difference, "surplus")]
    return [
        moved(
            (source, to),
            lane=lane,
            key=f"{session_id}:{word}",
            currency=currency,
            amount=amount,
            purpose=f"till_{word}",
            reference=session_id,
        )
        for source, to, amount, word in rows
        if amount > 0
    ]
