"""What channels are shown of numbers, quotes, orders and receipts: frozen facts, no rows, no behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from topup.catalogue.documents import AtCap
from topup.catalogue.grant_rules import Policy
from topup.catalogue.storefront import Offer
from topup.kernel.ids import OrderId, PaymentId, QuoteId
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.orders.offer_views import CodeView, DiscountView, GiftView, HeldView, PointsView
from topup.payments.ports import Action


@dataclass(frozen=True, slots=True)
class NumberView:
    """A number and the carrier that serves it today. The same for numbers with and without a line: nobody learns
    from it whether a number has an account.
    """

    msisdn: Msisdn
    carrier_id: str
    carrier_names: Mapping[str, str]
    """By language: `zh_Hans`, `zh_Hant`, `en`."""
    currency: str
    zone: str


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line of a price. `type` is face, product_fee, payment_fee, discount or tax; the label is a message id of the
    catalogue `catalogue` with its parameters. Discounts are negative; a product fee is taken from the credit and so
    does not add to the total.
    """

    type: str
    amount: Money
    label: str
    parameters: Mapping[str, str | Mapping[str, str]]
    """Texts, or a text per language."""


EndBasis = Literal["certain", "alone", "present", "given"]


@dataclass(frozen=True, slots=True)
class QuoteGrant:
    """What the line will get: `amount` in minor units of `asset`, until `usable_until` (None: no end), and why.

    `basis` says what that end is: `certain`; `alone`, if the line has nothing of the kind, and by `policy` otherwise;
    `present`, as the line is now, which only who may see its balance is told; `given`, when it was credited. A line may
    have at most `cap` of it (None: no bound, or it is seen to already); `at_cap` says what becomes of more.
    """

    index: int
    asset: str
    amount: int
    kind: str
    usable_until: datetime | None
    rule: Mapping[str, Any]
    """Why that date: `id`, a message id of the catalogue `catalogue`, and its `inputs`."""
    basis: EndBasis = "certain"
    policy: Policy = "separate"
    cap: int | None = None
    at_cap: AtCap = "refuse"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A whole price, fee included, in another currency: `price` became `paid` at `rate` units of the price's currency
    for one unit of the other, rounded up to the next multiple of `step`; as `source` said at `at`.
    """

    price: Money
    paid: Money
    rate: str
    step: Money
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PayView:
    """What is paid by a method in one currency; `exchange` where that is not the price's."""

    amount: Money
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class MethodView:
    """A way to pay this quote: its fee, the whole price with it, and why it is not offered (a message id of the
    catalogue `problems`), or None when it is. `pay` is what it takes, in each currency it takes: the price's first.
    """

    method: str
    fee: Money
    total: Money
    unavailable: str | None
    pay: tuple[PayView, ...] = ()


@dataclass(frozen=True, slots=True)
class QuoteView:
    """A signed price. `total` is what is paid: with the fee of `payment_method` where one was named."""

    id: QuoteId
    msisdn: Msisdn
    carrier_id: str
    carrier_names: Mapping[str, str]
    catalogue_version: int
    product: str | None
    face: Money
    lines: tuple[QuoteLine, ...]
    grants: tuple[QuoteGrant, ...]
    payment_method: str | None
    total: Money
    zone: str
    created_at: datetime
    expires_at: datetime
    expired: bool
    """Whether it was too late to order from it when it was read."""
    credit_before: Money | None = None
    """The money the line has to use now, and with it: told to who has the line in their account, and to nobody else."""
    credit_after: Money | None = None
    link: str | None = None
    """The link it was asked for through."""
    hides_number: bool = False
    """The number is the link's, and not for its opener to read."""
    discounts: tuple[DiscountView, ...] = ()
    gifts: tuple[GiftView, ...] = ()
    codes: tuple[CodeView, ...] = ()
    held: tuple[HeldView, ...] = ()
    points: PointsView | None = None

    @property
    def shown_number(self) -> str:
        """The number as its payer may read it."""
        return self.msisdn.masked() if self.hides_number else self.msisdn.grouped()


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A step of an order: the state it came to, when, and why (a message id of the catalogue `orders`). With a cause of
    `states.BESIDE` the state it was in, and what happened to money that could not pay it, or was given back.
    """

    state: str
    at: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class ReturnedMoney:
    """Money that came and was not kept, for the `reason` that it was another amount or currency than asked
    (`mismatched`), paid after the order's end (`late`), or more than the order costs (`surplus`); or that staff give
    back of what was kept (`goodwill`). `standing` is `going_back`, `went_back` (then `at` says when) or `with_person`.
    `came` is when we heard of it, or when it was given back.
    """

    amount: Money
    reason: str
    standing: str
    at: datetime | None
    came: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentView:
    """An attempt to pay. `action` is what happens next."""

    id: PaymentId
    method: str
    status: str
    amount: Money
    created_at: datetime
    action: Action | None
    refunded: Money
    """What has gone back for certain, in the currency of `received`."""
    returned: tuple[ReturnedMoney, ...] = ()
    """What came under it and did not pay the order; a second payment of a paid order is not among it."""
    second: tuple[ReturnedMoney, ...] = ()
    """What came under it when the order was paid already."""
    given_back: tuple[ReturnedMoney, ...] = ()
    """What staff give back of it though the order was delivered."""
    received: Money | None = None
    """All that came under it in its currency, whatever became of it, or in another where none did in its own; None:
    nothing.
    """
    reason: str = ""
    """Of a declined one why: the code of a sentence among the problems (`declines`)."""


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as its payer may see it. `next_step` is a message id of the catalogue `orders` that says what happens
    now or whose turn it is; `who_must_act` is you, us, carrier, wait or None when there is nothing to do.
    """

    id: OrderId
    quote_id: QuoteId
    status: str
    msisdn: Msisdn
    carrier_id: str
    carrier_names: Mapping[str, str]
    product: str | None
    face: Money
    total: Money
    """The price with the fee of the method it was paid by; before payment, of the one that was quoted."""
    lines: tuple[QuoteLine, ...]
    grants: tuple[QuoteGrant, ...]
    timeline: tuple[TimelineEntry, ...]
    payments: tuple[PaymentView, ...]
    next_step: str
    who_must_act: str | None
    receipt_number: str | None
    locale: str
    zone: str
    created_at: datetime
    expires_at: datetime
    final: bool
    """Nothing more will happen by itself: a page need not ask again."""
    exchange: Exchange | None = None
    """How the price was paid in another currency, where it was."""
    read_at: datetime | None = None
    """When it stood so, by the database's clock; None where nobody asked."""
    link: str | None = None
    """The link it was ordered through."""
    hides_number: bool = False
    """The number is the link's, and not for its opener to read, who is the payer."""
    points: PointsView | None = None
    gifts: tuple[GiftView, ...] = ()

    @property
    def shown_number(self) -> str:
        """The number as its payer may read it."""
        return self.msisdn.masked() if self.hides_number else self.msisdn.grouped()

    @property
    def paid(self) -> Money:
        """The price, in the currency it was paid in."""
        return self.exchange.paid if self.exchange else self.total

    @property
    def ended_unpaid(self) -> bool:
        """Whether it expired or was cancelled, so that nothing of it came to the line, or will unless it was paid in
        time.
        """
        return self.status in {"expired", "cancelled"}

    @property
    def comes_to_nothing(self) -> bool:
        """Whether it ended unpaid, and no attempt to pay is open any more."""
        return self.ended_unpaid and not self.next_step.endswith("_open")


