"""An order as its page shows it: a headline, what happens now, the steps, and what its payer can do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from topup.channels.web.gifts import GiftRow, gift_rows
from topup.channels.web.progress import Step, steps
from topup.channels.web.reviewing import GrantRow, MethodRow, grant_rows, method_rows
from topup.channels.web.sent_gifts.wording import ParcelRow
from topup.channels.web.wording import Said, Wording
from topup.orders.awaited import next_words, open_payment, transfer_facts, unheard_of
from topup.orders.order_gifts import OrderGift
from topup.orders.states import Cause
from topup.orders.views import MethodView, OrderView, PaymentView
from topup.orders.wording import returned_words, second_payment, second_payment_words

_LOOKS: Final = {
    "payment_declined": ("alarm", "alarm"),
    "payment_closed": ("wait", "alarm"),
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
_PAYER_SPECIFIC: Final = frozenset({"payment_closed", "payment_declined", "payment_pending", "payment_mismatched"})
"""Next steps that have a headline of their own: they say more than the order's state."""

_PAID: Final = frozenset({"paid", "delivering", "delivered", "unresolved", "needs_person", "refunding", "refunded"})
_NOTHING_TO_PAY: Final = frozenset({"expired", "cancelled"})
_GOING_BACK: Final = frozenset({"refunding", "refunded"})
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
    """Empty where nothing will come."""
    points: str
    """That come of it, or came."""
    total: str
    exchange: str
    """How the price became the total, where that was paid in another currency."""
    is_paid: bool
    steps: list[StepRow]
    times_in: str
    """By whose clocks the times of the steps are told."""
    receipt: bool
    may_be_taken_back: bool
    """Another carrier credited it, and carriers sometimes reverse."""
    repeatable: bool
    cancellable: bool
    payable: bool
    continue_at: str = ""
    continue_sum: str = ""
    continue_method: str = ""
    transfer: Sequence[tuple[str, str]] = ()
    """Of a bank transfer that is awaited: its reference, and until when it must arrive."""
    methods: Sequence[MethodRow] = ()
    pay_at: str = ""
    pay_key: str = ""
    share_path: str = ""
    share_address: str = ""
    trouble: Said | None = None
    unheard: str = ""
    """The way to pay of an open payment of which nothing was heard though it was begun a while ago."""
    voucher_failed: bool = False
    """The last attempt was a voucher that was not taken: its PIN is asked for again."""
    slip: bool = False
    """Money came back as a voucher, which its owner may look at."""
    second_payment: str = ""
    goes_back: bool = False
    """Nothing was credited for good: what was paid goes back, or did, or nothing was paid."""
    refunded: str = ""
    """The whole price, once it has gone back."""
    balance: tuple[str, str] | None = None
    """Of a line's owner: what it had before this was credited, and after."""
    may_save: bool = False
    """Whoever is signed in may keep its number among theirs."""
    saved: bool = False
    """They did, just now."""
    parcels: Sequence[ParcelRow] = ()
    """Gifts that are sent by post: for its payer, and on no page that is shared."""
    gifts: Sequence[GiftRow] = ()
    returned: Sequence[str] = ()
    """Of money that came and could not pay the order, or is given back: how much, why, and where it is."""


