"""The port every carrier (or aggregator) that we deliver through is plugged into. Async, and it knows no database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol, runtime_checkable

from topup.kernel.ids import FulfilmentId
from topup.kernel.money import Money
from topup.kernel.outcome import Outcome


class CarrierCapability(StrEnum):
    """What a carrier may be asked beside submitting and querying."""

    LOOKUP = "lookup"
    BILL = "bill"
    FLOAT = "float"
    REVERSAL = "reversal"
    """A success may later be taken back."""


class CarrierUnsupported(RuntimeError):
    """The carrier has no such capability."""


class CarrierEventRejected(Exception):
    """The event is not the carrier's word; nothing of it is believed."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is to be credited. `fulfilment_id` is the number the carrier knows it by, unchanged for ever."""

    fulfilment_id: FulfilmentId
    msisdn: str
    amount: Money
    product: str
    """The carrier's own name of the product; `credit` for plain credit."""
    notify_url: str


@dataclass(frozen=True, slots=True)
class CarrierFact:
    """What a carrier's verified event says of one delivery: Done, Refused, Accepted or Reversed."""

    fulfilment_id: FulfilmentId
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CarrierEvent:
    """A carrier's event after its signature held."""

    event_id: str
    facts: tuple[CarrierFact, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a carrier says of a number: whether it can be topped up, as far as it tells."""

    can_be_topped_up: bool | None
    """None where the carrier did not say."""


class Billed(StrEnum):
    """What a line of a carrier's bill says of a delivery."""

    DELIVERED = "delivered"
    """It arrived: the carrier wants its amount."""
    REVERSED = "reversed"
    """It was taken back: the carrier gives its amount back. The delivery has a line of its own."""
    NOT_DELIVERED = "not_delivered"
    """Listed, and nothing is wanted for it: refused, failed, under way."""


@dataclass(frozen=True, slots=True)
class CarrierBillLine:
    """One line of the carrier's bill of a day: what moved then. `amount` is positive; `our_id` empty where it names
    none of ours.
    """

    our_id: str
    reference: str
    amount: Money
    billed: Billed
    at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What the carrier's contract says of asking."""

    minimum_interval: timedelta
    """Between two queries of one delivery."""
    horizon: timedelta
    """How long after submission a query is still answered; past it a person decides."""
    absence_proves_after: timedelta
    """How long after submission `ABSENT` may be taken for "never arrived"."""


class Carrier(Protocol):
    """What a plugin's `make` gives. Outcomes as in `kernel.outcome`; methods raise only CarrierUnsupported."""

    name: str
    capabilities: frozenset[CarrierCapability]
    limits: Limits

    async def lookup(self, msisdn: str) -> Standing:
        """Whether the number can be topped up."""
        ...

    async def submit(self, delivery: Delivery) -> Outcome:
        """Ask for the credit once. A number the carrier already knows is queried and its outcome given."""
        ...

    async def query(self, fulfilment_id: FulfilmentId) -> Outcome:
        """Done, Accepted, Refused (ABSENT: it never had it), Reversed, or NotSent / Throttled / Unknown."""
        ...

    def parse_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> CarrierEvent:
        """The facts of an event, after verifying; header names are lower case. Raises CarrierEventRejected."""
        ...

    async def bill(self, day: date) -> list[CarrierBillLine]:
        """Every line of that day by the carrier's clock. Raises CarrierBillUnavailable."""
        ...

    async def float_balance(self) -> Money:
        """What is left of our prepaid float there. Raises FloatUnavailable."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class BillClock(Protocol):
    """What a carrier has whose days are not those of UTC."""

    bill_zone: tzinfo
    """In which its bills' days begin and end."""


class CarrierBillUnavailable(Exception):
    """The day's bill could not be had now; ask later."""


class FloatUnavailable(Exception):
    """The carrier did not say how much is left."""
