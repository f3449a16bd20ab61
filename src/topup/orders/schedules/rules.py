"""When a schedule tops up, how much, and why not: pure, of what is known at one instant.

A cause is what a top-up is for: a month, an end of the credit, a time the credit was low. It has a name, under which a
run is written down at most once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.terms import MIDNIGHT, ONE_DAY, latest_instant, local_of, months_on
from topup.orders.schedules.states import OPEN, RunState

OPENS: Final = time(8)
CLOSES: Final = time(20)
"""Between these hours of the line's own day a scheduled top-up runs: someone who is told of it is awake."""
MOST_DAYS_EARLY: Final = 5
LOOK_AGAIN: Final = timedelta(minutes=10)
"""How soon credit that was not low is looked at again."""
LOOK_AT_ENDS: Final = timedelta(hours=6)
"""How soon an end that lies far ahead is looked at again: it moves with every top-up."""
MEMORY: Final = timedelta(days=70)
"""How far back runs are looked at: further than any month before the last, and any end that was run for."""
MOST_DAYS_BEFORE: Final = 30
MOST_INTERVAL_DAYS: Final = 60
AFTER_DECLINE: Final = (timedelta(days=1), timedelta(days=2))
"""How long after an attempt that was declined the next follows; after the last of them none does."""


class Trigger(StrEnum):
    """What makes a schedule top up."""

    MONTHLY = "monthly"
    LOW = "low"
    EXPIRY = "expiry"


