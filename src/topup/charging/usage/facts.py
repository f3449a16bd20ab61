"""What usage needs to know of many lines at once: whether each may be used, how its days go, and what it can pay with.

One query for all of them; what carriers publish is in memory. A line that is not there, or may not be used, is a
reason and not an exception: one bad record must not cost its neighbours anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from topup.catalogue.life_cycle_rules import Blockable
from topup.catalogue.queries import Snapshot
from topup.catalogue.rates import RateBook, Service
from topup.catalogue.versions import CarrierVersion
from topup.charging.rating import LineFacts
from topup.kernel.ids import LineId
from topup.lines.queries import Line, LineRef, blocks_of
from topup.lines.rules import ruling_of
from topup.platform.database import Connection

LINE_UNKNOWN: Final = "line_unknown"
LINE_BARRED: Final = "line_barred"
LINE_CLOSED: Final = "line_closed"
LINE_BLOCKED: Final = "line_blocked"

_AHEAD: Final = timedelta(minutes=5)
"""So much at most a network's clock is ahead of ours."""
_BLOCKED_BY: Final[dict[Service, Blockable]] = {
    "voice": "voice_out",
    "data": "data",
    "sms": "sms_out",
    "mms": "sms_out",
}
"""What a state blocks, by the service it then refuses. Multimedia messages leave as texts do."""

_COLUMNS: Final = """
l.lane, l.id, l.carrier_id, l.status, l.state, l.zone, l.active_at, coalesce(l.plan_blocks, '{}'),
b.id, b.asset, b.kind, b.scope, b.available, b.usable_until
"""
# Of one line its buckets in their order of use; a line without any has one row, of nulls.
_BUCKETS: Final = """
LEFT JOIN LATERAL (
    SELECT b.id, b.asset, b.kind, b.scope, b.balance - b.held AS available, b.usable_until, b.priority, b.opened_order
    FROM ledger.buckets AS b
    WHERE b.lane = l.lane AND b.line_id = l.id AND b.closed_at IS NULL AND b.balance > b.held
    ORDER BY b.opened_order
) AS b ON TRUE
ORDER BY b.priority, b.usable_until NULLS LAST, b.opened_order
"""
_BY_NUMBER: Final = f"""
SELECT wanted.msisdn, earlier.until, {_COLUMNS}
FROM unnest(%b::text[]) AS wanted (msisdn)
JOIN lines.numbers AS n ON n.msisdn = wanted.msisdn AND n.until IS NULL
JOIN lines.lines AS l ON l.lane = n.lane AND l.id = n.line_id
LEFT JOIN LATERAL (
    SELECT o.until FROM lines.numbers AS o
    WHERE o.msisdn = wanted.msisdn AND o.until IS NOT NULL
    ORDER BY o.since DESC LIMIT 1
) AS earlier ON TRUE
{_BUCKETS}
"""
_BY_LINE: Final = f"""
SELECT l.id, NULL::timestamptz, {_COLUMNS}
FROM unnest(%b::smallint[], %b::text[]) AS wanted (lane, id)
JOIN lines.lines AS l ON l.lane = wanted.lane AND l.id = wanted.id
{_BUCKETS}
"""


@dataclass(frozen=True, slots=True)
class Purse:
    """What can be taken from a bucket of a line now: `available` minor units, bytes, seconds or messages of `asset`."""

    bucket_id: str
    asset: str
    kind: str
    scope: str
    available: int
    usable_until: datetime | None


