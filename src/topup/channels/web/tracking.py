"""An order as its page shows it: a headline, what happens now, the steps, and what its payer can do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from topup.channels.web.progress import Step, steps
from topup.channels.web.reviewing import GrantRow, MethodRow, grant_rows, method_rows
from topup.channels.web.wording import Said, Wording
from topup.orders.states import Cause
from topup.orders.views import MethodView, OrderView, PaymentView
from topup.orders.wording import returned_words

_LOOKS: Final = {
    "payment_declined": ("alarm", "alarm"),
    "payment_mismatched": ("alarm", "alarm"),
    "delivered": ("", "tick"),
    "unresolved": ("wait", "clock"),
    "needs_person": ("wait", "person"),
    "refunding": ("wait", "return"),
    "refunded": ("", "return"),
    "expired": ("wait", "clock"),
    "cancelled": ("wait", "cross"),
}
_USUAL_LOOK: Final = ("", "clock")
_PAYER_SPECIFIC: Final = frozenset({"payment_declined", "payment_pending", "payment_mismatched"})
"""Next steps that have a headline of their own: they say more than the order's state."""

_PAID: Final = frozenset({"paid", "delivering", "delivered", "unresolved", "needs_person", "refunding", "refunded"})
_NOTHING_TO_PAY: Final = frozenset({"expired", "cancelled"})
_GOING_BACK: Final = frozenset({"refunding", "refunded"})
_KEEPING: Final = _PAID - _GOING_BACK
_REPEATABLE: Final = frozenset({"delivered", "expired", "cancelled", "refunded"})


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step with its time."""

    name: str
    standing: str
    time: str
    instant: str
    more: str


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Everything the page of an order shows. `token` changes whenever something on it did."""

    id: str
    token: str
    final: bool
    tone: str
    icon: str
    headline: str
    next: str
    who: str
    number: str
    carrier: str
    grants: list[GrantRow]
    total: str
    is_paid: bool
    steps: list[StepRow]
    receipt: bool
    may_be_taken_back: bool
    """Another carrier credited it, and carriers sometimes reverse."""
    repeatable: bool
    cancellable: bool
    payable: bool
    continue_at: str = ""
    continue_sum: str = ""
    methods: Sequence[MethodRow] = ()
    pay_key: str = ""
    share_path: str = ""
    share_address: str = ""
    trouble: Said | None = None
    second_payment: str = ""
    goes_back: bool = False
    """Nothing was credited for good: what was paid goes back, or did."""
    refunded: str = ""
    """The whole price, once it has gone back."""
    returned: Sequence[str] = ()
    """Of money that came and could not pay the order: how much, why, and where it is."""


def order_page(order: OrderView, wording: Wording) -> OrderPage:
    """An order as whoever has its id may see it, without the ways to pay."""
    spoken = order.next_step if order.next_step in _PAYER_SPECIFIC else order.status
    second = _second_payment(order)
    tone, icon = _LOOKS.get(spoken, _USUAL_LOOK)
    return OrderPage(
        id=order.id,
        token=".".join([order.status, order.next_step, *([second] if second else []), *_standings(order)]),
        final=order.final,
        tone=tone,
        icon=icon,
        headline=wording.text(f"headline_{spoken}"),
        next=wording.order_text(f"next.{order.next_step}"),
        who=wording.text(f"who_{order.who_must_act}") if order.who_must_act in {"us", "carrier"} else "",
        number=order.msisdn.grouped(),
        carrier=wording.name(order.carrier_names),
        grants=grant_rows(order.grants, order.zone, wording),
        total=wording.money(order.total) if order.status not in _NOTHING_TO_PAY else "",
        is_paid=order.status in _PAID,
        steps=[_step_row(step, order, wording) for step in steps(order)],
        receipt=order.receipt_number is not None,
        may_be_taken_back=order.status == "delivered"
        and any(entry.cause == Cause.SENT_TO_CARRIER for entry in order.timeline),
        repeatable=order.status in _REPEATABLE,
        cancellable=order.status == "awaiting_payment",
        payable=order.status == "awaiting_payment",
        second_payment=wording.order_text(f"second_payment.{second}") if second else "",
        goes_back=order.status in _GOING_BACK,
        refunded=wording.money(order.total) if order.status == "refunded" else "",
        returned=returned_words(order, locale=wording.locale),
    )


def _standings(order: OrderView) -> list[str]:
    return [money.standing for payment in order.payments for money in payment.returned]


def _second_payment(order: OrderView) -> str:
    """`going_back` or `went_back` when more was paid than the order keeps, else empty.

    Where the order's own money goes back too, the view does not tell which payment was the second: only what is true
    of every payment is said. Money that never could pay the order is no second payment: it is told in `returned`.
    """
    able = [p for p in order.payments if not p.returned]
    back = [p for p in able if p.status in {"refunding", "refunded"} or p.refunded.amount_minor > 0]
    seconds = 1 if order.status in _KEEPING else 2
    own = order.status in _KEEPING or order.status in {"refunding", "refunded"}
    if not own or len(back) < seconds:
        return ""
    going = [payment.status == "refunding" for payment in back]
    if any(going):
        return "going_back" if all(going) or order.status in _KEEPING else ""
    return "" if any(payment.status == "needs_person" for payment in back) else "went_back"


def open_payment(order: OrderView) -> PaymentView | None:
    """The attempt to pay that can be gone on with: the last one, while the payer can still pay it."""
    last = order.payments[-1] if order.payments else None
    going_on = last is not None and last.status == "pending" and last.action is not None
    return last if going_on and order.status == "awaiting_payment" else None


def with_ways_to_pay(
    shown: OrderPage, order: OrderView, methods: Sequence[MethodView], wording: Wording, *, key: str
) -> OrderPage:
    """The page with the ways to pay: going on with a payment that is open, or another way."""
    going_on = open_payment(order)
    return replace(
        shown,
        continue_at=f"/orders/{order.id}/payments/{going_on.id}" if going_on else "",
        continue_sum=wording.money(going_on.amount) if going_on else "",
        # The method of a payment that is open is gone on with, not begun anew.
        methods=method_rows([way for way in methods if not going_on or way.method != going_on.method], wording),
        pay_key=key,
    )


def masked_page(order: OrderView, wording: Wording) -> OrderPage:
    """The order as a stranger may see it: progress and a masked number, no sum, and nothing to press."""
    shown = order_page(replace(order, next_step=order.status), wording)
    # That nothing was charged would be untrue, and that something was is not a stranger's to know.
    untold = order.status in _NOTHING_TO_PAY and order.next_step != order.status
    theirs = untold or order.who_must_act == "you" or order.status == "delivered"
    return replace(
        shown,
        id="",
        headline=wording.order_text(f"state.{order.status}"),
        number=order.msisdn.masked(),
        next="" if theirs else shown.next,
        total="",
        receipt=False,
        repeatable=False,
        cancellable=False,
        payable=False,
        second_payment="",
        refunded="",
        returned=(),
    )


def _step_row(step: Step, order: OrderView, wording: Wording) -> StepRow:
    return StepRow(
        name=wording.text(step.name),
        standing=step.standing,
        time=wording.clock(step.at, order.zone, today=order.created_at) if step.at else "",
        instant=step.at.isoformat(timespec="seconds") if step.at else "",
        more=wording.order_text(f"cause.{step.cause}") if step.cause else "",
    )
