"""What a fee comes to: a step by amount, a fixed part, parts per million, one rounding."""

from typing import Final

from topup.catalogue.documents import FeeStep
from topup.catalogue.grant_rules import Rounding

_WHOLE_PPM: Final = 1_000_000


def fee_minor(steps: tuple[FeeStep, ...], amount_minor: int) -> int:
    """The fee of `steps` (ascending) on `amount_minor`, in minor units: of the last step that begins at or below it.

    Below the first step, and without steps, there is none. Rounded once, by the step's rule.
    """
    fee = 0
    for step in steps:
        if step.from_minor > amount_minor:
            break
        fee = step.fixed_minor + share_minor(amount_minor, step.rate_ppm, step.rounding)
    return fee


def share_minor(amount_minor: int, rate_ppm: int, rounding: Rounding) -> int:
    """`rate_ppm` parts per million of `amount_minor`, rounded once."""
    whole, rest = divmod(amount_minor * rate_ppm, _WHOLE_PPM)
    if rounding == "up":
        return whole + (rest > 0)
    if rounding == "down":
        return whole
    twice = 2 * rest - _WHOLE_PPM
    tie_goes_up = rounding == "half_up" or whole % 2 == 1
    return whole + (twice > 0 or (twice == 0 and tie_goes_up))
