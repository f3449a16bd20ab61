"""Letting cycles follow one another: many lines of a lane in one transaction.

The rows of plans and lines are locked first; then all prices are posted in one call, and what is included of those that
were paid in a second. The debit itself is the question whether there is enough: no balance is read, and nothing comes
between reading and taking. What became of it is written down in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from psycopg import OperationalError

from topup.catalogue.plan_cycles import Terms, beginning, renewal
from topup.catalogue.plan_rules import Plan
from topup.catalogue.queries import Snapshot
from topup.catalogue.terms import Term, end_in_state
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Problem, Unavailable
from topup.ledger import Item, PostingRefused, Refusal, post
from topup.ledger.operations import MAXIMUM_ITEMS
from topup.lines.course import zone_of
from topup.lines.living import Happened, happen
from topup.lines.plans import rows
from topup.lines.plans.postings import included_in, price_of, written
from topup.lines.plans.rows import Due, Held, Noted
from topup.lines.plans.states import UNPAID, PlanChange, PlanStanding
from topup.lines.rules import ruling_of
from topup.platform.database import Connection, savepoint

LOOK_AGAIN: Final = timedelta(days=1)
"""Whoever waits for credit is looked at this often, though nobody said that any came."""
_REST: Final = timedelta(hours=1)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cycle that a line is to pay for now: of `plan` by `carrier`, in `zone`; `anchor` is where cycles count from."""

    held: Held
    carrier: CarrierVersion
    zone: ZoneInfo
    terms: Terms
    anchor: datetime

    @property
    def cycle(self) -> int:
        """The number it will have."""
        return self.held.cycle + 1


@dataclass(frozen=True, slots=True)
class Paid:
    """A cycle that was paid for, or why it was not."""

    wanted: Wanted
    refused: PostingRefused | None = None

    @property
    def is_paid(self) -> bool:
        """Whether its price was taken, or is nothing."""
        return self.refused is None


async def renew(connection: Connection, now: datetime, *, lane: int, snapshot: Snapshot, limit: int) -> int:
    """Let happen what is due with at most `limit` plans of a lane; how many that were. Repeating it changes nothing."""
    found = await rows.due(connection, lane=lane, now=now, limit=limit)
    if found:
        await _each(connection, found, now, snapshot=snapshot)
    return len(found)


async def _each(connection: Connection, found: Sequence[Due], now: datetime, *, snapshot: Snapshot) -> None:
    """Let it happen with all of them; where one cannot be worked on, in halves down to that one, which is put off."""
    try:
        async with savepoint(connection):
            await _together(connection, found, now, snapshot=snapshot)
    except (OperationalError, Unavailable):
        # Of the database, and nothing that a line has done.
        raise
    except Exception as error:  # noqa: BLE001 - whatever one line provokes must not keep the others from renewing
        if len(found) > 1:
            middle = len(found) // 2
            await _each(connection, found[:middle], now, snapshot=snapshot)
            await _each(connection, found[middle:], now, snapshot=snapshot)
            return
        [held] = [one.held for one in found]
        _log.error("line_plan_stuck", line=held.line_id, plan=held.plan_id, error=_named(error))
        await rows.save(connection, [(held, _put_off(held, now))], [], now)


async def _together(connection: Connection, found: Sequence[Due], now: datetime, *, snapshot: Snapshot) -> None:
    became: list[tuple[Held | None, Held]] = []
    noted: list[Noted] = []
    wanted: list[Wanted] = []
    for one in found:
        carrier = snapshot.carrier(one.held.carrier_id)
        plan = _following(one.held, carrier)
        if one.is_closed or _is_over(one.held, carrier):
            _end(one.held, became, noted)
        elif carrier is None or plan is None:
            # Publishing refuses a file that forgets a plan lines may have: this is a defect, and only this line's.
            _log.error("line_plan_unknown", line=one.held.line_id, plan=one.held.plan_id)
            became.append((one.held, _put_off(one.held, now)))
        else:
            wanted.append(_wanted(one, carrier, plan, now))
    paid = await pay(connection, wanted, now)
    for result in paid:
        after, what = _after(result, now)
        became.append((result.wanted.held, after))
        noted += what
    await rows.save(connection, became, noted, now)
    await tell_lives(connection, paid, now, snapshot=snapshot)


