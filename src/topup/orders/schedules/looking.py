"""Looking at schedules that are due: what is known of their lines, what follows of it, written down in one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from topup.catalogue.fees import fee_minor
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import NotFound
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.lines.forecasts import forecast_of
from topup.lines.owners import owns
from topup.lines.queries import LineRef, Route, route
from topup.orders.own_lines import Glance, glances
from topup.orders.schedules import records, runs
from topup.orders.schedules.keeping import Prospect, line_of, prospects
from topup.orders.schedules.records import Schedule
from topup.orders.schedules.rules import (
    LOOK_AGAIN,
    Agreement,
    Facts,
    Offered,
    Past,
    Reason,
    Run,
    Trigger,
    Wait,
    decide,
    monthly_at,
)
from topup.orders.schedules.runs import NewRun
from topup.orders.schedules.states import SCHEDULE, RunState, ScheduleState
from topup.orders.schedules.telling import tell_not_kept, tell_stopped
from topup.payments.instruments import records as instruments
from topup.payments.instruments.ports import Removed
from topup.payments.instruments.records import Kept
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing

_BEFORE_LOOKING: Final = crash_label("schedules.look.before_commit")
_AFTER_LOOKING: Final = crash_label("schedules.look.after_commit")
_NO_PROSPECTS: Final[Mapping[str, Prospect]] = {}
_CHANGED: Final = timedelta(minutes=1)
"""How soon a line is looked at again that changed while it was thought about."""
_ONE_NUMBER: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('orders.schedules.number:' || e164, 0))
FROM unnest(%b::text[]) AS e164
"""


class Stop(StrEnum):
    """Why a schedule cannot go on by itself; each has a sentence `stopped_…` in the catalogue `automatic`."""

    NUMBER_CHANGED = "number_changed"
    """The number has another line, or another carrier, than when it was agreed to."""
    NOT_YOURS = "not_yours"
    """It looks at a line that is not in its owner's account any more."""
    CARD_REMOVED = "card_removed"
    DECLINED = "declined"
    NOT_POSSIBLE = "not_possible"
    """The line takes no such top-up any more."""
    OPERATOR = "operator"
    """Staff stopped it, for a reason that the trail has."""


@dataclass(frozen=True, slots=True)
class _Line:
    """What is known of a schedule's line now."""

    way: Route
    glance: Glance | None


def looks_inside(agreement: Agreement) -> bool:
    """Whether it depends on what the line has, which is its owner's alone to know."""
    return agreement.trigger is not Trigger.MONTHLY or agreement.target_minor is not None


def offered_by(carrier: CarrierVersion) -> Offered:
    """What credit a carrier sells."""
    credit = carrier.document.credit
    free = credit.free if credit else None
    grid = (free.minimum_minor, free.maximum_minor, free.step_minor) if free else None
    return Offered(tuple(sorted(carrier.face_values)), grid)


def payment_fee(carrier: CarrierVersion, method: str, amount_minor: int) -> int:
    """What paying an amount of credit by a method costs besides, minor units: as every price of the carrier has it."""
    return fee_minor(carrier.document.fees.payment.get(method, ()), amount_minor)


def dearest(snapshot: Snapshot, method: str, currency: str) -> Money:
    """What the dearest top-up in a currency costs by a way to pay, with its fee; nothing where none is sold."""
    sold = [one for one in snapshot.carriers() if one.currency == currency]
    costs = [largest + payment_fee(one, method, largest) for one in sold if (largest := offered_by(one).largest)]
    return Money(max(costs, default=0), currency)