def order_page(order: OrderView, wording: Wording) -> OrderPage:
    """An order as whoever has its id may see it, without the ways to pay."""
    spoken = order.next_step if order.next_step in _PAYER_SPECIFIC else order.status
    second = second_payment(order)
    tone, icon = _LOOKS.get(spoken, _USUAL_LOOK)
    return OrderPage(
        id=order.id,
        token=".".join([order.status, order.next_step, *filter(None, [second]), *_standings(order), *_end(order)]),
        final=order.final,
        tone=tone,
        icon=icon,
        headline=wording.text(f"headline_{spoken}"),
        next=next_words(order, locale=wording.locale),
        who=wording.text(f"who_{order.who_must_act}") if order.who_must_act in {"us", "carrier"} else "",
        number=order.shown_number,
        carrier=wording.name(order.carrier_names),
        grants=[] if order.comes_to_nothing else grant_rows(order.grants, order.zone, wording),
        points=_points(order, wording),
        total=wording.money(order.paid) if order.status not in _NOTHING_TO_PAY else "",
        exchange=wording.exchange(order.exchange) if order.exchange else "",
        is_paid=order.status in _PAID,
        steps=[_step_row(step, order, wording) for step in steps(order)],
        times_in=wording.text("times_in", place=wording.place(order.zone)),
        receipt=order.receipt_number is not None,
        may_be_taken_back=order.status == "delivered"
        and any(entry.cause == Cause.SENT_TO_CARRIER for entry in order.timeline),
        repeatable=order.status in _REPEATABLE,
        cancellable=order.status == "awaiting_payment",
        payable=order.status == "awaiting_payment",
        second_payment=second_payment_words(order, locale=wording.locale),
        goes_back=order.status in _GOING_BACK or order.ended_unpaid,
        refunded=wording.money(order.paid) if order.status == "refunded" else "",
        returned=returned_words(order, locale=wording.locale),
    )


def _points(order: OrderView, wording: Wording) -> str:
    if order.points is None or not order.points.earned or order.status in _GOING_BACK or order.ended_unpaid:
        return ""
    return wording.points(order.points.earned)


def _end(order: OrderView) -> list[str]:
    """That it is the last page: the one before it must not ask on."""
    return ["final"] if order.final else []


def _standings(order: OrderView) -> list[str]:
    return [money.standing for payment in order.payments for money in (*payment.returned, *payment.given_back)]


def with_gifts(shown: OrderPage, found: Sequence[OrderGift], wording: Wording) -> OrderPage:
    """The page with what else comes with the order."""
    rows = gift_rows(found, wording)
    return replace(shown, token=".".join([shown.token, *(row.standing for row in rows)]), gifts=rows)


def with_ways_to_pay(
    shown: OrderPage, order: OrderView, methods: Sequence[MethodView], wording: Wording, *, key: str
) -> OrderPage:
    """The page with the ways to pay: going on with a payment that is open, whose own amount is then what is to be paid,
    fee included; or another way.
    """
    going_on = open_payment(order)
    unheard = unheard_of(order)
    return replace(
        shown,
        token=f"{shown.token}.unheard" if unheard else shown.token,
        unheard=wording.method(unheard.method) if unheard else "",
        total=wording.money(going_on.amount) if going_on else shown.total,
        continue_at=f"/orders/{order.id}/payments/{going_on.id}" if going_on else "",
        continue_sum=wording.money(going_on.amount) if going_on else "",
        continue_method=wording.method(going_on.method) if going_on else "",
        methods=[row for row in method_rows(methods, wording, zone=order.zone) if row.id != _way_of(going_on, order)],
        transfer=_transfer_rows(order, wording),
        pay_at=f"/orders/{order.id}/payments",
        pay_key=key,
        voucher_failed=bool(order.payments) and order.payments[-1].method == "voucher",
    )


def _transfer_rows(order: OrderView, wording: Wording) -> list[tuple[str, str]]:
    """What a payer needs most of a transfer that is awaited; the account stands on its own page."""
    facts = transfer_facts(order)
    if not facts:
        return []
    until = wording.moment_in(datetime.fromisoformat(facts["until"]), order.zone)
    return [(wording.text("transfer_reference"), facts["reference"]), (wording.text("transfer_until"), until)]


def _way_of(going_on: PaymentView | None, order: OrderView) -> str:
    """The row of a payment that is open: it is gone on with, not begun anew."""
    if going_on is None:
        return ""
    currency = going_on.amount.currency
    return going_on.method if currency == order.total.currency else f"{going_on.method}:{currency}"


def masked_page(order: OrderView, wording: Wording) -> OrderPage:
    """The order as a stranger may see it: progress and a masked number, no sum, and nothing to press."""
    untold_back = tuple(replace(payment, given_back=()) for payment in order.payments)
    shown = order_page(replace(order, next_step=order.status, payments=untold_back), wording)
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
        exchange="",
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
