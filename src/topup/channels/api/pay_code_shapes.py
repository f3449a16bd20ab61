"""What the routes of payment codes give."""

from typing import Annotated

from msgspec import Meta, Struct

from topup.channels.api.shapes import Carrier, Money, Time


class PayableOrder(Struct, frozen=True):
    """An order that waits for its payment, for who takes it: no more than the payer can be asked about."""

    order_id: Annotated[str, Meta(examples=["ord_01m7xprzmv03t2s6sdhxcrg8x8"])]
    status: str
    masked_number: Annotated[str, Meta(examples=["138 **** 8000"])]
    carrier: Carrier
    total: Annotated[Money, Meta(description="Before the fee of a way to pay, where that has one.")]
    payable_until: Annotated[Time, Meta(description="Until then the code leads to the order.")]