class Looking:
    """Looks at schedules; any number of processes may."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, keys: KeyRing, lanes: int) -> None:
        self._database = database
        self._catalogue = catalogue
        self._keys = keys
        self._lanes = lanes

    async def look(self, limit: int) -> int:
        """Look at up to `limit` that are due, but those that keep a number, and write down what to pay; how many."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            due = await records.due(connection, limit, now)
            if due:
                await self._decide(connection, due, now)
                crash_point(_BEFORE_LOOKING)
        if due:
            crash_point(_AFTER_LOOKING)
        return len(due)

    async def look_to_keep(self, limit: int) -> int:
        """The same for up to `limit` of those that keep a number; how many. What to buy is searched
        for before anything is locked, and gone by only if the line is then as it was.
        """
        async with self._database.read() as reading:
            found = await records.due_to_keep(reading.connection, limit, reading.now)
            snapshot = await self._catalogue.current(reading.connection)
            lines = [(one, await line_of(reading.connection, one, snapshot, reading.now)) for one in found]
        if not found:
            return 0
        ahead = await prospects(lines)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            due = await records.still_due(connection, found, now)
            if due:
                await self._decide(connection, due, now, ahead)
            crash_point(_BEFORE_LOOKING)
        crash_point(_AFTER_LOOKING)
        return len(due)

    async def _decide(
        self,
        connection: Connection,
        due: Sequence[Schedule],
        now: datetime,
        ahead: Mapping[str, Prospect] = _NO_PROSPECTS,
    ) -> None:
        snapshot = await self._catalogue.current(connection)
        lines = await self._lines(connection, due, snapshot, now)
        # The limits of a carrier are a line's, over all who top it up: one look at a number at a time.
        await connection.execute(_ONE_NUMBER, [sorted({one.msisdn.e164 for one in due})])
        past = await runs.past_of(connection, due, now)
        new: list[NewRun] = []
        looks: list[tuple[Schedule, datetime, datetime | None, str]] = []
        for one in due:
            found = await self._card(connection, one, lines[one.id], snapshot)
            if isinstance(found, Stop):
                await self.stop(connection, one, found, now)
                continue
            prospect = ahead.get(one.id)
            if prospect is not None and not prospect.is_of(await line_of(connection, one, snapshot, now)):
                looks.append((one, now + _CHANGED, one.next_at, one.reason))
                continue
            if prospect is not None and prospect.is_lost:
                await self.stop(connection, one, Stop.NOT_POSSIBLE, now)
                continue
            facts = await self._facts(connection, one, lines[one.id], snapshot, past, found, now)
            if prospect is not None:
                facts = replace(facts, lost_at=prospect.lost_at, keeping=prospect.amounts)
            decided = decide(one.id, one.agreement, facts)
            if isinstance(decided, Wait):
                looks.append((one, decided.until, decided.next_at, decided.reason.value))
                continue
            due_at = _due_at(one, facts)
            if isinstance(decided, Run):
                new.append(NewRun(one, decided.cause, decided.amount_minor, decided.cost_minor, due_at))
                looks.append((one, now + LOOK_AGAIN, None, Reason.UNDER_WAY.value))
                # Another schedule of the same number may be looked at in this very round.
                begun = Past(decided.cause, RunState.WAITING, now, decided.cost_minor, now)
                past.setdefault(one.msisdn.e164, []).append((one.id, begun))
            else:
                new.append(NewRun(one, decided.cause, 0, 0, due_at, skipped=decided.reason.value))
                looks.append((one, decided.until, None, ""))
        news = await runs.begin(connection, new, now)
        await records.look_again(connection, looks)
        await self._tell(connection, [one for one in new if one.schedule.id in news], ahead, now)

    async def _tell(
        self, connection: Connection, new: Sequence[NewRun], ahead: Mapping[str, Prospect], now: datetime
    ) -> None:
        """Who counts on it that a number is kept is told when it is not, and until when they can see to it."""
        for one in new:
            lost_at = ahead[one.schedule.id].lost_at if one.schedule.id in ahead else None
            if one.skipped and lost_at is not None:
                await tell_not_kept(connection, self._keys, one.schedule, reason=one.skipped, until=lost_at, now=now)

    async def stop(self, connection: Connection, one: Schedule, why: Stop, now: datetime) -> None:
        """Go on no more, and say so, in the caller's transaction."""
        await _stop(connection, self._keys, one, why, now)

    async def _lines(
        self, connection: Connection, due: Sequence[Schedule], snapshot: Snapshot, now: datetime
    ) -> dict[str, _Line]:
        numbers: list[Msisdn] = [one.msisdn for one in due]
        ways = await route(connection, numbers, snapshot, lanes=self._lanes)
        seen = {
            way.line.id: way.line
            for one, way in zip(due, ways, strict=True)
            if way.line is not None and looks_inside(one.agreement)
        }
        known = await glances(connection, list(seen.values()), snapshot, now)
        return {
            one.id: _Line(way, known.get(way.line.id) if way.line else None) for one, way in zip(due, ways, strict=True)
        }

    async def _card(self, connection: Connection, one: Schedule, line: _Line, snapshot: Snapshot) -> Kept | Stop:
        """What is paid with, or why the schedule cannot go on."""
        found = line.way.line
        if line.way.carrier_id != one.carrier_id or snapshot.carrier(one.carrier_id) is None:
            return Stop.NUMBER_CHANGED
        if one.line_id is not None and (found is None or found.id != one.line_id):
            return Stop.NUMBER_CHANGED
        if looks_inside(one.agreement) and not await self._is_theirs(connection, one, found):
            return Stop.NOT_YOURS
        try:
            return await instruments.instrument(
                connection, subscriber_id=one.subscriber_id, instrument_id=one.instrument_id
            )
        except NotFound:
            return Stop.CARD_REMOVED

    async def _is_theirs(self, connection: Connection, one: Schedule, line: LineRef | None) -> bool:
        return line is not None and await owns(connection, subscriber_id=one.subscriber_id, line=line)

    async def _facts(  # noqa: PLR0917 - what is known, for one of many
        self,
        connection: Connection,
        one: Schedule,
        line: _Line,
        snapshot: Snapshot,
        past: Mapping[str, Sequence[tuple[str, Past]]],
        paid_with: Kept,
        now: datetime,
    ) -> Facts:
        carrier = snapshot.carrier(one.carrier_id)
        assert carrier is not None  # noqa: S101 - `_stop` has seen to it
        ends = line.glance.ends if line.glance else None
        if one.agreement.trigger is Trigger.EXPIRY and line.glance is not None:
            forecast = await forecast_of(connection, one.msisdn, snapshot, now)
            ends = min([at for at in (ends, *(change.at for change in forecast.to_come[:1])) if at], default=None)
        limits = carrier.document.automatic
        runs_of_line = past.get(one.msisdn.e164, ())
        return Facts(
            now=now,
            zone=one.zone,
            since=one.since,
            credit_minor=line.glance.credit.amount_minor if line.glance else None,
            ends=ends,
            offered=offered_by(carrier),
            runs=[run for whose, run in runs_of_line if whose == one.id],
            count=one.runs,
            of_line=[run for whose, run in runs_of_line if whose != one.id],
            carrier_cap_minor=limits.cap_minor,
            carrier_interval_days=limits.interval_days,
            fee=lambda amount: payment_fee(carrier, paid_with.method, amount),
            most_minor=paid_with.terms.most.amount_minor if paid_with.terms else None,
        )


