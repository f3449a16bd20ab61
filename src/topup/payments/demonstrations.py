"""What a simulator's plugin can do beside the port of payments."""

from typing import Protocol, runtime_checkable

from topup.kernel.outcome import Outcome
from topup.payments.ports import PaymentRequest


@runtime_checkable
class Demonstration(Protocol):
    """Only a simulator's plugin has it: it acts as the payer, for a demonstration without a browser."""

    async def sandbox_outcome(self, request: PaymentRequest, outcome: str) -> Outcome:
        """Have the simulated payer `pay`, `decline`, pay `late`, pay `twice`, or stay `silent` about having paid."""
        ...
