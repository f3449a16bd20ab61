"""What a carrier's file says of offers: campaigns, how they go together, points. Stored for ever, as `documents` says.

Amounts are minor units of the carrier's currency. What applies to whom, and what is best, only the room `offers` knows.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from topup.catalogue.grant_rules import GrantRule, Names, Rounding, ValidityRule

CREDIT: Final = "credit"
"""The product that is plain credit, of whatever amount; a pack is called by its id."""
CHANNELS: Final = ("web", "link", "counter", "api", "cli", "kiosk", "voice", "sms", "ussd", "chat")
"""Where a top-up may begin that offers may change, as orders note it. Not `agent`: an agent pays the price of the file
from its float, and its discount is its commission.
"""
GIFT_DAYS: Final = 30
"""So long a gift is kept for who does not fetch it at once, where its campaign says nothing of it."""

Customers = Literal["all", "first", "returning"]
Source = tuple[str, str]
"""Where the pieces of a gift come from: the place it is sent from (empty: the shop whose counter asks), and its SKU."""
Take = Literal["one", "all"]


@dataclass(frozen=True, slots=True)
class DiscountTier:
    """From a price of `from_minor` on, `off_minor` is taken off."""

    from_minor: int
    off_minor: int


@dataclass(frozen=True, slots=True)
class Discount:
    """What is taken off: exactly one of `fixed_minor`, `tiers` (ascending) and `rate_ppm`.

    Fixed amounts and tiers go by the price without any offer; the rate, in parts per million, is one of what the offers
    before it left to pay, rounded once by `rounding`, and never comes to more than `cap_minor`.
    """

    fixed_minor: int | None = None
    tiers: tuple[DiscountTier, ...] = ()
    rate_ppm: int | None = None
    cap_minor: int | None = None
    rounding: Rounding = "down"


@dataclass(frozen=True, slots=True)
class Gift:
    """So many pieces of what shops have in stock under `sku`, handed over until that day; where none is said, for
    GIFT_DAYS. `sent_from`: the place out of whose stock it is sent by post; until that day somebody must say where to.
    """

    sku: str
    quantity: int = 1
    until: date | None = None
    sent_from: str | None = None

    @property
    def source(self) -> Source:
        """Where its pieces come from."""
        return self.sent_from or "", self.sku


@dataclass(frozen=True, slots=True)
class Coupon:
    """A campaign is for who has a code: `code`, one word for all, or `prefix`, with which codes of their own begin.

    A code is good for `uses` top-ups; where that is not said, one of their own is for one, and the word for as many as
    the campaign's limits allow.
    """

    code: str | None = None
    prefix: str | None = None
    uses: int | None = None

    @property
    def most_uses(self) -> int | None:
        """How often one code may be used, if that is limited."""
        return 1 if self.uses is None and self.prefix is not None else self.uses


@dataclass(frozen=True, slots=True)
class Limits:
    """So often in all, so often a day of the line's zone, so often for one person, and so much taken off in all."""

    total: int | None = None
    per_day: int | None = None
    per_person: int | None = None
    budget_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Campaign:
    """One offer: when, where, for whom and for what it is (empty: everywhere, everything), and what it gives.

    `starts` and `ends` are the first and the last day. `customers`: `first` for who never topped up before,
    `returning` for who did. `worth_minor` is what grants, gift and points are taken to be worth where offers compete.
    Without a `group` it goes together with no other.
    """

    id: str
    names: Names
    starts: date | None = None
    ends: date | None = None
    channels: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    customers: Customers = "all"
    least_minor: int = 0
    coupon: Coupon | None = None
    discount: Discount | None = None
    grants: tuple[GrantRule, ...] = ()
    gift: Gift | None = None
    points: int = 0
    worth_minor: int = 0
    group: str | None = None
    order: int = 100
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Group:
    """Campaigns that stand together: `one` of them at most, or `all` that apply; the lower `order` is applied first.

    Together they take off `cap_minor` at most. Never together with a campaign of the groups it `excludes`.
    """

    id: str
    take: Take = "one"
    order: int = 100
    cap_minor: int | None = None
    excludes: tuple[str, ...] = ()


NEVER_ENDS: Final = ValidityRule()


@dataclass(frozen=True, slots=True)
class Points:
    """One point for each `per_minor` that is paid. A point pays `worth_minor`, spent in steps of `step` points.

    They pay at most `most_ppm` parts per million of what is left to pay; 0: they are not spent on top-ups. At once
    `least` of them are spent, and `most` at most. Points that are earned, from campaigns too, are good for `validity`.
    """

    per_minor: int | None = None
    worth_minor: int | None = None
    step: int = 1
    most_ppm: int = 1_000_000
    least: int = 1
    most: int | None = None
    validity: ValidityRule = NEVER_ENDS


@dataclass(frozen=True, slots=True)
class Stacking:
    """How offers go together: at most `most` in one price, and nobody pays less than `least_total_minor`."""

    least_total_minor: int = 1
    most: int = 3
    groups: tuple[Group, ...] = ()
    points: Points | None = None
