"""What the REST API takes and gives: the JSON of every request and answer, and so the schemas of its OpenAPI document.

Amounts are integers of minor units, times RFC 3339 in UTC, ids opaque texts. Texts are bounded and hold no control
characters; unknown members are refused. Members are only ever added.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from topup.kernel.money import MAXIMUM_AMOUNT
from topup.payments.ports import Scene

PLAIN: Final = r"^[^\x00-\x1f\x7f]*(?!\n)$"
"""No control characters; not even a newline at the end, which `$` alone lets pass."""

NumberText = Annotated[
    str,
    Meta(
        max_length=64,
        pattern=PLAIN,
        description="A phone number as people write it: spaces, full-width digits, +86, 0086 or a leading 0.",
        examples=["138 0013 8000", "+8613800138000"],
    ),
]
Identifier = Annotated[str, Meta(max_length=64, pattern=PLAIN)]
Currency = Annotated[
    str, Meta(min_length=3, max_length=3, pattern="^[A-Z]{3}$", description="ISO 4217.", examples=["CNY"])
]
Time = Annotated[datetime, Meta(tz=True, description="RFC 3339, UTC.", examples=["2026-11-20T08:00:00Z"])]
Names = Annotated[
    dict[str, str], Meta(description="By language: `zh-Hans`, `zh-Hant`, `en`.", examples=[{"en": "Qingfeng Mobile"}])
]
Zone = Annotated[str, Meta(description="IANA time zone of the line.", examples=["Asia/Shanghai"])]
E164 = Annotated[str, Meta(description="E.164.", examples=["+8613800138000"])]
SaidText = Annotated[str, Meta(description="In the language of Accept-Language.")]


class Money(Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units of its currency: 5000 of CNY is ¥50.00."""

    amount_minor: Annotated[int, Meta(ge=0, le=MAXIMUM_AMOUNT, examples=[5000])]
    currency: Currency


class SignedMoney(Struct, frozen=True):
    """An amount that may be negative, as a discount is."""

    amount_minor: Annotated[int, Meta(ge=-MAXIMUM_AMOUNT, le=MAXIMUM_AMOUNT, examples=[-100])]
    currency: Currency


class NewQuote(Struct, frozen=True, forbid_unknown_fields=True):
    """What to price: exactly one of `product` and `amount`."""

    number: NumberText
    product: Annotated[Identifier | None, Meta(description="Id of a pack.")] = None
    amount: Annotated[Money | None, Meta(description="Credit to buy.")] = None
    payment_method: Annotated[
        Identifier | None, Meta(description="With it the total has the fee of that method.", examples=["sandbox"])
    ] = None
    coupons: Annotated[
        list[Annotated[str, Meta(max_length=64, pattern=PLAIN)]],
        Meta(max_length=10, description="Codes of coupons; the answer says of each why it counts or does not."),
    ] = []


class NewOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An order at the price of a quote."""

    quote_id: Identifier
    contact: Annotated[
        Annotated[str, Meta(max_length=508, pattern=PLAIN)] | None,
        Meta(description="E-mail address for the news of this order.", examples=["lin@example.com"]),
    ] = None
    confirmations: Annotated[
        list[Literal["duplicate", "large_amount"]],
        Meta(max_length=8, description="What the payer was asked about and confirmed.", examples=[["duplicate"]]),
    ] = []


class NewPayment(Struct, frozen=True, forbid_unknown_fields=True):
    """An attempt to pay."""

    method: Annotated[Identifier, Meta(examples=["sandbox"])]
    scene: Annotated[Scene, Meta(description="Where the payer is.")] = Scene.PHONE
    currency: Annotated[
        Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None,
        Meta(description="One of those that the method's `pay` lists; without it the price's own.", examples=["USD"]),
    ] = None
    payment_code: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9]{16,24}$")] | None,
        Meta(description="What the payer's phone shows at a counter, as it was scanned; of method `voucher`: the PIN."),
    ] = None
    wallet_user: Annotated[
        Annotated[str, Meta(max_length=128)] | None,
        Meta(
            description="Who the wallet's own browser says is there; for `balance` the number of the line that pays,"
            " which takes a key with the permission balance.pay."
        ),
    ] = None


class SandboxOutcome(Struct, frozen=True, forbid_unknown_fields=True):
    """What the simulated payer does."""

    outcome: Literal["pay", "decline", "late", "twice", "silent"]


class Carrier(Struct, frozen=True):
    """Who serves a number today."""

    id: str
    names: Names


class Number(Struct, frozen=True):
    """A number that can be asked about, whether or not it has a line."""

    number: E164
    grouped: Annotated[str, Meta(description="As people read it aloud.", examples=["138 0013 8000"])]
    country: Annotated[str, Meta(description="ISO 3166-1.", examples=["CN"])]
    carrier: Carrier
    currency: Currency
    zone: Zone


class OfferGrant(Struct, frozen=True):
    """What an offer brings, and for how long."""

    text: SaidText
    validity: SaidText
    days: Annotated[int | None, Meta(description="null: without end.")]


class FreeAmounts(Struct, frozen=True):
    """Amounts the payer may choose freely, in steps from the minimum."""

    minimum: Money
    maximum: Money
    step: Money


class Offer(Struct, frozen=True):
    """One thing to choose: `credit` by its amount, `free` by an amount between bounds, `pack` by its `product`."""

    kind: Literal["credit", "free", "pack"]
    product: str | None
    price: Money | None
    names: Names | None
    label: Annotated[Names | None, Meta(description="A word to show beside it.")]
    grants: list[OfferGrant]
    free: FreeAmounts | None


class Products(Struct, frozen=True):
    """Everything on offer for a number."""

    number: Number
    offers: list[Offer]


class Line(Struct, frozen=True):
    """One line of a price. A product fee is taken from the credit; only a payment fee is added."""

    type: Annotated[str, Meta(examples=["face", "product_fee", "payment_fee", "discount", "tax"])]
    amount: SignedMoney
    text: SaidText


class Grant(Struct, frozen=True):
    """What the line gets: `amount` minor units of `asset` (a currency, DATA bytes, VOICE seconds, SMS, POINTS)."""

    index: int
    asset: str
    amount: int
    kind: str
    usable_until: Annotated[Time | None, Meta(description="null: without end.")]
    basis: Annotated[
        Literal["certain", "alone", "present", "given"],
        Meta(
            description="What `usable_until` is: `certain`; `alone`, if the line has nothing of the kind, by `policy` "
            "otherwise; `present`, as the line is now (for keys that may read lines); `given`, as it was credited."
        ),
    ]
    policy: Annotated[
        Literal["separate", "extend", "longest", "renew", "tiers"],
        Meta(description="What becomes of the end beside what the line has."),
    ]
    text: SaidText
    rule: Annotated[dict[str, Any], Meta(description="Why that date: the rule's id and its inputs.")]


class Discount(Struct, frozen=True):
    """An offer that counts in the price, and what it takes off; nothing, where it only gives something besides."""

    campaign: str
    text: Annotated[SaidText, Meta(description="The name of the offer.")]
    off: Money


class Gift(Struct, frozen=True):
    """Pieces that come with what is bought: handed over at the counter that asked, or sent by post. Where they are
    sent, the payer gives the address on the order's page once it is paid, before `until`.
    """

    sku: Annotated[str, Meta(examples=["umbrella"])]
    name: Annotated[str, Meta(examples=["Umbrella"])]
    quantity: Annotated[int, Meta(ge=1, examples=[1])]
    sent: bool
    until: Time


class Coupon(Struct, frozen=True):
    """A code that was sent, as far as it is shown again, and why it counts or does not."""

    code: Annotated[str, Meta(examples=["SPRING26", "…9QXT"])]
    applied: bool
    reason: Annotated[str, Meta(examples=["applied", "code_unknown", "code_used_up", "code_held", "below_minimum"])]
    text: SaidText


class HeldOffer(Struct, frozen=True):
    """An offer that would count, did an order that is not paid yet not hold it."""

    campaign: str
    name: Annotated[str, Meta(examples=["First top-up"])]
    reason: Annotated[str, Meta(examples=["person_held"])]
    text: SaidText


class Points(Struct, frozen=True):
    """Points of the subscriber who was signed in: `earned` come of it once it is delivered, `spent` pay `off` of it."""

    earned: Annotated[int, Meta(ge=0, examples=[50])]
    spent: Annotated[int, Meta(ge=0, examples=[0])]
    off: Money


class Quote(Struct, frozen=True):
    """A signed price, held until `expires_at`. `total` is what is paid."""

    id: Annotated[str, Meta(examples=["quo_01m7xprzmv03t2s6sdhxcrg8x8"])]
    number: E164
    grouped: str
    carrier: Carrier
    catalogue_version: int
    product: str | None
    face: Money
    lines: list[Line]
    grants: list[Grant]
    payment_method: str | None
    total: Money
    zone: Zone
    created_at: Time
    expires_at: Time
    discounts: list[Discount]
    codes: list[Coupon]
    points: Annotated[Points | None, Meta(description="Where a subscriber was signed in, and the carrier has points.")]
    held: list[HeldOffer]
    gifts: list[Gift]


class Exchange(Struct, frozen=True):
    """How a price is paid in another currency: `price` divided by `rate`, rounded up to the next multiple of `step`."""

    price: Money
    paid: Money
    rate: Annotated[
        str,
        Meta(description="What one unit of the currency that is paid costs, in the price's.", examples=["7.2488"]),
    ]
    step: Money
    source: Annotated[str, Meta(description="Who said this rate.")]
    at: Annotated[Time, Meta(description="When they said it.")]


class Action(Struct, frozen=True):
    """What the payer does next."""

    type: Annotated[
        Literal["redirect", "qr", "wallet", "wait", "transfer"],
        Meta(
            description="redirect: go to url. qr: show url as a QR code. wallet: call the wallet's browser with"
            " parameters. wait: the payer confirms on the phone; ask for the order. transfer: send the money by bank,"
            " to the account that parameters name, with the reference among them."
        ),
    ]
    url: str
    parameters: dict[str, str]


class Returned(Struct, frozen=True):
    """Money that was not kept: another amount or currency (`mismatched`), too `late`, a second payment (`surplus`), or
    given back (`goodwill`). It `went_back`, is `going_back`, or is `with_person`.
    """

    amount: Money
    reason: str
    standing: str


class Payment(Struct, frozen=True):
    """An attempt to pay. `received` is all that came by it, a second payment too: in its currency, or where none came
    in that, in the one that came. `refunded` is what of it has gone back for certain.
    """

    id: Annotated[str, Meta(examples=["pay_01m7xprzmv03t2s6sdhxcrg8x8"])]
    method: str
    status: Annotated[
        str,
        Meta(
            examples=[
                "starting", "pending", "paid", "declined", "closed", "unresolved", "refunding", "refunded",
                "needs_person",
            ]
        ),
    ]  # fmt: skip
    amount: Money
    received: Money
    refunded: Money
    created_at: Time
    action: Action | None
    reason: Annotated[
        str,
        Meta(
            description="Of a declined one why: a code whose text stands at /problems/{code}. `payment_declined` where"
            " nothing more is known.",
            examples=["declined_funds"],
        ),
    ] = ""
    reason_text: Annotated[str, Meta(description="Why, and what to do, as sentences for the payer.")] = ""
    returned: list[Returned] = []


class Step(Struct, frozen=True):
    """A state an order came to, when, and the id of the reason."""

    state: str
    at: Time
    cause: str


class Order(Struct, frozen=True):
    """An order as its payer sees it. `final`: nothing more will happen by itself."""

    id: Annotated[str, Meta(examples=["ord_01m7xprzmv03t2s6sdhxcrg8x8"])]
    quote_id: str
    status: Annotated[
        str, Meta(examples=["awaiting_payment", "paid", "delivering", "delivered", "expired", "cancelled", "refunding",
                            "refunded", "unresolved", "needs_person"])
    ]  # fmt: skip
    number: E164
    grouped: str
    carrier: Carrier
    product: str | None
    face: Money
    total: Money
    lines: list[Line]
    grants: list[Grant]
    timeline: list[Step]
    payments: list[Payment]
    next_step: Annotated[str, Meta(description="Id of what happens next.")]
    who_must_act: Annotated[str | None, Meta(examples=["you", "us", "carrier", "wait"])]
    receipt_number: str | None
    zone: Zone
    created_at: Time
    expires_at: Annotated[Time, Meta(description="Until then it can be paid.")]
    final: bool
    exchange: Annotated[Exchange | None, Meta(description="How it was paid in another currency, where it was.")] = None
    points: Annotated[Points | None, Meta(description="Where they come of it, or pay for it.")] = None


class Problem(Struct, frozen=True):
    """What went wrong (RFC 9457), and what to do. Parameters of the problem stand beside these as further members."""

    type: Annotated[str, Meta(description="A page that explains it.", examples=["/problems/quote_expired"])]
    title: SaidText
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="What to do, in the language of Accept-Language.")]
    instance: Annotated[str, Meta(description="Names this one request.", examples=["/requests/1f0c9a3b5d7e2468ace0"])]
    code: Annotated[str, Meta(description="Stable: programs decide by it.", examples=["quote_expired"])]
    who_must_act: Literal["you", "us", "carrier", "wait"]
    confirmations: list[Literal["duplicate", "large_amount"]] = []
    retry_after_s: int | None = None
