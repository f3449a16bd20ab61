"""What is asked of Stripe when a payment begins: the same for the same request, or its key would not be replayed."""

from typing import Any, Final

from topup.payments.ports import PaymentRequest
from topup.plugins.payments.stripe.events import UNATTENDED

_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_MARGIN_S: Final = 120
_LONGEST_DESCRIPTION: Final = 250
_LOCALES: Final = {"zh_Hans": "zh", "zh_Hant": "zh-TW", "en": "en"}


def session_wanted(request: PaymentRequest, *, units: int, made: int) -> dict[str, Any]:
    """The parameters of a Checkout Session for a payment whose number was made in the second `made`.

    Stripe lets a session end thirty minutes after it is made at the earliest, which is later than our payments end: it
    ends an hour after the number, and is expired when the payment is closed. Who pays in between pays late, and gets
    the money back. Adaptive pricing is off: what is paid is what was asked for, in that currency.
    """
    number = {"payment_id": request.payment_id}
    intent: dict[str, Any] = {"description": request.description[:_LONGEST_DESCRIPTION], "metadata": number}
    keeping: dict[str, Any] = {}
    if request.keep_instrument:
        intent |= {"setup_future_usage": "off_session", "metadata": {**number, "keep": "1"}}
        keeping = {"customer_creation": "always"}
    ends = max(int(request.expires_at.timestamp()), made + _HOUR_S)
    return {
        "mode": "payment",
        "client_reference_id": request.payment_id,
        "metadata": number,
        "payment_method_types": ["card"],
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": request.amount.currency.lower(),
                    "unit_amount": units,
                    "product_data": {"name": request.description[:_LONGEST_DESCRIPTION]},
                },
            }
        ],
        "payment_intent_data": intent,
        "adaptive_pricing": {"enabled": False},
        "success_url": request.return_url,
        "cancel_url": request.return_url,
        "locale": _LOCALES.get(request.locale, "auto"),
        "expires_at": min(ends, made + _DAY_S - _MARGIN_S),
        **keeping,
    }


def intent_wanted(request: PaymentRequest, *, units: int) -> dict[str, Any] | None:
    """The parameters of a payment by a kept card, whose payer is not there; None where there is no token.

    Our tokens are the customer's id and the card's, with a colon between; one without a colon is sent as the card's,
    and Stripe says what it thinks of it.
    """
    if not request.instrument:
        return None
    customer, colon, method = request.instrument.partition(":")
    return {
        "amount": units,
        "currency": request.amount.currency.lower(),
        "customer": customer if colon else None,
        "payment_method": method if colon else request.instrument,
        "payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
        "description": request.description[:_LONGEST_DESCRIPTION],
        "metadata": {"payment_id": request.payment_id, "scene": UNATTENDED},
        "expand": ["latest_charge"],
    }
