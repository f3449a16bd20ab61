"""What gateways answer about refunds, written down: the refund, its order, and the ledger when the money is back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.errors import NotFound, Problem
from topup.kernel.ids import RefundId, lane_of
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, NotSent, Outcome, Reason, Refused, Throttled
from topup.ledger import Item
from topup.orders import operations, queries
from topup.orders.completion import post_all
from topup.orders.news import Told, tell
from topup.orders.queries import Order
from topup.orders.quotes import decoded
from topup.orders.settlement import Settled
from topup.orders.states import Cause, OrderState
from topup.payments import inbox
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.postings import refunded
from topup.payments.queries import Capture, Payment, Place, Refund
from topup.payments.states import HORIZON, Disposition, RefundState, ask_after
from topup.platform.database import Connection
from topup.platform.inbox import EventKey
from topup.work.operations import Decision, list_for_person

_OPEN: Final = frozenset({RefundState.SENDING, RefundState.ACCEPTED, RefundState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class RefundHeard:
    """What a gateway (`said_by`, its method) said of a refund: as the answer of sending it, or later."""

    refund_id: RefundId
    outcome: Outcome
    said_by: str
    sending: bool = False
    event: EventKey | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    refund: Refund
    payment: Payment
    capture: Capture
    order: Order


@dataclass(slots=True)
class _Plan:
    steps: list[tuple[Place, RefundState, datetime | None]] = field(default_factory=list)
    back: list[_Case] = field(default_factory=list)
    moves: list[operations.Move] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def next_of(refund: Refund, outcome: Outcome, *, sending: bool, now: datetime) -> tuple[RefundState, datetime | None]:
    """The refund's next state and when to act again. It may be sent again, only ever under its own number, where
    nothing was sent or the gateway positively never had it: that is tried on, hourly in the end.
    """
    later = now + ask_after(refund.tries)
    match outcome:
        case Done():
            return RefundState.REFUNDED, None
        case Refused(Reason.ABSENT, _) if not sending and refund.state is not RefundState.ACCEPTED:
            return RefundState.REQUESTED, later
        case Refused(reason, _) if sending or reason is not Reason.ABSENT:
            return RefundState.NEEDS_PERSON, None
        case NotSent() if sending:
            return RefundState.REQUESTED, later
        case Throttled(retry_after_s) if sending:
            return RefundState.REQUESTED, max(later, now + timedelta(seconds=retry_after_s))
    # What was sent just now is asked about once at least, however old the refund is.
    if not sending and now - refund.created_at > HORIZON:
        return RefundState.NEEDS_PERSON, None
    if isinstance(outcome, Accepted) or refund.state is RefundState.ACCEPTED:
        return RefundState.ACCEPTED, later
    return RefundState.UNKNOWN, later


class Refunding:
    """Concludes refunds of this installation."""

    def __init__(self, *, public_url: str) -> None:
        self._public_url = public_url

    async def conclude(
        self, connection: Connection, heard: Sequence[RefundHeard], now: datetime
    ) -> list[Settled | Problem]:
        """Write down many answers. One about a refund we do not know, or of another gateway's, is NotFound
        `refund_unknown`.
        """
        cases = await _open(connection, heard)
        plan = _Plan()
        answers: list[Settled | Problem] = []
        judged: set[str] = set()
        done: list[EventKey] = []
        for item in heard:
            case = cases.get(item.refund_id)
            # Of two answers about one refund in one call, the second one's event stays open for the sweep.
            if item.event is not None and item.refund_id not in judged:
                done.append(item.event)
            if case is None or case.payment.method != item.said_by:
                answers.append(NotFound("refund_unknown"))
                continue
            if case.refund.id not in judged:
                judged.add(case.refund.id)
                _apply(plan, case, item, now)
            answers.append(Settled(case.order.id, case.order.state, to_submit=False))
        moved = await payments.advance_refunds(connection, plan.steps, now)
        if any(case.refund.id not in moved for case in plan.back):
            raise operations.NotMoved("a refund")
        operations.all_moved(plan.moves, await operations.advance(connection, plan.moves, now))
        await list_for_person(connection, plan.decisions, now)
        await self._tell(connection, plan.back, now)
        await inbox.settled(connection, done, now)
        items: list[Item] = [refunded(case.payment, case.refund) for case in plan.back]
        await post_all(connection, items, now)
        return answers

    async def _tell(self, connection: Connection, back: Sequence[_Case], now: datetime) -> None:
        spoken = [case for case in back if case.order.contact_id]
        quotes = await queries.quotes(connection, [(case.order.lane, case.order.quote_id) for case in spoken])
        news = [
            Told(
                order=case.order,
                news="refunded",
                public_url=self._public_url,
                money=Money(case.refund.amount_minor, case.refund.currency),
                zone=decoded(quotes[case.order.quote_id].body).zone,
                key=case.refund.id,
            )
            for case in spoken
        ]
        await tell(connection, news, now)


def _apply(plan: _Plan, case: _Case, item: RefundHeard, now: datetime) -> None:
    refund = case.refund
    settled = isinstance(item.outcome, Done) and refund.state in {RefundState.NEEDS_PERSON, RefundState.REQUESTED}
    if refund.state not in _OPEN and not settled:
        return
    state, act_at = next_of(refund, item.outcome, sending=item.sending, now=now)
    plan.steps.append(((refund.lane, refund.id), state, act_at))
    if state is RefundState.NEEDS_PERSON:
        plan.decisions.append(_decision("refund_unresolved", case, item.outcome))
    if state is RefundState.REQUESTED and now - refund.created_at > HORIZON:
        # It is tried on, and no harm is done by that; but somebody waits for their money.
        plan.decisions.append(_decision("refund_delayed", case, item.outcome))
    if state is RefundState.REFUNDED:
        plan.back.append(case)
    if case.capture.disposition is not Disposition.KEPT:
        return
    # Only the money that is kept concerns the order.
    if state is RefundState.REFUNDED and case.order.state in {OrderState.REFUNDING, OrderState.NEEDS_PERSON}:
        plan.moves.append(_move(case, OrderState.REFUNDED, Cause.MONEY_BACK))
    if state is RefundState.NEEDS_PERSON and case.order.state is OrderState.REFUNDING:
        plan.moves.append(_move(case, OrderState.NEEDS_PERSON, Cause.REFUND_REFUSED))


def _move(case: _Case, state: OrderState, cause: Cause) -> operations.Move:
    return operations.Move(case.order.lane, case.order.id, ((state, cause),))


def _decision(kind: str, case: _Case, outcome: Outcome) -> Decision:
    evidence = {
        "order": case.order.id,
        "payment": case.payment.id,
        "method": case.payment.method,
        "reference": case.capture.reference,
        "amount_minor": case.refund.amount_minor,
        "currency": case.refund.currency,
        "answer": type(outcome).__name__,
        "code": outcome.code if isinstance(outcome, Refused) else None,
        "tries": case.refund.tries,
    }
    return Decision(case.refund.lane, kind, case.refund.id, evidence)


async def _open(connection: Connection, heard: Sequence[RefundHeard]) -> dict[str, _Case]:
    places = [(lane_of(identifier), str(identifier)) for identifier in {item.refund_id for item in heard}]
    refunds = await paid.refunds(connection, places)
    of_payment = sorted({(refund.lane, str(refund.payment_id)) for refund in refunds.values()})
    known = await paid.payments(connection, of_payment)
    orders = await queries.locked(connection, sorted({(p.lane, str(p.order_id)) for p in known.values()}))
    # Read again under the orders' locks.
    refunds = await paid.refunds(connection, places)
    captures = await paid.captures(connection, of_payment)
    cases = {}
    for refund in refunds.values():
        payment = known[refund.payment_id]
        capture = next(c for c in captures[payment.id] if c.reference == refund.reference)
        cases[str(refund.id)] = _Case(refund, payment, capture, orders[payment.order_id])
    return cases
