"""What a share is in the ledger: a hold with the sender, a credit to the receiver, and what closes the hold.

The two lines may live in two lanes. Each step stays in one: what the receiver gets comes out of `clearing:sharing` in
the receiver's lane, what the sender gives goes into `clearing:sharing` in the sender's. Summed over the lanes it is
zero as soon as nothing is on its way. The sender's credit is held, not taken, until the receiver has it: so what goes
back is in the very buckets it came from, and ends when it would have ended.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from topup.catalogue.pricing import Grant
from topup.catalogue.sharing import share
from topup.catalogue.versions import CarrierVersion
from topup.charging.granting import bucket_of
from topup.charging.sharing.queries import Share
from topup.ledger import Credit, Hold, Item, Release, Settle

CLEARING: Final = "clearing:sharing"
FEES: Final = "fees"
SHAREABLE: Final = ("main",)
"""The kinds of credit that may be passed on: what was paid for. Gifts may not, nor what others sent."""

_HELD_FOR: Final = timedelta(days=365)
"""A share is driven to its end within seconds, or as soon as the database is back: the hold must outlast that."""


def hold(share_: Share) -> Hold:
    """Amount and fee, and what must stay with the sender: the check of that is the ledger's, under its lock."""
    return Hold(
        lane=share_.lane,
        key=f"share:{share_.id}:hold",
        purpose="share",
        reference=share_.id,
        line_id=share_.sender_id,
        asset=share_.currency,
        amount=share_.needed.amount_minor,
        expires_at=share_.created_at + _HELD_FOR,
        kinds=SHAREABLE,
    )


def credit(share_: Share, carrier: CarrierVersion) -> Credit:
    """What the receiver gets. Its dates count from when the share was made, so it is always the same."""
    return Credit(
        lane=share_.receiver_lane,
        key=f"share:{share_.id}:credit",
        purpose="share",
        reference=share_.id,
        from_code=CLEARING,
        line_id=share_.receiver_id,
        bucket=bucket_of(grant_of(share_, carrier), source="share"),
        asset=share_.currency,
        amount=share_.amount_minor,
    )


def settled(share_: Share) -> Sequence[Item]:
    """What the sender gives, now that the receiver has it: the amount, and the fee; the rest of the hold is free."""
    if share_.hold_id is None:
        raise ValueError("nothing is held")
    parts = [("amount", CLEARING, share_.amount_minor, "share"), ("fee", FEES, share_.fee_minor, "share_fee")]
    parts = [part for part in parts if part[2]]
    return [
        Settle(
            lane=share_.lane,
            key=f"share:{share_.id}:{name}",
            purpose=purpose,
            reference=share_.id,
            hold_id=share_.hold_id,
            to_code=code,
            amount=amount,
            final=name == parts[-1][0],
        )
        for name, code, amount, purpose in parts
    ]


def released(share_: Share) -> Release:
    """Amount and fee back to where they are."""
    if share_.hold_id is None:
        raise ValueError("nothing is held")
    return Release(
        lane=share_.lane,
        key=f"share:{share_.id}:release",
        purpose="share_returned",
        reference=share_.id,
        hold_id=share_.hold_id,
    )


def grant_of(share_: Share, carrier: CarrierVersion) -> Grant:
    """What the receiver gets, by the version of the file the share was agreed by."""
    return share(carrier, amount=share_.amount, now=share_.created_at).grant
