"""Beginning to pay, calling off, and letting expire: many orders at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NotRequired, TypedDict

from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.ids import OrderId, PaymentId
from topup.kernel.money import Money
from topup.orders import operations, queries
from topup.orders.presentation import order_views, payment_view
from topup.orders.queries import Order, Place, place_of
from topup.orders.quotes import PAYABLE_FOR, StoredQuote, decoded
from topup.orders.states import Cause, OrderState
from topup.orders.views import OrderView, PaymentView
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.instruments import records as instruments
from topup.payments.operations import NewPayment, Step
from topup.payments.ports import Action, Scene, Unfit
from topup.payments.queries import Payment
from topup.payments.states import PaymentState, ask_after
from topup.platform.database import Connection
from topup.platform.request_keys import Answering, store_answers
from topup.platform.together import together
from topup.work import trail

MOST_ATTEMPTS: Final = 20
"""Attempts to pay one order; more is not a payer."""

_FIRST_QUESTION: Final = ask_after(0)


@dataclass(frozen=True, slots=True, repr=False)
class Presented:
    """What the payer shows, as in `PaymentRequest`; it is handed on and not kept. `return_path`: where of ours they
    come back to, where that is not the order's page. `instrument`: the token of one they left before.
    """

    payer_address: str | None = None
    payment_code: str | None = None
    wallet_user: str | None = None
    payer: str | None = None
    return_path: str | None = None
    instrument: str | None = None


class NewAttempt(TypedDict):
    """What a channel says of an attempt to pay that it wants; without a `scene` the payer is at a phone's browser,
    without a `currency` the price's own is paid. `keep_for`: the subscriber who leaves the instrument they pay with.
    `by`: who of the staff begins it, for the trail.
    """

    payment_id: PaymentId
    order_id: str
    method: str
    locale: str
    scene: NotRequired[Scene]
    currency: NotRequired[str | None]
    presented: NotRequired[Presented]
    keep_for: NotRequired[str | None]
    by: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt that is written down and not started; `payment` as stored, also when its key had begun it before."""

    payment: Payment
    quote: StoredQuote
    locale: str


@dataclass(frozen=True, slots=True)
class PaymentWanted:
    """An attempt to pay an order by a method, under an id that its caller's key decided.

    `page` gives what the payer is to do where the gateway need not be called to begin, else None; `unfit` why the
    gateway does not take it. Both are pure, for they are asked inside the transaction. `payable_for`: how long the
    order may be paid from now on, where that is longer than it may be paid anyway. `by`: who of the staff begins it,
    for the trail.
    """

    payment_id: PaymentId
    order_id: str
    method: str
    scene: Scene = Scene.PHONE
    page: Callable[[Begun], Action | None] | None = None
    unfit: Callable[[Money, Scene], Unfit | None] | None = None
    payable_for: timedelta | None = None
    currency: str | None = None
    keep_for: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Cancelling:
    """An order to be called off. `by`: who of the staff does it, for the trail; empty for its payer."""

    order_id: OrderId
    by: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """What the gateway answered to the start: an action for the payer, or that it will not be paid this way."""

    payment: Payment
    action: Action | None
    state: PaymentState
    answer: Answering[PaymentView] | None
    reason: str = ""


