"""Each plan of each carrier's file over two years: it renews on the day its rule says, and not a second before.

The days are worked out a second time here, by counting on a calendar. Between them nothing happens, so the clock jumps
from one to the next. A year has a leap day, lines begin on days that other months do not have.
"""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from itertools import count
from math import floor
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.plans import Street
from topup.catalogue.checking import check
from topup.catalogue.demonstration import demonstration_files
from topup.kernel.ids import lane_for
from topup.ledger.audit import audit
from topup.ledger.invariants import violations
from topup.lines.plans.renewing import renew

EXAMPLES = Path(__file__).parents[2] / "examples/carriers"
FILES = [
    file for file in [*demonstration_files(), *sorted(EXAMPLES.glob("*.toml"))] if check(file).document.plans
]  # fmt: skip
BEGINNINGS = ("2027-01-31 12:00", "2027-08-29 23:59", "2027-12-01 00:00", "2028-02-29 08:30")
UNTIL = date(2029, 2, 1)
"""Two years after the first beginning."""
LANES = (3, 4)
IN_USE = timedelta(days=90)
"""So often every line is used: a plan by the year alone does not keep a number that wants something every 180 days."""
RICH = 10_000_000


def last_days(plan, began: datetime) -> list[date]:
    """The last day of each cycle that begins within the two years, by counting; the last of them ends later.

    The day it begins on does not count, unless it is there as a whole.
    """
    whole = timedelta(days=1 if began.time() == time() and plan.renews == "anniversary" else 0)
    first = began.date()
    found = [ended_by_count(plan, first, 1, first) - whole]
    while found[-1] < UNTIL and plan.cycle != "once":
        after = found[-1] + timedelta(days=1)
        found.append(ended_by_count(plan, first, len(found) + 1, after) - whole)
    return found


def ended_by_count(plan, first: date, number: int, after: date) -> date:
    """The day that is so many cycles after the first; by the calendar the one before its next day after `after`."""
    if plan.months is None:
        return first + timedelta(days=plan.days * number)
    if plan.renews == "anniversary":
        month = first.month - 1 + plan.months * number
        year, month = first.year + month // 12, month % 12 + 1
        return date(year, month, min(first.day, monthrange(year, month)[1]))
    days = (after + timedelta(days=one) for one in count(1))
    return next(
        day - timedelta(days=1)
        for day in days
        if day.day == min(plan.day, monthrange(day.year, day.month)[1]) and (day.month - 1) % plan.months == 0
    )


def first_price(plan, began: date, last: date) -> int:
    """What the first cycle costs: by the calendar its share, the day it began on as a whole."""
    if plan.renews != "calendar" or plan.proration == "none":
        return plan.price_minor
    ends = last + timedelta(days=1)
    month = ends.month - 1 - plan.months
    whole = (ends - date(ends.year + month // 12, month % 12 + 1, ends.day)).days
    return floor(plan.price_minor * min(Fraction((ends - began).days, whole), Fraction(1)) + Fraction(1, 2))


async def a_night(street: Street, now: datetime) -> int:
    """Let renew what is due; how many plans that were."""
    async with street.database.transaction() as transaction:
        connection, snapshot = transaction.connection, street.snapshot
        return sum([await renew(connection, now, lane=lane, snapshot=snapshot, limit=100) for lane in LANES])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_each_plan_renews_on_the_day_its_rule_says(database, file, figures):
    street = await Street.of(database, file)
    document = check(file).document
    zone = ZoneInfo(document.time_zone)
    numbers = (f"{str(document.numbering.example)[:-4]}{number:04}" for number in range(10_000))
    near = (number for number in numbers if lane_for(number, 16) in LANES)
    lines = {}
    for plan in document.plans:
        for text in BEGINNINGS:
            began = datetime.fromisoformat(text).replace(tzinfo=zone)
            [line] = await street.opened(document.id, next(near), at=began)
            await street.credits(line, RICH, at=began)
            await street.takes(line, plan.id, at=began)
            lines[line] = plan, began, last_days(plan, began)
    ends = {day + timedelta(days=1) for *_, days in lines.values() for day in days if day < UNTIL}
    used_at = min(began for _, began, _ in lines.values())
    for midnight in (datetime.combine(day, time(), zone) for day in sorted(ends)):
        if midnight - used_at > IN_USE:
            used_at = midnight
            for line in [line for line, (_, began, _) in lines.items() if began < midnight]:
                await street.happens(line, "activity", at=midnight)
        assert await a_night(street, midnight - timedelta(seconds=1)) == 0, midnight
        assert await a_night(street, midnight) > 0, midnight
    renewals = 0
    for line, (plan, began, days) in lines.items():
        told = await street.rows(
            "SELECT what, (until AT TIME ZONE %s - interval '1 second')::date, amount_minor FROM lines.plan_changes"
            " WHERE lane = %s AND line_id = %s ORDER BY sequence", zone.key, line.lane, line.id,
        )  # fmt: skip
        paid = [(day, amount) for what, day, amount in told if what in {"begun", "renewed"}]
        prices = [first_price(plan, began.date(), days[0]), *[plan.price_minor] * (len(days) - 1)]
        assert paid == list(zip(days, prices, strict=True)), (plan.id, began)
        assert [what for what, *_ in told if what not in {"begun", "renewed"}] == ["ended"] * (plan.cycle == "once")
        money = sum(one.balance for one in await street.buckets(line) if one.asset == document.currency)
        assert money == RICH - sum(prices), (plan.id, began)
        renewals += len(paid) - 1
    async with database.read() as transaction:
        assert (await audit(transaction.connection)).sound
        assert await violations(transaction.connection) == []
    figures("plans on their day", carrier=document.id, plans=len(document.plans), renewals=renewals, wrong_days=0)
