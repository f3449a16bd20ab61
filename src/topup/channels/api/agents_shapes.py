"""What agents' programs send and are told: the JSON of their routes."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from topup.channels.api.shapes import (
    E164,
    Carrier,
    Currency,
    Identifier,
    Line,
    Money,
    NumberText,
    SignedMoney,
    Time,
    Zone,
)

Month = Annotated[str, Meta(description="Year and month.", examples=["2026-11"])]
Commission = Annotated[Money, Meta(description="What you earned by it: it is in the float already.")]
Left = Annotated[Money, Meta(description="What is in your float.")]
Plan = Annotated[str, Meta(description="Plan of commission and its version; empty: none.", examples=["street@3"])]


class NewAgentTopUp(Struct, frozen=True, forbid_unknown_fields=True):
    """What to sell: exactly one of `product` and `amount`."""

    number: NumberText
    product: Annotated[Identifier | None, Meta(description="Id of a pack.")] = None
    amount: Annotated[Money | None, Meta(description="Credit to buy.")] = None
    confirmations: Annotated[
        list[Literal["duplicate", "large_amount"]],
        Meta(max_length=8, description="What your customer was asked about and confirmed.", examples=[["duplicate"]]),
    ] = []


class AgentTopUp(Struct, frozen=True):
    """A sale. `status` is the order's: `delivered`, or `delivering` while another carrier has it; ask for the order."""

    order_id: Identifier
    status: Annotated[str, Meta(examples=["delivered"])]
    number: E164
    grouped: Annotated[str, Meta(examples=["138 0013 8000"])]
    carrier: Carrier
    product: Identifier | None
    face: Money
    lines: list[Line]
    price: Annotated[Money, Meta(description="What it took from the float.")]
    commission: Commission
    plan: Plan
    float_left: Left
    order_url: Annotated[str, Meta(description="Where the order can be asked about.")]
    receipt_url: Annotated[str, Meta(description="Where the receipt is, as soon as it is delivered.")]
    page_url: Annotated[str, Meta(description="The live page of the order, for your customer.")]
    created_at: Time


class AgentMe(Struct, frozen=True):
    """An agent as they stand now."""

    id: Identifier
    name: Annotated[str, Meta(examples=["Corner shop"])]
    status: Literal["active", "suspended"]
    float_left: Left
    sold_today: Money
    sold_this_month: Money
    daily_limit: Annotated[Money | None, Meta(description="None: only the float limits what you sell.")]
    low_below: Annotated[Money | None, Meta(description="Below so much in the float you are written to.")]
    plan: Annotated[str, Meta(description="Plan of commission; empty: none.", examples=["street"])]
    zone: Zone


class AgentSale(Struct, frozen=True):
    """A sale of before, and where its order stands now."""

    order_id: Identifier
    status: Annotated[str, Meta(examples=["delivered"])]
    number: E164
    face: Money
    price: Money
    commission: Commission
    plan: Plan
    given_back: Annotated[Money, Meta(description="What went back of the price to the float.")]
    commission_back: Annotated[Money, Meta(description="What was taken back of the commission with it.")]
    sold_at: Time


class AgentSales(Struct, frozen=True):
    """A page of sales, newest first; the next begins after `next`, None at the end."""

    sales: list[AgentSale]
    next: Annotated[str | None, Meta(description="`cursor` of the next page.")]


class StatementLine(Struct, frozen=True):
    """What moved the float for one reason, in all."""

    kind: Annotated[str, Meta(examples=["agent_sale"])]
    name: Annotated[str, Meta(description="In the language of Accept-Language.", examples=["Sales"])]
    count: int
    total: SignedMoney


class AgentStatement(Struct, frozen=True):
    """A month: opening, and everything that moved, is closing. Of the ledger, to the minor unit."""

    month: Month
    since: Time
    until: Time
    complete: Annotated[bool, Meta(description="Whether the month is over.")]
    currency: Currency
    opening: SignedMoney
    lines: list[StatementLine]
    closing: SignedMoney
    zone: Zone
