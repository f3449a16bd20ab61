"""Calls to gateways and carriers: what is due is taken in a commit, the call is made outside any transaction, the
answer is written in another. Whatever dies in between is taken up again by asking.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

import structlog

from topup.fulfilment import operations as fulfilment
from topup.fulfilment.operations import Due
from topup.fulfilment.ports import Carrier, Delivery
from topup.fulfilment.queries import Attempt, attempts
from topup.kernel.ids import FulfilmentId, RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Done, NotSent, Outcome, Reason, Refused, Unknown
from topup.orders import queries
from topup.orders.calls import Calls
from topup.orders.concluding import Heard
from topup.orders.disputing import DisputeHeard
from topup.orders.queries import Order
from topup.orders.refunding import RefundHeard
from topup.orders.settlement import Settled, Told
from topup.orders.states import OrderState
from topup.payments import disputes
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.disputes import Room, room_in
from topup.payments.instruments.agreeing import AgreementHeard
from topup.payments.ports import (
    Capability,
    Gateway,
    PaymentFact,
    PaymentStanding,
    RefundRequest,
    Scene,
)
from topup.payments.queries import Payment, Refund
from topup.payments.states import HORIZON, PaymentState, RefundState, ask_after
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction
from topup.work.operations import Decision, list_for_person

_SUBMIT_WITHIN_S: Final = fulfilment.LEASE.total_seconds() / 2
"""A submission leaves this soon after it was taken up, or not at all: a process that was held up for longer may have
been taken for dead, and another attempt be under way."""

_log: Final = structlog.get_logger(__name__)

_BEFORE_TAKING = crash_label("delivery.before_take")
_TAKEN = crash_label("delivery.taken")
_BEFORE_SUBMIT = crash_label("delivery.before_submit")
_AFTER_SUBMIT = crash_label("delivery.after_submit")
_BEFORE_DELIVERY_QUERY = crash_label("delivery.before_query")
_AFTER_DELIVERY_QUERY = crash_label("delivery.after_query")
_BEFORE_TAKING_REFUNDS = crash_label("refund.before_take")
_REFUNDS_TAKEN = crash_label("refund.taken")
_BEFORE_REFUND = crash_label("refund.before_send")
_AFTER_REFUND = crash_label("refund.after_send")
_BEFORE_REFUND_QUERY = crash_label("refund.before_query")
_AFTER_REFUND_QUERY = crash_label("refund.after_query")
_BEFORE_TAKING_QUESTIONS = crash_label("question.before_take")
_QUESTIONS_TAKEN = crash_label("question.taken")
_BEFORE_QUERY = crash_label("question.before_query")
_AFTER_QUERY = crash_label("question.after_query")
_BEFORE_CLOSE = crash_label("question.before_close")
_AFTER_CLOSE = crash_label("question.after_close")
_BEFORE_PUTTING_OFF = crash_label("question.before_put_off")
_AFTER_PUTTING_OFF = crash_label("question.after_put_off")
_BEFORE_LAST = crash_label("question.before_last")
_AFTER_LAST = crash_label("question.after_last")


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears the answers: each writes one down in a batch, and raises its Problem."""

    payment: Callable[[Told], Awaitable[Settled]]
    refund: Callable[[RefundHeard], Awaitable[Settled]]
    delivery: Callable[[Heard], Awaitable[Settled]]
    dispute: Callable[[DisputeHeard], Awaitable[Settled]]
    agreement: Callable[[AgreementHeard], Awaitable[None]]


