"""What gateways say of payers who object with their banks, written down: a person answers the bank.

No money moves here. What the bank takes is a line of the gateway's bill and posted from there, and a refund of the same
money waits for the bank's decision (`refunding`), so that nobody gets it twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from topup.kernel.errors import NotFound
from topup.kernel.ids import PaymentId, lane_of
from topup.orders import operations, queries
from topup.orders.queries import Order
from topup.orders.refund_cases import tell_anew
from topup.orders.settlement import Settled
from topup.payments import disputes, inbox
from topup.payments import queries as paid
from topup.payments.disputes import Dispute
from topup.payments.ports import DisputeFact, DisputeStanding
from topup.payments.queries import Capture, Payment, Place
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.inbox import EventKey
from topup.work.operations import Decision, close_for_person, list_anew, list_for_person

UNPLACED: Final = "dispute_unplaced"
"""The kind of what is listed where the payment of a dispute did not become known."""
_OPEN: Final = "dispute_open"
UNPLACED_LANE: Final = 0
"""The lane of a dispute whose payment is not known, and of events that name a payment by the gateway's id only."""
_BEFORE = crash_label("dispute.before_commit")
_AFTER = crash_label("dispute.after_commit")


class NotKnownYet(NotFound):
    """`payment_unknown`: the gateway names its own id of a payment, and no money is known by it yet."""


@dataclass(frozen=True, slots=True)
class DisputeHeard:
    """What a gateway (`said_by`, its method) said of a dispute, and the event it came with, if it came with one."""

    fact: DisputeFact
    said_by: str
    event: EventKey | None = None


class Disputing:
    """The disputes of this installation."""

    def __init__(self, *, database: Database, lanes: int) -> None:
        self._database = database
        self._lanes = lanes

    async def hear(self, heard: DisputeHeard) -> Settled:
        """Write down what was said. How it stands is listed for a person, and anew when the date to answer by or the
        amount changes; when it ends, refunds that wait for it are looked at, and nobody has to answer any more. When
        it is lost, points and gifts of the order follow. Raises NotKnownYet, and NotFound `payment_unknown` for a
        payment that is not ours or another gateway's.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            payment, order = await self._whose(connection, heard)
            place = (payment.lane, str(payment.id))
            known = {one.dispute: one for one in await disputes.of_payments(connection, [place])}
            before = known.get(heard.fact.dispute)
            said = disputes.told(payment, heard.fact)
            dispute = disputes.joined(before, said) if before else said
            if dispute != before:
                captures = (await paid.captures(connection, [place])).get(payment.id, [])
                await disputes.write(connection, dispute, now)
                await disputes.wake_refunds(connection, payment, now)
                await tell_anew(connection, [place], now)
                if dispute.standing is DisputeStanding.LOST:
                    # What the order gave besides follows its money, whoever took that.
                    await operations.follow_money(connection, [(order.lane, str(order.id))])
                list_it = list_anew if before is not None and _asks_anew(before, dispute) else list_for_person
                await list_it(connection, [_decision(dispute, payment, order, captures)], now)
            gone = [(UNPLACED_LANE, UNPLACED, _unplaced(heard))]
            if dispute.standing is not DisputeStanding.OPEN:
                gone.append((payment.lane, _OPEN, _subject(dispute)))
            await close_for_person(connection, gone, now)
            if heard.event is not None:
                await inbox.settled(connection, [heard.event], now)
            crash_point(_BEFORE)
        crash_point(_AFTER)
        return Settled(order.id, order.state, to_submit=False)

    async def _whose(self, connection: Connection, heard: DisputeHeard) -> tuple[Payment, Order]:
        """The payment, under its order's lock."""
        place = await self._place(connection, heard)
        payment = (await paid.payments(connection, [place])).get(place[1])
        if payment is None or payment.method != heard.said_by:
            raise NotFound("payment_unknown")
        orders = await queries.locked(connection, [(payment.lane, str(payment.order_id))])
        return payment, orders[payment.order_id]

    async def _place(self, connection: Connection, heard: DisputeHeard) -> Place:
        fact = heard.fact
        if fact.payment_id:
            return lane_of(fact.payment_id), str(fact.payment_id)
        found = await disputes.owner(connection, method=heard.said_by, reference=fact.reference, lanes=self._lanes)
        if found is None:
            raise NotKnownYet("payment_unknown")
        return found


def _asks_anew(before: Dispute, now: Dispute) -> bool:
    """Whether who answers, or has answered, must know more: an inquiry of the bank became a dispute, a date moved."""
    told = (before.respond_by, before.amount) != (now.respond_by, now.amount)
    return told and before.standing is now.standing is DisputeStanding.OPEN


def unplaced(heard: DisputeHeard) -> Decision:
    """What is listed where its payment did not become known in time."""
    evidence = {**_said(heard.fact), "method": heard.said_by, "reference": heard.fact.reference}
    return Decision(UNPLACED_LANE, UNPLACED, _unplaced(heard), evidence)


def _unplaced(heard: DisputeHeard) -> str:
    return f"{heard.said_by}:{heard.fact.dispute}"


def _subject(dispute: Dispute) -> str:
    return f"{dispute.payment_id}:{dispute.dispute}"


def _said(said: DisputeFact | Dispute) -> Mapping[str, object]:
    return {
        "dispute": said.dispute,
        "amount_minor": said.amount.amount_minor,
        "currency": said.amount.currency,
        "respond_by": said.respond_by.isoformat() if said.respond_by else None,
    }


def _decision(dispute: Dispute, payment: Payment, order: Order, captures: list[Capture]) -> Decision:
    """How it stands, and what a person needs to answer: what was paid, delivered, and gave we back ourselves."""
    money = next((capture for capture in captures if dispute.concerns(capture)), None)
    evidence = {
        **_said(dispute),
        "method": payment.method,
        "order": order.id,
        "order_state": order.state.value,
        "payment": PaymentId(payment.id),
        "reference": dispute.reference or (money.reference if money else ""),
        "paid_at": money.paid_at.isoformat() if money else None,
        "refunded_minor": (money.refunded_minor or None) if money else None,
    }
    return Decision(payment.lane, f"dispute_{dispute.standing.value}", _subject(dispute), evidence)