class Reason(StrEnum):
    """Why a schedule does not top up now; each has a sentence in the catalogue `automatic`."""

    NOT_YET = "not_yet"
    UNDER_WAY = "under_way"
    NOT_LOW = "not_low"
    NO_END = "no_end"
    ENOUGH = "enough"
    TOO_SOON = "too_soon"
    CAP_REACHED = "cap_reached"
    NOTHING_FITS = "nothing_fits"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What an owner agreed to. Amounts are in minor units of the line's currency.

    MONTHLY: on `day` (a month's last where it is shorter), or up to `days_early` before. LOW: when less than
    `threshold_minor` is left. EXPIRY: `days_before` the credit or the line's service ends. What is bought:
    `amount_minor`, or as much as brings the credit to `target_minor`; exactly one of the two. `cap_minor`: at most so
    much is charged in a calendar month, fees included; `interval_days`: never sooner after the last.
    """

    trigger: Trigger
    day: int = 1
    days_early: int = 0
    threshold_minor: int = 0
    days_before: int = 0
    amount_minor: int | None = None
    target_minor: int | None = None
    cap_minor: int = 0
    interval_days: int = 1


@dataclass(frozen=True, slots=True)
class Past:
    """A run there was. `at`: when its cause was seen; `paid_at`: when it was paid, of one that is open: now. What it
    costs, with the fee, counts as spent then.
    """

    cause: str
    state: RunState
    at: datetime
    cost_minor: int = 0
    paid_at: datetime | None = None

    @property
    def spent_at(self) -> datetime:
        """When what it costs counts."""
        return self.paid_at or self.at


@dataclass(frozen=True, slots=True)
class Offered:
    """What credit can be bought for the line: the amounts there are, ascending, and a grid of free ones if any."""

    amounts: tuple[int, ...] = ()
    free: tuple[int, int, int] | None = None
    """Least, most and step."""

    def at_least(self, wanted_minor: int) -> int | None:
        """The least amount that is `wanted_minor` or more; None where there is none."""
        found = [amount for amount in self.amounts if amount >= wanted_minor]
        if self.free is not None:
            least, most, step = self.free
            steps = max(0, -(-(wanted_minor - least) // step))
            found += [amount] if (amount := least + steps * step) <= most else []
        return min(found, default=None)

    @property
    def largest(self) -> int:
        """The largest amount there is; 0 where there is none."""
        free = self.free[1] - (self.free[1] - self.free[0]) % self.free[2] if self.free else 0
        return max([*self.amounts, free])


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a schedule's line at `now`. `credit_minor` and `ends` are None where its carrier alone knows
    them; `ends` is the first instant when credit or service ends, None also where nothing ends. `runs` are those of
    this schedule that ended in the last MEMORY, and what is open; `of_line` what other schedules of the line bought.
    """

    now: datetime
    zone: ZoneInfo
    since: datetime
    """When the schedule was agreed to, or taken up again: what was due before is not made up."""
    credit_minor: int | None
    ends: datetime | None
    offered: Offered
    runs: Sequence[Past] = ()
    count: int = 0
    """Of all runs there ever were."""
    of_line: Sequence[Past] = ()
    carrier_cap_minor: int | None = None
    carrier_interval_days: int = 0
    fee: Callable[[int], int] = lambda _amount_minor: 0
    """What paying an amount by the schedule's card costs besides, minor units."""


@dataclass(frozen=True, slots=True)
class Run:
    """Top up now, for `cause`, with so much; `cost_minor` is charged for it, with the fee."""

    cause: str
    amount_minor: int
    cost_minor: int


@dataclass(frozen=True, slots=True)
class Skip:
    """The cause is there, and nothing is bought for it; it is written down so."""

    cause: str
    reason: Reason
    until: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`, when it is looked at again. `next_at`: when it will run, where that is known."""

    until: datetime
    reason: Reason
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Due:
    cause: str
    until: datetime = field(compare=False)
    """When the next cause comes, if this one is skipped."""


def decide(schedule_id: str, agreement: Agreement, facts: Facts) -> Run | Skip | Wait:
    """What an active schedule does now."""
    if any(past.state in OPEN for past in facts.runs):
        return Wait(facts.now + LOOK_AGAIN, Reason.UNDER_WAY)
    due = _due(schedule_id, agreement, facts)
    if isinstance(due, Wait):
        return due
    soonest = _soonest(agreement, facts)
    if soonest > facts.now:
        return Wait(soonest, Reason.TOO_SOON, soonest)
    amount = _amount(agreement, facts)
    if not amount:
        reason = Reason.NOTHING_FITS if amount is None else Reason.ENOUGH
        # That credit is low is seen again at each look: only what has a day of its own is written down as skipped.
        low = agreement.trigger is Trigger.LOW
        return Wait(facts.now + ONE_DAY, reason) if low else Skip(due.cause, reason, due.until)
    cost = amount + facts.fee(amount)
    if not _within_caps(agreement, facts, cost):
        month = _month_after(facts)
        return Wait(month, Reason.CAP_REACHED, month)
    return Run(due.cause, amount, cost)


def monthly_at(schedule_id: str, agreement: Agreement, month: date, zone: ZoneInfo) -> datetime:
    """When a schedule runs for the month that begins with `month`: always the same instant between the opening of the
    first day it may and the closing of the last, so that the schedules of a day spread over the time their owners gave.
    """
    last = months_on(month, 1) - timedelta(days=1)
    day = month.replace(day=min(agreement.day, last.day))
    first = max(day - timedelta(days=agreement.days_early), month)
    opens = latest_instant(first, OPENS, zone)
    closes = latest_instant(day, CLOSES, zone)
    chance = int.from_bytes(blake2b(f"{schedule_id}:{month:%Y-%m}".encode(), digest_size=6).digest()) / 2**48
    return opens + (closes - opens) * chance


def upcoming(schedule_id: str, agreement: Agreement, facts: Facts) -> datetime | None:
    """When a schedule will run next as things stand; None where that depends on what is spent."""
    decided = decide(schedule_id, agreement, facts)
    return facts.now if isinstance(decided, Run) else decided.next_at if isinstance(decided, Wait) else None


def _due(schedule_id: str, agreement: Agreement, facts: Facts) -> _Due | Wait:
    match agreement.trigger:
        case Trigger.MONTHLY:
            return _due_monthly(schedule_id, agreement, facts)
        case Trigger.LOW:
            return _due_low(agreement, facts)
        case Trigger.EXPIRY:
            return _due_before_end(agreement, facts)


def _due_monthly(schedule_id: str, agreement: Agreement, facts: Facts) -> _Due | Wait:
    """The latest month whose time has come, if nothing was done for it; of several that were missed, that one alone."""
    this = local_of(facts.now, facts.zone).date().replace(day=1)
    following = [monthly_at(schedule_id, agreement, months_on(this, ahead), facts.zone) for ahead in (0, 1)]
    next_at = next(at for at in following if at > facts.now)
    latest = max(
        (month for month in (this, months_on(this, -1))),
        key=lambda month: (monthly_at(schedule_id, agreement, month, facts.zone) <= facts.now, month),
    )
    cause = f"month:{latest:%Y-%m}"
    missed = monthly_at(schedule_id, agreement, latest, facts.zone) < facts.since
    if missed or any(past.cause == cause for past in facts.runs):
        return Wait(next_at, Reason.NOT_YET, next_at)
    return _Due(cause, next_at)


def _due_low(agreement: Agreement, facts: Facts) -> _Due | Wait:
    again = facts.now + LOOK_AGAIN
    if facts.credit_minor is None or facts.credit_minor >= agreement.threshold_minor:
        return Wait(again, Reason.NOT_LOW)
    # Each time is counted: after a run, the interval decides whether it may be low again already.
    return _Due(f"low:{facts.count + 1}", again)


def _due_before_end(agreement: Agreement, facts: Facts) -> _Due | Wait:
    later = facts.now + LOOK_AT_ENDS
    if facts.ends is None or facts.ends <= facts.now:
        return Wait(later, Reason.NO_END)
    day = local_of(facts.ends, facts.zone).date()
    at = latest_instant(day - timedelta(days=agreement.days_before), OPENS, facts.zone)
    if at > facts.now:
        return Wait(min(at, later), Reason.NOT_YET, at)
    cause = f"end:{day:%Y-%m-%d}"
    same = [past for past in facts.runs if past.cause == cause or past.cause.startswith(f"{cause}:")]
    if any(past.state is RunState.DONE or past.state in OPEN or past.at >= facts.since for past in same):
        return Wait(later, Reason.NOT_YET)
    # What came to nothing before it was taken up again is tried once more: the credit still ends.
    return _Due(f"{cause}:{len(same) + 1}" if same else cause, later)


def _soonest(agreement: Agreement, facts: Facts) -> datetime:
    """When the intervals since the last top-ups are over: the person's own, and the carrier's over all of a line's."""
    spent = (RunState.DONE, *OPEN)
    own = [past.spent_at + timedelta(days=agreement.interval_days) for past in facts.runs if past.state in spent]
    days = timedelta(days=facts.carrier_interval_days)
    of_line = [past.spent_at + days for past in (*facts.runs, *facts.of_line) if past.state in spent]
    return max([*own, *of_line], default=facts.now)


def _amount(agreement: Agreement, facts: Facts) -> int | None:
    """What is to be bought; 0: nothing; None: there is nothing to buy that would do."""
    if agreement.amount_minor is not None:
        return agreement.amount_minor
    missing = (agreement.target_minor or 0) - (facts.credit_minor or 0)
    return facts.offered.at_least(missing) if missing > 0 else 0


def _within_caps(agreement: Agreement, facts: Facts, cost: int) -> bool:
    begins = latest_instant(local_of(facts.now, facts.zone).date().replace(day=1), MIDNIGHT, facts.zone)
    own = _spent(facts.runs, begins) + cost
    of_line = own + _spent(facts.of_line, begins)
    carrier = facts.carrier_cap_minor
    return own <= agreement.cap_minor and (carrier is None or of_line <= carrier)


def _spent(runs: Sequence[Past], since: datetime) -> int:
    return sum(
        past.cost_minor
        for past in runs
        if past.state in OPEN or (past.state is RunState.DONE and past.spent_at >= since)
    )


def _month_after(facts: Facts) -> datetime:
    this = local_of(facts.now, facts.zone).date().replace(day=1)
    return latest_instant(months_on(this, 1), OPENS, facts.zone)
