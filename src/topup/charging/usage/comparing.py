"""What each plan would have cost for what a line really used: pure, by rating that usage anew beside what it includes.

The whole months looked at are cut into each plan's cycles. Each has what the plan includes, and costs its price; one
that lies in them in part has and costs its share by days. What goes beyond is rated as it would be. Roll-over, packs,
and what else the line has are left out; data and messages of a day are taken together.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Final, Literal
from zoneinfo import ZoneInfo

from topup.catalogue.grant_rules import GrantRule
from topup.catalogue.plan_rules import Plan
from topup.catalogue.pricing import scope_of
from topup.catalogue.queries import CatalogueCache
from topup.catalogue.rates import RateBook
from topup.catalogue.terms import MIDNIGHT, latest_instant, months_on
from topup.charging.line_views import LineShown, line_shown
from topup.charging.rating import ALLOWANCE, Allowance, LineFacts, Usage, rate
from topup.kernel.money import is_currency
from topup.kernel.msisdn import parse_msisdn
from topup.lines.queries import LineRef
from topup.platform.database import Connection, Database

MONTHS: Final = 3
"""Whole months that are looked at."""
MOST: Final = 5_000
"""Usages that are rated anew for each plan; of a line with more, the newest."""
_HALF: Final = Fraction(1, 2)
_USED: Final = """
SELECT u.service, u.quantity::bigint, u.at, u.country, u.called FROM (
    SELECT r.service, r.quantity, r.at, r.country, r.called FROM charging.usage_records AS r
    WHERE r.lane = %(lane)s AND r.line_id = %(line)s AND r.at >= %(since)s AND r.at < %(until)s AND r.service = 'voice'
    UNION ALL
    SELECT r.service, sum(r.counted), min(r.at), r.country, min(r.called) FROM charging.usage_records AS r
    WHERE r.lane = %(lane)s AND r.line_id = %(line)s AND r.at >= %(since)s AND r.at < %(until)s AND r.service <> 'voice'
    GROUP BY r.service, r.rate_id, r.country, (r.at AT TIME ZONE %(zone)s)::date
) AS u
ORDER BY u.at DESC LIMIT %(most)s
"""

Reason = Literal["fits", "goes_beyond", "half_unused", "nothing_included", "cannot_be_rated"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The whole months from `first` to before `until`, first days of months of the line's zone, and what was used."""

    first: date
    until: date
    usages: Sequence[Usage]

    @property
    def months(self) -> int:
        """How many."""
        return _months_between(self.first, self.until)

    def each_month(self) -> list[tuple[date, date]]:
        """Their first days, each with that of the next."""
        return [(months_on(self.first, place), months_on(self.first, place + 1)) for place in range(self.months)]

    def month_of(self, usage: Usage, zone: ZoneInfo) -> int:
        """In which of them something was used."""
        return _months_between(self.first, usage.at.astimezone(zone).date())


def _months_between(first: date, until: date) -> int:
    return (until.year - first.year) * 12 + until.month - first.month


@dataclass(frozen=True, slots=True)
class Share:
    """How much of something included would have been used in all the months."""

    asset: str
    included: int
    used: int


@dataclass(frozen=True, slots=True)
class PlanCost:
    """What `plan` (None: none at all) would have cost: a month, in minor units, `fixed_minor` of it the plan's price.

    `by_month` says it of each month looked at, a price that is of several months by days. `reasons` say why, the
    weightiest first: what it includes `fits`; what went beyond cost `beyond_minor` a month; at least half of what it
    includes was never used; some of it `cannot_be_rated` and is left out.
    """

    plan: Plan | None
    monthly_minor: int
    fixed_minor: int
    beyond_minor: int
    shares: tuple[Share, ...]
    reasons: tuple[Reason, ...]
    by_month: tuple[int, ...]


def compare(plans: Iterable[Plan], rates: RateBook, line: LineFacts, asked: Asked) -> tuple[PlanCost, ...]:
    """What no plan and each of `plans` would have cost in these months, the cheapest first."""
    costs = [_cost(plan, rates, line, asked) for plan in (None, *plans)]
    return tuple(
        sorted(costs, key=lambda cost: (cost.monthly_minor, cost.fixed_minor, cost.plan.id if cost.plan else ""))
    )


