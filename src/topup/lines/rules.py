"""A carrier's file as its lines go by it: their life's rules, and a mark that changes when these do."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

import msgspec

from topup.catalogue.life_cycle_rules import LineRules
from topup.catalogue.queries import Snapshot
from topup.catalogue.terms import Term
from topup.catalogue.versions import CarrierVersion

NO_RULES: Final = 0
"""The mark of a carrier whose file says nothing of a line's life."""
_ON_CREDIT: Final = frozenset({"credit_used_up", "credit_expired", "credit_gone", "credit_back"})


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """The rules of a carrier's lines, and what they mean for looking after them.

    `mark` is NO_RULES where nothing ever happens to a line by itself; `quarantine` how long a number that was given
    back waits (None: not at all); `on_credit` whether the end of a line's money decides anything, `on_activity` whether
    a chargeable activity does; `has_plans` whether a line may have a plan, which money that comes may renew.
    """

    rules: LineRules
    mark: int
    currency: str
    quarantine: Term | None
    on_credit: bool
    on_activity: bool = True
    has_plans: bool = False

    @property
    def lives(self) -> bool:
        """Whether lines change by themselves."""
        return self.mark != NO_RULES


@lru_cache(maxsize=256)
def ruling_of(carrier: CarrierVersion) -> Ruling:
    """The rules of a version of a carrier's file."""
    document = carrier.document
    days = document.numbering.quarantine_days
    said: tuple[object, ...] = (document.life_cycle, document.clocks, document.monthly_fee)
    # Also a number that waits is something that happens to a line, but only one that closes gives it back.
    said = (*said, "plans") if document.plans else said
    mark = _mark(msgspec.json.encode((*said, days))) if any(said) else NO_RULES
    exits = {way.when for state in carrier.line_rules.states.values() for way in state.exits}
    restarts = {restart.on for clock in carrier.line_rules.clocks.values() for restart in clock.restarts}
    return Ruling(
        carrier.line_rules,
        mark,
        carrier.currency,
        Term(days=days) if days else None,
        not exits.isdisjoint(_ON_CREDIT),
        "activity" in exits | restarts,
        bool(document.plans),
    )


def _mark(said: bytes) -> int:
    """A positive number of 31 bits: what an `integer` of the database holds."""
    return int.from_bytes(sha256(said).digest()[:4]) >> 1 or 1


def rulings(snapshot: Snapshot) -> dict[str, Ruling]:
    """The current rules of every carrier, by its id."""
    return {carrier.carrier_id: ruling_of(carrier) for carrier in snapshot.carriers()}
