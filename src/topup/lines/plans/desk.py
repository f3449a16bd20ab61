"""The plan of a line for whoever may decide about it: what it has, what it could have, and having another.

Who asks has checked that the line is theirs, or that they may act for its owner; what was done stands in the trail.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from topup.catalogue.plan_cycles import Switch, Terms
from topup.catalogue.plan_rules import Plan
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.ledger.queries import Bucket, buckets
from topup.lines import lives
from topup.lines.course import zone_of
from topup.lines.plans import operations, rows
from topup.lines.plans.operations import Place, on_sale, switch_next, switch_now
from topup.lines.plans.postings import buckets_of
from topup.lines.plans.renewing import lapse_of
from topup.lines.plans.rows import Held
from topup.lines.plans.states import PlanStanding
from topup.lines.queries import LineRef, lines_now
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction
from topup.platform.request_keys import Answering, store_answers
from topup.work import trail

When = Literal["now", "next_cycle", "when_paid"]
Noting = Callable[[Connection, LineRef, datetime], Awaitable[Mapping[str, object]]]

_BEFORE: Final = crash_label("plans.take.before_commit")
_AFTER: Final = crash_label("plans.take.after_commit")


@dataclass(frozen=True, slots=True)
class Included:
    """Something the cycle at hand includes: of `amount` of an asset, `left` can be used yet."""

    asset: str
    scope: str
    amount: int
    left: int


@dataclass(frozen=True, slots=True)
class PlanShown:
    """The plan of a line at `now`.

    `plan` None: it has none. `follows` is the cycle after the one at hand, None where none does; `lapses_at` when one
    that waits for credit is over (None: never by itself), and `missing` what it costs then.
    """

    msisdn: Msisdn
    line_id: str
    carrier_id: str
    currency: str
    zone: str
    plan: Plan | None
    standing: PlanStanding | None
    since: datetime | None
    began_at: datetime | None
    ends_at: datetime | None
    paid: Money | None
    included: tuple[Included, ...]
    follows: Terms | None
    ending: bool
    lapses_at: datetime | None
    missing: Money | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan the line could have: `at_once` and what that costs, or as the next cycle (None: no cycle is at hand)."""

    plan: Plan
    at_once: Switch
    next_cycle: Terms | None
    is_held: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """That a line have `plan`, when, and what the owner was told that it costs on the whole (None: nothing)."""

    plan: Plan
    when: When
    at_most: Money | None = None


class Plans:
    """For channels."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache) -> None:
        self._database = database
        self._catalogue = catalogue

    async def show(self, *, number: str) -> PlanShown:
        """The plan of the line of a number. Raises InvalidNumber, NotFound `line_unknown`."""
        msisdn = parse_msisdn(number)
        async with self._database.read() as transaction:
            place = await self._place(transaction.connection, msisdn)
            found = await _buckets(transaction.connection, place.line)
        return _shown(msisdn, place, found, transaction.now)

    async def choices(self, *, number: str) -> tuple[Choice, ...]:
        """The plans the line could have, the cheapest first, with what each costs now. Raises the same."""
        msisdn = parse_msisdn(number)
        async with self._database.read() as transaction:
            place = await self._place(transaction.connection, msisdn)
            found = await _buckets(transaction.connection, place.line)
        return choices_of(place, found, transaction.now)

    async def take(
        self,
        *,
        number: str,
        plan: str,
        when: When,
        by: str,
        at_most: Money | None = None,
        answer: Answering[PlanShown] | None = None,
        noting: Noting | None = None,
    ) -> PlanShown:
        """Have a plan: `now`, after the cycle at hand, or as soon as there is money for it (of a line without one).

        The plan that the line has already is not begun a second time; asked for after the cycle at hand, it undoes what
        was wished. `at_most` is what the owner was told that it costs on the whole; `when_paid`, a whole cycle of it.
        Who may send the same late, when another plan was taken since, sends it under a key, and `answer` is where its
        answer is kept. `noting` writes down beside it, in its transaction, what else there is to know of it, and gives
        what the trail is to tell.

        Raises those of `show`, Invalid `line_plan_unknown`, `line_plan_not_on_sale`, `currency_wrong`, Conflict
        `line_closed`, `line_plan_unpaid`, `line_plan_held` (another one), `line_plan_price_changed`,
        `insufficient_funds`.
        """
        msisdn = parse_msisdn(number)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            place = await self._place(connection, msisdn, locking=True)
            wanted = place.carrier.plans.get(plan)
            if wanted is None or place.plan is not wanted:
                wanted = on_sale(place.carrier, plan)
            if at_most is not None and at_most.currency != place.carrier.currency:
                raise Invalid("currency_wrong", currency=place.carrier.currency)
            snapshot = await self._catalogue.current(connection)
            asked = Asked(wanted, when, at_most)
            held = await take(connection, place, asked, now, snapshot=snapshot)
            if held != place.held:
                told = trail.change(_told(place.held), _told(held))
                noted = await noting(connection, place.line, now) if noting is not None else {}
                facts = {"plan": plan, "when": when, "currency": place.carrier.currency, **noted, **told}
                await trail.write(
                    connection, actor=by, action="line.plan_taken", subject=place.line.id, facts=facts, now=now
                )
            shown = await self._became(transaction, msisdn, place, held)
            if answer is not None:
                await store_answers(connection, [(answer.claim, *answer.render(shown))])
            crash_point(_BEFORE)
        crash_point(_AFTER)
        return shown

    async def cancel(self, *, number: str, by: str) -> PlanShown:
        """Have the plan end with the cycle at hand. Raises those of `show`, Conflict `line_plan_none`."""
        msisdn = parse_msisdn(number)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            place = await self._place(connection, msisdn, locking=True)
            held = await operations.cancel(connection, place, now)
            told = trail.change(_told(place.held), _told(held))
            facts = {"plan": held.plan_id, "currency": place.carrier.currency, **told}
            await trail.write(
                connection, actor=by, action="line.plan_cancelled", subject=place.line.id, facts=facts, now=now
            )
            shown = await self._became(transaction, msisdn, place, held)
            crash_point(_BEFORE)
        crash_point(_AFTER)
        return shown

    async def _place(self, connection: Connection, msisdn: Msisdn, *, locking: bool = False) -> Place:
        line = (await lines_now(connection, [msisdn.e164])).get(msisdn.e164)
        snapshot = await self._catalogue.current(connection)
        carrier = snapshot.carrier(line.carrier_id) if line else None
        if line is None or carrier is None or line.status == "closed":
            raise NotFound("line_unknown")
        seen = lives.locked if locking else lives.seen
        life = (await seen(connection, [(line.ref.lane, str(line.ref.id))]))[line.ref.id]
        if life.status == "closed":
            raise Conflict("line_closed")
        held = (await rows.plans_of(connection, [line.ref])).get(line.ref.id)
        return Place(line.ref, carrier, zone_of(life.zone), held)

    async def _became(self, transaction: Transaction, msisdn: Msisdn, place: Place, held: Held) -> PlanShown:
        found = await _buckets(transaction.connection, place.line)
        return _shown(msisdn, Place(place.line, place.carrier, place.zone, held), found, transaction.now)


def _told(held: Held | None) -> dict[str, object] | None:
    """What the trail tells of a line's plan."""
    if held is None:
        return None
    return {
        "plan": held.plan_id,
        "standing": held.standing,
        "cycle": held.cycle,
        "paid_minor": held.paid_minor,
        "wished": held.wished,
        "ending": held.ending,
    }


