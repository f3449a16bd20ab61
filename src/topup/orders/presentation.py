"""Orders as channels show them, put together from what the rooms know."""

import heapq
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from topup.kernel.ids import QuoteId
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.orders import declines, queries
from topup.orders.granting import credited
from topup.orders.postings import GOODWILL
from topup.orders.queries import HistoryRow, Order, Place, ReceiptRow
from topup.orders.quotes import StoredQuote, decoded
from topup.orders.receipts import receipt_number, view
from topup.orders.states import SETTLED, WHO_MUST_ACT, Cause, OrderState
from topup.orders.views import OrderView, PaymentView, QuoteGrant, ReturnedMoney, TimelineEntry
from topup.payments import queries as paid
from topup.payments.ports import Action
from topup.payments.queries import Capture, Payment, Refund
from topup.payments.states import BACK, Disposition, PaymentState, RefundState
from topup.platform.database import Connection

_PAYABLE: Final = frozenset({PaymentState.STARTING, PaymentState.PENDING})
"""While the payer can still pay: afterwards nobody is sent to a page where nothing is to be done."""

_UNPAID: Final = frozenset({OrderState.EXPIRED, OrderState.CANCELLED})

_NOT_FOR_THE_ORDER: Final = frozenset({Disposition.MISMATCHED, Disposition.LATE})
"""Money that never could pay its order. Surplus is told apart: it is a second payment of an order that is paid."""
_SECOND: Final = frozenset({Disposition.SURPLUS})


async def order_views(connection: Connection, places: Sequence[Place]) -> dict[str, OrderView]:
    """The orders that exist among `places`, with everything their payers may see, by id."""
    if not places:
        return {}
    orders = await queries.orders(connection, places)
    if not orders:
        return {}
    quotes = await queries.quotes(connection, [(order.lane, order.quote_id) for order in orders.values()])
    steps = await queries.history(connection, places)
    receipts = await queries.receipts(connection, places)
    payments = await paid.payments_of_orders(connection, places)
    attempts = [(payment.lane, str(payment.id)) for found in payments.values() for payment in found]
    captures = await paid.captures(connection, attempts) if attempts else {}
    back = sorted({(c.lane, str(c.payment_id)) for found in captures.values() for c in found if c.refunded_minor})
    refunds = await paid.refunds_of_payments(connection, back) if back else {}
    return {
        order.id: _view(
            order,
            decoded(quotes[order.quote_id].body),
            steps.get(order.id, []),
            [
                _payment(payment, captures.get(payment.id, []), refunds.get(payment.id, []))
                for payment in payments.get(order.id, [])
            ],
            receipts.get(order.id),
        )
        for order in orders.values()
    }


def new_order_view(order: Order, quote: StoredQuote) -> OrderView:
    """An order that was made just now."""
    step = HistoryRow(order.id, OrderState.AWAITING_PAYMENT.value, order.created_at, Cause.ORDERED.value)
    return _view(order, quote, [step], [], None)


def payment_view(payment: Payment) -> PaymentView:
    """An attempt to pay under which no money has come."""
    return _payment(payment, [], [])


def _view(
    order: Order,
    quote: StoredQuote,
    steps: Sequence[HistoryRow],
    payments: Sequence[PaymentView],
    receipt: ReceiptRow | None,
) -> OrderView:
    kept = next((payment for payment in payments if payment.id == order.kept_payment_id), None)
    method = kept.method if kept else quote.method
    quoted = TimelineEntry(OrderState.QUOTED.value, quote.created_at, Cause.QUOTED.value)
    who = WHO_MUST_ACT[order.state]
    going_back = any(payment.status in {"refunding", "needs_person"} for payment in payments)
    others = [payment for payment in payments if payment.id != order.kept_payment_id]
    may_come = order.state in SETTLED and any(map(_may_come, others))
    return OrderView(
        id=order.id,
        quote_id=QuoteId(order.quote_id),
        status=order.state.value,
        msisdn=Msisdn(order.msisdn, quote.country),
        carrier_id=order.carrier_id,
        carrier_names=quote.names,
        product=quote.product,
        face=Money(order.face_minor, order.currency),
        total=Money(quote.total_minor(method), quote.currency),
        lines=quote.lines_for(method),
        grants=_grants(quote, receipt),
        timeline=_timeline([quoted, *(TimelineEntry(step.state, step.at, step.cause) for step in steps)], payments),
        payments=tuple(payments),
        next_step=_next_step(order.state, payments, may_come=may_come),
        who_must_act=who.value if who else None,
        receipt_number=receipt_number(lane=receipt.lane, year=receipt.year, number=receipt.number) if receipt else None,
        locale=order.locale,
        zone=quote.zone,
        created_at=order.created_at,
        expires_at=order.expires_at,
        final=order.state in SETTLED and not going_back and not may_come,
        exchange=quote.exchange(kept.method, kept.amount.currency) if kept else None,
        link=quote.link,
        hides_number=quote.hides_number,
        points=quote.points_view if order.moves_points else None,
        gifts=quote.gifts_view,
    )


def _grants(quote: StoredQuote, receipt: ReceiptRow | None) -> tuple[QuoteGrant, ...]:
    if receipt is None or not quote.is_own_network:
        return quote.grants_view()
    return credited(quote.grants, view(receipt).body.grants, receipt.issued_at)


_CAME: Final = {
    Disposition.MISMATCHED.value: Cause.MONEY_MISMATCHED,
    Disposition.LATE.value: Cause.MONEY_LATE,
    Disposition.SURPLUS.value: Cause.MONEY_SECOND,
    GOODWILL: Cause.GIVEN_BACK,
}


