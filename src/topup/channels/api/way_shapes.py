"""What the REST API gives of ways to pay a price."""

from typing import Annotated

from msgspec import Meta, Struct

from topup.channels.api.shapes import Exchange, Money


class Pay(Struct, frozen=True):
    """What is paid in one currency; `exchange` says how it came of the price, where that is in another."""

    amount: Money
    exchange: Exchange | None


class Method(Struct, frozen=True):
    """A way to pay a quote: its fee, and the whole price with it."""

    method: str
    fee: Money
    total: Money
    unavailable: Annotated[str | None, Meta(description="A problem code that says why it is not offered now.")]
    pay: Annotated[
        list[Pay], Meta(description="What it takes, in each currency it takes; empty where it is not offered.")
    ]


class Methods(Struct, frozen=True):
    """The ways to pay a quote."""

    methods: list[Method]
