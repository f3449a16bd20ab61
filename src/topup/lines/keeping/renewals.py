"""The renewals of a plan that a line has, as they would come: what each takes of its money, and which cannot be paid.

Pure, and by the same terms as `lines.plans.renewing`, where it really happens. A renewal takes its whole price or
nothing; one that cannot be paid waits, blocks, and in the end the plan is over.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.life_cycle_rules import Blockable, MonthlyFee
from topup.catalogue.line_facts import Portion
from topup.catalogue.monthly_fees import take_fee
from topup.catalogue.plan_cycles import Terms, beginning, renewal
from topup.catalogue.plan_rules import Plan
from topup.catalogue.versions import CarrierVersion
from topup.lines.plans.renewing import LOOK_AGAIN, never_began, stops_of
from topup.lines.plans.rows import Held
from topup.lines.plans.states import OVER, PlanStanding

_NOTHING: Final[tuple[Blockable, ...]] = ()


@dataclass(frozen=True, slots=True)
class Renewing:
    """A plan whose next cycle is due at `due`; its cycles count from `anchor`.

    `tried`: when that cycle was last found not to be paid (None: it never was). `never_began`: it has had no cycle yet,
    and waits without end for the first money.
    """

    plan: Plan
    anchor: datetime
    due: datetime
    tried: datetime | None = None
    never_began: bool = False

    def next_look(self, zone: ZoneInfo) -> datetime | None:
        """When time alone brings something next: the renewal, or what its not being paid leads to. None: nothing."""
        if self.tried is None:
            return self.due
        if self.never_began:
            return None
        stops = [at for at in stops_of(self.plan, self.due, zone) if at > self.tried]
        if not stops:
            return self.tried
        # A cycle that costs its share by days costs less from day to day: there may be enough for it yet.
        again = [self.tried + LOOK_AGAIN] if self.plan.proration == "day" else []
        return min([*again, *stops])

    def blocks_at(self, instant: datetime, zone: ZoneInfo) -> tuple[Blockable, ...]:
        """What is blocked then, for it is not paid; nothing any more once it is over."""
        if self.tried is None or self.never_began:
            return _NOTHING
        blocked_at, over_at = stops_of(self.plan, self.due, zone)
        return self.plan.without_credit.blocks if blocked_at <= instant < over_at else _NOTHING

    def is_over_at(self, instant: datetime, zone: ZoneInfo) -> bool:
        """Whether it has waited for too long then."""
        waits = self.tried is not None and not self.never_began
        return waits and instant >= stops_of(self.plan, self.due, zone)[1]

    def cycle_at(self, instant: datetime, zone: ZoneInfo) -> Terms:
        """The cycle that begins then, if it is paid."""
        if self.tried is not None:
            return beginning(self.plan, zone, instant)
        return renewal(self.plan, zone, anchor=self.anchor, due=self.due, now=instant)

    def renewed(self, terms: Terms, at: datetime) -> "Renewing | None":
        """What follows a cycle that was paid at that instant; None: nothing, it was for once."""
        if self.plan.cycle == "once":
            return None
        anchor = self.anchor if self.tried is None else at
        return Renewing(self.plan, anchor, terms.ends_at)

    def unpaid(self, at: datetime) -> "Renewing":
        """The same after it was found then that it cannot be paid."""
        return replace(self, tried=at)


@dataclass(frozen=True, slots=True)
class Renewals:
    """How the renewals of `plan` come if nothing is done: so many are paid, for `cost_minor` in all; `unpaid_at`: when
    one is due that cannot be (None: none is foreseen).
    """

    plan: Plan
    paid: int
    cost_minor: int
    unpaid_at: datetime | None


def renewing_of(held: Held | None, carrier: CarrierVersion) -> Renewing | None:
    """How a line's plan goes on by what is written down of it; None where nothing of it is to be paid any more."""
    if held is None or held.stands in OVER:
        return None
    plan = carrier.plans.get(held.wished or held.plan_id)
    if plan is None:
        return None
    if held.stands is not PlanStanding.ACTIVE:
        return Renewing(plan, held.anchor, held.ends_at, held.ends_at, never_began(held))
    is_once = plan.cycle == "once" and held.wished is None
    if held.ending or is_once:
        return None
    anchor = held.anchor if plan.id == held.plan_id else held.ends_at
    return Renewing(plan, anchor, held.ends_at)


def taken(funds: tuple[Portion, ...], price_minor: int, at: datetime) -> tuple[Portion, ...] | None:
    """What is left of a line's money once a price is paid of it; None where there is not enough."""
    found = take_fee(MonthlyFee(price_minor), funds, at)
    return None if found.missed else found.funds
