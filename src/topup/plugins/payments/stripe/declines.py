"""Why Stripe or a bank said no, in the port's words: https://docs.stripe.com/declines/codes.

Of lost and stolen cards, and of fraud, the payer is to be told no more than that the bank declined, as it says there.
"""

from typing import Final

from topup.payments.ports import Decline

_WORDS: Final = {
    Decline.FUNDS: ("insufficient_funds",),
    Decline.LIMIT: ("card_velocity_exceeded", "pin_try_exceeded", "withdrawal_count_limit_exceeded"),
    Decline.EXPIRED: ("expired_card",),
    Decline.DETAILS: (
        "incorrect_address", "incorrect_cvc", "incorrect_number", "incorrect_pin", "incorrect_zip", "invalid_cvc",
        "invalid_expiry_month", "invalid_expiry_year", "invalid_number", "invalid_pin",
    ),
    Decline.AUTHENTICATION: (
        "authentication_not_handled", "authentication_required", "mobile_device_authentication_required",
        "offline_pin_required", "online_or_offline_pin_required", "payment_intent_authentication_failure",
        "setup_intent_authentication_failure",
    ),
    Decline.UNSUPPORTED: (
        "amount_too_large", "amount_too_small", "card_not_supported", "currency_not_supported", "invalid_account",
        "invalid_amount", "new_account_information_available", "no_instrument", "not_permitted", "resource_missing",
        "service_not_allowed", "testmode_decline", "transaction_not_allowed",
    ),
    Decline.AGAIN: (
        "approve_with_id", "issuer_not_available", "processing_error", "reenter_transaction", "try_again_later",
    ),
}  # fmt: skip
_OF_WORD: Final = {word: decline for decline, words in _WORDS.items() for word in words}


def decline_of(word: str) -> Decline:
    """What a payer is told for one of Stripe's words; what is on no list is told as the bank's no."""
    return _OF_WORD.get(word, Decline.BY_BANK)
