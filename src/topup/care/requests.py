"""What is asked for after ordering: to take a top-up back that went to the wrong number, or to have its money back.

Before it is paid it is cancelled; paid, and nothing sent to its carrier: called off, and the money goes back.
Afterwards the money is in somebody's line: nothing goes back by itself (G29). It becomes a ticket, and a person asks
whoever got it; what was used is never taken back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from topup.care.states import Topic
from topup.care.tickets import Ticket
from topup.kernel.errors import Conflict
from topup.orders.desk import Desk
from topup.orders.states import Cause, OrderState
from topup.orders.views import OrderView

Outcome = Literal["cancelled", "called_off", "ticket"]

_OVER: Final = frozenset(
    {OrderState.EXPIRED, OrderState.CANCELLED, OrderState.REFUNDING, OrderState.REFUNDED, OrderState.QUOTED}
)
"""Nothing was kept, or it goes back already."""
_UNDER_WAY: Final = frozenset({OrderState.PAID, OrderState.DELIVERING, OrderState.UNRESOLVED})
ASKED_FOR: Final = frozenset({Topic.WRONG_NUMBER, Topic.REFUND})


@dataclass(frozen=True, slots=True)
class Requested:
    """What became of it: the order as it is now, and the ticket where a person has to act."""

    outcome: Outcome
    order: OrderView
    ticket: Ticket | None = None


def can_ask(order: OrderView) -> bool:
    """Whether there is anything to ask back."""
    return order.status not in _OVER


async def taken_back(desk: Desk, order: OrderView) -> tuple[Outcome | None, OrderView]:
    """Take an order back, as far as that can be done at once; None where a person has to act.

    Raises Conflict `nothing_to_recall`.
    """
    if order.status == OrderState.AWAITING_PAYMENT:
        try:
            return "cancelled", await desk.cancel(order_id=order.id)
        except Conflict:
            # Paid in that moment.
            order = await desk.get_order(order_id=order.id)
    if order.status in _UNDER_WAY:
        try:
            return "called_off", await desk.call_off(order_id=order.id)
        except Conflict:
            order = await desk.get_order(order_id=order.id)
    if not can_ask(order):
        raise Conflict("nothing_to_recall")
    return None, order


def evidence_of(order: OrderView) -> Mapping[str, Any]:
    """What a person needs to know of it: ids, codes and amounts, nothing personal."""
    sent = any(entry.cause == Cause.SENT_TO_CARRIER for entry in order.timeline)
    kept = next((payment for payment in reversed(order.payments) if payment.status == "paid"), None)
    return {
        "order": order.id,
        "order_state": order.status,
        "payment": kept.id if kept else None,
        "method": kept.method if kept else None,
        "carrier": order.carrier_id,
        "network": "other" if sent else "own",
        "amount_minor": order.total.amount_minor,
        "currency": order.total.currency,
    }
