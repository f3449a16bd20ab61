"""Credit sent from one line to another: what it costs the sender, what the receiver gets, what the limits leave."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from topup.catalogue.documents import Sharing, SharingLimit
from topup.catalogue.fees import fee_minor
from topup.catalogue.grant_rules import GrantRule
from topup.catalogue.pricing import Grant, grants_of
from topup.catalogue.terms import MIDNIGHT, latest_instant, local_of
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Shared:
    """What sending credit comes to. `grant` is the receiver's; `keeps` must be left with the sender after `total`."""

    amount: Money
    fee: Money
    total: Money
    keeps: Money
    grant: Grant


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a line sent or received in a period already: in all, minor units and fees apart, and how often."""

    amount_minor: int = 0
    times: int = 0


def share(
    carrier: CarrierVersion,
    *,
    amount: Money,
    now: datetime,
    so_far: Callable[[SharingLimit], SoFar] = lambda _limit: SoFar(),
    conditions: Collection[str] = (),
) -> Shared:
    """What sending `amount` comes to now.

    `so_far` gives what counts towards a limit since `period_begin`; `conditions` are those that hold of the two lines
    (`sender_roaming`, `receiver_roaming`). Raises Invalid sharing_not_offered, currency_wrong, sharing_amount (with the
    amounts there are), and Conflict sharing_limit_amount (with what is left) or sharing_limit_times.
    """
    sharing = carrier.document.sharing
    if sharing is None:
        raise Invalid("sharing_not_offered")
    if amount.currency != carrier.currency:
        raise Invalid("currency_wrong", currency=carrier.currency)
    if not _is_offered(sharing, amount.amount_minor):
        raise Invalid("sharing_amount", amounts=_offered(sharing, carrier), currency=carrier.currency)
    for limit in sharing.limits:
        if limit.condition is None or limit.condition in conditions:
            _within(limit, so_far(limit), amount)
    fee = Money(fee_minor(sharing.fee, amount.amount_minor), carrier.currency)
    tier = next(tier for tier in reversed(sharing.tiers) if tier.from_minor <= amount.amount_minor)
    rule = GrantRule(carrier.currency, amount.amount_minor, sharing.kind, sharing.priority, (), (), tier.validity)
    [grant] = grants_of(carrier, (rule,), now)
    return Shared(amount, fee, amount + fee, Money(sharing.keeps_minor, carrier.currency), grant)


def period_begin(limit: SharingLimit, zone: ZoneInfo, now: datetime) -> datetime:
    """Since when what was sent or received counts towards a limit: the beginning of the calendar day or month."""
    day = local_of(now, zone).date()
    return latest_instant(day if limit.per == "day" else day.replace(day=1), MIDNIGHT, zone)


def _within(limit: SharingLimit, so_far: SoFar, amount: Money) -> None:
    if limit.times is not None and so_far.times >= limit.times:
        raise Conflict("sharing_limit_times", times=limit.times, limited=limit.who, per=limit.per)
    if limit.amount_minor is not None and so_far.amount_minor + amount.amount_minor > limit.amount_minor:
        left = Money(max(limit.amount_minor - so_far.amount_minor, 0), amount.currency)
        raise Conflict(
            "sharing_limit_amount", left=left.to_major(), currency=amount.currency, limited=limit.who, per=limit.per
        )


def _is_offered(sharing: Sharing, amount_minor: int) -> bool:
    return amount_minor in sharing.amounts or (sharing.free is not None and sharing.free.offers(amount_minor))


def _offered(sharing: Sharing, carrier: CarrierVersion) -> list[str]:
    fixed = [Money(value, carrier.currency).to_major() for value in sharing.amounts]
    if sharing.free is None:
        return fixed
    bounds = (sharing.free.minimum_minor, sharing.free.largest_minor())
    return [*fixed, "–".join(Money(value, carrier.currency).to_major() for value in bounds)]
