"""What is counted of a campaign, and whether there is any left: pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from topup.catalogue.campaigns import Limits
from topup.kernel.ids import lane_for
from topup.offers.answers import Reason

UNLIMITED: Final = 2**53
ALL: Final = "all"
_MARK: Final = "code:#"
_WHILE_HELD: Final = {Reason.CODE_USED_UP: Reason.CODE_HELD, Reason.PERSON_LIMIT: Reason.PERSON_HELD}
"""What is said where it is orders that are not paid yet which leave nothing."""


@dataclass(frozen=True, slots=True)
class CampaignKey:
    """A campaign for ever, whatever versions its file has."""

    carrier_id: str
    campaign_id: str

    def lane(self, lanes: int) -> int:
        """The lane it lives in."""
        return lane_for(f"campaign:{self.carrier_id}:{self.campaign_id}", lanes)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One campaign to be held for one order until `expires_at`, within the limits of the version that was quoted.

    `day`: of the line's zone. `persons`: pseudonyms of who gets it, each counted by itself. `code`: what `code_scope`
    gave of the code that was entered, good for `code_uses` (None: as often as the limits allow); `batch`: that of a
    code that was made by itself.
    """

    campaign: CampaignKey
    order_id: str
    off_minor: int
    limits: Limits
    day: date
    expires_at: datetime
    persons: tuple[str, ...] = ()
    code: str | None = None
    code_uses: int | None = None
    batch: str | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The counters it is counted in."""
        return tuple(scope for scope, _, _ in self.bounds)

    @property
    def bounds(self) -> tuple[tuple[str, int | None, Reason], ...]:
        """Each counter with how often it may be taken, and what is said where it may not."""
        coded = () if self.code is None else ((self.code, self.code_uses, Reason.CODE_USED_UP),)
        batch = () if self.batch is None else ((batch_scope(self.batch), None, Reason.USED_UP),)
        return (
            (ALL, self.limits.total, Reason.USED_UP),
            (day_scope(self.day), self.limits.per_day, Reason.USED_UP_TODAY),
            *((person_scope(one), self.limits.per_person, Reason.PERSON_LIMIT) for one in self.persons),
            *coded,
            *batch,
        )


@dataclass(slots=True)
class Counter:
    """What is held and used within one scope, as a flush goes on; `most`: the highest limit it was taken under."""

    held: int = 0
    used: int = 0
    held_minor: int = 0
    used_minor: int = 0
    most: int = 0
    most_minor: int = 0

    @property
    def taken(self) -> int:
        """How often, held or used."""
        return self.held + self.used

    @property
    def taken_minor(self) -> int:
        """Minor units, held or used."""
        return self.held_minor + self.used_minor

    def hold(self, off_minor: int, count: int = 1) -> None:
        """Take one more; `count` -1 lets go of one."""
        self.held += count
        self.held_minor += count * off_minor

    def use(self, off_minor: int, count: int = 1) -> None:
        """Use one more; `count` -1 takes that back."""
        self.used += count
        self.used_minor += count * off_minor

    def allow(self, most: int | None, most_minor: int | None) -> None:
        """Note the limits under which something is taken."""
        self.most = max(self.most, UNLIMITED if most is None else most)
        self.most_minor = max(self.most_minor, UNLIMITED if most_minor is None else most_minor)

    def admit_what_is_taken(self) -> bool:
        """Raise the limits to what is taken, where a promise is kept beyond them; whether that was so."""
        beyond = self.taken > self.most or self.taken_minor > self.most_minor
        self.most, self.most_minor = max(self.most, self.taken), max(self.most_minor, self.taken_minor)
        return beyond


@dataclass(slots=True)
class Tally:
    """The counters of one campaign, by scope, and which of them changed."""

    counters: dict[str, Counter] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def of(self, scope: str) -> Counter:
        """The counter of a scope; a new one where nothing was counted yet."""
        return self.counters.setdefault(scope, Counter())

    def change(self, scopes: Iterable[str]) -> list[Counter]:
        """Those counters, which will be written."""
        names = list(scopes)
        self.changed.update(names)
        return [self.of(name) for name in names]

    def refusal(self, wanted: Wanted) -> Reason | None:
        """Why there is none left for it."""
        for scope, most, reason in wanted.bounds:
            counter = self.of(scope)
            if most is not None and counter.taken >= most:
                return reason if counter.used >= most else _WHILE_HELD.get(reason, reason)
        budget = wanted.limits.budget_minor
        if budget is not None and self.of(ALL).taken_minor + wanted.off_minor > budget:
            return Reason.BUDGET_USED_UP
        return None

    def take(self, wanted: Wanted) -> None:
        """Hold it."""
        for scope, most, _ in wanted.bounds:
            [counter] = self.change([scope])
            counter.allow(most, wanted.limits.budget_minor if scope == ALL else None)
            counter.hold(wanted.off_minor)


def day_scope(day: date) -> str:
    """The counter of a day."""
    return f"day:{day.isoformat()}"


def person_scope(pseudonym: str) -> str:
    """The counter of a person."""
    return f"person:{pseudonym}"


def word_scope(code: str) -> str:
    """The counter of a code that is the same word for all."""
    return f"code:{code}"


def mark_scope(mark: bytes) -> str:
    """The counter of a code that was made by itself, by its mark."""
    return f"{_MARK}{mark.hex()}"


def mark_of(scope: str) -> bytes | None:
    """The mark that such a scope was made of; None for any other."""
    return bytes.fromhex(scope.removeprefix(_MARK)) if scope.startswith(_MARK) else None


def batch_scope(batch_id: str) -> str:
    """The counter of all codes of a batch."""
    return f"batch:{batch_id}"