async def take(connection: Connection, place: Place, asked: Asked, now: datetime, *, snapshot: Snapshot) -> Held:
    """Do what is asked for of a line that is locked. Raises the Conflicts of `Plans.take`."""
    plan, held = asked.plan, place.held
    if asked.when == "when_paid":
        if place.plan is None:
            # What it costs on the day that brings the money is not known yet: a whole cycle at most.
            _agreed(plan.price_minor, asked.at_most)
        return await operations.begin_when_paid(connection, place, plan, now)
    if asked.when == "next_cycle" and place.plan is not None:
        _agreed(switch_next(place, plan).price_minor, asked.at_most)
        return await operations.wish(connection, place, plan, now)
    if held is not None and place.plan is plan and held.stands is PlanStanding.ACTIVE:
        return held
    found = await _buckets(connection, place.line)
    switch = switch_now(place, plan, found, now)
    _agreed(switch.to_pay_minor, asked.at_most)
    return await operations.begin(connection, place, plan, switch, now, buckets=found, snapshot=snapshot)


def choices_of(place: Place, found: Sequence[Bucket], now: datetime) -> tuple[Choice, ...]:
    """The plans a line with these buckets could have at `now`, the cheapest first; its own among them."""
    held = place.held if place.plan is not None else None
    is_paid = held is not None and held.stands is PlanStanding.ACTIVE
    plans = [plan for plan in place.carrier.plans.values() if plan.on_sale or plan is place.plan]
    return tuple(
        Choice(
            plan,
            switch_now(place, plan, found, now),
            switch_next(place, plan) if is_paid else None,
            plan is place.plan,
        )
        for plan in sorted(plans, key=lambda plan: plan.price_minor)
    )


def _agreed(costs_minor: int, at_most: Money | None) -> None:
    """Nobody pays more than they were told."""
    if at_most is not None and costs_minor > at_most.amount_minor:
        raise Conflict("line_plan_price_changed")


async def _buckets(connection: Connection, line: LineRef) -> list[Bucket]:
    return (await buckets(connection, [line.id])).get(line.id, [])


def _shown(msisdn: Msisdn, place: Place, found: Sequence[Bucket], now: datetime) -> PlanShown:
    held, plan, currency = place.held, place.plan, place.carrier.currency
    has = held if plan is not None else None
    is_paid = has is not None and has.stands is PlanStanding.ACTIVE
    next_plan = _next_plan(place)
    waits = plan if has is not None and not is_paid else None
    return PlanShown(
        msisdn=msisdn,
        line_id=place.line.id,
        carrier_id=place.carrier.carrier_id,
        currency=currency,
        zone=place.zone.key,
        plan=plan,
        standing=held.stands if held else None,
        since=has.since if has else None,
        began_at=has.began_at if has else None,
        ends_at=has.ends_at if has else None,
        paid=Money(has.paid_minor, currency) if has else None,
        included=_included(has, found) if has else (),
        follows=switch_next(place, next_plan) if next_plan else None,
        ending=has.ending if has else False,
        lapses_at=lapse_of(has, waits, place.zone) if has and waits else None,
        missing=Money(switch_now(place, waits, found, now).to_pay_minor, currency) if waits else None,
        now=now,
    )


def _next_plan(place: Place) -> Plan | None:
    held, plan = place.held, place.plan
    if held is None or plan is None or held.ending or held.stands is not PlanStanding.ACTIVE:
        return None
    if held.wished is not None:
        return place.carrier.plans.get(held.wished)
    return None if plan.cycle == "once" else plan


def _included(held: Held, found: Sequence[Bucket]) -> tuple[Included, ...]:
    return tuple(_left(one, bucket) for one, bucket in zip(held.included, buckets_of(held, found), strict=True))


def _left(one: Mapping[str, str | int], bucket: Bucket | None) -> Included:
    left = bucket.available if bucket is not None else 0
    return Included(str(one["asset"]), str(one["scope"]), int(one["amount"]), left)
