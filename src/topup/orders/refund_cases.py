"""Refunds with all that decides about them: the money they are of, its order, what banks took of it; and what of that
a person is told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.ids import RefundId, lane_of
from topup.kernel.outcome import Outcome, Refused
from topup.orders import queries
from topup.orders.queries import Order
from topup.payments import disputes
from topup.payments import queries as paid
from topup.payments.disputes import Dispute
from topup.payments.ports import MONEY_DISPUTED, DisputeStanding
from topup.payments.queries import Capture, Payment, Place, Refund
from topup.payments.states import RefundState
from topup.platform.database import Connection
from topup.work.operations import Decision, list_anew

UNRESOLVED: Final = "refund_unresolved"
DELAYED: Final = "refund_delayed"


@dataclass(frozen=True, slots=True)
class Case:
    """One refund. `taken_before_minor` counts as given back by the payer's bank of other refunds of the same money."""

    refund: Refund
    payment: Payment
    capture: Capture
    order: Order
    disputes: Sequence[Dispute]
    taken_before_minor: int

    def taken_minor(self, *, meanwhile_minor: int = 0) -> int:
        """What of it counts as given back by the payer's bank, and is not to be sent; `meanwhile_minor` more of other
        refunds counts so already than is written down.
        """
        before = self.taken_before_minor + meanwhile_minor
        return disputes.taken_of(self.refund, self.capture, self.disputes, before_minor=before)

    @property
    def sent_minor(self) -> int:
        """What of it is to be sent."""
        return self.refund.amount_minor - self.taken_minor()

    @property
    def remains_minor(self) -> int | None:
        """What of it is still to go back; None where no bank took of it, or in another currency, which leaves it to
        people to work it out.
        """
        lost = [dispute for dispute in self.disputes if dispute.standing is DisputeStanding.LOST]
        if not lost or any(dispute.currency != self.refund.currency for dispute in lost):
            return None
        return self.sent_minor


async def open_cases(connection: Connection, refunds: Iterable[RefundId], *, lock: bool = True) -> dict[str, Case]:
    """Those of these refunds that exist, by id; with `lock` under their orders' locks."""
    places = [(lane_of(identifier), str(identifier)) for identifier in set(refunds)]
    found = await paid.refunds(connection, places)
    of_payment = sorted({(refund.lane, str(refund.payment_id)) for refund in found.values()})
    known = await paid.payments(connection, of_payment)
    look = queries.locked if lock else queries.orders
    orders = await look(connection, sorted({(p.lane, str(p.order_id)) for p in known.values()}))
    # Read again under the orders' locks.
    found = await paid.refunds(connection, places)
    captures = await paid.captures(connection, of_payment)
    objections = await disputes.of_payments(connection, of_payment)
    disputed = sorted({(one.lane, str(one.payment_id)) for one in objections})
    siblings = await paid.refunds_of_payments(connection, disputed) if disputed else {}
    cases = {}
    for refund in found.values():
        payment = known[refund.payment_id]
        capture = next(c for c in captures[payment.id] if c.reference == refund.reference)
        concerned = [dispute for dispute in objections if dispute.concerns(capture)]
        before = sum(
            one.taken_minor
            for one in siblings.get(payment.id, [])
            if one.reference == refund.reference and one.id != refund.id
        )
        cases[str(refund.id)] = Case(refund, payment, capture, orders[payment.order_id], concerned, before)
    return cases


async def tell_anew(connection: Connection, payments: Sequence[Place], now: datetime) -> None:
    """Tell whoever is to send refunds of these payments by hand how much remains of them; under the orders' locks."""
    known = await paid.refunds_of_payments(connection, payments)
    waiting = [one.id for of in known.values() for one in of if one.state is RefundState.NEEDS_PERSON]
    cases = await open_cases(connection, waiting) if waiting else {}
    await list_anew(connection, [for_person(UNRESOLVED, case, None) for case in cases.values()], now)


def for_person(kind: str, case: Case, outcome: Outcome | None) -> Decision:
    """What a person is asked of a refund, after this answer of its gateway; None: it was not asked."""
    evidence = {
        "order": case.order.id,
        "payment": case.payment.id,
        "method": case.payment.method,
        "reference": case.capture.reference,
        "amount_minor": case.refund.amount_minor,
        "remains_minor": case.remains_minor,
        "currency": case.refund.currency,
        "answer": type(outcome).__name__ if outcome else None,
        "code": outcome.code if isinstance(outcome, Refused) else None if outcome else MONEY_DISPUTED,
        "tries": case.refund.tries,
    }
    return Decision(case.refund.lane, kind, case.refund.id, evidence)
