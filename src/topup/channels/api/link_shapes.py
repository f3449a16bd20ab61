"""What the routes of links take and give."""

from typing import Annotated

from msgspec import Meta, Struct

from topup.channels.api.shapes import PLAIN, Identifier, Money, NumberText, Time
from topup.orders.links import LONGEST, LONGEST_FOR_ANY, LONGEST_LABEL


class NewLink(Struct, frozen=True, forbid_unknown_fields=True):
    """A prepared top-up: a number with a pack, with an amount, or with neither; or an amount for any number."""

    number: NumberText | None = None
    product: Annotated[Identifier | None, Meta(description="Id of a pack.")] = None
    amount: Annotated[Money | None, Meta(description="Credit to buy.")] = None
    label: Annotated[
        str, Meta(max_length=LONGEST_LABEL, pattern=PLAIN, description="For you: where it hangs, whom it is for.")
    ] = ""
    days: Annotated[
        int,
        Meta(
            ge=1,
            le=LONGEST_FOR_ANY.days,
            description=f"How long it works: up to {LONGEST.days} with a number, {LONGEST_FOR_ANY.days} without.",
        ),
    ] = 7


class Link(Struct, frozen=True):
    """A link. Whoever opens it sees the number masked, from there to the receipt."""

    id: Annotated[str, Meta(examples=["lnk_01m7xprzmv03t2s6sdhxcrg8x8"])]
    url: Annotated[str, Meta(description="To be shared, or shown as a QR code.")]
    masked_number: Annotated[str | None, Meta(description="null: for any number.")]
    product: str | None
    amount: Money | None
    label: str
    created_at: Time
    expires_at: Time
    revoked_at: Time | None


class Links(Struct, frozen=True):
    """The links made with this key, newest first, up to 200 of them."""

    links: list[Link]