class Outside:
    """The calls of one process. `notify_url` gives where a plugin's events arrive."""

    def __init__(
        self,
        *,
        database: Database,
        gateways: Mapping[str, Gateway],
        carriers: Mapping[str, Carrier],
        ears: Ears,
        carrier_events_url: Callable[[str], str],
        is_same_carrier: Callable[[Connection, Sequence[Attempt]], Awaitable[set[str]]],
    ) -> None:
        self._database = database
        self._gateways = gateways
        self._carriers = carriers
        self._ears = ears
        self._carrier_events_url = carrier_events_url
        self._is_same_carrier = is_same_carrier
        self._delivering = Calls()
        self._refunding = Calls()
        self._asking = Calls()

    async def aclose(self) -> None:
        """Begin nothing more; hear what is on its way, for a little."""
        await asyncio.gather(self._delivering.aclose(), self._refunding.aclose(), self._asking.aclose())

    async def deliver(self, limit: int = 100, *, patience_s: float | None = None) -> int:
        """Submit and ask about deliveries that are due; how many.

        Back when all carriers have answered, or after `patience_s` (None: any time): slow calls go on by themselves.
        """
        limit = min(limit, self._delivering.room)
        if limit <= 0:
            return 0
        taken_s = monotonic()
        async with self._database.transaction() as transaction:
            due = await fulfilment.due(transaction.connection, limit, transaction.now)
            known = await attempts(transaction.connection, [(item.lane, str(item.id)) for item in due]) if due else {}
            # Portability is looked up once more before anything is sent.
            fresh = [known[item.id] for item in due if item.submit]
            served = await self._is_same_carrier(transaction.connection, fresh) if fresh else set()
            if due:
                crash_point(_BEFORE_TAKING)
        if not due:
            return 0
        crash_point(_TAKEN)
        await self._delivering.make(
            due,
            lambda item: self._deliver(item, known[item.id], ported=item.id not in served, taken_s=taken_s),
            patience_s=patience_s,
        )
        return len(due)

    async def _deliver(self, due: Due, attempt: Attempt, *, ported: bool, taken_s: float) -> None:
        carrier = self._carriers.get(attempt.carrier)
        outcome: Outcome
        if carrier is None:
            outcome = Unknown("no such carrier here")
        elif due.submit and ported:
            outcome = Refused(Reason.USER, "carrier_changed")
        elif due.submit and monotonic() - taken_s > _SUBMIT_WITHIN_S:
            _log.warning("submission_too_late", carrier=attempt.carrier)
            return
        elif due.submit:
            crash_point(_BEFORE_SUBMIT)
            outcome = await carrier.submit(_delivery(attempt, self._carrier_events_url(attempt.carrier)))
            crash_point(_AFTER_SUBMIT)
        else:
            crash_point(_BEFORE_DELIVERY_QUERY)
            outcome = await carrier.query(FulfilmentId(attempt.id))
            crash_point(_AFTER_DELIVERY_QUERY)
        await self._ears.delivery(Heard(attempt.id, outcome, attempt.carrier, submission=due.submit))

    async def refund(self, limit: int = 100, *, patience_s: float | None = None) -> int:
        """Send and ask about refunds that are due; how many. `patience_s` as in `deliver`."""
        limit = min(limit, self._refunding.room)
        if limit <= 0:
            return 0
        async with self._database.transaction() as transaction:
            due = await payments.due_refunds(transaction.connection, limit, transaction.now)
            places = [place for place, _ in due]
            refunds = await paid.refunds(transaction.connection, places) if due else {}
            of_payment = [(refund.lane, str(refund.payment_id)) for refund in refunds.values()]
            known = await paid.payments(transaction.connection, of_payment) if due else {}
            # One taken up while `sending` may have left before a process died: the gateway is asked about it first.
            first = {place[1] for place, state in due if state is RefundState.REQUESTED}
            unsent = [one for one in refunds.values() if one.id in first or one.state is RefundState.DISPUTED]
            objected = await _objected(transaction.connection, unsent) if unsent else set()
            typed = await _typed(transaction.connection, unsent) if unsent else set()
            now = transaction.now
            if due:
                crash_point(_BEFORE_TAKING_REFUNDS)
        if not due:
            return 0
        crash_point(_REFUNDS_TAKEN)
        await self._refunding.make(
            list(refunds.values()),
            lambda refund: self._refund(
                refund,
                known[refund.payment_id],
                send=refund.id in first,
                objected=refund.id in objected,
                put_off=_not_by_typed(refund, now) if refund.id in typed else None,
            ),
            patience_s=patience_s,
        )
        return len(due)

    async def _refund(
        self, refund: Refund, payment: Payment, *, send: bool, objected: bool, put_off: Outcome | None
    ) -> None:
        gateway = self._gateways.get(payment.method)
        outcome: Outcome | None
        if objected:
            outcome = None
        elif gateway is None:
            outcome = Unknown("no such gateway here")
        elif Capability.REFUND not in gateway.capabilities:
            outcome = Refused(Reason.CONFIGURATION, "cannot_refund")
        elif send and put_off is not None:
            outcome = put_off
        elif send:
            crash_point(_BEFORE_REFUND)
            outcome = await gateway.refund(_refund_request(refund))
            crash_point(_AFTER_REFUND)
        else:
            crash_point(_BEFORE_REFUND_QUERY)
            outcome = await gateway.query_refund(refund.id, refund.payment_id)
            crash_point(_AFTER_REFUND_QUERY)
        await self._ears.refund(RefundHeard(refund.id, outcome, payment.method, sending=send))

    async def ask(self, limit: int = 100, *, patience_s: float | None = None) -> int:
        """Ask gateways about payments that are due, and close those nobody should pay any more; how many.

        `patience_s` as in `deliver`.
        """
        limit = min(limit, self._asking.room)
        if limit <= 0:
            return 0
        async with self._database.transaction() as transaction:
            due = await payments.due(transaction.connection, limit, transaction.now)
            known = await paid.payments(transaction.connection, due) if due else {}
            of_orders = sorted({(payment.lane, str(payment.order_id)) for payment in known.values()})
            orders = await queries.orders(transaction.connection, of_orders)
            now = transaction.now
            if due:
                crash_point(_BEFORE_TAKING_QUESTIONS)
        if not due:
            return 0
        crash_point(_QUESTIONS_TAKEN)
        await self._asking.make(
            list(known.values()),
            lambda payment: self._ask(payment, orders[payment.order_id], now),
            patience_s=patience_s,
        )
        return len(due)

    async def _ask(self, payment: Payment, order: Order, now: datetime) -> None:
        gateway = self._gateways.get(payment.method)
        if gateway is None:
            await self._later(payment, now)
            return
        over = order.state is not OrderState.AWAITING_PAYMENT or now >= payment.expires_at
        closed = over and await self._close(gateway, payment)
        if closed:
            return
        crash_point(_BEFORE_QUERY)
        answer = await gateway.query(payment.id)
        crash_point(_AFTER_QUERY)
        for fact in answer.facts:
            if _says_something(fact, over=over):
                await self._ears.payment(Told(fact, payment.method))
        if not any(_is_final(fact, over=over) for fact in answer.facts):
            await self._later(payment, now)
        elif over:
            await self._asked_enough(payment)

    async def _close(self, gateway: Gateway, payment: Payment) -> bool:
        """Whether nobody can pay it any more. One at a counter, which the payer may be confirming, is cancelled: what
        was paid meanwhile goes back at the gateway.
        """
        cancels = payment.scene is Scene.COUNTER and Capability.CANCEL in gateway.capabilities
        if not cancels and Capability.CLOSE not in gateway.capabilities:
            return False
        outcome: Outcome
        if cancels:
            crash_point(_BEFORE_CLOSE)
            outcome = await gateway.cancel(payment.id)
            crash_point(_AFTER_CLOSE)
        else:
            crash_point(_BEFORE_CLOSE)
            outcome = await gateway.close(payment.id)
            crash_point(_AFTER_CLOSE)
        if not isinstance(outcome, Done):
            return False
        fact = PaymentFact(payment.id, PaymentStanding.CLOSED, outcome.reference, None, None)
        await self._ears.payment(Told(fact, payment.method))
        return True

    async def _asked_enough(self, payment: Payment) -> None:
        """The gateway said its last word, and nobody may pay any more: what is left open is not asked about again."""
        async with self._database.transaction() as transaction:
            await payments.ask_later(transaction.connection, [(payment.lane, str(payment.id), None)])
            crash_point(_BEFORE_LAST)
        crash_point(_AFTER_LAST)

    async def _later(self, payment: Payment, now: datetime) -> None:
        """Ask again by the schedule; past the horizon a person decides."""
        async with self._database.transaction() as transaction:
            if now - payment.expires_at <= HORIZON:
                again = (payment.lane, str(payment.id), transaction.now + ask_after(payment.asked))
                await payments.ask_later(transaction.connection, [again])
            else:
                await _give_up(transaction, payment)
            crash_point(_BEFORE_PUTTING_OFF)
        crash_point(_AFTER_PUTTING_OFF)


