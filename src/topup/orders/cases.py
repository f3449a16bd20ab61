"""One payment and its order, and what a fact about the payment means for both."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from topup.kernel.ids import PaymentId, lane_of
from topup.kernel.money import Money
from topup.orders import queries
from topup.orders.queries import Order
from topup.orders.states import Cause, OrderState
from topup.payments import queries as paid
from topup.payments.operations import NewCapture
from topup.payments.ports import PaymentFact, PaymentStanding
from topup.payments.queries import Capture, Payment
from topup.payments.states import PAYMENT, Disposition, PaymentState
from topup.platform.database import Connection
from topup.platform.inbox import EventKey
from topup.platform.together import together


@dataclass(frozen=True, slots=True)
class Told:
    """A verified fact about a payment, who said it (`method`), and the event it came with, if it came with one.

    `full`: the ledger has refused the credit for this reason, so that money it brings goes back. `typed`: people say
    it, so that the reference may be mistyped.
    """

    fact: PaymentFact
    method: str
    event: EventKey | None = None
    full: Cause | None = None
    typed: bool = False


@dataclass(slots=True)
class Case:
    """One payment and its order, and what was decided about them in this flush."""

    payment: Payment
    order: Order
    known: set[str]
    state: PaymentState
    unconfirmed: list[Capture]
    """What people recorded, and the gateway has not named yet."""
    siblings: list["Case"] = field(default_factory=list)
    """The cases of the same order, this one among them."""
    captures: list[NewCapture] = field(default_factory=list)
    named: list[tuple[Capture, str]] = field(default_factory=list)
    kept: PaymentFact | None = None
    full: Cause | None = None
    reason: str = ""
    """Why it was declined."""


LONGEST_REASON: Final = 100
"""Characters that are kept of the code for why a payment was declined."""


async def opened(connection: Connection, told: Sequence[Told]) -> dict[str, Case]:
    """The payments that were spoken of, with their orders locked."""
    places = [(lane_of(identifier), identifier) for identifier in {item.fact.payment_id for item in told}]
    first_seen = await paid.payments(connection, places)
    orders, known, captures = await together(
        queries.locked(connection, sorted({(p.lane, str(p.order_id)) for p in first_seen.values()})),
        # Read again under the lock: another transaction may have moved them meanwhile.
        paid.payments(connection, places),
        paid.captures(connection, places),
    )
    cases: dict[str, Case] = {}
    siblings: defaultdict[str, list[Case]] = defaultdict(list)
    for identifier, payment in known.items():
        came = captures.get(identifier, [])
        seen, typed = {one.reference for one in came}, [one for one in came if not one.confirmed]
        of_order = siblings[payment.order_id]
        cases[identifier] = Case(payment, orders[payment.order_id], seen, payment.state, typed, of_order)
        of_order.append(cases[identifier])
    return cases


def judge(case: Case, told: Told, now: datetime) -> None:
    """Decide what a fact means for its payment and its order."""
    fact = told.fact
    if fact.standing is PaymentStanding.PAID:
        if not told.typed:
            _confirm(case, fact)
        if fact.reference not in case.known:
            case.known.add(fact.reference)
            disposition = _disposition(case, fact, now)
            case.captures.append(NewCapture(case.payment, fact, disposition, told.typed))
            if disposition is Disposition.KEPT:
                case.kept = fact
                _keep(case)
        target = PaymentState.PAID
    elif fact.standing is PaymentStanding.DECLINED:
        target = PaymentState.DECLINED
        case.reason = fact.reason[:LONGEST_REASON]
    elif fact.standing is PaymentStanding.WAITING:
        # No news: a payment is `pending` once its payer was told where to pay, and until then may be started again.
        return
    else:
        target = PaymentState.CLOSED
    if PAYMENT.permits(case.state, target):
        case.state = target


def _confirm(case: Case, fact: PaymentFact) -> None:
    """The gateway names money that people recorded: by the reference they typed, else by another one it has for as
    much. That was mistyped then, and it is not money that came twice.
    """
    is_new = fact.reference not in case.known
    for one in case.unconfirmed:
        if one.reference == fact.reference or (is_new and Money(one.amount_minor, one.currency) == fact.amount):
            case.unconfirmed.remove(one)
            case.named.append((one, fact.reference))
            case.known = case.known - {one.reference} | {fact.reference}
            return


def _disposition(case: Case, fact: PaymentFact, now: datetime) -> Disposition:
    order, payment = case.order, case.payment
    if fact.amount != Money(payment.amount_minor, payment.currency):
        return Disposition.MISMATCHED
    if order.kept_payment_id is not None:
        return Disposition.SURPLUS
    if order.state is OrderState.AWAITING_PAYMENT and now < order.expires_at:
        return Disposition.KEPT
    in_time = fact.paid_at is not None and fact.paid_at <= order.payable_until
    return Disposition.KEPT if in_time else Disposition.LATE


def _keep(case: Case) -> None:
    """From now on the order has its payment: later facts of this flush, of its other payments too, see it."""
    case.order = replace(case.order, kept_payment_id=PaymentId(case.payment.id))
    for other in case.siblings:
        other.order = case.order
