"""The port every payment gateway is plugged into. Async, and it knows no database.

A plugin signs and verifies; `platform.http` sends, so that what left the machine is known. What a gateway cannot do
is absent from its `capabilities`, and calling it raises `Unsupported`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Outcome


class Capability(StrEnum):
    """What a gateway may be asked to do beside starting a payment and answering queries."""

    CLOSE = "close"
    CANCEL = "cancel"
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    BILL = "bill"


class Unsupported(RuntimeError):
    """The gateway has no such capability; the matrix in docs/ says who has."""


class EventRejected(Exception):
    """The event is not the gateway's word: forged, altered, stale, unreadable, or for another merchant.

    Nothing of it is believed; it goes to quarantine.
    """


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What the payer is to pay. `payment_id` is the number the gateway knows it by, unchanged for ever."""

    payment_id: PaymentId
    amount: Money
    description: str
    return_url: str
    notify_url: str
    expires_at: datetime
    locale: str


@dataclass(frozen=True, slots=True)
class Action:
    """What the payer does next: `redirect` to `url`."""

    type: str
    url: str


class PaymentStanding(StrEnum):
    """What the gateway says of one payment, in an answer to a query or in an event."""

    WAITING = "waiting"
    """Known, not paid yet, still may be."""
    PAID = "paid"
    DECLINED = "declined"
    """This payment will not be paid: the payer's bank or wallet said no."""
    CLOSED = "closed"
    """Closed unpaid; no payment can follow."""
    ABSENT = "absent"
    """The gateway positively never heard of it (the payer never opened the pay page)."""


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """One verified fact about a payment. For PAID, `amount` is what was really paid and `paid_at` when, by the
    gateway's clock; `reference` is the gateway's id of that one payment: a payer who pays twice makes two.
    """

    payment_id: PaymentId
    standing: PaymentStanding
    reference: str
    amount: Money | None
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefundFact:
    """One verified fact about a refund: Done, Refused or Accepted (still under way)."""

    refund_id: RefundId
    outcome: Outcome


Fact = PaymentFact | RefundFact


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """A gateway's event after its signature held: `event_id` repeats when the gateway resends it."""

    event_id: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class PaymentAnswer:
    """The answer of a query: the facts (one per real payment under this number), or why there are none."""

    facts: tuple[PaymentFact, ...]
    problem: Outcome | None = None
    """NotSent, Throttled or Unknown where the question was not answered; then `facts` is empty."""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Give `amount` back of the payment the gateway knows as `reference`. `refund_id` never changes on a retry."""

    refund_id: RefundId
    payment_id: PaymentId
    reference: str
    amount: Money
    reason: str


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of the gateway's bill of a day."""

    kind: str
    """`payment` or `refund`."""
    our_id: str
    reference: str
    amount: Money
    at: datetime


class Gateway(Protocol):
    """What a plugin's `make(settings)` gives. Outcomes as in `kernel.outcome`; methods raise only Unsupported."""

    name: str
    capabilities: frozenset[Capability]

    async def start(self, request: PaymentRequest) -> Action | Outcome:
        """Begin the payment: an Action for the payer, or Refused / NotSent / Throttled / Unknown."""
        ...

    async def query(self, payment_id: PaymentId) -> PaymentAnswer:
        """What the gateway knows of it."""
        ...

    async def close(self, payment_id: PaymentId) -> Outcome:
        """Forbid further payment: Done when closed or never known; Refused(code `paid`) when it was paid."""
        ...

    async def cancel(self, payment_id: PaymentId) -> Outcome:
        """Close, and give back whatever was paid."""
        ...

    async def refund(self, request: RefundRequest) -> Outcome:
        """Give back; the same refund id again is a replay, never a second refund."""
        ...

    async def query_refund(self, refund_id: RefundId, payment_id: PaymentId) -> Outcome:
        """Done, Accepted, Refused(ABSENT: safe to send under the same number), Refused(...), or not answered."""
        ...

    def parse_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        """The facts of an event, every signed byte verified; header names are lower case. Raises EventRejected."""
        ...

    def acknowledge(self) -> tuple[int, str, bytes]:
        """Status, content type and body that this gateway wants to hear: nothing else stops its resending."""
        ...

    async def bill(self, day: date) -> list[BillLine]:
        """Every payment and refund of that day by the gateway's clock. Raises BillUnavailable."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class PayPage(Protocol):
    """What a gateway has whose pay page takes a signed address: its payments begin without a call."""

    def pay_page(self, request: PaymentRequest) -> Action | None:
        """What the payer is to do, made of the request alone; None where the gateway must hear first, by `start`."""
        ...


@runtime_checkable
class Demonstration(Protocol):
    """What only a simulator's plugin can do: act as the payer, for a demonstration without a browser."""

    async def sandbox_outcome(self, request: PaymentRequest, outcome: str) -> Outcome:
        """Have the simulated payer `pay`, `decline`, pay `late`, pay `twice`, or stay `silent` about having paid."""
        ...


class BillUnavailable(Exception):
    """The day's bill could not be had now; ask later."""
