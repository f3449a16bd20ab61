"""What a carrier's file says of a plan: its price by the cycle, what is included, when it renews, what without credit.

Part of the stored document: a field is only ever added, and with a default. How it is evaluated: `plan_cycles`.
"""

from dataclasses import dataclass
from typing import Final, Literal

from topup.catalogue.grant_rules import GrantRule, Names, Rounding
from topup.catalogue.life_cycle_rules import Blockable

CycleKind = Literal["monthly", "quarterly", "yearly", "days", "once"]
Renews = Literal["anniversary", "calendar"]
Proration = Literal["none", "day"]

MONTHS_OF: Final[dict[CycleKind, int]] = {"monthly": 1, "quarterly": 3, "yearly": 12}


@dataclass(frozen=True, slots=True)
class WithoutCredit:
    """What happens when a renewal cannot be paid.

    For `grace_days` the line only lacks what the plan includes; then it `blocks` this too; `lapse_days` after the
    renewal was due the plan is over. It renews as soon as there is credit meanwhile.
    """

    grace_days: int = 0
    blocks: tuple[Blockable, ...] = ()
    lapse_days: int = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """`price_minor` for each cycle, taken of the line's money at its beginning; `grants` last until its end.

    - `days`: how long a cycle of kind `days` or `once` is. `once` ends with its one cycle, all others renew.
    - `renews`: `anniversary`, on the day of the month it began on; `calendar`, on `day` of the month, or with the
      calendar's quarters and years. A month that is shorter has its last day instead.
    - `proration`: `day`: a cycle shorter than a whole one costs, and includes, its share by days, and a switch gives
      the days that are left back, `rounding` to minor units; `none`: nothing of this.
    - `is_activity`: a renewal sets those clocks anew that chargeable activity does.
    - `keeps_number`: it is there to keep a number at little cost. Not `on_sale`: nobody new gets it.
    """

    id: str
    names: Names
    price_minor: int
    cycle: CycleKind
    days: int | None = None
    renews: Renews = "anniversary"
    day: int = 1
    grants: tuple[GrantRule, ...] = ()
    proration: Proration = "none"
    rounding: Rounding = "half_up"
    without_credit: WithoutCredit = WithoutCredit()
    is_activity: bool = True
    keeps_number: bool = False
    on_sale: bool = True

    @property
    def months(self) -> int | None:
        """The months of a whole cycle; None where it is counted in days."""
        return MONTHS_OF.get(self.cycle)
