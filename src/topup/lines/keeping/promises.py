"""Whether the plans that a carrier calls the keepers of a number keep one."""

from datetime import date, datetime, timedelta
from typing import Final

from topup.catalogue.life_cycle import opened
from topup.catalogue.plan_rules import Plan
from topup.catalogue.versions import CarrierVersion
from topup.lines.keeping.kept import LONGEST_DAYS, Kept

_BEGINS: Final = date(2027, 1, 31)
"""A day like any other, but that months end before it comes again."""
_DAYS: Final = timedelta(days=LONGEST_DAYS)


def broken_promises(carrier: CarrierVersion) -> tuple[Plan, ...]:
    """The plans on sale, in the order of the file, that are there to keep a number and by their renewals alone do not.

    A line that is opened with one, and neither used nor topped up beyond its price, loses its number within two years.
    """
    now = datetime.combine(_BEGINS, datetime.min.time(), carrier.zone).replace(hour=12)
    facts = opened(carrier.line_rules, now=now, zone=carrier.zone).facts
    line = Kept(carrier, facts, now, carrier.zone)
    keep = {found.plan.id for found in line.plans(line.until(_BEGINS + _DAYS))}
    named = [plan for plan in carrier.plans.values() if plan.on_sale and plan.keeps_number]
    return tuple(plan for plan in named if plan.id not in keep)
