"""A month of a line, for who has it: what was used day by day, and its money as a statement."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.queries import CatalogueCache
from topup.charging.line_views import line_shown
from topup.charging.usage.months import UsedOnDay, used_by_day
from topup.kernel.msisdn import Msisdn
from topup.ledger.statements import Entry, statement_of
from topup.platform.database import Connection

_DECEMBER: Final = 12


@dataclass(frozen=True, slots=True)
class OwnMonth:
    """A month of the line's zone, whose first day is `first`; `this` is the first day of the present one."""

    first: date
    this: date
    zone: str
    currency: str
    used: tuple[UsedOnDay, ...]
    entries: tuple[Entry, ...]


def month_after(first: date) -> date:
    """The first day of the next month."""
    return date(first.year + first.month // _DECEMBER, first.month % _DECEMBER + 1, 1)


async def own_month(
    connection: Connection, msisdn: Msisdn, catalogue: CatalogueCache, *, first: date | None, now: datetime
) -> OwnMonth:
    """The month that begins with `first` (None: the present one). Raises NotFound `line_unknown`."""
    of = await line_shown(connection, msisdn, catalogue)
    zone, ref = ZoneInfo(of.zone), of.line.ref
    this = now.astimezone(zone).date().replace(day=1)
    begins = first or this
    since, until = _midnight(begins, zone), _midnight(month_after(begins), zone)
    used = await used_by_day(connection, line=ref, zone=of.zone, since=since, until=until)
    currency = of.carrier.currency
    entries = await statement_of(connection, lane=ref.lane, line_id=ref.id, asset=currency, since=since, until=until)
    return OwnMonth(begins, this, of.zone, currency, tuple(used), tuple(entries))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
