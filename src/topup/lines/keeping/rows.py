"""The cheapest row of top-ups that keeps a number until a day.

A top-up does later what it does now, or more, until something changes by itself: so only the last seconds before such
changes are tried, the cheapest beginnings of rows first.
"""

import heapq
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.line_facts import Change
from topup.catalogue.terms import end_of_day, local_of
from topup.kernel.money import Money
from topup.lines.keeping.amounts import Amounts
from topup.lines.keeping.kept import Ahead, Kept

MOST_LOOKED_AT: Final = 1_000
"""Rows that are begun in a search; one that would need more is given up."""
_JUST_BEFORE: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class TopUp:
    """Top up `amount` before `before`: `at` is the last second."""

    amount: Money
    before: datetime

    @property
    def at(self) -> datetime:
        """The last second it is in time."""
        return self.before - _JUST_BEFORE


@dataclass(frozen=True, slots=True)
class Keeping:
    """Top-ups, oldest first, that keep a number; none where it is kept without any."""

    top_ups: tuple[TopUp, ...]
    total: Money


@dataclass(frozen=True, slots=True, order=True)
class _Row:
    """A row that was begun: of equally cheap ones the shortest is looked at first, of these the latest."""

    cost_minor: int
    length: int
    sooner: tuple[float, ...]
    line: Kept = field(compare=False)
    top_ups: tuple[TopUp, ...] = field(compare=False)

    def and_then(self, amount: Money, before: datetime, after: Kept) -> "_Row":
        sooner, top_ups = (*self.sooner, -before.timestamp()), (*self.top_ups, TopUp(amount, before))
        return _Row(self.cost_minor + amount.amount_minor, self.length + 1, sooner, after, top_ups)


def cheapest(line: Kept, end: datetime) -> Keeping | None:
    """The cheapest row that keeps the number until `end`, of equally cheap ones the shortest, of these the latest.

    None: none keeps it, or it was too long to be found.
    """
    begun = [] if line.runway().is_lost else [_Row(0, 0, (), line, ())]
    seen: set[object] = set()
    while begun and len(seen) < MOST_LOOKED_AT:
        row = heapq.heappop(begun)
        ahead = row.line.ahead(end)
        loss = row.line.loss_among(ahead.changes)
        if loss is None or loss.at >= end:
            return Keeping(row.top_ups, Money(row.cost_minor, line.carrier.currency))
        mark = _mark(row.line)
        if mark not in seen:
            seen.add(mark)
            for longer in _longer(row, ahead, loss, end):
                heapq.heappush(begun, longer)
    return None


def not_before(line: Kept, row: Keeping, end: datetime) -> date | None:
    """The day, in the line's zone, from which on the only top-up of a row keeps the number until `end`.

    None for a row of more than one. Between two changes later is never worse, but a plan that waits takes what comes
    before it is over; what is sought is the first of the days from which on none fails.
    """
    if len(row.top_ups) != 1:
        return None
    last = row.top_ups[0]
    ahead = line.ahead(last.at)
    changed = _ends(line, ahead) + _waits(line, ahead)
    starts = sorted({line.now, *(one for one in changed if line.now < one < last.before)})

    def keeps(instant: datetime) -> bool:
        after = line.at(instant).topped_up(last.amount.amount_minor)
        return after is not None and after.is_kept(end)

    found = last.at
    for since, until in reversed([*pairwise([*starts, last.before])]):
        tries = [since, *_midnights(since, until, line.zone)]
        place = bisect_left(tries, 1, key=lambda instant: int(keeps(instant)))
        found = tries[place] if place < len(tries) else found
        if place:
            break
    return local_of(found, line.zone).date()


def _midnights(since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Those between the two."""
    first, last = local_of(since, zone).date(), local_of(until, zone).date()
    ends = (end_of_day(first + timedelta(days=ahead), zone) for ahead in range((last - first).days))
    return (one for one in ends if since < one < until)


def _longer(row: _Row, ahead: Ahead, loss: Change, end: datetime) -> Iterator[_Row]:
    """The row with one more top-up."""
    for before in _deadlines(row.line, ahead, loss):
        ready = row.line.at(max(before - _JUST_BEFORE, row.line.now))
        for amount in ready.amounts(end):
            after = ready.topped_up(amount)
            if after is not None and not _is_in_vain(ready, amount, after, end):
                yield row.and_then(Money(amount, ready.carrier.currency), before, after)


def _deadlines(line: Kept, ahead: Ahead, loss: Change) -> list[datetime]:
    """The instants before which a top-up may do what it does not do later: each change, and each end of money. Paying
    a plan in time is worth one only where its renewals count as use; others just take.
    """
    ends = _ends(line, ahead)
    if line.renewing is not None and line.renewing.plan.is_activity:
        ends += _waits(line, ahead)
    return sorted({max(end, line.now + _JUST_BEFORE) for end in ends if end <= loss.at})


def _ends(line: Kept, ahead: Ahead) -> list[datetime]:
    """Each change of its life, and each end of money it has."""
    return [one.at for one in ahead.changes] + [one.ends_at for one in line.facts.funds if one.ends_at is not None]


def _waits(line: Kept, ahead: Ahead) -> list[datetime]:
    """When its plan begins to wait for money, and when it is over for want of it."""
    return [at for at in (ahead.unpaid_at, ahead.over_at) if at is not None and at > line.now]


def _is_in_vain(ready: Kept, amount_minor: int, after: Kept, end: datetime) -> bool:
    """Whether a top-up changes no date, and can be added to a later one as well."""
    amounts = Amounts(ready.carrier, ready.facts)
    if not amounts.is_free(amount_minor) or amount_minor == amounts.largest_free:
        return False
    unchanged = [one.at for one in ready.changes(end)] == [one.at for one in after.changes(end)]
    return unchanged and ready.facts.clocks == after.facts.clocks


def _mark(line: Kept) -> object:
    """What two lines have in common to which the same will happen."""
    facts = line.facts
    since = (line.now, facts.state, facts.state_since, facts.funds_since)
    plan = line.renewing
    paid = (plan.plan.id, plan.anchor, plan.due, plan.tried) if plan is not None else None
    return (*since, tuple(sorted(facts.clocks.items())), facts.funds, facts.gone, facts.arrears_minor, paid)