async def begin(
    connection: Connection, wanted: Sequence[PaymentWanted], now: datetime
) -> list[PaymentView | Begun | Problem]:
    """Write attempts down; a view of those that need no call, or that were started before. Refusals: order_unknown,
    order_not_payable, too_many_payments, those of Unfit.

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
    longer: list[tuple[int, str, datetime]] = []
    keeping: list[tuple[int, str, str]] = []
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
        asked = _amount(same) if same else quote.asked(item.method, item.currency, now)
        why_not = _unfit(item, asked, same.scene if same else item.scene)
        if asked is None or why_not is not None:
            answers.append(Invalid((why_not or Unfit.CURRENCY).value))
            continue
        begun = Begun(same or _payment(item, order, quote, asked, now), quote, order.locale)
        if same is None:
            begun = _on_its_page(begun, item)
            new.append(_new(begun.payment))
            if item.keep_for is not None:
                keeping.append((order.lane, str(begun.payment.id), item.keep_for))
            if begun.payment.expires_at > order.expires_at:
                longer.append((order.lane, str(order.id), begun.payment.expires_at))
            earlier.append(begun.payment)
        answers.append(begun if begun.payment.state is PaymentState.STARTING else payment_view(begun.payment))
    await payments.begin(connection, new, now)
    await instruments.want(connection, keeping, now)
    await operations.keep_payable(connection, longer)
    await _note_begun(connection, new, {item.payment_id: item.by for item in wanted if item.by}, now)
    return answers


async def _note_begun(
    connection: Connection, new: Sequence[NewPayment], staff: Mapping[PaymentId, str], now: datetime
) -> None:
    """Attempts that staff begin are in the trail."""
    for payment in new:
        if payment.id not in staff:
            continue
        after = {"state": PaymentState.STARTING.value if payment.action is None else PaymentState.PENDING.value}
        facts = {
            "order": payment.order_id,
            "method": payment.method,
            "amount_minor": payment.amount.amount_minor,
            "currency": payment.amount.currency,
            **trail.change(None, after),
        }
        by, action = staff[payment.id], "order.payment_begun"
        await trail.write(connection, actor=by, action=action, subject=payment.id, facts=facts, now=now)


def _refusal(order: Order, attempts: int, now: datetime) -> Problem | None:
    if order.state is not OrderState.AWAITING_PAYMENT or now >= order.expires_at:
        return Conflict("order_not_payable", status=order.state.value)
    return Invalid("too_many_payments") if attempts >= MOST_ATTEMPTS else None


def _unfit(item: PaymentWanted, asked: Money | None, scene: Scene) -> Unfit | None:
    return None if item.unfit is None or asked is None else item.unfit(asked, scene)


def _amount(payment: Payment) -> Money:
    return Money(payment.amount_minor, payment.currency)


def _payment(item: PaymentWanted, order: Order, quote: StoredQuote, asked: Money, now: datetime) -> Payment:
    return Payment(
        lane=order.lane,
        id=item.payment_id,
        order_id=order.id,
        method=item.method,
        scene=item.scene,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        fee_minor=quote.fee_minor(item.method),
        state=PaymentState.STARTING,
        action=None,
        created_at=now,
        expires_at=_payable_until(item, order, now),
        asked=0,
    )


def _payable_until(item: PaymentWanted, order: Order, now: datetime) -> datetime:
    """A method that takes days keeps its order payable for days; others are still paid within minutes then."""
    if item.payable_for is not None:
        return max(order.expires_at, now + item.payable_for)
    return min(order.expires_at, now + PAYABLE_FOR)


def _on_its_page(begun: Begun, item: PaymentWanted) -> Begun:
    """Started, where that takes no more than the address of a page."""
    action = item.page(begun) if item.page else None
    if action is None:
        return begun
    return replace(begun, payment=replace(begun.payment, state=PaymentState.PENDING, action=_told(action)))


def _told(action: Action) -> dict[str, Any]:
    return {"type": action.type, "url": action.url, "parameters": dict(action.parameters)}


def _new(payment: Payment) -> NewPayment:
    return NewPayment(
        lane=payment.lane,
        id=payment.id,
        order_id=payment.order_id,
        method=payment.method,
        scene=payment.scene,
        amount=_amount(payment),
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
            item.reason,
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
    return replace(item.payment, state=item.state, action=action, reason=item.reason)


async def cancel(connection: Connection, wanted: Sequence[Cancelling], now: datetime) -> list[OrderView | Problem]:
    """Call orders off that nobody paid yet; cancelling a cancelled one changes nothing.

    Refusals: order_unknown, too_late_to_cancel. A payment that was made before, and is heard of later, still counts.
    """
    places = [place_of("order", item.order_id) for item in wanted]
    orders = await queries.locked(connection, sorted(set(places)))
    path = ((OrderState.CANCELLED, Cause.CANCELLED_BY_PAYER),)
    waiting = [order for order in orders.values() if order.state is OrderState.AWAITING_PAYMENT]
    moved = await operations.advance(connection, [operations.Move(o.lane, o.id, path) for o in waiting], now)
    await payments.close_open(connection, [(o.lane, str(o.id)) for o in waiting if o.id in moved], now)
    views = await order_views(connection, places)
    said = trail.change({"state": OrderState.AWAITING_PAYMENT.value}, {"state": OrderState.CANCELLED.value})
    for identifier, by in {item.order_id: item.by for item in reversed(wanted) if item.by}.items():
        if identifier in moved:
            action = "order.cancelled"
            await trail.write(connection, actor=by, action=action, subject=identifier, facts=said, now=now)
    return [_cancelled(views.get(item.order_id)) for item in wanted]


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
