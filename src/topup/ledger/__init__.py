"""The ledger: what every line has, what we owe and are owed, and each transfer that made it so.

Promise: double entry, so that every asset sums to zero; each key takes effect once; nothing below its floor; nothing is
edited, and editing shows. Only `post` writes, and only through the database's posting function; everyone else reads.
"""

from topup.ledger.items import (
    AtCap,
    AtEnd,
    BucketSpec,
    Credit,
    Debit,
    Expire,
    Hold,
    InvalidItem,
    Item,
    Move,
    Policy,
    Release,
    Roll,
    Settle,
    Tier,
    Transfer,
)
from topup.ledger.operations import Leg, Posted, PostingRefused, Refusal, post, post_batcher

__all__ = [
    "AtCap",
    "AtEnd",
    "BucketSpec",
    "Credit",
    "Debit",
    "Expire",
    "Hold",
    "InvalidItem",
    "Item",
    "Leg",
    "Move",
    "Policy",
    "Posted",
    "PostingRefused",
    "Refusal",
    "Release",
    "Roll",
    "Settle",
    "Tier",
    "Transfer",
    "post",
    "post_batcher",
]
