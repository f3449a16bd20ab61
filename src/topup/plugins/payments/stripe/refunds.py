"""Refunds, each under its own number: it is the idempotency key, and stands in the refund's metadata for ever."""

import time
from typing import Any, Final

from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.money import InvalidMoney
from topup.kernel.outcome import Outcome, Reason, Refused, Unknown
from topup.payments.ports import MONEY_DISPUTED, RefundRequest
from topup.plugins.payments.stripe.amounts import from_units, to_units
from topup.plugins.payments.stripe.closing import REFUNDS
from topup.plugins.payments.stripe.facts import of_refund
from topup.plugins.payments.stripe.finding import Finder, made_at
from topup.plugins.payments.stripe.objects import Intent, Page, Refund, Session
from topup.plugins.payments.stripe.wire import Failed, FailedBefore, Wire

_KEY_MAY_BE_FORGOTTEN_S: Final = 23 * 3600
_PAGES: Final = 20
_ABSENT: Final = Refused(Reason.ABSENT, "no_such_refund")
# https://docs.stripe.com/error-codes: nothing was given back, and never will be by this request.
_REFUSALS: Final = {
    "balance_insufficient": Reason.CONFIGURATION,
    "charge_already_refunded": Reason.CONFIGURATION,
    "charge_not_refundable": Reason.CONFIGURATION,
    "insufficient_funds": Reason.CONFIGURATION,
    "parameter_invalid_integer": Reason.CONFIGURATION,
    "payment_intent_unexpected_state": Reason.CONFIGURATION,
    "resource_missing": Reason.CONFIGURATION,
}
_DISPUTED: Final = frozenset({"charge_disputed", "refund_disputed_payment"})
"""The payer objected with the bank; the same sources. It may be asked for again when that ends."""


async def refund(wire: Wire, finder: Finder, request: RefundRequest) -> Outcome:
    """Give back. A number older than a day, whose key Stripe may have forgotten, is looked for before it is sent."""
    made = made_at(request.refund_id)
    if made is None or time.time() - made > _KEY_MAY_BE_FORGOTTEN_S:
        before = await refund_found(wire, finder, request.refund_id, request.payment_id)
        if before != _ABSENT:
            return before
    try:
        units = to_units(request.amount)
    except InvalidMoney:
        return Refused(Reason.CONFIGURATION, "amount_not_taken")
    content = {
        "payment_intent": request.reference,
        "amount": units,
        "reason": "requested_by_customer",
        "metadata": {"refund_id": request.refund_id, "payment_id": request.payment_id},
    }
    answer = await wire.post_once(REFUNDS, Refund, route="refund", content=content, key=request.refund_id)
    if isinstance(answer, FailedBefore):
        before = await refund_found(wire, finder, request.refund_id, request.payment_id)
        return answer.unlisted() if before == _ABSENT else before
    if isinstance(answer, Failed):
        return _refusal(answer)
    if not isinstance(answer, Refund):
        return answer
    try:
        same = from_units(answer.amount, answer.currency) == request.amount
    except InvalidMoney:
        same = False
    if not same or _number(answer) != request.refund_id:
        return Unknown("a refund of something else")
    return _outcome(answer)


async def refund_found(wire: Wire, finder: Finder, refund_id: RefundId, payment_id: PaymentId) -> Outcome:
    """What became of a refund, among those of its payment."""
    found = await finder.find(payment_id)
    if found is None:
        return _ABSENT
    if not isinstance(found, Session | Intent):
        return found
    intent = found.payment_intent if isinstance(found, Session) else found
    if intent is None:
        return _ABSENT
    identifier = intent.id if isinstance(intent, Intent) else intent
    query: dict[str, Any] = {"payment_intent": identifier, "limit": 100}
    for _ in range(_PAGES):
        page = await wire.get(REFUNDS, Page[Refund], route="refunds", query=query)
        if not isinstance(page, Page):
            return page.unlisted() if isinstance(page, Failed) else page
        for listed in page.data:
            if _number(listed) == refund_id:
                return _outcome(listed)
        if not page.has_more or not page.data:
            return _ABSENT
        query["starting_after"] = page.data[-1].id
    return Unknown("too many refunds to look through")


def _refusal(failed: Failed) -> Outcome:
    error = failed.error
    if error.type != "invalid_request_error":
        return failed.unlisted()
    if not error.code and error.param == "amount":
        # "Refund amount is greater than unrefunded amount on charge" has no code.
        return Refused(Reason.CONFIGURATION, "amount_refused")
    if error.code in _DISPUTED:
        return Refused(Reason.CONFIGURATION, MONEY_DISPUTED)
    reason = _REFUSALS.get(error.code or "")
    return failed.unlisted() if reason is None else Refused(reason, failed.code)


def _outcome(found: Refund) -> Outcome:
    return of_refund(found) or Unknown(f"unlisted: {str(found.status)[:40]} {str(found.failure_reason)[:40]}")


def _number(found: Refund) -> str:
    return (found.metadata or {}).get("refund_id", "")
