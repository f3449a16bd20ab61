"""A line that is to be kept: how long it lives without a top-up, the least one that keeps it until a day, and which of
its carrier's plans do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.crediting import topped_up
from topup.catalogue.life_cycle import FARTHEST, foretold, left_alone, step
from topup.catalogue.life_cycle_rules import Blockable, Exit, LineRules, State
from topup.catalogue.line_facts import Change, Event, LineFacts
from topup.catalogue.plan_cycles import beginning, renewal
from topup.catalogue.plan_rules import Plan
from topup.catalogue.terms import end_of_day, local_of, months_on
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.money import Money
from topup.lines.keeping.amounts import Amounts
from topup.lines.keeping.renewals import Renewals, Renewing, taken

A_YEAR: Final = 12
"""Months ahead that are looked at where nobody says until when."""
LONGEST_DAYS: Final = 2 * 366
"""Nobody plans farther ahead."""
_JUST_BEFORE: Final = timedelta(seconds=1)


class TooFar(Invalid):
    """`keeping_until`: the day lies behind today, or more than LONGEST_DAYS ahead (with `days`)."""


@dataclass(frozen=True, slots=True)
class Runway:
    """How long a line lives if nobody uses it or tops it up, with the fees and the renewals that come due.

    `serves_until`: when something stops working that works now; `kept_until`: when the number is lost, for the reason
    `lost_by`; `released_at`: when its line gives it back. None: not foreseen. `months`: whole months until it is lost.
    `renewals`: those of its plan; None where it has none that renews.
    """

    serves_until: datetime | None
    kept_until: datetime | None
    lost_by: Exit | None
    released_at: datetime | None
    months: int | None
    to_come: tuple[Change, ...]
    is_lost: bool = False
    renewals: Renewals | None = None


@dataclass(frozen=True, slots=True)
class PlanKeeps:
    """A plan that keeps a number by its renewals alone: what its cycles cost until then, and how many those are."""

    plan: Plan
    cost: Money
    cycles: int


@dataclass(frozen=True, slots=True)
class Ahead:
    """A line at a later instant, if nothing is done meanwhile, and what came on the way: changes of its life, prices of
    its plan that were paid, when the first was not (None: all were), when that first blocked something, and when the
    plan was over for it.
    """

    line: "Kept"
    changes: tuple[Change, ...]
    paid_minor: tuple[int, ...] = ()
    unpaid_at: datetime | None = None
    blocked_at: datetime | None = None
    over_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A line that is to be kept: what is true of it at `now`, by its carrier's file, in its own `zone`, and the plan it
    has, if that renews.
    """

    carrier: CarrierVersion
    facts: LineFacts
    now: datetime
    zone: ZoneInfo
    renewing: Renewing | None = None

    @property
    def rules(self) -> LineRules:
        """What its life goes by."""
        return self.carrier.line_rules

    @property
    def a_year_on(self) -> date:
        """The day until which it is to be kept where nobody says until when."""
        return months_on(local_of(self.now, self.zone).date(), A_YEAR)

    def until(self, day: date) -> datetime:
        """The end of a day of the line's: a number that is lost then was kept through it. Raises TooFar."""
        days = (day - local_of(self.now, self.zone).date()).days
        if not 0 <= days <= LONGEST_DAYS:
            raise TooFar("keeping_until", days=LONGEST_DAYS)
        return end_of_day(day, self.zone)

    def runway(self) -> Runway:
        """How long it lives by itself. Raises StateUnknown."""
        ahead = self.ahead(self.now + FARTHEST)
        changes, here = ahead.changes, self.rules.state(self.facts.state)
        lost = self.loss_among(changes)
        stops = [one.at for one in changes if set(self.rules.state(one.entered).blocks) - set(here.blocks)][:1]
        stops += [ahead.blocked_at] if ahead.blocked_at is not None else []
        is_lost = _is_lost(here)
        return Runway(
            serves_until=min(stops, default=None),
            kept_until=None if is_lost or lost is None else lost.at,
            lost_by=lost.exit if lost and not is_lost else None,
            released_at=next((one.at for one in changes if one.releases_number), None),
            months=0 if is_lost else months_between(self.now, lost.at, self.zone) if lost else None,
            to_come=changes,
            is_lost=is_lost,
            renewals=Renewals(self.renewing.plan, len(ahead.paid_minor), sum(ahead.paid_minor), ahead.unpaid_at)
            if self.renewing is not None
            else None,
        )

    def least(self, end: datetime) -> Money | None:
        """The smallest top-up now that keeps the number until `end`: nothing where it is kept so, None where no single
        one does.
        """
        if self.is_kept(end):
            return Money(0, self.carrier.currency)
        found = [amount for amount in self.amounts(end) if self._keeps(amount, end)]
        return Money(min(found), self.carrier.currency) if found else None

    def plans(self, end: datetime) -> tuple[PlanKeeps, ...]:
        """The plans that would keep the number until `end` by their renewals alone, the cheapest first.

        Each cycle is paid of money that is topped up for it; the plan it has now is not counted beside it.
        """
        without = replace(self, renewing=None)
        found = [_by_plan(without, plan, end) for plan in self.carrier.plans.values() if plan.on_sale]
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.cost.amount_minor))

    def is_kept(self, end: datetime) -> bool:
        """Whether the number is kept until `end` without anything."""
        loss = self.loss_among(self.changes(end))
        return not _is_lost(self.rules.state(self.facts.state)) and (loss is None or loss.at >= end)

    def at(self, instant: datetime) -> "Kept":
        """The line as it is later, if nothing is done meanwhile."""
        return self.ahead(instant).line

    def topped_up(self, amount_minor: int) -> "Kept | None":
        """The line after a top-up now; None where it takes none of that amount."""
        try:
            after = topped_up(self.carrier, self.facts, amount_minor, now=self.now, zone=self.zone)
        except (Invalid, Conflict):
            return None
        line, plan = replace(self, facts=after), self.renewing
        if plan is None or plan.tried is None:
            return line
        # What waits for money is looked at as soon as there is some.
        return _renewed(line, plan, [])[0]

    def leads_to(self, amount_minor: int) -> datetime | None:
        """When the number is lost after a top-up now and nothing more; None: not foreseen, or it takes none of that."""
        after = self.topped_up(amount_minor)
        return after.runway().kept_until if after is not None else None

    def _keeps(self, amount_minor: int, end: datetime) -> bool:
        after = self.topped_up(amount_minor)
        return after is not None and after.is_kept(end)

    def amounts(self, end: datetime) -> Sequence[int]:
        """The amounts that are worth a thought, ascending: what another does, a smaller one of them does."""
        price = self.renewing.plan.price_minor if self.renewing is not None else 0
        return Amounts(self.carrier, self.facts, price).worth_it(lambda amount: self._keeps(amount, end))

    def changes(self, end: datetime) -> tuple[Change, ...]:
        """What becomes of it until `end` if nothing is done."""
        return self.ahead(end).changes

    def ahead(self, until: datetime) -> Ahead:
        """The line at `until` if nothing is done: monthly fees are taken and its plan renewed as they come due."""
        line, changes, paid = self, list[Change](), list[int]()
        unpaid_at = self.renewing.due if self.renewing is not None and self.renewing.tried is not None else None
        here, blocked_at, over_at = _plan_blocks(self), None, None
        while (plan := line.renewing) is not None:
            due = plan.next_look(line.zone)
            if due is None or due > until:
                break
            line = _alone(line, max(due, line.now), changes)
            if line.rules.state(line.facts.state).closes:
                break
            line, price = _renewed(line, plan, changes)
            if price is not None:
                paid.append(price)
            elif unpaid_at is None:
                unpaid_at = line.now
            if price is None and line.renewing is None:
                over_at = line.now
                break
            if blocked_at is None and _plan_blocks(line) - here:
                blocked_at = line.now
        return Ahead(_alone(line, until, changes), tuple(changes), tuple(paid), unpaid_at, blocked_at, over_at)

    def loss_among(self, changes: Sequence[Change]) -> Change | None:
        """The one by which the number is lost."""
        return next((one for one in changes if _is_lost(self.rules.state(one.entered))), None)


