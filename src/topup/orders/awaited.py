"""What an order waits for its payer to do: the payment that is open, and what a bank transfer must say."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from topup.orders.views import OrderView, PaymentView
from topup.platform.i18n import translate

PATIENCE: Final = timedelta(minutes=1)
"""How long a payer is not asked whether it worked: a password, a bank's question, a code that is sent."""


def open_payment(order: OrderView) -> PaymentView | None:
    """The attempt to pay that can be gone on with: the last one, while the payer can still pay it."""
    last = order.payments[-1] if order.payments else None
    going_on = last is not None and last.status == "pending" and last.action is not None
    return last if going_on and order.status == "awaiting_payment" else None


def unheard_of(order: OrderView) -> PaymentView | None:
    """The open payment, once its payer has had time to pay it and nothing was heard: wallets tell nobody of a payer who
    said no. None as long as it is fresh, and of a bank transfer.
    """
    payment = open_payment(order)
    if payment is None or order.read_at is None or transfer_facts(order):
        return None
    return payment if order.read_at - payment.created_at >= PATIENCE else None


def transfer_facts(order: OrderView) -> Mapping[str, str]:
    """What is written on a bank's form, and `until` when it must arrive (ISO 8601), of an order that waits for a
    transfer; else nothing. As much a secret as the order's id.
    """
    payment = open_payment(order)
    action = payment.action if payment else None
    return action.parameters if action is not None and action.type == "transfer" else {}


def next_words(order: OrderView, *, locale: str) -> str:
    """What happens now, or whose turn it is."""
    by_bank = order.next_step == "payment_pending" and transfer_facts(order)
    return translate(locale, "orders", "next.transfer_pending" if by_bank else f"next.{order.next_step}")