async def pay(connection: Connection, wanted: Sequence[Wanted], now: datetime) -> list[Paid]:
    """Take the prices of cycles from lines that the caller holds locked, and give what is included to who paid."""
    prices: list[Item] = []
    asked: list[int] = []
    for place, one in enumerate(wanted):
        items = price_of(one.held.line, one.cycle, one.terms.price_minor, one.carrier.currency)
        prices += items
        asked += [place] * len(items)
    answers = await post(connection, prices, now)
    refused = {
        place: answer for place, answer in zip(asked, answers, strict=True) if isinstance(answer, PostingRefused)
    }
    paid = [Paid(one, refused.get(place)) for place, one in enumerate(wanted)]
    await give(connection, [one.wanted for one in paid if one.is_paid], now)
    return paid


async def give(connection: Connection, paid: Sequence[Wanted], now: datetime) -> None:
    """Give what the cycles include. Raises PostingRefused where a line cannot hold it: nothing may commit then."""
    items = [item for one in paid for item in included_in(one.terms, one.held.line, one.cycle, one.zone)]
    for start in range(0, len(items), MAXIMUM_ITEMS):
        for answer in await post(connection, items[start : start + MAXIMUM_ITEMS], now):
            if isinstance(answer, PostingRefused):
                raise answer


async def tell_lives(connection: Connection, paid: Sequence[Paid], now: datetime, *, snapshot: Snapshot) -> None:
    """Let the lives of lines hear that money went, and of a chargeable activity where the plan counts as one.

    Where neither decides anything by the carrier's file, there is nothing to be told.
    """
    heard = []
    for of in (one.wanted for one in paid if one.is_paid):
        ruling = ruling_of(of.carrier)
        if of.terms.price_minor and ruling.on_credit:
            heard.append(Happened(of.held.line, "funds"))
        if of.terms.plan.is_activity and ruling.on_activity:
            heard.append(Happened(of.held.line, "activity"))
    if heard:
        await happen(connection, heard, now, snapshot=snapshot)


def running(wanted: Wanted, now: datetime) -> Held:
    """The plan of a line as it is once the cycle is paid."""
    held, terms = wanted.held, wanted.terms
    is_same = held.plan_id == terms.plan.id and held.standing == PlanStanding.ACTIVE
    return replace(
        held,
        plan_id=terms.plan.id,
        standing=PlanStanding.ACTIVE.value,
        since=held.since if is_same else now,
        anchor=wanted.anchor,
        cycle=wanted.cycle,
        began_at=terms.began_at,
        ends_at=terms.ends_at,
        paid_minor=terms.price_minor,
        included=written(terms.grants),
        wished=None,
        blocks=[],
        next_at=terms.ends_at,
    )


def waiting(held: Held, plan: Plan, zone: ZoneInfo, now: datetime) -> Held:
    """The plan of a line whose next cycle could not be paid, or not yet: since its last one ended.

    One that never began waits without end for the first money of its line, and blocks nothing.
    """
    held = replace(held, plan_id=plan.id, included=[], paid_minor=0, wished=None, blocks=[])
    if never_began(held):
        return replace(held, standing=PlanStanding.GRACE.value, next_at=now + LOOK_AGAIN)
    blocked_at, lapses_at = stops_of(plan, held.ends_at, zone)
    standing = PlanStanding.GRACE
    if now >= blocked_at:
        standing = PlanStanding.WAITING_FOR_CREDIT
    if now >= lapses_at:
        standing = PlanStanding.LAPSED
    stops = [at for at in (blocked_at, lapses_at, now + LOOK_AGAIN) if at > now]
    next_at = None if standing is PlanStanding.LAPSED else min(stops)
    blocks = list(plan.without_credit.blocks) if standing is PlanStanding.WAITING_FOR_CREDIT else []
    return replace(held, standing=standing.value, blocks=blocks, next_at=next_at)


