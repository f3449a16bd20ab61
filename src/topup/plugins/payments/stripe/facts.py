"""What Stripe's objects say of our payments and refunds. A status that is on no list says nothing: None."""

from datetime import UTC, datetime
from typing import Final

from topup.kernel.ids import PaymentId, is_id
from topup.kernel.money import InvalidMoney
from topup.kernel.outcome import Accepted, Done, Outcome, Reason, Refused, Unknown
from topup.payments.ports import Instrument, PaymentFact, PaymentStanding
from topup.plugins.payments.stripe.amounts import from_units
from topup.plugins.payments.stripe.declines import decline_of
from topup.plugins.payments.stripe.objects import Charge, Intent, Refund, Session

# The money is still on its way, or the bank still asks the payer.
_UNDER_WAY: Final = frozenset({"processing", "requires_action", "requires_confirmation", "requires_capture"})
_BRANDS: Final = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
# https://docs.stripe.com/api/refunds/object, failure_reason: whom it concerns.
_REFUND_REASONS: Final = {
    "charge_for_pending_refund_disputed": Reason.CONFIGURATION,
    "declined": Reason.USER,
    "expired_or_canceled_card": Reason.USER,
    "insufficient_funds": Reason.CONFIGURATION,
    "lost_or_stolen_card": Reason.USER,
    "merchant_request": Reason.CONFIGURATION,
    "unknown": Reason.USER,
}


def of_session(session: Session, payment_id: PaymentId) -> PaymentFact | Unknown:
    """How the payment of a session stands, its intent and charge being there whole."""
    intent = session.payment_intent
    if session.payment_status == "paid":
        return paid(intent, payment_id) if isinstance(intent, Intent) else Unknown("paid, without saying what")
    if session.payment_status != "unpaid" or isinstance(intent, str):
        return Unknown(f"unlisted: {session.payment_status[:40]}")
    under_way = intent is not None and (intent.status in _UNDER_WAY or intent.status == "succeeded")
    if session.status == "open" or under_way:
        return standing(payment_id, PaymentStanding.WAITING)
    if session.status == "expired":
        return standing(payment_id, PaymentStanding.CLOSED)
    if session.status == "complete" and intent is not None and intent.status == "requires_payment_method":
        return declined(intent, payment_id)
    return Unknown(f"unlisted: {str(session.status)[:40]}")


def of_intent(intent: Intent, payment_id: PaymentId) -> PaymentFact | Unknown:
    """How a payment stands that was made without a session: the payer is not there, so a decline is the end of it."""
    if intent.status == "succeeded":
        return paid(intent, payment_id)
    if intent.status in _UNDER_WAY:
        return standing(payment_id, PaymentStanding.WAITING)
    if intent.status == "requires_payment_method":
        return declined(intent, payment_id)
    if intent.status == "canceled":
        return standing(payment_id, PaymentStanding.CLOSED)
    return Unknown(f"unlisted: {intent.status[:40]}")


def paid(intent: Intent, payment_id: PaymentId) -> PaymentFact | Unknown:
    """The fact of an intent that succeeded, its charge being there whole."""
    charge = intent.latest_charge
    if intent.status != "succeeded" or not isinstance(charge, Charge) or not intent.amount_received:
        return Unknown("paid, without saying what")
    try:
        amount = from_units(intent.amount_received, intent.currency)
    except InvalidMoney:
        return Unknown("the amount cannot be read")
    at = moment(charge.created)
    return PaymentFact(payment_id, PaymentStanding.PAID, intent.id, amount, at, instrument_of(charge))


def declined(intent: Intent, payment_id: PaymentId) -> PaymentFact:
    """The fact of an intent whose card was refused."""
    return PaymentFact(payment_id, PaymentStanding.DECLINED, intent.id, None, None, reason=reason_of(intent))


def reason_of(intent: Intent) -> str:
    """Why the last attempt failed, as payers are told; empty where Stripe has no word for it."""
    error = intent.last_payment_error
    word = (error.decline_code or error.code or "") if error is not None else ""
    return decline_of(word) if word else ""


def standing(payment_id: PaymentId, what: PaymentStanding) -> PaymentFact:
    """A fact without money."""
    return PaymentFact(payment_id, what, "", None, None)


def instrument_of(charge: Charge) -> Instrument | None:
    """The card that was kept with this charge, where one was to be kept."""
    if charge.metadata.get("keep") != "1" or not charge.customer or not charge.payment_method:
        return None
    card = charge.payment_method_details.card if charge.payment_method_details is not None else None
    brand = _BRANDS.get((card.brand or "") if card is not None else "", "Card")
    last4 = (card.last4 or "") if card is not None else ""
    return Instrument(f"{charge.customer}:{charge.payment_method}", f"{brand} {last4}".strip())


def of_refund(refund: Refund) -> Outcome | None:
    """What became of a refund; None for a status or a reason that is on no list."""
    if refund.status == "succeeded":
        return Done(refund.id)
    if refund.status in ("pending", "requires_action"):
        return Accepted(refund.id)
    if refund.status == "canceled":
        return Refused(Reason.CONFIGURATION, "canceled")
    reason = _REFUND_REASONS.get(refund.failure_reason or "") if refund.status == "failed" else None
    return None if reason is None else Refused(reason, refund.failure_reason or "")


def our_payment(metadata: dict[str, str] | None, other: str | None = None) -> PaymentId | None:
    """Our number of a payment; None where the object is not of our making (the account may have other uses)."""
    number = (metadata or {}).get("payment_id") or other or ""
    return PaymentId(number) if is_id("payment", number) else None


def moment(second: int) -> datetime:
    """A time as Stripe writes it."""
    return datetime.fromtimestamp(second, UTC)
