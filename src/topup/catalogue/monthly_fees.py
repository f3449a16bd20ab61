"""When a monthly fee comes due, and what is taken of a line's money for it."""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from topup.catalogue.life_cycle_rules import MonthlyFee
from topup.catalogue.line_facts import Portion
from topup.catalogue.terms import MIDNIGHT, latest_instant, local_of, months_on


@dataclass(frozen=True, slots=True)
class FeeTaken:
    """`taken_minor` was taken, `funds` are left, `owed_minor` was missing and is owed; `missed`: nothing was taken."""

    taken_minor: int
    funds: tuple[Portion, ...]
    owed_minor: int = 0
    missed: bool = False


def next_fee(fee: MonthlyFee | None, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first instant after `after` when the fee comes due: the beginning of its day in `zone`. None: never."""
    if fee is None:
        return None
    month = local_of(after, zone).date().replace(day=1)
    due = _in_month(fee, month, zone)
    return due if due > after else _in_month(fee, months_on(month, 1), zone)


def _in_month(fee: MonthlyFee, month: date, zone: ZoneInfo) -> datetime:
    day = min(fee.day, monthrange(month.year, month.month)[1])
    return latest_instant(month.replace(day=day), MIDNIGHT, zone)


def take_fee(fee: MonthlyFee, funds: tuple[Portion, ...], at: datetime) -> FeeTaken:
    """What a fee due at `at` takes of `funds`, in the order they are used."""
    usable = [portion for portion in funds if portion.usable_at(at)]
    missing = fee.amount_minor - sum(portion.amount_minor for portion in usable)
    if missing > 0 and not fee.arrears:
        return FeeTaken(0, tuple(usable), missed=True)
    left, to_take = [], fee.amount_minor
    for portion in usable:
        part = min(to_take, portion.amount_minor)
        to_take -= part
        if part < portion.amount_minor:
            left.append(replace(portion, amount_minor=portion.amount_minor - part))
    return FeeTaken(fee.amount_minor - to_take, tuple(left), owed_minor=to_take)
