"""What a signed price keeps of offers. Stored for ever, so fields are only ever added, with defaults."""

from datetime import datetime

import msgspec

from topup.kernel.money import Money
from topup.orders.offer_views import PointsView


class StoredOffer(msgspec.Struct, frozen=True, array_like=True):
    """A campaign of the carrier's version that counts in the price, and what it takes off. `code`: the counter of the
    code it was given for, which nobody can tell the code from where that is somebody's own.
    """

    campaign: str
    off_minor: int
    names: dict[str, str]
    code: str | None = None


class StoredGift(msgspec.Struct, frozen=True, array_like=True):
    """Pieces of a shop's stock that a campaign gives, and their name per language; worth so much in all as its campaign
    says, in the quote's currency; handed over before `until`, or sent (`is_sent`) where its payer says before then.
    """

    campaign: str
    sku: str
    quantity: int
    shop: str
    names: dict[str, str]
    worth_minor: int
    until: datetime
    is_sent: bool = False


class StoredCode(msgspec.Struct, frozen=True, array_like=True):
    """A code that was entered: what is shown of it, what became of it (`offers.answers.Reason`), and that as a
    sentence per language; `sealed` is the code itself, for who asks for the price anew. `holders` are the unpaid orders
    that hold it.
    """

    shown: str
    reason: str
    said: dict[str, str]
    names: dict[str, str] | None
    sealed: bytes
    holders: list[str] = []


class StoredHeld(msgspec.Struct, frozen=True, array_like=True):
    """A campaign that would count, did unpaid orders, `holders`, not hold it: why, in words, and its name."""

    campaign: str
    reason: str
    said: dict[str, str]
    names: dict[str, str]
    holders: list[str] = []


class StoredPoints(msgspec.Struct, frozen=True):
    """Points of who is signed in, whose pseudonym is `payer`: so many come of it, so many of those they `asked` for are
    spent and pay `spent_minor`; `could` be if they asked for all. `reason` is an `offers.answers.PointsReason`.
    """

    payer: str
    reason: str
    earned: int = 0
    asked: int = 0
    spent: int = 0
    spent_minor: int = 0
    could: int = 0
    could_minor: int = 0
    least: int = 0

    def view(self, currency: str) -> PointsView:
        """What channels show of them, in the price's currency."""
        off, could = Money(self.spent_minor, currency), Money(self.could_minor, currency)
        return PointsView(self.earned, self.asked, self.spent, off, self.could, could, self.least, self.reason)
