"""The end of a kept card."""

from typing import Final

from topup.kernel.outcome import Done, Outcome, Unknown
from topup.plugins.payments.stripe.objects import PaymentMethod
from topup.plugins.payments.stripe.wire import Failed, Wire

METHODS: Final = "/v1/payment_methods"


async def forget_card(wire: Wire, token: str) -> Outcome:
    """Detach the card of a token (the customer's id and the card's, with a colon between): nothing can be charged by a
    card that nobody has, and it can never be attached again. One that Stripe refuses to detach is looked at: it may be
    detached already, or never have been there.
    """
    method = token.rpartition(":")[2]
    answer = await wire.post(f"{METHODS}/{method}/detach", PaymentMethod, route="detach", content={})
    if isinstance(answer, Failed) and answer.error.type == "invalid_request_error":
        answer = await wire.get(f"{METHODS}/{method}", PaymentMethod, route="card")
    if isinstance(answer, Failed):
        missing = answer.error.type == "invalid_request_error" and answer.error.code == "resource_missing"
        return Done(method) if missing else answer.unlisted()
    if not isinstance(answer, PaymentMethod):
        return answer
    return Done(method) if answer.id == method and answer.customer is None else Unknown("not detached")