def cheapest(costs: Sequence[PlanCost]) -> PlanCost | None:
    """The plan to advise: the cheapest of those that could be worked out, if it costs less than no plan at all."""
    known = [cost for cost in costs if "cannot_be_rated" not in cost.reasons]
    return known[0] if known and known[0].plan is not None else None


@dataclass(frozen=True, slots=True)
class Advised:
    """The plan to advise, by its cost, and what it would have saved a month; None where that cannot be said."""

    best: PlanCost
    plan: Plan
    saved_minor: int | None


def advised(costs: Sequence[PlanCost], *, held: str | None) -> Advised | None:
    """What to advise to a line that has the plan `held` (None: none at all).

    None where it could do no better, by what is known.
    """
    best = cheapest(costs)
    if best is None or best.plan is None or best.plan.id == held:
        return None
    now = next((cost for cost in costs if (cost.plan.id if cost.plan else None) == held), None)
    if now is None or "cannot_be_rated" in now.reasons:
        return Advised(best, best.plan, None)
    saved = now.monthly_minor - best.monthly_minor
    return Advised(best, best.plan, saved) if saved > 0 else None


@dataclass(frozen=True, slots=True)
class _Cycle:
    """A cycle of so many days as far as it lies in the months looked at: from `begins` to before `ends`."""

    begins: date
    ends: date
    whole_days: int
    zone: ZoneInfo

    @property
    def since(self) -> datetime:
        """When its first day begins."""
        return latest_instant(self.begins, MIDNIGHT, self.zone)

    @property
    def until(self) -> datetime:
        """When the day after its last begins."""
        return latest_instant(self.ends, MIDNIGHT, self.zone)

    @property
    def share(self) -> Fraction:
        """How much of a whole one it is."""
        return self.share_in(self.begins, self.ends)

    def share_in(self, first: date, until: date) -> Fraction:
        """How much of a whole one lies in these days."""
        days = (min(self.ends, until) - max(self.begins, first)).days
        return Fraction(max(days, 0), self.whole_days)


def _cost(plan: Plan | None, rates: RateBook, line: LineFacts, asked: Asked) -> PlanCost:
    cycles = list(_cycles(plan, line.zone, asked))
    price = plan.price_minor if plan else 0
    fixed = sum((cycle.share for cycle in cycles), Fraction(0)) * price
    spent: dict[tuple[str, date], int] = {}
    used = [0] * (len(plan.grants) if plan else 0)
    beyond_in, is_whole = [0] * asked.months, True
    for cycle in cycles:
        purse, since, until = _included(plan, cycle), cycle.since, cycle.until
        for usage in asked.usages:
            if not since <= usage.at < until:
                continue
            found = rate(rates, usage, line, tuple(purse), spent)
            is_whole = is_whole and found.refused is None
            for charge in found.charges:
                if charge.reason == ALLOWANCE:
                    place = int(str(charge.bucket_id))
                    purse[place] = replace(purse[place], amount=purse[place].amount - charge.amount)
                    used[place] += charge.amount
                elif is_currency(charge.asset):
                    beyond_in[asked.month_of(usage, line.zone)] += charge.amount
                    key = str(found.rate_id), charge.day
                    spent[key] = spent.get(key, 0) + charge.amount
    grants = plan.grants if plan else ()
    whole = [sum(floor(grant.amount * cycle.share) for cycle in cycles) for grant in grants]
    shares = tuple(Share(grant.asset, had, took) for grant, had, took in zip(grants, whole, used, strict=True))
    beyond = sum(beyond_in)
    monthly_fixed, monthly_beyond = fixed / asked.months, Fraction(beyond, asked.months)
    return PlanCost(
        plan=plan,
        monthly_minor=floor(monthly_fixed + monthly_beyond + _HALF),
        fixed_minor=floor(monthly_fixed + _HALF),
        beyond_minor=floor(monthly_beyond + _HALF),
        shares=shares,
        reasons=_reasons(shares, beyond=beyond, is_whole=is_whole),
        by_month=tuple(
            floor(price * sum(cycle.share_in(*month) for cycle in cycles) + beyond_in[place] + _HALF)
            for place, month in enumerate(asked.each_month())
        ),
    )