@dataclass(frozen=True, slots=True)
class LineOfUsage:
    """A line as usage sees it; `purses` are what it can use now, in the order the ledger takes them.

    `frozen` are those whose time has come: what is in them pays for nothing before it is revived. `active_at` is the
    last activity its clocks heard of. Before `earlier_until`, if ever, its number was another line's.
    """

    line: Line
    carrier: CarrierVersion
    zone: ZoneInfo
    purses: tuple[Purse, ...]
    frozen: tuple[Purse, ...]
    blocks: tuple[Blockable, ...]
    active_at: datetime | None
    earlier_until: datetime | None = None

    @property
    def ref(self) -> LineRef:
        """Its lane and id."""
        return self.line.ref

    @property
    def currency(self) -> str:
        """What money it pays in."""
        return self.carrier.currency

    @property
    def country(self) -> str:
        """The country of its carrier: where it is at home."""
        return self.carrier.document.country

    @property
    def rate_book(self) -> RateBook:
        """What use costs it."""
        return self.carrier.rate_book

    @property
    def facts(self) -> LineFacts:
        """As rating takes them."""
        return LineFacts(self.zone, self.currency)

    @property
    def money(self) -> tuple[Purse, ...]:
        """Its money, in the order of use; whether a purse may pay for a rate, `rating.serves` says of its scope."""
        return tuple(purse for purse in self.purses if purse.asset == self.currency)

    def refusal(self, service: Service) -> str | None:
        """Why it may not use a service now: `line_closed`, `line_barred`, `line_blocked` (by the state it is in)."""
        if self.line.status == "closed":
            return LINE_CLOSED
        if self.line.status != "active":
            return LINE_BARRED
        return LINE_BLOCKED if _BLOCKED_BY[service] in self.blocks else None

    def hears_of_activity(self, now: datetime) -> bool:
        """Whether its life would hear something new of an activity: once a day of the line is enough."""
        if not ruling_of(self.carrier).lives:
            return False
        return self.active_at is None or self.active_at.astimezone(self.zone).date() < now.astimezone(self.zone).date()

    @property
    def hears_of_funds(self) -> bool:
        """Whether anything in its life goes by its having money or none."""
        return ruling_of(self.carrier).on_credit


def blocked_by(service: Service) -> Blockable:
    """What of a state's blocks keeps a service from being used."""
    return _BLOCKED_BY[service]


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


async def lines_of_numbers(
    connection: Connection, e164s: Sequence[str], now: datetime, *, snapshot: Snapshot
) -> dict[str, LineOfUsage]:
    """The lines that have these numbers (E.164) today, by number; `line_unknown` are those that are absent."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(_BY_NUMBER, (list(dict.fromkeys(e164s)),))
    return _lines(await cursor.fetchall(), now, snapshot)


async def lines_of_usage(
    connection: Connection, refs: Sequence[LineRef], now: datetime, *, snapshot: Snapshot
) -> dict[LineId, LineOfUsage]:
    """These lines as they are now, by id; the unknown are absent."""
    wanted = list(dict.fromkeys(refs))
    cursor = connection.cursor(binary=True)
    await cursor.execute(_BY_LINE, ([ref.lane for ref in wanted], [ref.id for ref in wanted]))
    return {LineId(name): line for name, line in _lines(await cursor.fetchall(), now, snapshot).items()}


def _lines(rows: Sequence[tuple[Any, ...]], now: datetime, snapshot: Snapshot) -> dict[str, LineOfUsage]:
    """Rows in the order of use, those of different lines among one another. Of no carrier of ours: left out."""
    heads: dict[str, tuple[Any, ...]] = {}
    usable: dict[str, list[Purse]] = {}
    ended: dict[str, list[Purse]] = {}
    for row in rows:
        name = row[0]
        if name not in heads:
            heads[name], usable[name], ended[name] = row, [], []
        if row[10] is not None:
            purse = Purse(*row[10:])
            into = usable if purse.usable_until is None or purse.usable_until > now else ended
            into[name].append(purse)
    found = {}
    for name, (_, earlier_until, lane, identifier, carrier_id, *rest) in heads.items():
        status, state, zone, active_at, blocked, *_ = rest
        carrier = snapshot.carrier(carrier_id)
        if carrier is None:
            continue
        line = Line(LineRef(lane, LineId(identifier)), carrier_id, status, state, plan_blocks=blocked)
        found[name] = LineOfUsage(
            line=line,
            carrier=carrier,
            zone=_zone(zone),
            purses=tuple(usable[name]),
            frozen=tuple(ended[name]),
            blocks=blocks_of(line, snapshot),
            active_at=active_at,
            earlier_until=earlier_until,
        )
    return found


def untimely(line: LineOfUsage, at: datetime, now: datetime) -> str | None:
    """Why usage at an instant cannot be this line's: `usage_in_future`; `usage_before_line`, an earlier one's."""
    if at > now + _AHEAD:
        return "usage_in_future"
    return "usage_before_line" if line.earlier_until is not None and at < line.earlier_until else None
