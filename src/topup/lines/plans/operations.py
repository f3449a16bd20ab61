"""Beginning, switching and ending the plan of a line, in the transaction of the caller, who holds the line locked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from topup.catalogue.plan_cycles import Running, Switch, Terms, beginning, renewal, switching
from topup.catalogue.plan_rules import Plan
from topup.catalogue.queries import Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.money import Money
from topup.ledger import PostingRefused, post
from topup.ledger.queries import Bucket, gave
from topup.lines.plans import rows
from topup.lines.plans.giving_back import back_of
from topup.lines.plans.postings import PRICE, forfeited, key_of, price_of, share_left
from topup.lines.plans.renewing import Paid, Wanted, give, lacks_money, running, tell_lives, waiting
from topup.lines.plans.rows import Held, Noted
from topup.lines.plans.states import OVER, PlanChange, PlanStanding
from topup.lines.queries import LineRef
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Place:
    """A line whose plan is decided about: whose carrier it is, the zone of its days, the plan it has or had."""

    line: LineRef
    carrier: CarrierVersion
    zone: ZoneInfo
    held: Held | None

    @property
    def plan(self) -> Plan | None:
        """The plan it has now; None: none, or one that is over."""
        held = self.held
        return None if held is None or held.stands in OVER else self.carrier.plans.get(held.plan_id)


def on_sale(carrier: CarrierVersion, plan_id: str) -> Plan:
    """The plan of that id. Raises Invalid `line_plan_unknown`, `line_plan_not_on_sale`."""
    plan = carrier.plans.get(plan_id)
    if plan is None:
        raise Invalid("line_plan_unknown")
    if not plan.on_sale:
        raise Invalid("line_plan_not_on_sale")
    return plan


def switch_now(place: Place, plan: Plan, buckets: Sequence[Bucket], now: datetime) -> Switch:
    """What it costs to have `plan` from `now` on, whatever the line has."""
    held, old = place.held, place.plan
    if held is None or old is None or held.stands is not PlanStanding.ACTIVE:
        return Switch(beginning(plan, place.zone, now), 0)
    cycle = Running(held.began_at, held.ends_at, held.paid_minor)
    return switching(plan, place.zone, now, old=old, running=cycle, left=share_left(held, buckets))


def switch_next(place: Place, plan: Plan) -> Terms:
    """The cycle of `plan` that would follow the one at hand, which is paid for."""
    held = place.held
    if held is None:
        raise ValueError("nothing follows where no cycle is at hand")
    anchor = held.anchor if plan.id == held.plan_id else held.ends_at
    return renewal(plan, place.zone, anchor=anchor, due=held.ends_at, now=held.ends_at)


async def begin(
    connection: Connection,
    place: Place,
    plan: Plan,
    switch: Switch,
    now: datetime,
    *,
    buckets: Sequence[Bucket],
    snapshot: Snapshot,
) -> Held:
    """Have `plan` begin now by the terms of `switch`, in place of the plan the line has. `buckets` are the line's.

    Raises Conflict `insufficient_funds`: nothing of it has happened then, and the caller's transaction may not commit.
    """
    had = place.held if place.plan is not None else None
    held = _begun(place, plan, now)
    wanted = Wanted(held, place.carrier, place.zone, switch.terms, now)
    money, currency = switch.to_pay_minor, place.carrier.currency
    runs = had is not None and had.stands is PlanStanding.ACTIVE and had.ends_at > now
    items = forfeited(had, buckets) if had is not None and runs else []
    if had is not None and switch.back_minor:
        paid_by = await gave(connection, lane=place.line.lane, key=key_of(place.line, had.cycle))
        items += back_of(place.line, wanted.cycle, switch.back_minor, paid_by, now)
    # The price as a whole, and not what is missing to it: so the ledger says of each cycle which money paid it.
    items += price_of(place.line, wanted.cycle, switch.terms.price_minor, currency)
    for item, answer in zip(items, await post(connection, items, now), strict=True):
        if isinstance(answer, PostingRefused) and item.purpose == PRICE and lacks_money(answer):
            raise Conflict("insufficient_funds", needed=f"{Money(money, currency).to_major()} {currency}")
        if isinstance(answer, PostingRefused):
            raise answer
    await give(connection, [wanted], now)
    after = running(wanted, now)
    what = PlanChange.BEGUN if had is None else PlanChange.SWITCHED
    noted = Noted(place.line, what, plan.id, after.cycle, after.ends_at, money)
    await rows.save(connection, [(place.held, after)], [noted], now)
    await tell_lives(connection, [Paid(wanted)], now, snapshot=snapshot)
    return after


async def begin_when_paid(connection: Connection, place: Place, plan: Plan, now: datetime) -> Held:
    """Have `plan` begin with the first money that comes to the line; nothing changes where the line has that plan.

    Raises Conflict `line_plan_held`: it has another one.
    """
    if place.held is not None and place.plan is plan:
        return place.held
    if place.plan is not None:
        raise Conflict("line_plan_held")
    # It is looked at once, at once: the money may be there.
    after = replace(waiting(_begun(place, plan, now), plan, place.zone, now), next_at=now)
    noted = Noted(place.line, PlanChange.UNPAID, plan.id, after.cycle, None, plan.price_minor)
    await rows.save(connection, [(place.held, after)], [noted], now)
    return after


async def wish(connection: Connection, place: Place, plan: Plan, now: datetime) -> Held:
    """Have `plan` follow the cycle at hand; the plan the line has takes back what was wished before.

    Raises Conflict `line_plan_unpaid`: no cycle is at hand.
    """
    held = place.held
    if held is None or held.stands is not PlanStanding.ACTIVE:
        raise Conflict("line_plan_unpaid")
    after = replace(held, wished=None if plan.id == held.plan_id else plan.id, ending=False)
    await rows.save(connection, [(held, after)], [], now)
    return after


async def cancel(connection: Connection, place: Place, now: datetime) -> Held:
    """Have the plan end with its cycle, or at once where that is not paid. Raises Conflict `line_plan_none`."""
    held = place.held
    if held is None or place.plan is None:
        raise Conflict("line_plan_none")
    if held.stands is PlanStanding.ACTIVE:
        after, noted = replace(held, ending=True, wished=None), []
    else:
        after = replace(held, standing=PlanStanding.ENDED.value, wished=None, ending=False, blocks=[], next_at=None)
        noted = [Noted(place.line, PlanChange.ENDED, held.plan_id, held.cycle)]
    await rows.save(connection, [(held, after)], noted, now)
    return after


def _begun(place: Place, plan: Plan, now: datetime) -> Held:
    """The row of a line before its cycle: it has counted those of all plans it ever had."""
    had = place.held
    return Held(
        lane=place.line.lane,
        line_id=place.line.id,
        carrier_id=place.carrier.carrier_id,
        plan_id=plan.id,
        standing=PlanStanding.GRACE.value,
        since=now,
        anchor=now,
        cycle=had.cycle if had else 0,
        began_at=now,
        ends_at=now,
        paid_minor=0,
        included=[],
        wished=None,
        ending=False,
        blocks=had.blocks if had else [],
        next_at=now,
    )
