"""What is true of a line, what happens to it, and what follows: the values that `life_cycle` computes with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from topup.catalogue.life_cycle_rules import ALL_KINDS, Exit, Shows

Gone = Literal["used_up", "expired"]


@dataclass(frozen=True, slots=True)
class Like:
    """What the buckets of a kind have in common that credit may come together in: the words of the ledger."""

    scope: str
    priority: int
    policy: str
    at_end: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Money a line may use: `amount_minor` (above 0) in a bucket of `kind`, before `ends_at` (None: without end).

    `like` says which credit would join it (None: none would).
    """

    amount_minor: int
    ends_at: datetime | None = None
    kind: str = "main"
    like: Like | None = field(default=None, compare=False)

    def usable_at(self, instant: datetime) -> bool:
        """Whether it has not ended by then."""
        return self.ends_at is None or instant < self.ends_at


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A line as far as its life cycle goes. Instants are aware.

    `clocks` has the due instant of every clock that ever ran. `funds` is the usable money in the order it is used; what
    is frozen, held or no money is not in it. Funds and arrears are so since `funds_since` (None: since the state
    began); where there are none, `gone` says which way they went.
    """

    state: str
    state_since: datetime
    clocks: Mapping[str, datetime] = field(default_factory=dict)
    funds: tuple[Portion, ...] = ()
    funds_since: datetime | None = None
    gone: Gone = "used_up"
    arrears_minor: int = 0

    def usable_minor(self, instant: datetime) -> int:
        """The money that may be used at that instant, minor units."""
        return sum(portion.amount_minor for portion in self.funds if portion.usable_at(instant))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a line.

    - `activation`: its first day;
    - `topup`: of `amount_minor` (the face value, or the pack's price); `plain` where it was plain credit;
    - `activity`: something that was charged for;
    - `fee`: the monthly fee came due; `fee_missed` where it was not taken;
    - `funds`: the money changed in another way (use, expiry, a correction).

    `funds` and `arrears_minor` are how things stand after it (None: as before), without what the step itself restores;
    where funds are empty then, `gone` says why.
    """

    on: Literal["activation", "topup", "activity", "fee", "funds"]
    amount_minor: int = 0
    plain: bool = False
    funds: tuple[Portion, ...] | None = None
    gone: Gone = "used_up"
    arrears_minor: int | None = None
    fee_missed: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A line went from the state `left` to `entered` at the instant `at`, by `exit`; it now shows `shows`.

    `closes` and `releases_number` are what entering did.
    """

    at: datetime
    left: str
    entered: str
    exit: Exit
    shows: Shows
    closes: bool = False
    releases_number: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """What is to be done to a line's buckets as of `at`: those of `kinds` (`all`: every kind)."""

    do: Literal["forfeit", "freeze", "restore"]
    kinds: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """What follows: the facts after it, the changes and effects in their order, oldest first.

    `look_at` is when time alone brings the next change or reminder (None: never). When it is not after the moment the
    step was made for, the line had more to go through than one step does: make another.
    """

    facts: LineFacts
    changes: tuple[Change, ...]
    effects: tuple[Effect, ...]
    look_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reminder:
    """`days` before the line leaves its state by `exit` at `due`; to be sent at `at`."""

    at: datetime
    days: int
    due: datetime
    exit: Exit


def without(funds: Iterable[Portion], kinds: tuple[str, ...]) -> tuple[Portion, ...]:
    """The portions of other kinds."""
    return () if ALL_KINDS in kinds else tuple(portion for portion in funds if portion.kind not in kinds)