async def _objected(connection: Connection, refunds: Sequence[Refund]) -> set[RefundId]:
    """Those of these unsent ones that stay unsent: the payer objected with the bank, which may give the money back, or
    has.
    """
    places = sorted({(refund.lane, str(refund.payment_id)) for refund in refunds})
    known = await disputes.of_payments(connection, places)
    captures = await paid.captures(connection, sorted({(one.lane, str(one.payment_id)) for one in known}))
    taken = {
        (capture.payment_id, capture.reference)
        for of_payment in captures.values()
        for capture in of_payment
        if room_in(capture, known) is not Room.FREE
    }
    return {
        refund.id
        for refund in refunds
        if refund.state is RefundState.DISPUTED or (refund.payment_id, refund.reference) in taken
    }


async def _typed(connection: Connection, refunds: Sequence[Refund]) -> set[RefundId]:
    """Those of money whose reference people typed, and the gateway has not named yet."""
    captures = await paid.captures(connection, sorted({(one.lane, str(one.payment_id)) for one in refunds}))
    typed = {(of, one.reference) for of, came in captures.items() for one in came if not one.confirmed}
    return {refund.id for refund in refunds if (refund.payment_id, refund.reference) in typed}


def _not_by_typed(refund: Refund, now: datetime) -> Outcome:
    """What is mistyped may be another payer's: until the gateway names it, by an event or in its bill, the refund
    waits, and past the horizon a person decides.
    """
    if now - refund.created_at <= HORIZON:
        return NotSent("its reference is not confirmed")
    return Refused(Reason.CONFIGURATION, "reference_unconfirmed")


