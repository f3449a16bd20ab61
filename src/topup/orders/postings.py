"""What an order is in the ledger: how the money that waits in `suspense` is divided when the order is delivered.

Everything that was paid enters `suspense` with the capture and leaves it with the delivery or the refund: for a settled
order nothing of it remains there. What was paid in another currency than the price's waits in its own, and is
exchanged when the order is delivered: until then it goes back as it came.
"""

from collections.abc import Iterable
from typing import Final

from topup.fulfilment.own import PROMOTIONS, source_of
from topup.kernel.money import is_currency
from topup.ledger import Transfer
from topup.orders.queries import Order
from topup.orders.quotes import StoredQuote
from topup.payments.postings import SUSPENSE
from topup.payments.queries import Payment

FEES: Final = "fees"
TAX: Final = "tax"
SALES: Final = "sales"
EXCHANGE: Final = "exchange"
"""Our account between currencies, in each of them: what came in one and was given for it in the other, roundings with
it. What the two are worth together is our gain or loss.
"""


GOODWILL: Final = "goodwill"
"""Our account of what was given back for top-ups that had arrived."""


def goodwill_reversed(order: Order, payment: Payment, amount_minor: int) -> list[Transfer]:
    """A top-up did not arrive after all: what was given back of it is the payer's own money, and no cost of ours."""
    row = (SUSPENSE, GOODWILL, amount_minor, f"{GOODWILL}_reversed")
    return _transfers(order, payment.currency, [row])


def payable(carrier: str) -> str:
    """The account of what we owe a carrier for what it delivered."""
    return f"payable:{carrier}"


def divided(order: Order, quote: StoredQuote, *, payment: Payment, carrier: str | None) -> list[Transfer]:
    """Where an order's money, which came by `payment`, goes besides the credit itself: the exchange, fees, tax, sales,
    discounts, the carrier's share.

    `carrier` is the outside carrier that delivered; None for the own network, whose grants are credited beside these.
    """
    exchanged = _exchanged(order, quote, payment)
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
    return exchanged + _transfers(
        order,
        quote.currency,
        [
            *rest,
            (SUSPENSE, FEES, sums["product_fee"], "product_fee"),
            (SUSPENSE, FEES, payment.fee_minor, "payment_fee"),
            (SUSPENSE, TAX, sums["tax"], "tax"),
            (PROMOTIONS, SUSPENSE, -sums["discount"], "discount"),
        ],
    )


_KINDS: Final = ("face", "product_fee", "tax", "discount")


def _exchanged(order: Order, quote: StoredQuote, payment: Payment) -> list[Transfer]:
    """What was paid, given for the price; nothing where it was paid in the price's currency."""
    if payment.currency == quote.currency:
        return []
    total = quote.total_minor(payment.method)
    return [
        *_transfers(order, payment.currency, [(SUSPENSE, EXCHANGE, payment.amount_minor, "exchange_paid")]),
        *_transfers(order, quote.currency, [(EXCHANGE, SUSPENSE, total, "exchange_price")]),
    ]


def _transfers(order: Order, asset: str, rows: Iterable[tuple[str, str, int, str]]) -> list[Transfer]:
    return [
        Transfer(
            lane=order.lane,
            key=f"{order.id}:{purpose}",
            debit_code=debit,
            credit_code=credit,
            asset=asset,
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
