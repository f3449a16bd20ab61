"""What the routes of tills take and give."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from topup.channels.api.shapes import Money

_Till = Annotated[str, Meta(examples=["counter-1"])]


class OpenTill(Struct, frozen=True, forbid_unknown_fields=True):
    """Begin to keep a till. `float` is what is in its drawer to begin with."""

    float: Money


class TillSession(Struct, frozen=True):
    """A till that is kept, or that was (`closed_at`). What should be in its drawer is not told."""

    id: Annotated[str, Meta(examples=["til_01m7xprzmv03t2s6sdhxcrg8x8"])]
    till: _Till
    float: Money
    opened_at: datetime
    closed_at: datetime | None


class TakeCash(Struct, frozen=True, forbid_unknown_fields=True):
    """Money on the counter for a payment by method `cash`. `no_change`: what is too much becomes a credit slip."""

    payment_id: Annotated[str, Meta(examples=["pay_01m7xprzmv03t2s6sdhxcrg8x8"])]
    tendered: Money
    no_change: bool = False


class CashTaken(Struct, frozen=True):
    """What was taken, and what to hand back. Where `slip` is more than zero, the order's credit slips have it."""

    payment_id: str
    amount: Money
    change: Money
    slip: Money
    taken_at: datetime


class PayBackCash(Struct, frozen=True, forbid_unknown_fields=True):
    """Hand back what is to go back under a refund's number."""

    refund_id: Annotated[str, Meta(examples=["ref_01m7xprzmv03t2s6sdhxcrg8x8"])]


class CashPaidBack(Struct, frozen=True):
    """What to hand back: once."""

    refund_id: str
    amount: Money


class CloseTill(Struct, frozen=True, forbid_unknown_fields=True):
    """End keeping a till. `counted` is all that is in its drawer."""

    counted: Money