def _reasons(shares: Sequence[Share], *, beyond: int, is_whole: bool) -> tuple[Reason, ...]:
    found: list[Reason] = [] if is_whole else ["cannot_be_rated"]
    if not shares:
        found.append("nothing_included")
    elif beyond:
        found.append("goes_beyond")
    else:
        found.append("fits")
    if any(share.used * 2 <= share.included for share in shares):
        found.append("half_unused")
    return tuple(found)


def _included(plan: Plan | None, cycle: _Cycle) -> list[Allowance]:
    """What a cycle has to use, each thing named by its place."""
    grants: tuple[GrantRule, ...] = plan.grants if plan else ()
    return [
        Allowance(str(place), grant.asset, floor(grant.amount * cycle.share), scope_of(grant) or "any")
        for place, grant in enumerate(grants)
    ]


def _cycles(plan: Plan | None, zone: ZoneInfo, asked: Asked) -> Iterator[_Cycle]:
    """The plan's cycles, the first of them beginning with the first month."""
    begins = asked.first
    while begins < asked.until:
        ends = _ends(plan, begins, asked)
        until = min(ends, asked.until)
        yield _Cycle(begins, until, (ends - begins).days, zone)
        begins = until


def _ends(plan: Plan | None, begins: date, asked: Asked) -> date:
    if plan is None:
        return asked.until
    if plan.months is not None:
        return months_on(begins, plan.months)
    return begins + timedelta(days=plan.days or 1)


async def asked_of(connection: Connection, *, line: LineRef, zone: ZoneInfo, now: datetime) -> Asked:
    """The last whole months of a line, from the first in which it used anything on.

    Its calls one by one, data and messages by the day, the rate and the country.
    """
    until = now.astimezone(zone).date().replace(day=1)
    first = months_on(until, -MONTHS)
    parameters = {
        "lane": line.lane,
        "line": line.id,
        "zone": zone.key,
        "since": latest_instant(first, MIDNIGHT, zone),
        "until": latest_instant(until, MIDNIGHT, zone),
        "most": MOST,
    }
    rows = await (await connection.execute(_USED, parameters)).fetchall()
    usages = [Usage(*row) for row in reversed(rows)]
    if usages:
        first = usages[0].at.astimezone(zone).date().replace(day=1)
    return Asked(first, until, usages)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a line would have paid from `first` to before `until`, whole months; empty where it used nothing then."""

    currency: str
    first: date
    until: date
    costs: tuple[PlanCost, ...]


async def compared(database: Database, catalogue: CatalogueCache, *, number: str) -> Compared:
    """Compare the plans on sale for the line of a number. Raises InvalidNumber, NotFound line_unknown."""
    msisdn = parse_msisdn(number)
    async with database.read() as transaction:
        shown = await line_shown(transaction.connection, msisdn, catalogue)
        zone, now = ZoneInfo(shown.zone), transaction.now
        asked = await asked_of(transaction.connection, line=shown.line.ref, zone=zone, now=now)
    plans = [plan for plan in shown.carrier.plans.values() if plan.on_sale]
    facts = LineFacts(zone, shown.carrier.currency)
    costs = compare(plans, shown.carrier.rate_book, facts, asked) if asked.usages else ()
    return Compared(shown.carrier.currency, asked.first, asked.until, costs)


async def compared_for(connection: Connection, shown: LineShown, now: datetime) -> tuple[PlanCost, ...]:
    """What no plan and each plan on sale would have cost a line by its last months, the cheapest first.

    Empty where its carrier sells none, or the line used nothing.
    """
    plans = [plan for plan in shown.carrier.plans.values() if plan.on_sale]
    zone = ZoneInfo(shown.zone)
    asked = await asked_of(connection, line=shown.line.ref, zone=zone, now=now) if plans else None
    if asked is None or not asked.usages:
        return ()
    return compare(plans, shown.carrier.rate_book, LineFacts(zone, shown.carrier.currency), asked)
