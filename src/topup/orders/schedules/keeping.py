"""What keeping a number by itself looks at: when its line is lost, and what puts that off.

What to buy is searched for where nobody waits for it, of the line as it was read; whoever then decides under the locks
reads it again, and goes by what was found only where nothing changed meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from topup.catalogue.queries import Snapshot
from topup.catalogue.terms import local_of
from topup.kernel.errors import NotFound
from topup.lines.keeping.advice import line_to_keep
from topup.lines.keeping.kept import Kept
from topup.lines.keeping.next import best_first
from topup.orders.schedules.records import Schedule
from topup.orders.schedules.rules import SAFE_DAYS, Agreement, is_lost_by, keep_at
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Prospect:
    """A line that is to be kept as it was read, None where there is none; when its number is lost if nothing is done,
    None where that is not foreseen; what may be bought now, the best first, once it is time; whether it is too late.
    """

    line: Kept | None
    lost_at: datetime | None = None
    amounts: tuple[int, ...] = ()
    is_lost: bool = False

    def is_of(self, line: Kept | None) -> bool:
        """Whether what was found still holds of the line as it is read now, in the moment that passed."""
        if line is None or self.line is None:
            return line is self.line
        # Since when there is money is found out at each reading, until the line is looked after.
        then, now = (replace(one.facts, funds_since=None) for one in (self.line, line))
        return then == now and line.carrier == self.line.carrier


@dataclass(frozen=True, slots=True)
class Coming:
    """The next top-up that keeps a number by itself, as things stand: when, and of how much (None: nothing helps)."""

    at: datetime
    amount_minor: int | None


async def line_of(connection: Connection, one: Schedule, snapshot: Snapshot, now: datetime) -> Kept | None:
    """The line whose number a schedule keeps, as it is now; None where it is no more."""
    try:
        return (await line_to_keep(connection, one.msisdn, snapshot, now)).kept
    except NotFound:
        return None


async def prospects(found: Sequence[tuple[Schedule, Kept | None]]) -> dict[str, Prospect]:
    """What lies ahead of each schedule's line. Worked out beside everything else, one after the other."""
    return {one.id: await asyncio.to_thread(_prospect, one, line) for one, line in found}


async def coming(schedule_id: str, agreement: Agreement, line: Kept) -> Coming | None:
    """What a schedule that is on does next; None where nothing ends the number."""
    return await asyncio.to_thread(_coming, schedule_id, agreement, line)


def keep_by(lost_at: datetime, zone: ZoneInfo) -> date:
    """The last day on which a number is topped up that would be lost at `lost_at`: `keep_at` is on it, or before."""
    return local_of(lost_at - timedelta(seconds=1), zone).date() - timedelta(days=SAFE_DAYS)


async def is_needed(connection: Connection, one: Schedule, cause: str, snapshot: Snapshot, now: datetime) -> bool:
    """Whether the number is still lost when a run's cause says, or sooner: nothing else has prolonged the line."""
    line = await line_of(connection, one, snapshot, now)
    # Whether a line that is no more takes a top-up is for its order to say.
    lost_at = line.runway().kept_until if line is not None else now
    return lost_at is not None and is_lost_by(cause, lost_at, one.zone)


def _prospect(one: Schedule, line: Kept | None) -> Prospect:
    if line is None:
        return Prospect(None)
    runway = line.runway()
    lost_at = runway.kept_until
    is_time = lost_at is not None and keep_at(one.id, one.agreement, lost_at, one.zone) <= line.now
    is_lost = runway.is_lost or (lost_at is not None and lost_at <= line.now)
    return Prospect(line, lost_at, best_first(line) if is_time and not is_lost else (), is_lost)


def _coming(schedule_id: str, agreement: Agreement, line: Kept) -> Coming | None:
    lost_at = line.runway().kept_until
    if lost_at is None:
        return None
    at = max(keep_at(schedule_id, agreement, lost_at, line.zone), line.now)
    return Coming(at, next(iter(best_first(line.at(at))), None))