async def stop_paid_with(keys: KeyRing, connection: Connection, removed: Removed) -> None:
    """What pays with an instrument goes on no more, and its owner is told, in the transaction that removes it."""
    await records.alone(connection, removed.subscriber_id)
    for one in await records.schedules_of(connection, removed.subscriber_id):
        if one.instrument_id == removed.instrument_id:
            await _stop(connection, keys, one, Stop.CARD_REMOVED, removed.at)


async def _stop(connection: Connection, keys: KeyRing, one: Schedule, why: Stop, now: datetime) -> None:
    sources = frozenset(state.value for state in SCHEDULE.sources(ScheduleState.STOPPED))
    if await records.move(connection, one.id, state=ScheduleState.STOPPED, sources=sources, reason=why.value, at=now):
        await runs.call_off(connection, one.id, reason=why.value, now=now)
        await tell_stopped(connection, keys, one, reason=why.value, now=now)


def _due_at(one: Schedule, facts: Facts) -> datetime:
    """Since when it has been due: of a day of the month, what its owner's schedule says; else it is seen now."""
    if one.agreement.trigger is not Trigger.MONTHLY:
        return facts.now
    month = facts.now.astimezone(one.zone).date().replace(day=1)
    at = monthly_at(one.id, one.agreement, month, one.zone)
    return min(at, facts.now)
