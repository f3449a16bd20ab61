"""Why a payment was declined, in the payer's language: a sentence for each code that has one, and a general one."""

from functools import lru_cache
from typing import Final

from topup.orders.views import PaymentView
from topup.payments.states import PaymentState
from topup.platform.i18n import LOCALES, catalogue, has_text, translate

GENERAL: Final = "payment_declined"
"""What is told where nothing more is known."""
_TEXTS: Final = "problems"


@lru_cache(maxsize=256)
def told(reason: str) -> str:
    """The code that stands for a stored reason. Whoever has no sentence is told the general one, and so no payer ever
    reads a gateway's word.
    """
    texts = [(reason, locale) for locale in LOCALES] + [(f"{reason}.do", locale) for locale in LOCALES]
    plain = has_text(_TEXTS, reason) and all("{" not in catalogue(at, _TEXTS).get(text, "") for text, at in texts)
    return reason if plain else GENERAL


def why_declined(payment: PaymentView, *, locale: str) -> tuple[str, str] | None:
    """What happened and what to do about it, of a payment that was declined; None of any other."""
    if payment.status != PaymentState.DECLINED:
        return None
    code = payment.reason or GENERAL
    return translate(locale, _TEXTS, code), translate(locale, _TEXTS, f"{code}.do")


def text_of(payment: PaymentView, *, locale: str) -> str:
    """The same as one text; empty where it was not declined."""
    words = why_declined(payment, locale=locale) or ()
    return ("" if locale.startswith("zh") else " ").join(words)
