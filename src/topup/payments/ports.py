"""The port every payment gateway is plugged into. Async, and it knows no database.

A plugin signs and verifies; `platform.http` sends, so that what left the machine is known. What a gateway cannot do
is absent from its `capabilities`, and calling it raises `Unsupported`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final, Literal, Protocol, runtime_checkable

from topup.kernel.exchange import ExchangeRate
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
    KEEP = "keep"
    """Keep the card of a payment for later ones, whose payer is not there."""
    AGREEMENT = "agreement"
    """Agree with a wallet's owner about such payments."""


class Unsupported(RuntimeError):
    """The gateway has no such capability; the matrix in docs/ says who has."""


class EventRejected(Exception):
    """The event is not the gateway's word: forged, altered, stale, unreadable, or for another merchant.

    Nothing of it is believed; it goes to quarantine.
    """


class Scene(StrEnum):
    """Where the payer is, which decides how a gateway is entered."""

    PHONE = "phone"
    """In a browser on a phone: the gateway's page, which opens its app where there is one."""
    DESKTOP = "desktop"
    """In a browser on a computer: the gateway's page, or a QR code to scan with a phone."""
    WALLET = "wallet"
    """In a page that the wallet's own browser shows."""
    SCREEN = "screen"
    """Before somebody else's screen (a counter's, a kiosk's), with a phone: a QR code to scan."""
    COUNTER = "counter"
    """At a counter: the payer's phone shows a payment code, and the clerk scans it."""
    UNATTENDED = "unattended"
    """Not there: paid by an instrument that the payer left with the gateway before."""


class Unfit(StrEnum):
    """Why a gateway is not offered for a payment."""

    CURRENCY = "method_not_for_currency"
    SCENE = "method_not_for_device"
    COUNTER = "method_at_counter"
    """Notes are taken only where somebody, or something, is there to take them."""
    AMOUNT_TOO_SMALL = "method_amount_too_small"
    AMOUNT_TOO_LARGE = "method_amount_too_large"
    PAYER = "method_not_for_guests"
    """It pays with what a known payer has, and nobody said who pays."""


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What the payer is to pay. `payment_id` is the number the gateway knows it by, unchanged for ever.

    `payment_code` is what the payer's phone shows at a counter; `wallet_user` is whom the wallet's browser says it
    belongs to; `instrument` is an Instrument's token, and `keep_instrument` asks the gateway to keep one for later
    payments. None of them is stored with the payment or written to a log.
    """

    payment_id: PaymentId
    amount: Money
    description: str
    return_url: str
    notify_url: str
    expires_at: datetime
    locale: str
    scene: Scene = Scene.PHONE
    payer_address: str | None = field(default=None, repr=False)
    """The payer's IP address, where a gateway wants it."""
    payment_code: str | None = field(default=None, repr=False)
    wallet_user: str | None = field(default=None, repr=False)
    instrument: str | None = field(default=None, repr=False)
    keep_instrument: bool = False
    payer: str | None = field(default=None, repr=False)
    """Who asks, as far as the channel knows: what wrong payment codes are counted against."""
    carrier_id: str = ""
    """Whose line is topped up."""


@dataclass(frozen=True, slots=True)
class Action:
    """What happens next.

    `redirect`: the payer goes to `url`. `qr`: `url` is the content of a QR code to show. `wallet`: the wallet's browser
    is called with `parameters`. `wait`: the payer confirms on the phone, and the gateway is asked. `transfer`: the
    payer sends money by bank, to the account that `parameters` name, with the reference among them.
    """

    type: Literal["redirect", "qr", "wallet", "wait", "transfer"]
    url: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


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


class Decline(StrEnum):
    """Why a payment was declined, as its payer is told, for each has a sentence among the problems. A plugin puts its
    provider's words into these; what it has no word for is BY_BANK.
    """

    BY_BANK = "declined_by_bank"
    """The bank or wallet said no. Nothing else is said of a lost or stolen card either: whose hand it is in is not
    known."""
    FUNDS = "declined_funds"
    LIMIT = "declined_limit"
    EXPIRED = "declined_card_expired"
    DETAILS = "declined_details"
    """What was typed of the card is not right."""
    AUTHENTICATION = "declined_authentication"
    """The payer had to confirm it with the bank, and did not."""
    UNSUPPORTED = "declined_unsupported"
    """Not with this card or account."""
    CODE = "declined_code"
    """The payment code is no longer valid, or was never."""
    AGAIN = "declined_try_again"
    """Not processed just now."""
    METHOD = "declined_method"
    """The fault is ours or the provider's: nobody can pay this way just now."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a payer left with a gateway for later payments: its token there, and words to know it by (`Visa 4242`)."""

    token: str = field(repr=False)
    label: str


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
    instrument: Instrument | None = None
    reason: str = ""
    """Of DECLINED: why, as a `Decline`, or with a way to pay of the house the code of one of its problems; nothing
    personal. Empty where nothing is known."""


