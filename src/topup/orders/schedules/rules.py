"""When a schedule tops up, how much, and why not: pure, of what is known at one instant.

A cause is what a top-up is for: a month, an end of the credit, a time the credit was low, a day on which a number would
be lost. It has a name, under which a run is written down at most once.
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
LOOK_AT_KEPT: Final = timedelta(days=1)
"""How soon a number that is lost only later is looked at again: what is used may bring that day nearer."""
MEMORY: Final = timedelta(days=70)
"""How far back runs are looked at: further than any month before the last, and any end that was run for."""
MOST_DAYS_BEFORE: Final = 30
MOST_INTERVAL_DAYS: Final = 60
AFTER_DECLINE: Final = (timedelta(days=1), timedelta(days=2))
"""How long after an attempt that was declined the next follows; after the last of them none does."""
SAFE_DAYS: Final = sum(AFTER_DECLINE, ONE_DAY).days
"""So many whole days before its number is lost a line is topped up at the latest: each further attempt is in time."""
_JUST_BEFORE: Final = timedelta(seconds=1)

_KEEPS: Final = "keep:"
_BOUGHT: Final = frozenset({RunState.DONE, *OPEN})


class Trigger(StrEnum):
    """What makes a schedule top up."""

    MONTHLY = "monthly"
    LOW = "low"
    EXPIRY = "expiry"
    KEEP = "keep"


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
    CAME_BACK = "came_back"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What an owner agreed to. Amounts are in minor units of the line's currency.

    MONTHLY: on `day` (a month's last where it is shorter), or up to `days_early` before. LOW: when less than
    `threshold_minor` is left. EXPIRY: `days_before` the credit or the line's service ends. KEEP: SAFE_DAYS before the
    number would be lost, or up to `days_early` sooner. What is bought: `amount_minor`, or as much as brings the credit
    to `target_minor`; exactly one of the two, but for KEEP neither: the least that keeps the number. `cap_minor`: at
    most so much is charged in a calendar month, fees included; `interval_days`: never sooner after the last.
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
    costs, with the fee, counts as spent then. `came_back`: of KEEP, it was paid and did not arrive, and the money went
    back: it kept nothing, and nothing was spent.
    """

    cause: str
    state: RunState
    at: datetime
    cost_minor: int = 0
    paid_at: datetime | None = None
    came_back: bool = False

    @property
    def has_bought(self) -> bool:
        """Whether something was bought, or may be yet."""
        return self.state in _BOUGHT and not self.came_back

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
    lost_at: datetime | None = None
    """When the number is lost if nothing is done, None: not foreseen; of KEEP alone."""
    keeping: Sequence[int] = ()
    """Amounts of which each moves that, the best first; of KEEP, once it is due."""
    most_minor: int | None = None
    """What the schedule's wallet lets itself be charged at once; None: any."""


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
    if agreement.trigger is Trigger.KEEP:
        return _keep(due, agreement, facts, soonest)
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
    """When a schedule runs for the month that begins with `month`: always the same instant in the daytime of one of
    the days it may, so that the schedules of a day spread over the time their owners gave.
    """
    last = months_on(month, 1) - timedelta(days=1)
    day = month.replace(day=min(agreement.day, last.day))
    first = max(day - timedelta(days=agreement.days_early), month)
    return _between(first, day, zone, f"{schedule_id}:{month:%Y-%m}")


def keep_at(schedule_id: str, agreement: Agreement, lost_at: datetime, zone: ZoneInfo) -> datetime:
    """When a number that would be lost at `lost_at` is topped up: always the same instant of its days."""
    day = local_of(lost_at - _JUST_BEFORE, zone).date() - timedelta(days=SAFE_DAYS)
    return _between(day - timedelta(days=agreement.days_early), day, zone, f"{schedule_id}:{_lost(lost_at, zone)}")


def is_lost_by(cause: str, lost_at: datetime, zone: ZoneInfo) -> bool:
    """Whether the number is still lost on the day that a cause of KEEP names, or sooner."""
    return _lost(lost_at, zone) <= ":".join(cause.split(":")[:2])


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
        case Trigger.KEEP:
            return _due_to_keep(schedule_id, agreement, facts)


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
    return _once_for(f"end:{day:%Y-%m-%d}", facts, later)


