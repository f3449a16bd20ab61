"""Beginning to pay, calling off, and letting expire: many orders at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypedDict

from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.ids import OrderId, PaymentId
from topup.kernel.money import Money
from topup.orders import operations, queries
from topup.orders.presentation import order_views, payment_view
from topup.orders.queries import Order, Place, place_of
from topup.orders.quotes import StoredQuote, decoded
from topup.orders.states import Cause, OrderState
from topup.orders.views import OrderView, PaymentView
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.operations import NewPayment, Step
from topup.payments.ports import Action
from topup.payments.queries import Payment
from topup.payments.states import PaymentState, ask_after
from topup.platform.database import Connection
from topup.platform.request_keys import Answering, store_answers
from topup.platform.together import together

MOST_ATTEMPTS: Final = 20
"""Attempts to pay one order; more is not a payer."""

_FIRST_QUESTION: Final = ask_after(0)


class NewAttempt(TypedDict):
    """What a channel says of an attempt to pay that it wants."""

    payment_id: PaymentId
    order_id: str
    method: str
    locale: str


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt that is written down and not started; `payment` as stored, also when its key had begun it before."""

    payment: Payment
    quote: StoredQuote
    locale: str


@dataclass(frozen=True, slots=True)
class PaymentWanted:
    """An attempt to pay an order by a method, under an id that its caller's key decided. `page` gives what the payer is
    to do where the gateway need not be called to begin, else None: pure, for it is asked inside the transaction.
    """

    payment_id: PaymentId
    order_id: str
    method: str
    page: Callable[[Begun], Action | None] | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """What the gateway answered to the start: an action for the payer, or that it will not be paid this way."""

    payment: Payment
    action: Action | None
    state: PaymentState
    answer: Answering[PaymentView] | None


async def begin(
    connection: Connection, wanted: Sequence[PaymentWanted], now: datetime
) -> list[PaymentView | Begun | Problem]:
    """Write attempts down; a view of those that need no call, or that were started before. Refusals: order_unknown,
    order_not_payable, too_many_payments.

    One that was begun before is given as it is; but nobody is sent to the gateway any more with one that never started
    once its order cannot be paid.
    """
    places = [place_of("order", item.order_id) for item in wanted]
    orders, before = await together(
        queries.locked(connection, sorted(set(places))), paid.payments_of_orders(connection, places)
    )
    quotes = await queries.quotes(connection, [(order.lane, order.quote_id) for order in orders.values()])
    answers: list[PaymentView | Begun | Problem] = []
    new: list[NewPayment] = []
    for item in wanted:
        order = orders.get(item.order_id)
        if order is None:
            answers.append(NotFound("order_unknown"))
            continue
        earlier = before.setdefault(order.id, [])
        same = next((payment for payment in earlier if payment.id == item.payment_id), None)
        if same is not None and same.state is not PaymentState.STARTING:
            answers.append(payment_view(same))
            continue
        refusal = _refusal(order, sum(payment is not same for payment in earlier), now)
        if refusal is not None:
            answers.append(refusal)
            continue
        quote = decoded(quotes[order.quote_id].body)
        begun = Begun(same or _payment(item, order, quote, now), quote, order.locale)
        if same is None:
            begun = _on_its_page(begun, item)
            new.append(_new(begun.payment))
            earlier.append(begun.payment)
        answers.append(begun if begun.payment.state is PaymentState.STARTING else payment_view(begun.payment))
    await payments.begin(connection, new, now)
    return answers


def _refusal(order: Order, attempts: int, now: datetime) -> Problem | None:
    if order.state is not OrderState.AWAITING_PAYMENT or now >= order.expires_at:
        return Conflict("order_not_payable", status=order.state.value)
    return Invalid("too_many_payments") if attempts >= MOST_ATTEMPTS else None


def _payment(item: PaymentWanted, order: Order, quote: StoredQuote, now: datetime) -> Payment:
    return Payment(
        lane=order.lane,
        id=item.payment_id,
        order_id=order.id,
        method=item.method,
        amount_minor=quote.total_minor(item.method),
        currency=quote.currency,
        fee_minor=quote.fee_minor(item.method),
        state=PaymentState.STARTING,
        action=None,
        created_at=now,
        expires_at=order.expires_at,
        asked=0,
    )


