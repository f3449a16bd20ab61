"""What can be agreed to: each part by itself, by what the carrier sells and allows, and by what it is paid with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Invalid
from topup.kernel.money import Money
from topup.orders.schedules.looking import offered_by, payment_fee
from topup.orders.schedules.rules import (
    MOST_DAYS_BEFORE,
    MOST_DAYS_EARLY,
    MOST_INTERVAL_DAYS,
    Agreement,
    Trigger,
)
from topup.payments.instruments.records import Kept

MOST_RUNS_A_MONTH: Final = 31
"""One top-up a day: no limit of a month needs to be higher than so many of them."""
_LAST_DAY: Final = 31


@dataclass(frozen=True, slots=True)
class CapBounds:
    """What the limit of a month may be, minor units: the least lets one top-up through, with its fee; the most is what
    one a day comes to, or what the carrier lets be topped up by itself where that is less.
    """

    least_minor: int
    most_minor: int

    @property
    def is_empty(self) -> bool:
        """Whether the carrier's own limit lets not even one through."""
        return self.most_minor < self.least_minor


def cap_bounds(agreement: Agreement, carrier: CarrierVersion, method: str) -> CapBounds:
    """The bounds of an agreement's limit, paid by `method`. What is bought and cannot be counts as the cheapest there
    is for the least, and as the dearest for the most.
    """
    offered = offered_by(carrier)
    asked = agreement.amount_minor or agreement.target_minor or 0
    one = offered.at_least(asked) if asked > 0 else None
    cheapest, dearest = one or offered.at_least(1) or 0, one or offered.largest
    most = MOST_RUNS_A_MONTH * (dearest + payment_fee(carrier, method, dearest))
    of_carrier = carrier.document.automatic.cap_minor
    least = cheapest + payment_fee(carrier, method, cheapest)
    return CapBounds(least, most if of_carrier is None else min(most, of_carrier))


def check(agreement: Agreement, carrier: CarrierVersion, method: str) -> None:
    """Whether what somebody agrees to can be. Raises Invalid with which part of it cannot: schedule_day,
    schedule_early, schedule_threshold, schedule_before, schedule_amount, schedule_target, schedule_beyond_carrier,
    schedule_cap, schedule_interval; and with the `others` that cannot either.
    """
    offered, bounds = offered_by(carrier), cap_bounds(agreement, carrier, method)
    amount, target, keeps = agreement.amount_minor, agreement.target_minor, agreement.trigger is Trigger.KEEP
    known = amount is None or offered.at_least(amount) == amount
    said = [one for one in (amount, target) if one is not None]
    is_low = agreement.trigger is Trigger.LOW
    # Below what nobody can buy credit is for ever: it would be topped up at each look.
    mark_is_wrong = is_low and not 1 <= agreement.threshold_minor <= offered.largest
    mark = agreement.threshold_minor if is_low and not mark_is_wrong else 1
    # On the day of the end itself it may be too late.
    least_before = 1 if agreement.trigger is Trigger.EXPIRY else 0
    wrong = {
        "schedule_day": not 1 <= agreement.day <= _LAST_DAY,
        "schedule_early": not 0 <= agreement.days_early <= MOST_DAYS_EARLY,
        "schedule_threshold": mark_is_wrong,
        "schedule_before": not least_before <= agreement.days_before <= MOST_DAYS_BEFORE,
        "schedule_amount": len(said) != (0 if keeps else 1) or not known,
        # What does not even bring the credit above the mark would be low again at once.
        "schedule_target": target is not None and not mark <= target <= offered.largest,
        "schedule_beyond_carrier": bounds.is_empty,
        "schedule_cap": not bounds.is_empty and not bounds.least_minor <= agreement.cap_minor <= bounds.most_minor,
        "schedule_interval": not 1 <= agreement.interval_days <= MOST_INTERVAL_DAYS,
    }
    _refuse([code for code, is_wrong in wrong.items() if is_wrong], carrier, bounds)


def check_cap(agreement: Agreement, carrier: CarrierVersion, method: str) -> None:
    """Whether the limit of an agreement that was made before can be. Raises Invalid schedule_beyond_carrier,
    schedule_cap.
    """
    bounds = cap_bounds(agreement, carrier, method)
    if bounds.is_empty:
        _refuse(["schedule_beyond_carrier"], carrier, bounds)
    if not bounds.least_minor <= agreement.cap_minor <= bounds.most_minor:
        _refuse(["schedule_cap"], carrier, bounds)


def _refuse(codes: Sequence[str], carrier: CarrierVersion, bounds: CapBounds) -> None:
    """Say all that is wrong, with the amounts that its sentences name."""
    if codes:
        amounts = {"minimum": bounds.least_minor, "maximum": bounds.most_minor, "largest": offered_by(carrier).largest}
        said: dict[str, Any] = {name: Money(minor, carrier.currency).to_major() for name, minor in amounts.items()}
        raise Invalid(codes[0], others=list(codes[1:]), currency=carrier.currency, **said)


def check_wallet(agreement: Agreement, carrier: CarrierVersion, kept: Kept) -> None:
    """Whether what the wallet agreed to, if it is one, is enough for a schedule. Raises Invalid
    schedule_wallet_currency, schedule_wallet_most, schedule_wallet_often.
    """
    if kept.terms is None:
        return
    offered = offered_by(carrier)
    # What keeps a number is bought within what the wallet agreed to; there must be something.
    wanted = 1 if agreement.trigger is Trigger.KEEP else agreement.target_minor or 0
    amount = agreement.amount_minor or offered.at_least(wanted) or offered.largest
    cost = Money(amount + payment_fee(carrier, kept.method, amount), carrier.currency)
    if cost.currency != kept.terms.most.currency:
        raise Invalid("schedule_wallet_currency", currency=kept.terms.most.currency)
    if cost > kept.terms.most:
        raise Invalid("schedule_wallet_most")
    # A month is long enough for each of them; what has no day of its own keeps to the wallet's.
    if agreement.trigger is not Trigger.MONTHLY and agreement.interval_days < kept.terms.every_days:
        raise Invalid("schedule_wallet_often", days=kept.terms.every_days)
