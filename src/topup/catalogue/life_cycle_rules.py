"""What a carrier's file says of a line's life: its clocks, its states, what leads out of each, its monthly fee.

Part of the stored document: a field is only ever added, and with a default. How it is evaluated: `life_cycle`.
"""

from dataclasses import dataclass
from typing import Literal

from topup.catalogue.terms import Term

RestartOn = Literal["topup", "activity", "activation"]
ClockPolicy = Literal["renew", "longest", "extend"]
Blockable = Literal["voice_out", "voice_in", "sms_out", "sms_in", "data", "topup"]
Shows = Literal["active", "low", "expiring", "one_way_blocked", "two_way_blocked", "reserved", "recycled"]
"""What a state is called before people: the same few words for every carrier."""
When = Literal[
    "clock",
    "days",
    "credit_used_up",
    "credit_expired",
    "credit_gone",
    "credit_back",
    "topup",
    "activity",
    "arrears",
    "arrears_paid",
    "fee_missed",
]
IMPLICIT_STATE = "active"
ALL_KINDS = "all"
"""Stands for every kind of bucket."""


@dataclass(frozen=True, slots=True)
class TermTier:
    """The term from an amount of `from_minor` on."""

    from_minor: int
    term: Term


@dataclass(frozen=True, slots=True)
class Restart:
    """What sets a clock anew.

    `topup`: one of at least `least_minor`, and with `plain` only plain credit, no pack; `activity`: a chargeable one;
    `activation`: the line's first day. `term` is how long then (None: the clock's own); `tiers` (ascending) overrule it
    by the amount of the top-up, or by the `balance` after it. Below the first tier the top-up restarts nothing.
    """

    on: RestartOn
    least_minor: int = 0
    plain: bool = False
    term: Term | None = None
    by: Literal["topup", "balance"] = "topup"
    tiers: tuple[TermTier, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """A named clock of a line; what sets it anew, and what its end is then.

    `renew`: the new one, be it sooner; `longest`: the later of both; `extend`: the old one, if still to come, moved on.
    What moves it on moves it no farther than `most_days` ahead (None: as far as it comes).
    """

    name: str
    term: Term
    policy: ClockPolicy
    restarts: tuple[Restart, ...]
    most_days: int | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """What leads out of a state, and whereto.

    - `clock`: the clock `clock` has run out; `days`: `term` after the state began;
    - `credit_used_up`, `credit_expired`, `credit_gone` (either): no money is left to use; `credit_back`: there is some;
    - `topup`: one of at least `least_minor`, with `plain` only of plain credit; `activity`: a chargeable one;
    - `arrears`: something is owed; `arrears_paid`: nothing is owed; `fee_missed`: a monthly fee was not taken.
    """

    when: When
    to: str
    clock: str | None = None
    term: Term | None = None
    least_minor: int = 0
    plain: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """A state of a line, called `shows` before people.

    `blocks` is what cannot be done in it. On entry the buckets of the kinds `forfeits` (or `all`) are forfeited and
    those of `freezes` frozen; `closes` ends the line for ever, `releases_number` gives its number back. A top-up in the
    state `restores` frozen buckets of these kinds, or forfeits them (`topup_forfeits`). Of the exits the one due first
    counts, of several due at once the first. `remind_days`: so many days before it is left by time. `charges_fee`:
    whether the monthly fee is due in it.
    """

    id: str
    shows: Shows
    blocks: tuple[Blockable, ...] = ()
    exits: tuple[Exit, ...] = ()
    forfeits: tuple[str, ...] = ()
    freezes: tuple[str, ...] = ()
    closes: bool = False
    releases_number: bool = False
    restores: tuple[str, ...] = ()
    topup_forfeits: tuple[str, ...] = ()
    remind_days: tuple[int, ...] = ()
    charges_fee: bool = True


@dataclass(frozen=True, slots=True)
class MonthlyFee:
    """`amount_minor` is taken at the beginning of day `day` of each month (its last day, where it is shorter).

    With `arrears` what is missing is owed, and taken from the next top-up; without, a fee that cannot be taken whole is
    not taken at all.
    """

    amount_minor: int
    day: int = 1
    arrears: bool = False


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """The states a line may be in; a new one begins in `starts`."""

    starts: str
    states: tuple[State, ...]


class StateUnknown(LookupError):
    """The carrier's file has no such state: the line was left in one that a newer version does not know."""


@dataclass(frozen=True, slots=True, eq=False)
class LineRules:
    """All of a carrier's file that a line's life depends on, made ready for looking up."""

    starts: str
    states: dict[str, State]
    clocks: dict[str, Clock]
    fee: MonthlyFee | None = None

    def state(self, name: str) -> State:
        """The state of that name. Raises StateUnknown."""
        try:
            return self.states[name]
        except KeyError:
            raise StateUnknown(name) from None


def line_rules(life_cycle: LifeCycle | None, clocks: tuple[Clock, ...], fee: MonthlyFee | None) -> LineRules:
    """The rules of a file; one without a life cycle has a single state, IMPLICIT_STATE, that nothing leads out of."""
    cycle = life_cycle or LifeCycle(IMPLICIT_STATE, (State(IMPLICIT_STATE, "active"),))
    return LineRules(cycle.starts, {state.id: state for state in cycle.states}, {c.name: c for c in clocks}, fee)
