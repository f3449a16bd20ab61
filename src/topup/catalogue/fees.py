"""What a fee comes to: a step by amount, a fixed part, parts per million, one rounding."""

from typing import Final

from topup.catalogue.documents import FeeStep

_WHOLE_PPM: Final = 1_000_000


def fee_minor(steps: tuple[FeeStep, ...], amount_minor: int) -> int:
    """The fee of `steps` (ascending) on `amount_minor`, in minor units: of the last step that begins at or below it.

    Below the first step, and without steps, there is none. Rounded once, by the step's rule.
    """
    fee = 0
    for step in steps:
        if step.from_minor > amount_minor:
            break
        fee = step.fixed_minor + _share(step, amount_minor)
    return fee


def _share(step: FeeStep, amount_minor: int) -> int:
    whole, rest = divmod(amount_minor * step.rate_ppm, _WHOLE_PPM)
    if step.rounding == "up":
        return whole + (rest > 0)
    if step.rounding == "down":
        return whole
    twice = 2 * rest - _WHOLE_PPM
    tie_goes_up = step.rounding == "half_up" or whole % 2 == 1
    return whole + (twice > 0 or (twice == 0 and tie_goes_up))
