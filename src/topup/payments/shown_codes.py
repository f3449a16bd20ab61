"""Codes that a payer shows, looked at before there is an order: whoever mistypes one is told where they typed it."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from topup.kernel.money import Money
from topup.kernel.outcome import Refused


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A code, what it is to pay, and who shows it; the fields are those of `ports.PaymentRequest`."""

    amount: Money
    carrier_id: str
    payment_code: str | None = field(repr=False)
    payer_address: str | None
    payer: str | None = field(repr=False)


@runtime_checkable
class LooksFirst(Protocol):
    """What a gateway has that can say of a code whether it would pay. Nothing is taken, and a wrong one counts as if it
    had been shown to pay: looking is no cheaper way to guess.
    """

    async def look(self, code: ShownCode) -> Refused | None:
        """Why it would not pay; None where it would, as things are."""
        ...
