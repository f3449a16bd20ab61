"""Whether a campaign applies to a price by itself, and if not, why not. Plain steps: a quote may look at a thousand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from topup.catalogue.campaigns import CREDIT, Campaign, Limits
from topup.kernel.money import Money
from topup.offers.answers import Parameter, Reason
from topup.offers.book import Entry
from topup.offers.facts import Asking, Code, Uses

Why = tuple[Reason, Mapping[str, Parameter]]

NOTHING_USED: Final = Uses()


def why_not(entry: Entry, asking: Asking, code: Code | None) -> Why | None:
    """The first reason against it, or None; `code` is the one that was entered for it."""
    used = asking.uses.get(entry.campaign.id)
    if used is not None and used.stopped:
        return Reason.STOPPED, {}
    return (
        _not_running(entry, asking)
        or _not_for_this(entry, asking)
        or _not_coded(entry.campaign, code)
        or _not_left(entry.campaign, asking, used or NOTHING_USED)
    )


def _not_running(entry: Entry, asking: Asking) -> Why | None:
    if entry.ends_at is not None and entry.campaign.ends is not None and asking.now >= entry.ends_at:
        return Reason.OVER, {"day": entry.campaign.ends}
    if entry.starts_at is not None and entry.campaign.starts is not None and asking.now < entry.starts_at:
        return Reason.NOT_YET, {"day": entry.campaign.starts}
    return None


def _not_for_this(entry: Entry, asking: Asking) -> Why | None:
    campaign = entry.campaign
    if campaign.products and (asking.product or CREDIT) not in campaign.products:
        return Reason.PRODUCT, {}
    if campaign.channels and asking.channel not in campaign.channels:
        return Reason.CHANNEL, {}
    if campaign.customers == "first" and asking.top_ups_before != 0:
        return Reason.FIRST_ONLY, {}
    if campaign.customers == "returning" and not asking.top_ups_before:
        return Reason.RETURNING_ONLY, {}
    if asking.price.amount_minor < entry.least_minor:
        return Reason.BELOW_MINIMUM, {"minimum": Money(entry.least_minor, asking.price.currency)}
    return None


def _not_coded(campaign: Campaign, code: Code | None) -> Why | None:
    coupon = campaign.coupon
    if coupon is None:
        return None
    if code is None:
        return Reason.CODE_NEEDED, {}
    refusal = code_refusal(campaign, code)
    return (refusal, {}) if refusal else None


def code_refusal(campaign: Campaign, code: Code) -> Reason | None:
    """Why a code that there is cannot be had: it is blocked, over, used up, or held by others."""
    if code.is_blocked or code.is_over:
        return Reason.CODE_BLOCKED if code.is_blocked else Reason.CODE_OVER
    most = campaign.coupon.most_uses if campaign.coupon else None
    if most is None or code.uses < most:
        return None
    return Reason.CODE_USED_UP if code.uses - code.held >= most else Reason.CODE_HELD


def _not_left(campaign: Campaign, asking: Asking, used: Uses) -> Why | None:
    gift = campaign.gift
    gives = {
        "grants": campaign.grants,
        "gifts": gift and not gift.sent_from,
        "sent_gifts": gift and gift.sent_from,
        "points": campaign.points,
    }
    if asking.without and any(gives[one] for one in asking.without):
        return Reason.NOT_GIVEN_HERE, {}
    if gift is not None and asking.gifts is not None and asking.gifts.get(gift.source, 0) < gift.quantity:
        return Reason.NO_GIFT, {}
    return None if used is NOTHING_USED else _used_up(limits_of(campaign), used)


def limits_of(campaign: Campaign) -> Limits:
    """The limits of a campaign, said or meant: nobody tops up for the first time twice, not even at once."""
    if campaign.customers != "first":
        return campaign.limits
    return replace(campaign.limits, per_person=1)


def _used_up(limits: Limits, used: Uses) -> Why | None:
    if limits.total is not None and used.total >= limits.total:
        return Reason.USED_UP, {}
    if limits.per_day is not None and used.today >= limits.per_day:
        return Reason.USED_UP_TODAY, {}
    if limits.per_person is not None and used.person >= limits.per_person:
        is_used = used.person - used.person_held >= limits.per_person
        return Reason.PERSON_LIMIT if is_used else Reason.PERSON_HELD, {"times": limits.per_person}
    if limits.budget_minor is not None and used.off_minor >= limits.budget_minor:
        return Reason.BUDGET_USED_UP, {}
    return None
