"""What Stripe takes in which currency, in its own units, and what it is worth in its books' currency."""

from typing import Final

from topup_simulators.stripe.forms import Refusal

SETTLED_IN: Final = "usd"
_LARGEST: Final = 99_999_999
_SMALLEST: Final = {"usd": 50, "eur": 50, "sgd": 50, "gbp": 30, "hkd": 400, "jpy": 50, "huf": 17_500, "myr": 200}
_STEPS: Final = dict.fromkeys(("isk", "ugx"), 100) | dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 10)
# Hundred-thousandths of a US cent for a unit of the currency, made up once and for all.
_WORTH: Final = {"usd": 100_000, "cny": 14_000, "eur": 108_000, "hkd": 12_800, "jpy": 65_000, "sgd": 74_000}
_FEE_PER_MILLE: Final = 29
_FEE_FIXED: Final = 30
DISPUTE_FEE: Final = 1500


def check_amount(amount: int, currency: str, param: str) -> None:
    """Raises Refusal for an amount that Stripe does not take."""
    if not (len(currency) == 3 and currency.isascii() and currency.islower() and currency.isalpha()):  # noqa: PLR2004 - ISO 4217
        raise Refusal(f"Invalid currency: {currency[:10]}. Stripe expects lower case.", param="currency")
    if amount < _SMALLEST.get(currency, 1):
        raise Refusal("The amount is too small.", code="amount_too_small", param=param)
    if amount > _LARGEST:
        raise Refusal("The amount is too large.", code="amount_too_large", param=param)
    if amount % _STEPS.get(currency, 1):
        raise Refusal(f"Invalid amount for {currency}: its last digits must be 0.", param=param)


def settled(amount: int, currency: str) -> tuple[int, str | None]:
    """The amount in US cents, and the rate where there was a conversion."""
    if currency == SETTLED_IN:
        return amount, None
    worth = _WORTH.get(currency, 100_000)
    return (amount * worth + 50_000) // 100_000, f"{worth / 100_000:.5f}"


def fee_of(cents: int) -> int:
    """What is kept of a payment of so many US cents: 2.9 % and 30 cents, never more than all."""
    return min(cents, cents * _FEE_PER_MILLE // 1000 + _FEE_FIXED)