def months_between(since: datetime, until: datetime, zone: ZoneInfo) -> int:
    """The whole months of the calendar from one to the other, in `zone`."""
    first, last = local_of(since, zone).date(), (local_of(until, zone) - _JUST_BEFORE).date()
    months = (last.year - first.year) * 12 + last.month - first.month
    return max(months if months_on(first, months) <= last else months - 1, 0)


def _is_lost(state: State) -> bool:
    """Whether nothing brings a line back that is in this state."""
    return state.closes or state.releases_number or "topup" in state.blocks


def _by_plan(line: Kept, plan: Plan, end: datetime) -> PlanKeeps | None:
    terms, begun = beginning(plan, line.zone, line.now), line.now
    cost, cycles = terms.price_minor, 1
    while True:
        if plan.is_activity:
            found = step(line.rules, line.facts, now=line.now, zone=line.zone, event=Event("activity"))
            line = Kept(line.carrier, found.facts, line.now, line.zone)
        due = terms.ends_at
        if not line.is_kept(min(due, end)):
            return None
        if due >= end:
            return PlanKeeps(plan, Money(cost, line.carrier.currency), cycles)
        if plan.cycle == "once":
            return PlanKeeps(plan, Money(cost, line.carrier.currency), cycles) if line.is_kept(end) else None
        line = line.at(due)
        terms = renewal(plan, line.zone, anchor=begun, due=due, now=due)
        cost, cycles = cost + terms.price_minor, cycles + 1


def _alone(line: Kept, until: datetime, changes: list[Change]) -> Kept:
    """The line then, by its life alone; what changed is added to `changes`."""
    facts, more = left_alone(line.rules, line.facts, now=line.now, until=until, zone=line.zone)
    changes += more
    return replace(line, facts=facts, now=until)


def _renewed(line: Kept, plan: Renewing, changes: list[Change]) -> tuple[Kept, int | None]:
    """The line after its plan's next cycle was to be paid now, and the price that was (None: it could not be); what
    changed by it is added to `changes`. A plan that has waited for too long then is over.
    """
    terms = plan.cycle_at(line.now, line.zone)
    funds = taken(line.facts.funds, terms.price_minor, line.now)
    if funds is None:
        waits = plan.unpaid(line.now)
        return replace(line, renewing=None if waits.is_over_at(line.now, line.zone) else waits), None
    facts, is_paid = line.facts, terms.price_minor > 0
    if is_paid or plan.plan.is_activity:
        event = Event("activity" if plan.plan.is_activity else "funds", funds=funds if is_paid else None)
        facts, more = foretold(line.rules, line.facts, now=line.now, zone=line.zone, event=event)
        changes += more
    return replace(line, facts=facts, renewing=plan.renewed(terms, line.now)), terms.price_minor


def _plan_blocks(line: Kept) -> set[Blockable]:
    return set(line.renewing.blocks_at(line.now, line.zone)) if line.renewing is not None else set()
