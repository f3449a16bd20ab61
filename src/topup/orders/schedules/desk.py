"""What an owner does with schedules: agree to one, look, pause, take up again, change the card, remove; stop all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.queries import CatalogueCache
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import InvalidId, is_id, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines.lives import seen
from topup.lines.owners import owns
from topup.lines.queries import Route, route
from topup.orders.schedules import records, runs
from topup.orders.schedules.limits import check, check_cap, check_wallet
from topup.orders.schedules.looking import Stop, dearest, looks_inside, offered_by
from topup.orders.schedules.records import MOST, Schedule
from topup.orders.schedules.rules import Agreement, Offered
from topup.orders.schedules.runs import RunRow
from topup.orders.schedules.states import SCHEDULE, ScheduleState
from topup.orders.schedules.telling import tell_stopped
from topup.payments.instruments import records as instruments
from topup.payments.instruments.records import Kept
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing
from topup.platform.request_keys import Answering, store_answers
from topup.work import trail
from topup.work.approvals import checked_reason

STOPPED_BY_STAFF: Final = "line.automatic_stopped"
_BEFORE_MAKING: Final = crash_label("schedules.make.before_commit")
_AFTER_MAKING: Final = crash_label("schedules.make.after_commit")
_BEFORE_CHANGE: Final = crash_label("schedules.change.before_commit")
_AFTER_CHANGE: Final = crash_label("schedules.change.after_commit")


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule for its owner: what was agreed to, the card by its label, when it runs next, and its latest runs."""

    schedule: Schedule
    carrier_names: Mapping[str, str]
    card: str | None
    """None: it was removed."""
    runs: tuple[RunRow, ...]


@dataclass(frozen=True, slots=True)
class ScheduleWanted:
    """What somebody agrees to, for a number."""

    subscriber_id: str
    number: str
    agreement: Agreement
    instrument_id: str
    locale: str


