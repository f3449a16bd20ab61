"""What comes of choosing among offers: what applies, what it comes to, and a reason for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from topup.catalogue.campaigns import Campaign, Gift
from topup.catalogue.grant_rules import GrantRule, Names
from topup.catalogue.pricing import LineType, QuoteLine, granted_on
from topup.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant that is told by the clocks of an IANA `zone`, to who reads it on the day of `today`."""

    at: datetime
    zone: str
    today: datetime


Parameter = str | int | date | Money | Names | tuple[Names, ...] | Moment


class Reason(StrEnum):
    """Why a campaign or a code applies or does not."""

    APPLIED = "applied"
    STOPPED = "stopped"
    """Somebody stopped the campaign."""
    NOT_YET = "not_yet"
    """It begins on `day`."""
    OVER = "over"
    """Its last day was `day`."""
    PRODUCT = "product"
    """It is for other products."""
    CHANNEL = "channel"
    """It is for top-ups begun elsewhere."""
    FIRST_ONLY = "first_only"
    """It is for who never topped up before."""
    RETURNING_ONLY = "returning_only"
    """It is for who topped up before."""
    BELOW_MINIMUM = "below_minimum"
    """It is for prices from `minimum` on."""
    CODE_NEEDED = "code_needed"
    """It is for who has a code."""
    CODE_USED_UP = "code_used_up"
    """The code was used as often as it may be."""
    CODE_HELD = "code_held"
    """An order that is not paid yet holds it: it is free again at `until`, where that is known."""
    USED_UP = "used_up"
    """The campaign was used as often as it may be."""
    USED_UP_TODAY = "used_up_today"
    """It was used today as often as it may be in a day."""
    CODE_BLOCKED = "code_blocked"
    """Somebody blocked it, or all that were made with it."""
    CODE_OVER = "code_over"
    """Its last day is over."""
    PERSON_LIMIT = "person_limit"
    """This payer used it as often as one may (`times`)."""
    PERSON_HELD = "person_held"
    """The same, but for what orders hold that are not paid yet: there is more at `until`, where that is known."""
    BUDGET_USED_UP = "budget_used_up"
    """What is left of its budget is less than it would take off."""
    NO_GIFT = "no_gift"
    """The gift is out of stock."""
    NOT_GIVEN_HERE = "not_given_here"
    """What it gives cannot be given to that line, or there."""
    GIVES_NOTHING = "gives_nothing"
    """There is nothing left that it could take off."""
    OUTDONE = "outdone"
    """It does not go together with `others`, which give as much or more."""
    BEYOND = "beyond"
    """More campaigns apply than are compared, and others could give more."""
    CODE_UNKNOWN = "code_unknown"
    """There is no such code."""
    CODE_IDLE = "code_idle"
    """Another code of the same campaign counts already, or too many were entered."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a campaign, with the `parameters` of its reason's sentence."""

    campaign_id: str
    names: Names
    reason: Reason
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CodeVerdict:
    """What is said of a code that was entered, and the campaign it leads to, if it leads to one."""

    code: str
    reason: Reason
    campaign_id: str | None = None
    names: Names | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Applied:
    """A campaign that applies, the minor units it takes off, and the code it was given for."""

    campaign: Campaign
    off_minor: int
    code: str | None = None


class PointsReason(StrEnum):
    """What becomes of a payer's points, and why not more."""

    SPENT = "spent"
    NOT_ASKED = "not_asked"
    """They could be spent; the payer did not say so."""
    NOT_HERE = "not_here"
    """This carrier takes none."""
    NONE = "none"
    """The payer has none, or none that do not wait with another order."""
    TOO_FEW = "too_few"
    """The payer has fewer than are spent at once."""
    TOO_FEW_ASKED = "too_few_asked"
    """The payer offers fewer than are spent at once, though there are more."""
    PRICE_TOO_LOW = "price_too_low"
    """So few pay all that points may pay of this price."""


@dataclass(frozen=True, slots=True)
class Spending:
    """Points that are spent, and what they pay, minor units; those that `could` be, if the payer offered all. At least
    `least` are spent at once.
    """

    reason: PointsReason
    spent: int = 0
    spent_minor: int = 0
    could: int = 0
    could_minor: int = 0
    least: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """What a price comes to: `price` without offers, what `applied` in order, and what `points` pay.

    `earned` points are given once it is paid. `verdicts` are of every campaign that was looked at, `codes` of every
    code that was entered.
    """

    price: Money
    applied: tuple[Applied, ...]
    points: Spending
    earned: int
    verdicts: tuple[Verdict, ...]
    codes: tuple[CodeVerdict, ...]

    @property
    def total(self) -> Money:
        """What is left to pay, before the fee of a way to pay."""
        off = sum(one.off_minor for one in self.applied) + self.points.spent_minor
        return Money(self.price.amount_minor - off, self.price.currency)

    @property
    def lines(self) -> tuple[QuoteLine, ...]:
        """A line for each discount, and for the points that were spent: negative amounts."""
        found = [
            QuoteLine(LineType.DISCOUNT, self._less(one.off_minor), "line_discount", {"name": one.campaign.names})
            for one in self.applied
            if one.off_minor
        ]
        if self.points.spent:
            points: dict[str, str | Names] = {"points": str(self.points.spent)}
            found.append(QuoteLine(LineType.DISCOUNT, self._less(self.points.spent_minor), "line_points", points))
        return tuple(found)

    @property
    def grants(self) -> tuple[GrantRule, ...]:
        """What is credited besides what is bought; shares are those of the price without offers."""
        rules = (rule for one in self.applied for rule in one.campaign.grants)
        return granted_on(tuple(rules), self.price.amount_minor)

    @property
    def gifts(self) -> tuple[Gift, ...]:
        """What is handed over."""
        return tuple(one.campaign.gift for one in self.applied if one.campaign.gift)

    def _less(self, amount_minor: int) -> Money:
        return Money(-amount_minor, self.price.currency)
