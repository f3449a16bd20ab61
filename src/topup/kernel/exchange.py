"""A price in one currency, paid in another: an exact rate, and one rounding, upwards.

Upwards, so that what comes covers the price; by less than one step, and the step is said with the rate.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from topup.kernel.money import InvalidMoney, Money, exponent, is_currency

MOST_DIGITS: Final = 18
"""Of a rate; central banks write six."""


class InvalidRate(ValueError):
    """Not a rate between two currencies."""


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """One unit of `paid_in` costs `rate` units of `priced_in` (7.2488 yuan for a dollar), as `source` said at `at`.

    What is paid is a whole number of steps of `step_minor` minor units of `paid_in`. Raises InvalidRate.
    """

    priced_in: str
    paid_in: str
    rate: Decimal
    source: str
    at: datetime
    step_minor: int = 1

    def __post_init__(self) -> None:
        if not is_currency(self.priced_in) or not is_currency(self.paid_in) or self.priced_in == self.paid_in:
            raise InvalidRate("a rate is between two currencies of ISO 4217")
        if not self.rate.is_finite() or self.rate <= 0 or len(self.rate.as_tuple().digits) > MOST_DIGITS:
            raise InvalidRate("a rate is a plain number above zero")
        if self.step_minor < 1:
            raise InvalidRate("a step is at least one minor unit")

    @property
    def step(self) -> Money:
        """What is paid is a multiple of this."""
        return Money(self.step_minor, self.paid_in)

    def convert(self, price: Money) -> Money:
        """What is paid for a price, rounded up to the next step. Raises InvalidMoney for another currency's price, one
        below zero, or a result too large.
        """
        if price.currency != self.priced_in or price.amount_minor < 0:
            raise InvalidMoney("not a price in this rate's currency")
        scale = Fraction(10) ** (exponent(self.paid_in) - exponent(self.priced_in))
        exact = Fraction(price.amount_minor) * scale / Fraction(self.rate)
        steps = -(-exact // self.step_minor)
        return Money(int(steps) * self.step_minor, self.paid_in)


def share(*, paid: Money, price: Money, part: Money, step_minor: int = 1) -> Money:
    """Which part of what was `paid` for a `price` belongs to a `part` of that price: in proportion, rounded down to a
    whole number of steps, so that parts never make more than the whole; the whole price is the whole of what was paid.

    Raises InvalidMoney where the part is not one of the price.
    """
    if part.currency != price.currency or not 0 <= part.amount_minor <= price.amount_minor or not price.amount_minor:
        raise InvalidMoney("not a part of the price")
    if part == price:
        return paid
    steps = paid.amount_minor * part.amount_minor // (price.amount_minor * step_minor)
    return Money(steps * step_minor, paid.currency)
