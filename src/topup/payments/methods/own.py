"""What the ways to pay that are of the house have alike, behind the port of gateways.

What there is to know of a payment stands in our own database. So nobody sends events of it, nothing is ever on its way
to us, and whoever wants to know asks by `query` or reads `bill`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Never, Protocol, runtime_checkable

from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.outcome import Done, Outcome, Reason, Refused
from topup.payments.ports import (
    Capability,
    EventRejected,
    PaymentAnswer,
    PaymentFact,
    PaymentStanding,
    Unsupported,
    VerifiedEvent,
)
from topup.platform.database import Connection, Database


@runtime_checkable
class Unlisted(Protocol):
    """What a method has that nobody chooses: it is in no list of ways to pay, and its payments begin otherwise."""

    unlisted: bool


NOT_PAID = Refused(Reason.CONFIGURATION, "not_paid")
"""A refund of what was never paid."""
OVER_REFUND = Refused(Reason.CONFIGURATION, "over_refund")
"""A refund of more than is left of what was paid."""


class OwnMethod(ABC):
    """A way to pay of this installation. Each names itself, and says what it knows of payments and refunds.

    All of them close, give back in parts and have a bill; none cancels, for nothing is ever paid here that somebody is
    still confirming: it is closed, or refunded.
    """

    name: str
    capabilities = frozenset({Capability.CLOSE, Capability.REFUND, Capability.PARTIAL_REFUND, Capability.BILL})

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def query(self, payment_id: PaymentId) -> PaymentAnswer:
        """What became of it; absent where it never began."""
        await self._go_on(payment_id)
        async with self._database.read() as transaction:
            known = await self._known(transaction.connection, payment_id)
        return PaymentAnswer(tuple(known) or (unpaid(payment_id, PaymentStanding.ABSENT),))

    async def cancel(self, payment_id: PaymentId) -> Never:  # noqa: ARG002 - the port's
        """Raises Unsupported."""
        raise Unsupported("cancel")

    async def query_refund(self, refund_id: RefundId, payment_id: PaymentId) -> Outcome:  # noqa: ARG002 - the port's
        """What became of it; where it never began it is safe to ask for."""
        async with self._database.read() as transaction:
            known = await self._known_back(transaction.connection, refund_id)
        return known or Refused(Reason.ABSENT, "absent")

    def parse_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:  # noqa: ARG002
        """Raises EventRejected: nobody tells us of our own books."""
        raise EventRejected(f"{self.name} sends no events")

    def acknowledge(self) -> tuple[int, str, bytes]:
        """As of any event that was taken in; there is none."""
        return 200, "text/plain", b"ok"

    async def aclose(self) -> None:
        """Nothing of its own is open: the database is the installation's."""
        return

    async def _go_on(self, payment_id: PaymentId) -> None:  # noqa: B027 - most are never half-way
        """Take a payment that stopped half-way to its end."""

    @abstractmethod
    async def _known(self, connection: Connection, payment_id: PaymentId) -> list[PaymentFact]:
        """What is written down of a payment; nothing where it never began."""

    @abstractmethod
    async def _known_back(self, connection: Connection, refund_id: RefundId) -> Outcome | None:
        """What is written down of a refund; None where it never began."""


def unpaid(payment_id: PaymentId, standing: PaymentStanding, reason: str = "") -> PaymentFact:
    """The fact of a payment that brought nothing."""
    return PaymentFact(payment_id, standing, "", None, None, reason=reason)


def closed(payment_id: PaymentId, *, is_paid: bool) -> Outcome:
    """The answer to who wants a payment closed."""
    return Refused(Reason.USER, "paid") if is_paid else Done(payment_id)