def _on_its_page(begun: Begun, item: PaymentWanted) -> Begun:
    """Started, where that takes no more than the address of a page."""
    action = item.page(begun) if item.page else None
    if action is None:
        return begun
    return replace(begun, payment=replace(begun.payment, state=PaymentState.PENDING, action=_told(action)))


def _told(action: Action) -> dict[str, str]:
    return {"type": action.type, "url": action.url}


def _new(payment: Payment) -> NewPayment:
    return NewPayment(
        lane=payment.lane,
        id=payment.id,
        order_id=payment.order_id,
        method=payment.method,
        amount=Money(payment.amount_minor, payment.currency),
        fee_minor=payment.fee_minor,
        expires_at=payment.expires_at,
        action=payment.action,
    )


async def begun(connection: Connection, place: Place) -> Begun:
    """An attempt (lane, id) as it was begun; raises NotFound payment_unknown."""
    found = await paid.payments(connection, [place])
    if not found:
        raise NotFound("payment_unknown")
    payment = found[place[1]]
    at = (payment.lane, str(payment.order_id))
    order = (await queries.orders(connection, [at]))[payment.order_id]
    quotes = await queries.quotes(connection, [(order.lane, order.quote_id)])
    return Begun(payment, decoded(quotes[order.quote_id].body), order.locale)


async def started(connection: Connection, items: Sequence[Started], now: datetime) -> list[PaymentView | Problem]:
    """Write down what gateways answered, with the answers to the callers.

    What became of a payment while its gateway answered (it was paid, or closed with its order) stands, and is shown.
    """
    steps = [
        Step(
            item.payment.lane,
            item.payment.id,
            item.state,
            now + _FIRST_QUESTION if item.state is PaymentState.PENDING else None,
            _told(item.action) if item.action else None,
        )
        for item in items
        if item.state is not item.payment.state
    ]
    orders = sorted({(item.payment.lane, str(item.payment.order_id)) for item in items})
    _, moved = await together(queries.locked(connection, orders), payments.advance(connection, steps, now))
    overtaken = [(step.lane, step.id) for step in steps if step.id not in moved]
    stands = await paid.payments(connection, overtaken) if overtaken else {}
    views = [payment_view(stands.get(item.payment.id) or _after(item)) for item in items]
    stored = [
        (item.answer.claim, *item.answer.render(view))
        for item, view in zip(items, views, strict=True)
        if item.answer is not None
    ]
    await store_answers(connection, stored)
    return list(views)


def _after(item: Started) -> Payment:
    action = _told(item.action) if item.action else item.payment.action
    return replace(item.payment, state=item.state, action=action)


async def cancel(connection: Connection, wanted: Sequence[OrderId], now: datetime) -> list[OrderView | Problem]:
    """Call orders off that nobody paid yet; cancelling a cancelled one changes nothing.

    Refusals: order_unknown, too_late_to_cancel. A payment that was made before, and is heard of later, still counts.
    """
    places = [place_of("order", identifier) for identifier in wanted]
    orders = await queries.locked(connection, sorted(set(places)))
    path = ((OrderState.CANCELLED, Cause.CANCELLED_BY_PAYER),)
    waiting = [order for order in orders.values() if order.state is OrderState.AWAITING_PAYMENT]
    moved = await operations.advance(connection, [operations.Move(o.lane, o.id, path) for o in waiting], now)
    await payments.close_open(connection, [(o.lane, str(o.id)) for o in waiting if o.id in moved], now)
    views = await order_views(connection, places)
    return [_cancelled(views.get(identifier)) for identifier in wanted]


def _cancelled(view: OrderView | None) -> OrderView | Problem:
    if view is None:
        return NotFound("order_unknown")
    return view if view.status == OrderState.CANCELLED else Conflict("too_late_to_cancel", status=view.status)


async def expire(connection: Connection, limit: int, now: datetime) -> list[str]:
    """Let up to `limit` orders expire that were not paid in time, and have their gateways close the payments."""
    places = await operations.due_to_expire(connection, limit, now)
    if not places:
        return []
    path = ((OrderState.EXPIRED, Cause.NOT_PAID_IN_TIME),)
    moves = [operations.Move(lane, identifier, path) for lane, identifier in places]
    moved = await operations.advance(connection, moves, now)
    await payments.close_open(connection, [place for place in places if place[1] in moved], now)
    return [identifier for _, identifier in places]