@dataclass(frozen=True, slots=True)
class RefundFact:
    """One verified fact about a refund: Done, Refused or Accepted (still under way)."""

    refund_id: RefundId
    outcome: Outcome


MONEY_DISPUTED: Final = "money_disputed"
"""The code of a refund's refusal because the payer objected with the bank: it is asked for again, when that ends."""


class DisputeStanding(StrEnum):
    """How a payer's objection with the bank stands."""

    OPEN = "open"
    """The money was taken from us; evidence may be given until `respond_by`."""
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """One verified fact about a payer who objected to a payment with the bank: a person answers it. What the bank takes
    and gives again is told by the bill (`BillLine`).
    """

    payment_id: PaymentId
    dispute: str
    """The gateway's id of it."""
    standing: DisputeStanding
    amount: Money
    respond_by: datetime | None
    reference: str = ""
    """The gateway's id of the payment, where its disputes carry none of ours: then `payment_id` is empty, and the
    capture with this reference says whose it is."""


@dataclass(frozen=True, slots=True)
class AgreementFact:
    """One verified fact about an agreement with a wallet: it began, or `ended`. The wallet is asked how it stands."""

    agreement_id: str
    ended: bool


Fact = PaymentFact | RefundFact | DisputeFact | AgreementFact


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
    """One line of the gateway's bill of a day.

    `payment` and `refund` carry our id and the positive amount that moved; `dispute` what was taken back, with our id
    of the payment; `other` what is about none of them (a monthly charge), with `our_id` empty. `fee` is what the
    gateway keeps for the line: negative where it gives some back with a refund.
    """

    kind: str
    our_id: str
    reference: str
    amount: Money
    at: datetime
    fee: Money | None = None


class Gateway(Protocol):
    """What a plugin's `make(settings)` gives. Outcomes as in `kernel.outcome`; methods raise only Unsupported."""

    name: str
    capabilities: frozenset[Capability]

    async def start(self, request: PaymentRequest) -> Action | PaymentFact | Outcome:
        """Begin the payment: an Action, or where the gateway knows at once what became of it (a payment code, a kept
        instrument) that fact, or Refused / NotSent / Throttled / Unknown. Refused for the payer's sake has as its code
        what `PaymentFact.reason` has.
        """
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
class Particular(Protocol):
    """What a gateway has that does not take every payment; one without takes them all."""

    def unfit(self, amount: Money, scene: Scene) -> Unfit | None:
        """Why it is not offered for this payment; None where it is."""
        ...


@runtime_checkable
class Converts(Protocol):
    """What a gateway has that takes a price in other currencies than its own, at rates that somebody stands for."""

    def rates(self, priced_in: str, now: datetime) -> Sequence[ExchangeRate]:
        """The currencies it takes for a price in `priced_in`, as the operator lists them, each at the rate that holds
        at `now`; none where the rates are stale. Without a call: it is asked while a price is made.
        """
        ...


@runtime_checkable
class Personal(Protocol):
    """What a gateway has that pays with what the payer has here: it is offered only where a channel knows the payer,
    and says who that is as `PaymentRequest.wallet_user`.
    """

    for_known_payers: bool


@runtime_checkable
class Patient(Protocol):
    """What a gateway has whose payments take days: so long its orders may be paid."""

    payable_for: timedelta


@runtime_checkable
class SlowToRefund(Protocol):
    """What a gateway has whose refunds take days: so long they may take before a person is asked about them."""

    refunds_take: timedelta


@runtime_checkable
class LongBill(Protocol):
    """What a gateway has whose bill may be longer than memory: `bill` is not called then."""

    def bill_lines(self, day: date) -> AsyncIterator[Sequence[BillLine]]:
        """The lines of `bill`, page by page. Raises BillUnavailable."""
        ...


@runtime_checkable
class BillClock(Protocol):
    """What a gateway has whose days are not those of UTC."""

    bill_zone: tzinfo
    """In which its bills' days begin and end."""


class BillUnavailable(Exception):
    """The day's bill could not be had now; ask later."""


class NoBillYet(BillUnavailable):
    """The provider answered that it has no bill of the day: nothing happened, or it is not made yet; ask later."""
