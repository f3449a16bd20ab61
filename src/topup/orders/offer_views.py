"""What channels are shown of offers in a price: frozen facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.money import Money
from topup.offers.answers import PointsReason, Reason
from topup.offers.facts import normalised

LONGEST_CODE: Final = 64
"""Characters of a code that are looked at."""


@dataclass(frozen=True, slots=True)
class DiscountView:
    """A campaign that counts in a price, its name per language, and what it takes off: nothing, where it only gives."""

    campaign: str
    names: Mapping[str, str]
    off: Money


@dataclass(frozen=True, slots=True)
class GiftView:
    """So many pieces of a shop's stock that come with a price, their name per language, and before when they are
    fetched; where they are sent (`is_sent`), before when their address is given.
    """

    sku: str
    names: Mapping[str, str]
    quantity: int
    shop: str
    until: datetime
    is_sent: bool = False


@dataclass(frozen=True, slots=True)
class CodeView:
    """A code that was entered, as far as it is shown again; what became of it (`offers.answers.Reason`), as a sentence
    per language; and the name of its campaign, if it leads to one. `held_by` is an order of the reader's own that is
    not paid yet and holds it.
    """

    shown: str
    reason: str
    said: Mapping[str, str]
    names: Mapping[str, str] | None
    held_by: str | None = None

    @property
    def applied(self) -> bool:
        """Whether it counts in the price."""
        return self.reason == Reason.APPLIED

    @property
    def exists(self) -> bool:
        """Whether there is such a code."""
        return self.reason != Reason.CODE_UNKNOWN

    def was_typed_as(self, text: str) -> bool:
        """Whether it is that text, of a code that is shown whole."""
        return normalised(text)[:LONGEST_CODE] == self.shown


@dataclass(frozen=True, slots=True)
class HeldView:
    """A campaign that would count in a price, did an order that is not paid yet not hold it; that as a sentence per
    language, and its name. `held_by` is that order, where it is the reader's own.
    """

    campaign: str
    reason: str
    said: Mapping[str, str]
    names: Mapping[str, str]
    held_by: str | None = None


@dataclass(frozen=True, slots=True)
class PointsView:
    """Points of who is signed in: so many come of what is bought; of those they `asked` to spend so many are `spent`
    and take `off` so much; if they asked for all, `could` would be, at least `least` at once. `reason` says why not
    more (`offers.answers.PointsReason`).
    """

    earned: int
    asked: int
    spent: int
    off: Money
    could: int
    could_off: Money
    least: int
    reason: str

    @property
    def spendable(self) -> bool:
        """Whether points are spent, or could be."""
        return bool(self.spent or self.could)

    @property
    def taken_here(self) -> bool:
        """Whether this carrier takes points at all."""
        return self.reason != PointsReason.NOT_HERE
