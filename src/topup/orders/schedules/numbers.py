"""Having a number kept by itself: how that stands for a line of somebody's, turning it on and off.

One of each owner's for a line is enough: it is a schedule like the others, and stopped with them.
"""

from dataclasses import dataclass
from typing import Final

from topup.catalogue.queries import CatalogueCache
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines.keeping.advice import line_to_keep
from topup.orders.schedules.desk import Schedules, ScheduleView, ScheduleWanted
from topup.orders.schedules.keeping import Coming, coming
from topup.orders.schedules.limits import CapBounds, cap_bounds
from topup.orders.schedules.looking import payment_fee
from topup.orders.schedules.rules import Agreement, Trigger
from topup.orders.schedules.states import ScheduleState
from topup.payments.instruments import records as instruments
from topup.payments.instruments.records import Kept
from topup.platform.database import Database

DAYS_EARLY: Final = 3
"""Nobody is asked: the days do not matter, and so the payments of many spread."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A number that somebody wants kept by itself, paid with what, and for at most how much in a month. `schedule_id`
    is the one it will have, if there is none yet: the same again changes nothing.
    """

    subscriber_id: str
    number: str
    instrument_id: str
    cap: Money
    locale: str
    schedule_id: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How keeping a number by itself stands: the schedule (None: it was never turned on, or removed), what it does next
    or would do (None: nothing ends the number, or no longer can), and what that would be paid with, each with the cost.
    """

    schedule: ScheduleView | None
    schedule_id: str
    coming: Coming | None
    currency: str
    ways: tuple[tuple[Kept, int], ...]
    bounds: CapBounds
    """Of the limit of a month, by whatever of `ways` it is paid."""


class Numbers:
    """The numbers that are kept by themselves."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, schedules: Schedules) -> None:
        self._database = database
        self._catalogue = catalogue
        self._schedules = schedules

    async def standing(self, *, subscriber_id: str, number: str) -> Standing:
        """How it stands for the owner of a line. Raises NotFound `line_unknown`, and the refusals of `parse_msisdn`."""
        found = await self._of(subscriber_id, number)
        schedule_id = found.schedule.id if found else await self._schedules.new_id(number=number)
        agreement = found.schedule.agreement if found else Agreement(Trigger.KEEP, days_early=DAYS_EARLY)
        async with self._database.read() as transaction:
            connection = transaction.connection
            snapshot = await self._catalogue.current(connection)
            line = await line_to_keep(connection, parse_msisdn(number), snapshot, transaction.now)
            kept = await instruments.kept_by(connection, subscriber_id=subscriber_id)
        carrier = line.kept.carrier
        ahead = await coming(schedule_id, agreement, line.kept)
        amount = (ahead.amount_minor if ahead else None) or 0
        ways = tuple(
            (one, amount + payment_fee(carrier, one.method, amount))
            for one in kept
            if one.terms is None or one.terms.most.currency == carrier.currency
        )
        of_each = [cap_bounds(agreement, carrier, one.method) for one, _ in ways] or [
            cap_bounds(agreement, carrier, "")
        ]
        bounds = CapBounds(max(one.least_minor for one in of_each), min(one.most_minor for one in of_each))
        return Standing(found, schedule_id, ahead, carrier.currency, ways, bounds)

    async def turn_on(self, wish: Wish) -> None:
        """Have it kept from now on, or again: as this wish says, whatever was agreed to before. Raises as
        `Schedules.make` and `Schedules.agree_anew`.
        """
        found = await self._of(wish.subscriber_id, wish.number)
        async with self._database.read() as transaction:
            kept = await instruments.instrument(
                transaction.connection, subscriber_id=wish.subscriber_id, instrument_id=wish.instrument_id
            )
        every_days = kept.terms.every_days if kept.terms else 1
        if found is not None:
            await self._schedules.agree_anew(
                subscriber_id=wish.subscriber_id,
                schedule_id=found.schedule.id,
                instrument_id=wish.instrument_id,
                cap=wish.cap,
                every_days=max(every_days, found.schedule.agreement.interval_days),
            )
            return
        agreement = Agreement(
            Trigger.KEEP, days_early=DAYS_EARLY, cap_minor=wish.cap.amount_minor, interval_days=every_days
        )
        wanted = ScheduleWanted(wish.subscriber_id, wish.number, agreement, wish.instrument_id, wish.locale)
        await self._schedules.make(wanted, schedule_id=wish.schedule_id)

    async def turn_off(self, *, subscriber_id: str, number: str) -> None:
        """Top up no more by itself to keep it. What is off stays so."""
        found = await self._of(subscriber_id, number)
        if found is not None and found.schedule.state is ScheduleState.ACTIVE:
            await self._schedules.pause(subscriber_id=subscriber_id, schedule_id=found.schedule.id)

    async def _of(self, subscriber_id: str, number: str) -> ScheduleView | None:
        e164 = parse_msisdn(number).e164
        for view in await self._schedules.of(subscriber_id=subscriber_id):
            if view.schedule.msisdn.e164 == e164 and view.schedule.agreement.trigger is Trigger.KEEP:
                return view
        return None
