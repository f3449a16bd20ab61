"""The facts of an event, which says how an object was when it was written: https://docs.stripe.com/api/events/types.

An event of a type we do not know, or about an object that is not of our making, is genuine and says nothing.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from topup.kernel.ids import PaymentId, RefundId, is_id
from topup.kernel.money import InvalidMoney
from topup.payments.ports import (
    DisputeFact,
    DisputeStanding,
    EventRejected,
    Fact,
    PaymentFact,
    PaymentStanding,
    RefundFact,
)
from topup.plugins.payments.stripe.amounts import from_units
from topup.plugins.payments.stripe.facts import (
    declined,
    instrument_of,
    moment,
    of_refund,
    our_payment,
    standing,
)
from topup.plugins.payments.stripe.objects import Charge, Dispute, Event, Intent, Kind, Refund, Session

_LONGEST_EVENT: Final = 262_144
UNATTENDED: Final = "unattended"
"""What `metadata[scene]` says of an intent that was made without a session."""
_DISPUTES: Final = {
    "needs_response": DisputeStanding.OPEN,
    "under_review": DisputeStanding.OPEN,
    "warning_needs_response": DisputeStanding.OPEN,
    "warning_under_review": DisputeStanding.OPEN,
    "warning_closed": DisputeStanding.WON,
    "won": DisputeStanding.WON,
    "lost": DisputeStanding.LOST,
}
_read_event: Final = msgspec.json.Decoder(Event).decode
_read_kind: Final = msgspec.json.Decoder(Kind).decode
Thing = TypeVar("Thing")


def read_event(body: bytes, *, livemode: bool, account: str) -> Event:
    """The event, whose signature held. Raises EventRejected for one of the other mode or of another account."""
    if len(body) > _LONGEST_EVENT:
        raise EventRejected("too long")
    try:
        event = _read_event(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise EventRejected("unreadable") from None
    if event.livemode != livemode:
        raise EventRejected("of the test mode" if livemode else "of the live mode")
    if event.account is not None and event.account != account:
        raise EventRejected("for another account")
    return event


def facts_of(event: Event) -> tuple[Fact, ...]:
    """What it says of us. Raises EventRejected where an object cannot be read as what it is."""
    read = _READERS.get(event.type)
    try:
        return read(event) if read is not None else ()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise EventRejected("its object cannot be read") from None
    except InvalidMoney:
        raise EventRejected("the amount cannot be read") from None


def _object(event: Event, kind: type[Thing]) -> Thing:
    thing = msgspec.json.decode(event.data.object, type=kind)
    if getattr(thing, "livemode", event.livemode) != event.livemode:
        raise EventRejected("an object of the other mode")
    return thing


def _session_paid(event: Event) -> tuple[Fact, ...]:
    session = _object(event, Session)
    payment_id = our_payment(session.metadata, session.client_reference_id)
    if payment_id is None or session.payment_status != "paid":
        return ()
    intent = session.payment_intent
    reference = intent.id if isinstance(intent, Intent) else intent
    if not reference or not session.amount_total or not session.currency:
        raise EventRejected("paid, without saying what")
    amount = from_units(session.amount_total, session.currency)
    return (PaymentFact(payment_id, PaymentStanding.PAID, reference, amount, moment(event.created)),)


def _session_failed(event: Event) -> tuple[Fact, ...]:
    return _session_over(event, PaymentStanding.DECLINED)


def _session_expired(event: Event) -> tuple[Fact, ...]:
    return _session_over(event, PaymentStanding.CLOSED)


def _session_over(event: Event, what: PaymentStanding) -> tuple[Fact, ...]:
    session = _object(event, Session)
    payment_id = our_payment(session.metadata, session.client_reference_id)
    # One that was paid says so in its own event.
    return () if payment_id is None or session.payment_status != "unpaid" else (standing(payment_id, what),)


def _intent_paid(event: Event) -> tuple[Fact, ...]:
    intent = _object(event, Intent)
    payment_id = our_payment(intent.metadata)
    if payment_id is None or intent.status != "succeeded":
        return ()
    if not intent.amount_received:
        raise EventRejected("paid, without saying what")
    amount = from_units(intent.amount_received, intent.currency)
    return (PaymentFact(payment_id, PaymentStanding.PAID, intent.id, amount, moment(event.created)),)


def _intent_over(event: Event) -> tuple[Fact, ...]:
    """Only where there is no session: on its page the payer may try another card."""
    intent = _object(event, Intent)
    payment_id = our_payment(intent.metadata)
    if payment_id is None or intent.metadata.get("scene") != UNATTENDED:
        return ()
    if intent.status == "requires_payment_method":
        return (declined(intent, payment_id),)
    return (standing(payment_id, PaymentStanding.CLOSED),) if intent.status == "canceled" else ()


def _charge_paid(event: Event) -> tuple[Fact, ...]:
    """The only event that tells the card that was kept."""
    charge = _object(event, Charge)
    payment_id = our_payment(charge.metadata)
    if payment_id is None or charge.status != "succeeded" or not charge.payment_intent or not charge.amount_captured:
        return ()
    amount = from_units(charge.amount_captured, charge.currency)
    paid = PaymentStanding.PAID
    at = moment(charge.created)
    return (PaymentFact(payment_id, paid, charge.payment_intent, amount, at, instrument_of(charge)),)


def _refund(event: Event) -> tuple[Fact, ...]:
    if _read_kind(event.data.object).object == "charge":
        # `charge.refunded` of endpoints whose version is from before 2022-11-15 lists the refunds; later ones do not.
        listed = _object(event, Charge).refunds
        refunds = listed.data if listed is not None else []
    else:
        refunds = [_object(event, Refund)]
    return tuple(fact for refund in refunds if (fact := _refund_fact(refund)) is not None)


def _refund_fact(refund: Refund) -> RefundFact | None:
    number = (refund.metadata or {}).get("refund_id", "")
    outcome = of_refund(refund) if is_id("refund", number) else None
    return None if outcome is None else RefundFact(RefundId(number), outcome)


def _dispute(event: Event) -> tuple[Fact, ...]:
    dispute = _object(event, Dispute)
    if not dispute.payment_intent:
        return ()
    # A dispute carries none of our numbers, unless somebody wrote one on it: Stripe's own finds the payment.
    return (dispute_fact(dispute, our_payment(dispute.metadata) or PaymentId("")),)


def dispute_fact(dispute: Dispute, payment_id: PaymentId) -> DisputeFact:
    """How it stands, about that payment (empty: the one of its intent)."""
    # A status on no list is shown to a person, who finds in Stripe's pages what is to be done.
    what = _DISPUTES.get(dispute.status, DisputeStanding.OPEN)
    due_by = dispute.evidence_details.due_by if dispute.evidence_details is not None else None
    return DisputeFact(
        payment_id,
        dispute.id,
        what,
        from_units(dispute.amount, dispute.currency),
        moment(due_by) if due_by is not None and what is DisputeStanding.OPEN else None,
        reference=dispute.payment_intent or "",
    )


_READERS: Final[dict[str, Callable[[Event], tuple[Fact, ...]]]] = {
    "checkout.session.completed": _session_paid,
    "checkout.session.async_payment_succeeded": _session_paid,
    "checkout.session.async_payment_failed": _session_failed,
    "checkout.session.expired": _session_expired,
    "payment_intent.succeeded": _intent_paid,
    "payment_intent.payment_failed": _intent_over,
    "payment_intent.canceled": _intent_over,
    "charge.succeeded": _charge_paid,
    "charge.refunded": _refund,
    "charge.refund.updated": _refund,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.updated": _dispute,
    "charge.dispute.closed": _dispute,
}
LISTENED_TO: Final = frozenset(_READERS)
"""The types an endpoint should have enabled."""
