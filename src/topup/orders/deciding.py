"""What people decide about payments, deliveries and refunds that machines could not settle, two of them each time.

A decision is settled as the gateway's or the carrier's own word would be, by the same code: money that a person says
came pays the order or goes back, and what a person says was delivered has its receipt. It is looked at once more under
the order's lock: what was settled meanwhile is left as it is, and the decision refused.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from topup.fulfilment.queries import attempts
from topup.fulfilment.states import AttemptState
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.ids import FulfilmentId, PaymentId, RefundId, is_id, lane_of
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.outcome import Done, Outcome, Reason, Refused
from topup.orders import queries
from topup.orders.completion import LineIsFull
from topup.orders.concluding import Concluding, Heard
from topup.orders.refund_cases import UNRESOLVED, Case, open_cases
from topup.orders.refunding import RefundHeard, Refunding
from topup.orders.settlement import Settled, Settlement, Told
from topup.orders.states import Cause
from topup.payments import queries as paid
from topup.payments.disputes import Room, room_in
from topup.payments.methods.by_hand import is_given_by_hand
from topup.payments.ports import PaymentFact, PaymentStanding
from topup.payments.queries import Payment
from topup.payments.states import PaymentState, RefundState
from topup.people.permissions import Permission
from topup.platform.database import Connection, Transaction, savepoint
from topup.work.approvals import Approval, Kind, Wish

PAYMENT_PAID: Final = "payment_paid"
PAYMENT_NOT_PAID: Final = "payment_not_paid"
DELIVERY_DONE: Final = "delivery_done"
DELIVERY_NOT_DONE: Final = "delivery_not_done"
REFUND_DONE: Final = "refund_done"
_LONGEST_REFERENCE: Final = 64
_BY_PERSON: Final = "decided_by_people"


class Deciding:
    """The decisions of this installation."""

    def __init__(self, *, settlement: Settlement, concluding: Concluding, refunding: Refunding, lanes: int) -> None:
        self._settlement = settlement
        self._lanes = lanes
        self._concluding = concluding
        self._refunding = refunding

    def kinds(self) -> list[Kind]:
        """What can be decided so."""
        ask, decide = Permission.RESOLVE_PAYMENT.value, Permission.APPROVE_PAYMENT.value
        unpaid, undelivered = frozenset({"payment_unresolved"}), frozenset({"delivery_unresolved"})
        unrefunded = frozenset({UNRESOLVED})
        return [
            Kind(PAYMENT_PAID, ask, decide, self._paid, self._settle_paid, unpaid),
            Kind(PAYMENT_NOT_PAID, ask, decide, _not_paid, self._settle_not_paid, unpaid),
            Kind(DELIVERY_DONE, ask, decide, _delivered, self._conclude_done, undelivered),
            Kind(DELIVERY_NOT_DONE, ask, decide, _not_delivered, self._conclude_not_done, undelivered),
            Kind(REFUND_DONE, ask, decide, _refunded, self._conclude_refund, unrefunded),
        ]

    async def _settle_paid(self, transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
        payment = await _payment(transaction.connection, approval.subject, lock=True)
        facts = approval.facts
        await self._of_no_other(transaction.connection, payment, facts["reference"])
        fact = PaymentFact(
            payment.id,
            PaymentStanding.PAID,
            facts["reference"],
            Money(facts["amount_minor"], facts["currency"]),
            datetime.fromisoformat(facts["paid_at"]),
        )
        return _outcome(await self._settle(transaction, Told(fact, payment.method, typed=True)))

    async def _paid(self, connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:
        """What the gateway's own pages say: its reference, the amount, when. Raises Invalid `evidence_missing`,
        `amount_unreadable`, `paid_at_unreadable`; Conflict `reference_of_other_payment`.
        """
        payment = await _payment(connection, wish.subject)
        paid_at = _moment(wish.facts.get("paid_at", ""))
        if paid_at > now or paid_at < payment.created_at.replace(second=0, microsecond=0):
            raise Invalid("paid_at_unreadable")
        amount = _amount(wish.facts.get("amount", ""), payment)
        reference = reference_of(wish)
        await self._of_no_other(connection, payment, reference)
        return {
            "method": payment.method,
            "order": payment.order_id,
            "reference": reference,
            "amount_minor": amount.amount_minor,
            "currency": amount.currency,
            "paid_at": paid_at.isoformat(),
        }

    async def _of_no_other(self, connection: Connection, payment: Payment, reference: str) -> None:
        """Raises Conflict `reference_of_other_payment`: what goes back by it would go to another payer."""
        other = await paid.other_payment(
            connection, method=payment.method, reference=reference, payment_id=payment.id, lanes=self._lanes
        )
        if other is not None:
            raise Conflict("reference_of_other_payment", payment=other)

    async def _settle_not_paid(self, transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
        payment = await _payment(transaction.connection, approval.subject, lock=True)
        fact = PaymentFact(payment.id, PaymentStanding.CLOSED, "", None, None)
        return _outcome(await self._settle(transaction, Told(fact, payment.method)))

    async def _settle(self, transaction: Transaction, told: Told) -> Settled | Problem:
        """Settle; where the line may not hold any more what was paid for, the money goes back."""
        connection, now = transaction.connection, transaction.now
        try:
            async with savepoint(connection):
                [answer] = await self._settlement.settle(connection, [told], now)
        except LineIsFull as refusal:
            [answer] = await self._settlement.settle(connection, [replace(told, full=Cause(refusal.code))], now)
        return answer

    async def _conclude_done(self, transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
        return await self._conclude(transaction, approval, Done(approval.facts["reference"]))

    async def _conclude_not_done(self, transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
        return await self._conclude(transaction, approval, Refused(Reason.USER, _BY_PERSON))

    async def _conclude(self, transaction: Transaction, approval: Approval, outcome: Outcome) -> Mapping[str, Any]:
        connection = transaction.connection
        attempt = FulfilmentId(approval.subject)
        carrier = await _attempt(connection, attempt, lock=True)
        [answer] = await self._concluding.conclude(connection, [Heard(attempt, outcome, carrier)], transaction.now)
        return _outcome(answer)

    async def _conclude_refund(self, transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
        connection = transaction.connection
        case = await _refund(connection, approval.subject, lock=True)
        if case.sent_minor != approval.facts["amount_minor"]:
            # A bank decided since it was asked for: who sends what is left must know that it is less.
            raise Conflict("settled_meanwhile")
        done = Done(approval.facts["reference"])
        heard = RefundHeard(case.refund.id, done, case.payment.method, by_people=True)
        [answer] = await self._refunding.conclude(connection, [heard], transaction.now)
        return _outcome(answer)


def _outcome(answer: Settled | Problem) -> Mapping[str, Any]:
    if isinstance(answer, Problem):
        raise answer
    return {"order": answer.order_id, "order_state": answer.state.value}


async def _not_paid(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    payment = await _payment(connection, wish.subject)
    return {
        "method": payment.method,
        "order": payment.order_id,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
    }


async def _delivered(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    carrier = await _attempt(connection, FulfilmentId(wish.subject))
    return {"carrier": carrier, "reference": reference_of(wish)}


async def _not_delivered(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    return {"carrier": await _attempt(connection, FulfilmentId(wish.subject))}


async def _refunded(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    case = await _refund(connection, wish.subject)
    return {
        "method": case.payment.method,
        "payment": case.payment.id,
        "reference": reference_of(wish),
        "amount_minor": case.sent_minor,
        "taken_minor": case.taken_minor() or None,
        "currency": case.refund.currency,
    }


async def _payment(connection: Connection, subject: str, *, lock: bool = False) -> Payment:
    """The payment, if it waits for a person; raises NotFound `payment_unknown`, Conflict `settled_meanwhile`."""
    if not is_id("payment", subject):
        raise NotFound("payment_unknown")
    found = await _locked_payment(connection, PaymentId(subject), lock=lock)
    if found.state is not PaymentState.NEEDS_PERSON:
        raise Conflict("settled_meanwhile")
    return found


async def _locked_payment(connection: Connection, payment_id: PaymentId, *, lock: bool) -> Payment:
    place = (lane_of(payment_id), str(payment_id))
    found = (await paid.payments(connection, [place])).get(payment_id)
    if found is None:
        raise NotFound("payment_unknown")
    if not lock:
        return found
    await queries.locked(connection, [(found.lane, str(found.order_id))])
    # Read again under the lock: it may have been settled meanwhile.
    return (await paid.payments(connection, [place]))[payment_id]


async def _attempt(connection: Connection, attempt_id: FulfilmentId, *, lock: bool = False) -> str:
    """The carrier of an attempt that waits for a person; raises NotFound `fulfilment_unknown`, Conflict
    `settled_meanwhile`.
    """
    if not is_id("fulfilment", attempt_id):
        raise NotFound("fulfilment_unknown")
    place = (lane_of(attempt_id), str(attempt_id))
    found = (await attempts(connection, [place])).get(attempt_id)
    if found is None:
        raise NotFound("fulfilment_unknown")
    if lock:
        await queries.locked(connection, [(found.lane, str(found.order_id))])
        found = (await attempts(connection, [place]))[attempt_id]
    if found.state is not AttemptState.NEEDS_PERSON:
        raise Conflict("settled_meanwhile")
    return found.carrier


async def _refund(connection: Connection, subject: str, *, lock: bool = False) -> Case:
    """A refund that waits for a person; raises NotFound `refund_unknown`, Conflict `settled_meanwhile`,
    `refund_disputed` while the payer's bank may yet give back of it, and `refund_handed_over_elsewhere` where somebody
    is to send or hand it over already: it is recorded there, so that nobody gets it twice.
    """
    if not is_id("refund", subject):
        raise NotFound("refund_unknown")
    case = (await open_cases(connection, [RefundId(subject)], lock=lock)).get(subject)
    if case is None:
        raise NotFound("refund_unknown")
    refund = case.refund
    if refund.state is not RefundState.NEEDS_PERSON:
        raise Conflict("settled_meanwhile")
    if await is_given_by_hand(connection, refund.id):
        raise Conflict("refund_handed_over_elsewhere")
    if room_in(case.capture, case.disputes) is Room.WAITS:
        raise Conflict("refund_disputed")
    return case


def reference_of(wish: Wish) -> str:
    """The provider's or bank's reference, as it was typed; raises Invalid `evidence_missing`."""
    reference = wish.facts.get("reference", "").strip()
    if not reference or len(reference) > _LONGEST_REFERENCE or not reference.isprintable():
        raise Invalid("evidence_missing")
    return reference


def _amount(text: str, payment: Payment) -> Money:
    """What came; empty is what was asked for."""
    if not text.strip():
        return Money(payment.amount_minor, payment.currency)
    try:
        amount = Money.from_major(text.strip(), payment.currency)
    except InvalidMoney:
        raise Invalid("amount_unreadable") from None
    if amount.amount_minor <= 0:
        raise Invalid("amount_unreadable")
    return amount


def _moment(text: str) -> datetime:
    """A moment as a form writes it (`2026-11-21T10:30`), in UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Invalid("paid_at_unreadable") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