class Schedules:
    """The schedules of this installation."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, lanes: int) -> None:
        self._database = database
        self._catalogue = catalogue
        self._lanes = lanes

    async def make(self, wanted: ScheduleWanted, *, schedule_id: str | None = None) -> str:
        """Agree to one; gives its id, and the same id (`new_id`) again changes nothing. Raises the refusals of
        `parse_msisdn`, number_not_served, instrument_unknown, schedule_not_yours, schedules_too_many, Invalid
        `schedule_…` with what of it cannot be, Conflict `schedule_wallet_used`, and InvalidId.
        """
        msisdn = parse_msisdn(wanted.number)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            snapshot = await self._catalogue.current(connection)
            [way] = await route(connection, [msisdn], snapshot, lanes=self._lanes)
            carrier = snapshot.carrier(way.carrier_id) if way.carrier_id else None
            if carrier is None:
                raise Invalid("number_not_served")
            await self._may_see(connection, wanted, way)
            kept = await instruments.instrument(
                connection, subscriber_id=wanted.subscriber_id, instrument_id=wanted.instrument_id
            )
            check(wanted.agreement, carrier, kept.method)
            check_wallet(wanted.agreement, carrier, kept)
            schedule_id = schedule_id or new_id("schedule", way.lane)
            if not is_id("schedule", schedule_id) or lane_of(schedule_id) != way.lane:
                raise InvalidId("schedule")
            there = await records.alone(connection, wanted.subscriber_id)
            await _alone_with(connection, kept, schedule_id)
            if there >= MOST and await records.schedule(connection, schedule_id) is None:
                raise Conflict("schedules_too_many", most=MOST)
            made = Schedule(
                id=schedule_id,
                subscriber_id=wanted.subscriber_id,
                msisdn=msisdn,
                line_id=way.line.id if way.line else None,
                carrier_id=carrier.carrier_id,
                zone=await _zone(connection, way, carrier),
                currency=carrier.currency,
                agreement=wanted.agreement,
                instrument_id=wanted.instrument_id,
                state=ScheduleState.ACTIVE,
                reason="",
                locale=wanted.locale,
                created_at=now,
                since=now,
                look_at=now,
                next_at=None,
                runs=0,
            )
            await records.make(connection, made)
            crash_point(_BEFORE_MAKING)
        crash_point(_AFTER_MAKING)
        return schedule_id

    async def new_id(self, *, number: str) -> str:
        """The id of a schedule that is to be made for a number: its orders lie in the same lane. Raises the refusals of
        `parse_msisdn`.
        """
        async with self._database.read() as transaction:
            snapshot = await self._catalogue.current(transaction.connection)
            [way] = await route(transaction.connection, [parse_msisdn(number)], snapshot, lanes=self._lanes)
        return new_id("schedule", way.lane)

    async def of(self, *, subscriber_id: str) -> list[ScheduleView]:
        """Somebody's, oldest first."""
        async with self._database.read() as transaction:
            connection = transaction.connection
            found = await records.schedules_of(connection, subscriber_id)
            snapshot = await self._catalogue.current(connection)
            cards = {one.id: one.label for one in await instruments.kept_by(connection, subscriber_id=subscriber_id)}
            views = []
            for one in found:
                carrier = snapshot.carrier(one.carrier_id)
                names = carrier.document.names if carrier else {}
                latest = tuple(await runs.runs_of(connection, one.id))
                views.append(ScheduleView(one, names, cards.get(one.instrument_id), latest))
        return views

    async def one(self, *, subscriber_id: str, schedule_id: str) -> ScheduleView:
        """One of somebody's. Raises NotFound `schedule_unknown`."""
        for view in await self.of(subscriber_id=subscriber_id):
            if view.schedule.id == schedule_id:
                return view
        raise NotFound("schedule_unknown")

    async def offered(self, *, number: str) -> Offered:
        """What credit can be bought for a number. Raises as `make` where there is none."""
        async with self._database.read() as transaction:
            snapshot = await self._catalogue.current(transaction.connection)
            [way] = await route(transaction.connection, [parse_msisdn(number)], snapshot, lanes=self._lanes)
        carrier = snapshot.carrier(way.carrier_id) if way.carrier_id else None
        if carrier is None:
            raise Invalid("number_not_served")
        return offered_by(carrier)

    async def dearest(self, connection: Connection, method: str, currency: str) -> Money:
        """What the dearest top-up in a currency costs by a way to pay: no agreement has to let more be charged."""
        return dearest(await self._catalogue.current(connection), method, currency)

    async def of_number(self, *, number: str) -> list[ScheduleView]:
        """Everybody's that top a number up, oldest first, for staff. Raises the refusals of `parse_msisdn`."""
        msisdn = parse_msisdn(number)
        async with self._database.read() as transaction:
            connection = transaction.connection
            snapshot = await self._catalogue.current(connection)
            [way] = await route(connection, [msisdn], snapshot, lanes=self._lanes)
            found = await records.schedules_for(connection, way.lane, msisdn.e164)
            return [await self._seen(connection, one) for one in found]

    async def by_id(self, *, schedule_id: str) -> ScheduleView:
        """One, for staff. Raises NotFound `schedule_unknown`."""
        async with self._database.read() as transaction:
            found = await _there(transaction.connection, schedule_id)
            return await self._seen(transaction.connection, found)

    async def stop(
        self,
        *,
        schedule_id: str,
        by: str,
        reason: str,
        keys: KeyRing,
        answer: Answering[ScheduleView] | None = None,
    ) -> tuple[ScheduleView, bool]:
        """Have staff (`by`) stop one, and tell its owner, who may take it up again; the trail says why. What is being
        paid may end. One that does not run is left as it is. Gives it as it is then, and whether it ran; `answer` is
        where the answer to a request with a key is kept. Raises NotFound `schedule_unknown`, and those of
        `approvals.checked_reason`.
        """
        why = checked_reason(reason)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            one = await _there(connection, schedule_id)
            ran = await _moved(connection, one, ScheduleState.STOPPED, now, reason=Stop.OPERATOR)
            if ran:
                await tell_stopped(connection, keys, one, reason=Stop.OPERATOR, now=now)
                change = trail.change({"state": one.state.value}, {"state": ScheduleState.STOPPED.value})
                facts = {**change, "reason": why}
                await trail.write(connection, actor=by, action=STOPPED_BY_STAFF, subject=one.id, facts=facts, now=now)
            view = await self._seen(connection, await _there(connection, schedule_id))
            if answer is not None:
                await store_answers(connection, [(answer.claim, *answer.render(view))])
            crash_point(_BEFORE_CHANGE)
        crash_point(_AFTER_CHANGE)
        return view, ran

    async def pause(self, *, subscriber_id: str, schedule_id: str) -> None:
        """Top up no more by itself until it is taken up again; what waits for another attempt is called off. Raises
        NotFound `schedule_unknown`.
        """
        await self._change(subscriber_id, schedule_id, ScheduleState.PAUSED)

    async def resume(self, *, subscriber_id: str, schedule_id: str) -> None:
        """Take it up again, from now on. Raises NotFound `schedule_unknown`."""
        await self._change(subscriber_id, schedule_id, ScheduleState.ACTIVE)

    async def remove(self, *, subscriber_id: str, schedule_id: str) -> None:
        """End it. Raises NotFound `schedule_unknown`."""
        await self._change(subscriber_id, schedule_id, ScheduleState.ENDED)

    async def stop_all(self, *, subscriber_id: str) -> int:
        """Pause all that are active; how many those were. Nothing begins after this; what is being paid may end."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await records.alone(connection, subscriber_id)
            stopped = 0
            for one in await records.schedules_of(connection, subscriber_id):
                stopped += await _moved(connection, one, ScheduleState.PAUSED, now)
            crash_point(_BEFORE_CHANGE)
        crash_point(_AFTER_CHANGE)
        return stopped

    async def limit(self, *, subscriber_id: str, schedule_id: str, cap: Money) -> None:
        """Agree to another limit of a month. What is being paid may end. Raises NotFound `schedule_unknown`,
        `instrument_unknown`, Invalid `amount_unreadable`, `schedule_cap`, `schedule_beyond_carrier`, and
        `number_not_served` where its carrier is no more.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await records.alone(connection, subscriber_id)
            one = await _theirs(connection, subscriber_id, schedule_id)
            agreement = await self._limited(connection, one, cap)
            await records.agree(connection, schedule_id, agreement, instrument_id=one.instrument_id, now=now)
            crash_point(_BEFORE_CHANGE)
        crash_point(_AFTER_CHANGE)

    async def check_limit(self, *, subscriber_id: str, schedule_id: str, cap: Money) -> None:
        """Whether it could be agreed to; nothing is written. Raises as `limit`."""
        async with self._database.read() as transaction:
            await self._limited(
                transaction.connection, await _theirs(transaction.connection, subscriber_id, schedule_id), cap
            )

    async def _limited(self, connection: Connection, one: Schedule, cap: Money) -> Agreement:
        kept = await instruments.instrument(
            connection, subscriber_id=one.subscriber_id, instrument_id=one.instrument_id
        )
        carrier = (await self._catalogue.current(connection)).carrier(one.carrier_id)
        if carrier is None:
            raise Invalid("number_not_served")
        _check_currency(cap, one)
        agreement = replace(one.agreement, cap_minor=cap.amount_minor)
        check_cap(agreement, carrier, kept.method)
        return agreement

    async def use(self, *, subscriber_id: str, schedule_id: str, instrument_id: str) -> None:
        """Pay by another card, or a wallet; one that stopped is taken up again. Raises NotFound `schedule_unknown`,
        `instrument_unknown`, and as `make` where the wallet agreed to less.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            one = await _theirs(connection, subscriber_id, schedule_id)
            kept = await instruments.instrument(connection, subscriber_id=subscriber_id, instrument_id=instrument_id)
            carrier = (await self._catalogue.current(connection)).carrier(one.carrier_id)
            if carrier is not None:
                check_wallet(one.agreement, carrier, kept)
            await records.alone(connection, subscriber_id)
            await _alone_with(connection, kept, schedule_id)
            await records.use(connection, schedule_id, instrument_id)
            if one.state is ScheduleState.STOPPED:
                await _moved(connection, one, ScheduleState.ACTIVE, now)
            crash_point(_BEFORE_CHANGE)
        crash_point(_AFTER_CHANGE)

    async def agree_anew(
        self, *, subscriber_id: str, schedule_id: str, instrument_id: str, cap: Money, every_days: int
    ) -> None:
        """Pay by this card or wallet, at most `cap` in a month and at least so many days after the last, and take it up
        again if it does not run. Raises as `use`, Invalid `amount_unreadable`, and those of `limits.check`.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            one = await _theirs(connection, subscriber_id, schedule_id)
            kept = await instruments.instrument(connection, subscriber_id=subscriber_id, instrument_id=instrument_id)
            agreement = replace(one.agreement, cap_minor=cap.amount_minor, interval_days=every_days)
            carrier = (await self._catalogue.current(connection)).carrier(one.carrier_id)
            _check_currency(cap, one)
            if carrier is not None:
                check(agreement, carrier, kept.method)
                check_wallet(agreement, carrier, kept)
            await records.alone(connection, subscriber_id)
            await _alone_with(connection, kept, schedule_id)
            await records.agree(connection, schedule_id, agreement, instrument_id=instrument_id, now=now)
            await _moved(connection, one, ScheduleState.ACTIVE, now)
            crash_point(_BEFORE_CHANGE)
        crash_point(_AFTER_CHANGE)

    async def _seen(self, connection: Connection, one: Schedule) -> ScheduleView:
        """One as staff see it: what it is paid with has its label, no more."""
        carrier = (await self._catalogue.current(connection)).carrier(one.carrier_id)
        try:
            kept = await instruments.instrument(
                connection, subscriber_id=one.subscriber_id, instrument_id=one.instrument_id
            )
        except NotFound:
            kept = None
        latest = tuple(await runs.runs_of(connection, one.id))
        return ScheduleView(one, carrier.document.names if carrier else {}, kept.label if kept else None, latest)

    async def _may_see(self, connection: Connection, wanted: ScheduleWanted, way: Route) -> None:
        if looks_inside(wanted.agreement) and not (
            way.line is not None and await owns(connection, subscriber_id=wanted.subscriber_id, line=way.line)
        ):
            raise Conflict("schedule_not_yours")

    async def _change(self, subscriber_id: str, schedule_id: str, state: ScheduleState) -> None:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            one = await _theirs(connection, subscriber_id, schedule_id)
            await _moved(connection, one, state, now)
            crash_point(_BEFORE_CHANGE)
        crash_point(_AFTER_CHANGE)