def lacks_money(refused: PostingRefused) -> bool:
    """Whether the line has not enough; any other refusal is no fault of who has the line."""
    return refused.code in {Refusal.INSUFFICIENT_FUNDS, Refusal.BUCKET_FROZEN}


def never_began(held: Held) -> bool:
    """Whether it waits for the first money of its line."""
    return held.began_at == held.ends_at


def lapse_of(held: Held, plan: Plan, zone: ZoneInfo) -> datetime | None:
    """When a plan that waits for credit is over; None: never by itself."""
    return None if never_began(held) else stops_of(plan, held.ends_at, zone)[1]


def stops_of(plan: Plan, due: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When something is blocked, and when the plan is over, of one whose renewal was due then."""
    rule = plan.without_credit
    blocked = end_in_state(Term(days=rule.grace_days), zone, due) if rule.grace_days else due
    return blocked, end_in_state(Term(days=rule.lapse_days), zone, due) if rule.lapse_days else due


def _put_off(held: Held, now: datetime) -> Held:
    return replace(held, next_at=now + _REST)


def _named(error: Exception) -> str:
    """Not what an error says: that may quote a number."""
    return error.code if isinstance(error, Problem) else type(error).__name__


def _following(held: Held, carrier: CarrierVersion | None) -> Plan | None:
    """The plan of the next cycle."""
    return carrier.plans.get(held.wished or held.plan_id) if carrier else None


def _is_over(held: Held, carrier: CarrierVersion | None) -> bool:
    plan = carrier.plans.get(held.plan_id) if carrier else None
    is_once = plan is not None and plan.cycle == "once" and held.wished is None
    return held.ending or (is_once and held.stands is PlanStanding.ACTIVE)


def _end(held: Held, became: list[tuple[Held | None, Held]], noted: list[Noted]) -> None:
    after = replace(held, standing=PlanStanding.ENDED.value, wished=None, ending=False, blocks=[], next_at=None)
    became.append((held, after))
    noted.append(Noted(held.line, PlanChange.ENDED, held.plan_id, held.cycle))


def _wanted(one: Due, carrier: CarrierVersion, plan: Plan, now: datetime) -> Wanted:
    held, zone = one.held, zone_of(one.zone)
    if held.stands in UNPAID:
        return Wanted(held, carrier, zone, beginning(plan, zone, now), now)
    # Another plan counts its cycles from where the last one ended.
    anchor = held.anchor if plan.id == held.plan_id else held.ends_at
    return Wanted(held, carrier, zone, renewal(plan, zone, anchor=anchor, due=held.ends_at, now=now), anchor)


def _after(result: Paid, now: datetime) -> tuple[Held, list[Noted]]:
    wanted, held = result.wanted, result.wanted.held
    plan = wanted.terms.plan
    if result.is_paid:
        after = running(wanted, now)
        what = PlanChange.BEGUN if held.stands in UNPAID else PlanChange.RENEWED
        what = PlanChange.SWITCHED if plan.id != held.plan_id else what
        return after, [Noted(held.line, what, plan.id, after.cycle, after.ends_at, after.paid_minor)]
    if result.refused is not None and not lacks_money(result.refused):
        _log.error("line_plan_stuck", line=held.line_id, plan=plan.id, error=result.refused.code)
        return _put_off(held, now), []
    after = waiting(held, plan, wanted.zone, now)
    if after.standing == held.standing:
        return after, []
    said = {
        PlanStanding.GRACE: PlanChange.UNPAID,
        PlanStanding.WAITING_FOR_CREDIT: PlanChange.BLOCKED,
        PlanStanding.LAPSED: PlanChange.LAPSED,
    }[after.stands]
    if said is PlanChange.BLOCKED and not plan.without_credit.blocks:
        said = PlanChange.UNPAID
    until = None if said is PlanChange.LAPSED else lapse_of(held, plan, wanted.zone)
    return after, [Noted(held.line, said, plan.id, held.cycle, until, wanted.terms.price_minor)]
