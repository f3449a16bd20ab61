"""Stripe's objects, as far as we read them: https://docs.stripe.com/api. Each says in `object` what it is.

A reference to another object is its id, or the object itself where it was asked for (`expand`).
"""

from typing import Annotated, Generic, TypeVar

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Units = Annotated[int, msgspec.Meta(ge=0)]
Moment = Annotated[int, msgspec.Meta(ge=0, lt=2**37)]
"""Seconds since 1970, as far as a calendar goes."""
Listed = TypeVar("Listed")


class Page(msgspec.Struct, Generic[Listed], frozen=True, tag_field="object", tag="list"):
    """A part of a list, newest first."""

    data: list[Listed]
    has_more: bool


class Card(msgspec.Struct, frozen=True):
    """What may be shown of a card."""

    brand: str | None = None
    last4: str | None = None


class Details(msgspec.Struct, frozen=True):
    """With what a charge was paid."""

    card: Card | None = None


class PaymentMethod(msgspec.Struct, frozen=True, tag_field="object", tag="payment_method"):
    """A card that a customer left with us; without a customer nobody can be charged by it."""

    id: Text
    customer: str | None = None


class Refund(msgspec.Struct, frozen=True, tag_field="object", tag="refund"):
    """Money given back."""

    id: Text
    amount: Units
    currency: Text
    created: Moment
    status: str | None
    metadata: dict[str, str] | None = None
    payment_intent: str | None = None
    charge: str | None = None
    failure_reason: str | None = None


class Charge(msgspec.Struct, frozen=True, tag_field="object", tag="charge"):
    """One attempt to take money. Its `metadata` is a copy of the payment intent's."""

    id: Text
    livemode: bool
    created: Moment
    status: str
    amount: Units
    amount_captured: Units
    amount_refunded: Units
    currency: Text
    metadata: dict[str, str] = {}
    payment_intent: str | None = None
    customer: str | None = None
    payment_method: str | None = None
    payment_method_details: Details | None = None
    refunds: Page[Refund] | None = None


class PaymentError(msgspec.Struct, frozen=True):
    """Why an attempt to pay failed."""

    code: str | None = None
    decline_code: str | None = None


class Intent(msgspec.Struct, frozen=True, tag_field="object", tag="payment_intent"):
    """A payment, over all its attempts: of these at most one succeeds."""

    id: Text
    livemode: bool
    created: Moment
    status: str
    amount: Units
    currency: Text
    amount_received: Units = 0
    metadata: dict[str, str] = {}
    customer: str | None = None
    payment_method: str | None = None
    latest_charge: Charge | str | None = None
    last_payment_error: PaymentError | None = None


class Session(msgspec.Struct, frozen=True, tag_field="object", tag="checkout.session"):
    """A hosted page where one payment may be made."""

    id: Text
    livemode: bool
    created: Moment
    status: str | None
    payment_status: str
    amount_total: Units | None = None
    currency: str | None = None
    client_reference_id: str | None = None
    metadata: dict[str, str] | None = None
    payment_intent: Intent | str | None = None
    url: str | None = None


class EvidenceDetails(msgspec.Struct, frozen=True):
    """Until when a dispute may be answered."""

    due_by: Moment | None = None


class Dispute(msgspec.Struct, frozen=True, tag_field="object", tag="dispute"):
    """A payer's objection with the bank. It does not carry our number of the payment, only Stripe's."""

    id: Text
    livemode: bool
    amount: Units
    currency: Text
    status: str
    payment_intent: str | None = None
    evidence_details: EvidenceDetails | None = None
    metadata: dict[str, str] | None = None


class BalanceTransaction(msgspec.Struct, frozen=True, tag_field="object", tag="balance_transaction"):
    """A movement of our balance at Stripe, in the currency it is kept in; `amount` is before the fee."""

    id: Text
    amount: int
    fee: int
    currency: Text
    created: Moment
    type: str
    reporting_category: str = ""
    source: msgspec.Raw = msgspec.Raw(b"null")


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong with a request."""

    type: Text
    code: str | None = None
    decline_code: str | None = None
    param: str | None = None
    payment_intent: Intent | None = None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """An answer that is none of the objects above."""

    error: ErrorBody


class EventData(msgspec.Struct, frozen=True):
    """What an event is about, as it was then."""

    object: msgspec.Raw


class Event(msgspec.Struct, frozen=True, tag_field="object", tag="event"):
    """Something that happened. `account` is there in events of connected accounts."""

    id: Text
    type: Text
    livemode: bool
    created: Moment
    data: EventData
    account: str | None = None


class Kind(msgspec.Struct, frozen=True):
    """What an object is."""

    object: str


class Account(msgspec.Struct, frozen=True, tag_field="object", tag="account"):
    """Who we are."""

    id: Text
    charges_enabled: bool = False


class Balance(msgspec.Struct, frozen=True, tag_field="object", tag="balance"):
    """What we have there, of which only the mode interests."""

    livemode: bool


class Endpoint(msgspec.Struct, frozen=True, tag_field="object", tag="webhook_endpoint"):
    """Where events are sent."""

    id: Text
    url: str
    status: str
    enabled_events: list[str]