class ReceiptLine(msgspec.Struct, frozen=True):
    """A line of the price that was paid."""

    type: str
    amount_minor: int
    label: str
    parameters: dict[str, Any]


class ReceiptGrant(msgspec.Struct, frozen=True):
    """What was credited."""

    asset: str
    amount: int
    kind: str
    usable_until: datetime | None
    index: int | None = None
    """Which grant of the price it is."""


class ReceiptExchange(msgspec.Struct, frozen=True):
    """What was paid in another currency, and how it came of the total."""

    currency: str
    paid_minor: int
    rate: str
    step_minor: int
    source: str
    at: datetime


class ReceiptBody(msgspec.Struct, frozen=True):
    """A receipt. Stored for ever, so fields are only ever added, with defaults."""

    number: str
    order_id: str
    msisdn: str
    country: str
    carrier_id: str
    carrier_names: dict[str, str]
    product: str | None
    currency: str
    lines: list[ReceiptLine]
    grants: list[ReceiptGrant]
    total_minor: int
    method: str
    payment_id: str
    payment_reference: str
    paid_at: datetime
    delivered_at: datetime
    zone: str
    exchange: ReceiptExchange | None = None
    hides_number: bool = False
    """Whoever paid is shown the number masked."""
    points_earned: int = 0

    @property
    def shown_number(self) -> str:
        """The number as its payer may read it."""
        number = Msisdn(self.msisdn, self.country)
        return number.masked() if self.hides_number else number.grouped()

    @property
    def exchanged(self) -> Exchange | None:
        """How the total was paid in another currency, where it was."""
        if self.exchange is None:
            return None
        paid, step = self.exchange.paid_minor, self.exchange.step_minor
        return Exchange(
            price=Money(self.total_minor, self.currency),
            paid=Money(paid, self.exchange.currency),
            rate=self.exchange.rate,
            step=Money(step, self.exchange.currency),
            source=self.exchange.source,
            at=self.exchange.at,
        )

    @property
    def paid(self) -> Money:
        """What was paid, in the currency it was paid in."""
        exchanged = self.exchanged
        return exchanged.paid if exchanged else Money(self.total_minor, self.currency)


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A receipt as it was signed, and what became of its order since. `verify_path` is what its QR leads to."""

    number: str
    order_id: OrderId
    issued_at: datetime
    body: ReceiptBody
    verify_path: str
    stands: bool = True
    """Whether the order is still delivered. A receipt stays when a carrier takes the credit back."""
    refunded_at: datetime | None = None
    """When all that was paid had gone back."""
    given_back: tuple[ReturnedMoney, ...] = ()
    """What staff give back though the order was delivered."""

    @property
    def refunded(self) -> Money:
        """What has gone back for certain: all that was paid, or what staff gave back of it."""
        paid = self.body.paid
        back = sum(money.amount.amount_minor for money in self.given_back if money.at)
        return paid if self.refunded_at else Money(back, paid.currency)

    @property
    def last_refunded_at(self) -> datetime | None:
        """When the last of it was back; None while nothing is."""
        return self.refunded_at or max((money.at for money in self.given_back if money.at), default=None)


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What the public verify page shows: the number masked, and whether our signature holds and our books agree."""

    genuine: bool
    number: str | None
    masked_msisdn: str | None
    total: Money | None
    issued_at: datetime | None
    carrier_names: Mapping[str, str]
    order_status: str | None
    zone: str | None
    """The IANA zone its times are written in."""


@dataclass(frozen=True, slots=True)
class ProductsView:
    """A number, and everything on offer for it."""

    number: NumberView
    offers: tuple[Offer, ...]