def _due_to_keep(schedule_id: str, agreement: Agreement, facts: Facts) -> _Due | Wait:
    later = facts.now + LOOK_AT_KEPT
    if facts.lost_at is None or facts.lost_at <= facts.now:
        return Wait(later, Reason.NO_END)
    at = keep_at(schedule_id, agreement, facts.lost_at, facts.zone)
    if at > facts.now:
        return Wait(min(at, later), Reason.NOT_YET, at)
    cause = _lost(facts.lost_at, facts.zone)
    # Another owner of the line is keeping it: one top-up does, and what is paid may be on its way still.
    theirs = [past for past in facts.of_line if past.cause.startswith(_KEEPS) and past.has_bought]
    if any(past.spent_at > facts.now - ONE_DAY for past in theirs) or _for_cause(cause, theirs):
        return Wait(facts.now + LOOK_AGAIN, Reason.UNDER_WAY)
    return _once_for(cause, facts, later)


def _once_for(cause: str, facts: Facts, later: datetime) -> _Due | Wait:
    same = _for_cause(cause, facts.runs)
    if any(past.has_bought or (past.at >= facts.since and not past.came_back) for past in same):
        return Wait(later, Reason.NOT_YET)
    # What came to nothing before it was taken up again, or came back, is tried once more: the end is still there.
    return _Due(f"{cause}:{len(same) + 1}" if same else cause, later)


def _for_cause(cause: str, runs: Sequence[Past]) -> list[Past]:
    return [past for past in runs if past.cause == cause or past.cause.startswith(f"{cause}:")]


def _lost(lost_at: datetime, zone: ZoneInfo) -> str:
    """The cause that the number is lost then; causes of later days sort after it."""
    return f"{_KEEPS}{local_of(lost_at, zone).date():%Y-%m-%d}"


def _between(first: date, last: date, zone: ZoneInfo, what: str) -> datetime:
    """An instant on one of these days, after its opening and before its closing: chance, but always the same."""
    chance = int.from_bytes(blake2b(what.encode(), digest_size=6).digest()) / 2**48
    days, share = divmod(chance * ((last - first).days + 1), 1)
    day = first + timedelta(days=days)
    opens, closes = latest_instant(day, OPENS, zone), latest_instant(day, CLOSES, zone)
    return opens + (closes - opens) * share


def _keep(due: _Due, agreement: Agreement, facts: Facts, soonest: datetime) -> Run | Skip | Wait:
    """Buy the best of what puts the end off, of what may be spent; what cannot be bought in time, or came back as often
    as a card is asked, is given up.
    """
    back = sum(past.came_back for past in _for_cause(":".join(due.cause.split(":")[:2]), facts.runs))
    if back > len(AFTER_DECLINE):
        return Skip(due.cause, Reason.CAME_BACK, due.until)
    if soonest > facts.now:
        return _put_off(due, facts, soonest, Reason.TOO_SOON)
    if not facts.keeping:
        return Skip(due.cause, Reason.NOTHING_FITS, due.until)
    most = agreement.cap_minor if facts.most_minor is None else min(agreement.cap_minor, facts.most_minor)
    costs = [(amount, amount + facts.fee(amount)) for amount in facts.keeping]
    may_be = [(amount, cost) for amount, cost in costs if cost <= most]
    for amount, cost in may_be:
        if _within_caps(agreement, facts, cost):
            return Run(due.cause, amount, cost)
    if not may_be:
        return Skip(due.cause, Reason.CAP_REACHED, due.until)
    return _put_off(due, facts, _month_after(facts), Reason.CAP_REACHED)


def _put_off(due: _Due, facts: Facts, at: datetime, reason: Reason) -> Skip | Wait:
    in_time = facts.lost_at is not None and at < facts.lost_at
    return Wait(at, reason, at) if in_time else Skip(due.cause, reason, due.until)


def _soonest(agreement: Agreement, facts: Facts) -> datetime:
    """When the intervals since the last top-ups are over: the person's own, and the carrier's over all of a line's."""
    own = [past.spent_at + timedelta(days=agreement.interval_days) for past in facts.runs if past.has_bought]
    again = [past.spent_at + ONE_DAY for past in facts.runs if past.came_back]
    days = timedelta(days=facts.carrier_interval_days)
    of_line = [past.spent_at + days for past in (*facts.runs, *facts.of_line) if past.has_bought]
    return max([*own, *again, *of_line], default=facts.now)


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
    return sum(past.cost_minor for past in runs if past.has_bought and (past.state in OPEN or past.spent_at >= since))


def _month_after(facts: Facts) -> datetime:
    this = local_of(facts.now, facts.zone).date().replace(day=1)
    return latest_instant(months_on(this, 1), OPENS, facts.zone)