async def _give_up(transaction: Transaction, payment: Payment) -> None:
    step = payments.Step(payment.lane, payment.id, PaymentState.NEEDS_PERSON, None)
    if not await payments.advance(transaction.connection, [step], transaction.now):
        return  # settled meanwhile
    evidence = {"order": payment.order_id, "method": payment.method, "asked": payment.asked}
    decision = Decision(payment.lane, "payment_unresolved", payment.id, evidence)
    await list_for_person(transaction.connection, [decision], transaction.now)


def _says_something(fact: PaymentFact, *, over: bool) -> bool:
    """Waiting is no news; absence is, once nobody may pay any more."""
    if fact.standing is PaymentStanding.ABSENT:
        return over
    return fact.standing is not PaymentStanding.WAITING


def _is_final(fact: PaymentFact, *, over: bool) -> bool:
    if fact.standing is PaymentStanding.DECLINED:
        return True
    return fact.standing in {PaymentStanding.PAID, PaymentStanding.CLOSED} or (
        over and fact.standing is PaymentStanding.ABSENT
    )


def _delivery(attempt: Attempt, notify_url: str) -> Delivery:
    return Delivery(
        fulfilment_id=attempt.id,
        msisdn=attempt.msisdn,
        amount=Money(attempt.amount_minor, attempt.currency),
        product=attempt.product,
        notify_url=notify_url,
    )


def _refund_request(refund: Refund) -> RefundRequest:
    return RefundRequest(
        refund_id=refund.id,
        payment_id=refund.payment_id,
        reference=refund.reference,
        amount=Money(refund.amount_minor, refund.currency),
        reason=refund.reason,
    )