async def _alone_with(connection: Connection, kept: Kept, schedule_id: str) -> None:
    """A wallet that lets itself be charged once in so many days serves one schedule. The caller holds `alone`."""
    if kept.terms is not None:
        others = await records.schedules_of(connection, kept.subscriber_id)
        if any(one.instrument_id == kept.id and one.id != schedule_id for one in others):
            raise Conflict("schedule_wallet_used")


async def _zone(connection: Connection, way: Route, carrier: CarrierVersion) -> ZoneInfo:
    if way.line is None:
        return carrier.zone
    lives = await seen(connection, [(way.line.lane, str(way.line.id))])
    return ZoneInfo(lives[way.line.id].zone)


def _check_currency(cap: Money, one: Schedule) -> None:
    if cap.currency != one.currency:
        raise Invalid("amount_unreadable", currency=one.currency)


async def _theirs(connection: Connection, subscriber_id: str, schedule_id: str) -> Schedule:
    one = await _there(connection, schedule_id)
    if one.subscriber_id != subscriber_id:
        raise NotFound("schedule_unknown")
    return one


async def _there(connection: Connection, schedule_id: str) -> Schedule:
    one = await records.schedule(connection, schedule_id) if is_id("schedule", schedule_id) else None
    if one is None or one.state is ScheduleState.ENDED:
        raise NotFound("schedule_unknown")
    return one


async def _moved(
    connection: Connection, one: Schedule, state: ScheduleState, now: datetime, *, reason: str = ""
) -> bool:
    sources = frozenset(source.value for source in SCHEDULE.sources(state))
    if not await records.move(connection, one.id, state=state, sources=sources, reason=reason, at=now):
        return False
    if state is not ScheduleState.ACTIVE:
        await runs.call_off(connection, one.id, reason=reason or state.value, now=now)
    return True
