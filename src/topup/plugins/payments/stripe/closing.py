"""The end of a payment that nobody should make any more, and the return of one that was made."""

from topup.kernel.ids import PaymentId
from topup.kernel.outcome import Done, Outcome, Reason, Refused, Unknown
from topup.payments.ports import PaymentFact, PaymentStanding
from topup.plugins.payments.stripe.facts import of_intent, of_refund, of_session
from topup.plugins.payments.stripe.finding import INTENTS, SESSIONS, Finder
from topup.plugins.payments.stripe.objects import Charge, Intent, Refund, Session
from topup.plugins.payments.stripe.wire import Failed, FailedBefore, Wire

REFUNDS = "/v1/refunds"


async def close(wire: Wire, finder: Finder, found: Session | Intent, payment_id: PaymentId) -> Outcome:
    """End it; Refused(`paid`) where it was paid. Where Stripe does not end it, it is looked at once more."""
    over = _over(found, payment_id)
    if over is not None:
        return over
    answer: Session | Intent | Failed | Outcome
    if isinstance(found, Session):
        answer = await wire.post(f"{SESSIONS}/{found.id}/expire", Session, route="expire", content={})
    else:
        answer = await wire.post(f"{INTENTS}/{found.id}/cancel", Intent, route="cancel", content={})
    if isinstance(answer, Session | Intent):
        ended = answer.id == found.id and answer.status in ("expired", "canceled")
        return Done(found.id) if ended else Unknown("not ended")
    if not isinstance(answer, Failed):
        return answer
    # It ended, or was paid, between the two calls; or it is being paid now.
    again = await finder.find(payment_id)
    if isinstance(again, Session | Intent):
        return _over(again, payment_id) or answer.unlisted()
    return Unknown("no more to be found") if again is None else again


async def give_all_back(wire: Wire, found: Session | Intent, payment_id: PaymentId) -> Outcome:
    """Refund what is left of a payment that was made. The key carries how much was given back before."""
    intent = found.payment_intent if isinstance(found, Session) else found
    charge = intent.latest_charge if isinstance(intent, Intent) else None
    if not isinstance(intent, Intent) or not isinstance(charge, Charge):
        return Unknown("paid, without saying what")
    left = charge.amount_captured - charge.amount_refunded
    if left <= 0:
        return Done(intent.id)
    content = {"payment_intent": intent.id, "amount": left, "metadata": {"payment_id": payment_id}}
    key = f"cancel-{payment_id}-{charge.amount_refunded}"
    answer = await wire.post_once(REFUNDS, Refund, route="refund", content=content, key=key)
    if isinstance(answer, Failed | FailedBefore):
        return answer.unlisted()
    if not isinstance(answer, Refund):
        return answer
    return of_refund(answer) or Unknown(f"unlisted: {str(answer.status)[:40]}")


def _over(found: Session | Intent, payment_id: PaymentId) -> Outcome | None:
    """What a close comes to without a call: it was paid, is over, or cannot be read; None where it may be ended."""
    fact = of_session(found, payment_id) if isinstance(found, Session) else of_intent(found, payment_id)
    if not isinstance(fact, PaymentFact):
        return fact
    if fact.standing is PaymentStanding.PAID:
        return Refused(Reason.USER, "paid")
    if fact.standing is PaymentStanding.WAITING:
        is_open = found.status == "open" if isinstance(found, Session) else found.status != "processing"
        return None if is_open else Unknown("being paid")
    # An intent that was declined could be confirmed again, by us; nobody does. It is ended all the same.
    return None if found.status == "requires_payment_method" else Done(found.id)
