"""What an audit may find."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FAULTS_TOLD: Final = 100
"""Faults told of a lane, and of an audit: after so many, one more says nothing."""


class FaultKind(StrEnum):
    """What is wrong; each is a sentence `fault_…` of the catalogue `ledger`."""

    MISSING = "missing"
    """The transfer of this sequence is not there."""
    ALTERED = "altered"
    """The link that ends with this transfer does not follow from what it holds and the one before."""
    BELOW_FLOOR = "below_floor"
    """This transfer took more from a bucket than it had."""
    HEAD = "head"
    """The lane's head is not its last transfer."""
    TRUNCATED = "truncated"
    """The signed head is beyond the last transfer."""
    REWRITTEN = "rewritten"
    """The transfer at the signed head has another hash."""
    STANDING = "standing"
    """Where the replay began, the balances were others than those that were signed."""
    BALANCE = "balance"
    """A stored balance is not the sum of its transfers."""
    VALIDITY = "validity"
    """A bucket ends at another time than its last credit says."""
    ORPHAN = "orphan"
    """A transfer names a bucket that is not there, or of another asset or line."""
    UNBALANCED = "unbalanced"
    """The balances of an asset do not add up to zero."""
    INVARIANT = "invariant"
    """One of `invariants` does not hold."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; `sequence` where it concerns a transfer, `subject` the account, asset or invariant."""

    kind: FaultKind
    lane: int | None
    sequence: int | None
    subject: str
