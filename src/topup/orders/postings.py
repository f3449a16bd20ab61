"""What an order is in the ledger: how the money that waits in `suspense` is divided when the order is delivered.

Everything that was paid enters `suspense` with the capture and leaves it with the delivery or the refund: for a settled
order nothing of it remains there.
"""

from collections.abc import Iterable
from typing import Final

from topup.fulfilment.own import PROMOTIONS, source_of
from topup.kernel.money import is_currency
from topup.ledger import Transfer
from topup.orders.queries import Order
from topup.orders.quotes import StoredQuote
from topup.payments.postings import SUSPENSE

FEES: Final = "fees"
TAX: Final = "tax"
SALES: Final = "sales"


def payable(carrier: str) -> str:
    """The account of what we owe a carrier for what it delivered."""
    return f"payable:{carrier}"


def divided(order: Order, quote: StoredQuote, *, fee_minor: int, carrier: str | None) -> list[Transfer]:
    """Where an order's money goes besides the credit itself: fees, tax, sales, discounts, the carrier's share.

    `carrier` is the outside carrier that delivered; None for the own network, whose grants are credited beside these.
    """
    sums = {kind: sum(line.amount_minor for line in quote.lines if line.type == kind) for kind in _KINDS}
    face = sums["face"]
    if carrier is None:
        to_line = sum(
            grant.amount
            for grant in quote.grants
            if is_currency(grant.asset) and source_of(grant, SUSPENSE) == SUSPENSE
        )
        rest = [(SUSPENSE, SALES, face - to_line, "sale"), (PROMOTIONS, SUSPENSE, to_line - face, "bonus")]
    else:
        rest = [(SUSPENSE, payable(carrier), face, "delivery")]
    return _transfers(
        order,
        [
            *rest,
            (SUSPENSE, FEES, sums["product_fee"], "product_fee"),
            (SUSPENSE, FEES, fee_minor, "payment_fee"),
            (SUSPENSE, TAX, sums["tax"], "tax"),
            (PROMOTIONS, SUSPENSE, -sums["discount"], "discount"),
        ],
    )


_KINDS: Final = ("face", "product_fee", "tax", "discount")


def _transfers(order: Order, rows: Iterable[tuple[str, str, int, str]]) -> list[Transfer]:
    return [
        Transfer(
            lane=order.lane,
            key=f"{order.id}:{purpose}",
            debit_code=debit,
            credit_code=credit,
            asset=order.currency,
            amount=amount,
            purpose=purpose,
            reference=order.id,
        )
        for debit, credit, amount, purpose in rows
        if amount > 0
    ]


def reversed_(transfers: Iterable[Transfer]) -> list[Transfer]:
    """The compensating entries of transfers: a correction is a new entry."""
    return [
        Transfer(
            lane=transfer.lane,
            key=f"{transfer.key}:reversed",
            debit_code=transfer.credit_code,
            credit_code=transfer.debit_code,
            asset=transfer.asset,
            amount=transfer.amount,
            purpose=f"{transfer.purpose}_reversed",
            reference=transfer.reference,
        )
        for transfer in transfers
    ]
