"""What the REST API gives of receipts, and of money that came back as vouchers."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from topup.channels.api.shapes import E164, Carrier, Exchange, Money, SaidText, SignedMoney, Time, Zone


class ReceiptLine(Struct, frozen=True):
    """One line of the price that was paid."""

    type: str
    amount: SignedMoney
    text: SaidText


class ReceiptGrant(Struct, frozen=True):
    """What was credited."""

    asset: str
    amount: int
    kind: str
    usable_until: Time | None
    text: SaidText


class Receipt(Struct, frozen=True):
    """A receipt as it was signed, and what went back since; anyone can check it at `verify_url`."""

    number: Annotated[str, Meta(description="Without gaps per year and lane.", examples=["2026-03-000017"])]
    order_id: str
    issued_at: Time
    phone_number: E164
    carrier: Carrier
    product: str | None
    lines: list[ReceiptLine]
    grants: list[ReceiptGrant]
    total: Money
    payment_method: str
    payment_id: str
    payment_reference: str
    paid_at: Time
    delivered_at: Time
    zone: Zone
    verify_url: str
    refunded: Annotated[Money, Meta(description="What has gone back since: 0, a part, or all that was paid.")]
    refunded_at: Annotated[Time | None, Meta(description="When the last of it was back; null while nothing went back.")]
    exchange: Annotated[Exchange | None, Meta(description="How it was paid in another currency, where it was.")]


class CreditSlip(Struct, frozen=True):
    """Money that came back as a voucher. `pin` is shown for ten minutes from the first look on, then it is null."""

    serial: str
    amount: Money
    valid_until: datetime
    pin: str | None


class CreditSlips(Struct, frozen=True):
    """What came back of an order as vouchers."""

    credit_slips: list[CreditSlip]