def _timeline(steps: Sequence[TimelineEntry], payments: Sequence[PaymentView]) -> tuple[TimelineEntry, ...]:
    """The steps of the order, and between them what came that could not pay it or was given back, and when it was
    back.
    """
    beside: list[tuple[datetime, Cause]] = []
    for money in (money for one in payments for money in (*one.returned, *one.second, *one.given_back)):
        beside += [(money.came, _CAME[money.reason])] if money.came else []
        back = Cause.GIVEN_BACK_ARRIVED if money.reason == GOODWILL else Cause.OTHER_MONEY_BACK
        beside += [(money.at, back)] if money.at else []
    entries = [
        TimelineEntry([step.state for step in steps if step.at <= at or step is steps[0]][-1], at, cause.value)
        for at, cause in beside
    ]
    # The order's own steps stay as they were, also where a clock jumped.
    return tuple(heapq.merge(steps, sorted(entries, key=_at), key=_at)) if entries else tuple(steps)


def _at(entry: TimelineEntry) -> datetime:
    return entry.at


def _may_come(payment: PaymentView) -> bool:
    """Whether money may still come by an attempt to pay an order that is over, or was paid by another: its gateway has
    not said that it is closed. It would go back, or count where it was paid in time.
    """
    return payment.status in _PAYABLE or (payment.status == PaymentState.NEEDS_PERSON and not payment.returned)


def _next_step(state: OrderState, payments: Sequence[PaymentView], *, may_come: bool) -> str:
    """The message that says what happens now; each is a `next.…` of the catalogue `orders`."""
    if state is OrderState.AWAITING_PAYMENT and payments:
        last = payments[-1].status
        if any(money.reason == Disposition.MISMATCHED for money in payments[-1].returned):
            return "payment_mismatched"
        told = {"declined": "payment_declined", "pending": "payment_pending", "closed": "payment_closed"}
        return told.get(last, state.value)
    if state is OrderState.DELIVERED:
        given = {money.standing for payment in payments for money in payment.given_back}
        return f"{state.value}_{'refunding' if given - {'went_back'} else 'refunded'}" if given else state.value
    if state not in _UNPAID:
        return state.value
    standings = {money.standing for payment in payments for money in payment.returned}
    if standings - {"went_back"}:
        return f"{state.value}_refunding"
    if may_come:
        return f"{state.value}_open"
    # Something was charged, though it is back: the plain text would deny it.
    return f"{state.value}_refunded" if standings else state.value


def _payment(payment: Payment, captures: Sequence[Capture], refunds: Sequence[Refund]) -> PaymentView:
    came = [capture.currency for capture in captures]
    # A provider may take another currency than it was asked for; all else that came is among what is returned.
    currency = payment.currency if payment.currency in came else next(iter(came), payment.currency)
    gone = [refund for refund in refunds if refund.state in BACK and refund.currency == currency]
    return PaymentView(
        id=payment.id,
        method=payment.method,
        status=_status(payment, captures, refunds),
        amount=Money(payment.amount_minor, payment.currency),
        created_at=payment.created_at,
        action=Action(**payment.action) if payment.action and payment.state in _PAYABLE else None,
        refunded=Money(sum(refund.amount_minor for refund in gone), currency),
        returned=_returned(captures, refunds, _NOT_FOR_THE_ORDER),
        second=_returned(captures, refunds, _SECOND),
        given_back=given_back(refunds),
        received=Money(sum(c.amount_minor for c in captures if c.currency == currency), currency),
        reason=declines.told(payment.reason) if payment.state is PaymentState.DECLINED else "",
    )


def _returned(
    captures: Sequence[Capture], refunds: Sequence[Refund], dispositions: Collection[Disposition]
) -> tuple[ReturnedMoney, ...]:
    return tuple(
        _going(capture, [refund for refund in refunds if refund.reference == capture.reference])
        for capture in captures
        if capture.disposition in dispositions
    )


def given_back(refunds: Sequence[Refund]) -> tuple[ReturnedMoney, ...]:
    """What staff give back among the refunds of a payment, each by itself."""
    return tuple(
        ReturnedMoney(
            amount=Money(refund.amount_minor, refund.currency),
            reason=GOODWILL,
            standing=_standing({refund.state}),
            at=refund.state_since if refund.state in BACK else None,
            came=refund.created_at,
        )
        for refund in refunds
        if refund.reason == GOODWILL
    )


def _going(capture: Capture, refunds: Sequence[Refund]) -> ReturnedMoney:
    standing = _standing({refund.state for refund in refunds})
    return ReturnedMoney(
        amount=Money(capture.amount_minor, capture.currency),
        reason=capture.disposition.value,
        standing=standing,
        at=max(refund.state_since for refund in refunds) if standing == "went_back" else None,
        came=capture.recorded_at,
    )


def _standing(states: Collection[RefundState]) -> str:
    if RefundState.NEEDS_PERSON in states:
        return "with_person"
    return "went_back" if states and all(state in BACK for state in states) else "going_back"


def _status(payment: Payment, captures: Sequence[Capture], refunds: Sequence[Refund]) -> str:
    """What became of the money that came: all of it back, some on its way, or simply paid."""
    if payment.state is not PaymentState.PAID or not refunds:
        return payment.state.value
    if any(refund.state is RefundState.NEEDS_PERSON for refund in refunds):
        return PaymentState.NEEDS_PERSON.value
    if any(refund.state not in BACK for refund in refunds):
        return "refunding"
    whole = all(capture.refunded_minor == capture.amount_minor for capture in captures)
    return "refunded" if whole else PaymentState.PAID.value
