"""When a plan's cycles begin and end, and what one costs and includes: pure, in the line's own zone.

A cycle by anniversary ends as any term does (`terms`): nobody gets fewer days than promised, and the day of the month
is kept over shorter months, because each end is counted from the first beginning and not from the end before it.
"""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from math import ceil, floor
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.grant_rules import GrantRule, Rounding
from topup.catalogue.plan_rules import Plan
from topup.catalogue.terms import MIDNIGHT, Term, end_in_state, latest_instant, local_of, months_on

_WHOLE: Final = Fraction(1)
_HALF: Final = Fraction(1, 2)
_LONGEST_MONTH_DAYS: Final = 31


@dataclass(frozen=True, slots=True)
class Terms:
    """A cycle as it would be: from `began_at` to before `ends_at`, for `price_minor`, including `grants`."""

    plan: Plan
    began_at: datetime
    ends_at: datetime
    price_minor: int
    grants: tuple[GrantRule, ...]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Running:
    """A cycle that was paid for: from when to when, and for how much."""

    began_at: datetime
    ends_at: datetime
    paid_minor: int


@dataclass(frozen=True, slots=True)
class Switch:
    """Another plan from now on: `back_minor` of what was paid is given back, and `terms` begins and is paid."""

    terms: Terms
    back_minor: int

    @property
    def to_pay_minor(self) -> int:
        """What it costs on the whole; below 0 it gives back."""
        return self.terms.price_minor - self.back_minor


def next_end(plan: Plan, zone: ZoneInfo, *, anchor: datetime, after: datetime) -> datetime:
    """The first end of a cycle after `after`, of cycles counted from `anchor`, which is not after it. UTC."""
    if plan.months is not None and plan.renews == "calendar":
        return _calendar_end(plan.day, plan.months, zone, after)
    passed = (after - anchor).days
    span = plan.days or _LONGEST_MONTH_DAYS * (plan.months or 1)
    count = max(passed // span, 1)
    while (end := _anniversary(plan, zone, anchor, count)) <= after:
        count += 1
    return end


def beginning(plan: Plan, zone: ZoneInfo, now: datetime) -> Terms:
    """The first cycle of a plan that begins at `now`, or one that begins anew."""
    return _terms(plan, zone, now, next_end(plan, zone, anchor=now, after=now))


def renewal(plan: Plan, zone: ZoneInfo, *, anchor: datetime, due: datetime, now: datetime) -> Terms:
    """The cycle that follows the one which ended at `due`.

    Where nobody was there to renew it until `now`, cycles that are over entirely are left out: the one of now is it.
    """
    began, ends = due, next_end(plan, zone, anchor=anchor, after=due)
    while ends <= now:
        began, ends = ends, next_end(plan, zone, anchor=anchor, after=ends)
    return _terms(plan, zone, began, ends)


def switching(plan: Plan, zone: ZoneInfo, now: datetime, *, old: Plan, running: Running, left: Fraction) -> Switch:
    """What it costs to have `plan` from now on instead of `old`, of whose included things the share `left` is left."""
    return Switch(beginning(plan, zone, now), given_back(old, zone, running, now, left))


def given_back(plan: Plan, zone: ZoneInfo, running: Running, now: datetime, left: Fraction) -> int:
    """What is given back of a cycle that ends at `now`: the days left, today among them, at most the share `left`."""
    if plan.proration == "none" or running.ends_at <= now:
        return 0
    days, whole = _days(now, running.ends_at, zone), _days(running.began_at, running.ends_at, zone)
    share = min(Fraction(days, whole), left, _WHOLE)
    return rounded(running.paid_minor * share, plan.rounding)


def rounded(exact: Fraction, rounding: Rounding) -> int:
    """A whole number by a rule of rounding; of amounts that are not negative."""
    if rounding == "up":
        return ceil(exact)
    if rounding == "half_even":
        return round(exact)
    return floor(exact + _HALF if rounding == "half_up" else exact)


def _terms(plan: Plan, zone: ZoneInfo, began: datetime, ends: datetime) -> Terms:
    share = _share(plan, zone, began, ends)
    if share == _WHOLE:
        return Terms(plan, began, ends, plan.price_minor, plan.grants)
    grants = tuple(replace(grant, amount=ceil(grant.amount * share)) for grant in plan.grants)
    return Terms(plan, began, ends, rounded(plan.price_minor * share, plan.rounding), grants, is_whole=False)


def _share(plan: Plan, zone: ZoneInfo, began: datetime, ends: datetime) -> Fraction:
    """How much of a whole cycle it is; only one by the calendar is ever less."""
    if plan.proration == "none" or plan.renews != "calendar" or plan.months is None:
        return _WHOLE
    # Renewals lie in every so many months, so the one before is found from a day that is not before it.
    before = _calendar_day(plan.day, months_on(local_of(ends, zone).date().replace(day=1), -plan.months), zone)
    return min(Fraction(_days(began, ends, zone), _days(before, ends, zone)), _WHOLE)


def _days(since: datetime, until: datetime, zone: ZoneInfo) -> int:
    """Days of the calendar from one to before the other, the first of them as a whole."""
    return (local_of(until, zone).date() - local_of(since, zone).date()).days


def _anniversary(plan: Plan, zone: ZoneInfo, anchor: datetime, count: int) -> datetime:
    if plan.months is not None:
        return end_in_state(Term(months=plan.months * count), zone, anchor)
    return end_in_state(Term(days=(plan.days or 1) * count), zone, anchor)


def _calendar_end(day: int, months: int, zone: ZoneInfo, after: datetime) -> datetime:
    first = local_of(after, zone).date().replace(day=1)
    month = months_on(first, -((first.month - 1) % months))
    while (end := _calendar_day(day, month, zone)) <= after:
        month = months_on(month, months)
    return end


def _calendar_day(day: int, month: date, zone: ZoneInfo) -> datetime:
    """The beginning of a day of the month whose first day is `month`; of its last day where it is shorter."""
    return latest_instant(month.replace(day=min(day, monthrange(month.year, month.month)[1])), MIDNIGHT, zone)
