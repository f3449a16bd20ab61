"""The lines of one account for who has them: each at a glance, and one with all that is known of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.catalogue.life_cycle import shown_as
from topup.catalogue.queries import Snapshot
from topup.kernel.ids import LineId, lane_of
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger.queries import Bucket, buckets
from topup.lines.cards.queries import Card, card_of_line
from topup.lines.course import facts_of, zone_of
from topup.lines.forecasts import LineForecast, Status, forecast_of
from topup.lines.lives import Life, seen
from topup.lines.queries import LineRef
from topup.lines.rules import ruling_of
from topup.orders.accounts import balance_of
from topup.orders.balance_views import BalanceView
from topup.platform.database import Connection

_LOOKED_BACK: Final = 2_000
"""Transfers of a line that are looked at for when something came last: weeks of a busy line."""
# A transfer between two buckets of the line (what rolls over) is both: it came, and it left.
_SPENT: Final = f"""
WITH recent AS (
    SELECT sequence, asset, amount, starts_with(credit, 'acc_') AS came, starts_with(debit, 'acc_') AS left
    FROM ledger.transfers WHERE lane = %s AND line_id = %s ORDER BY line_id, sequence DESC LIMIT {_LOOKED_BACK}
), arrived AS (
    SELECT asset, max(sequence) AS sequence FROM recent WHERE came GROUP BY asset
)
SELECT arrived.asset, coalesce(sum(recent.amount) FILTER (WHERE recent.left), 0)::bigint
FROM arrived LEFT JOIN recent ON recent.asset = arrived.asset AND recent.sequence > arrived.sequence
GROUP BY arrived.asset
"""


@dataclass(frozen=True, slots=True)
class Glance:
    """A line among others: what it is called before people, the money it can use, when the first of it ends, and how
    much of it that is.
    """

    carrier_names: Mapping[str, str]
    status: Status
    credit: Money
    ends: datetime | None
    ending: Money


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of an asset a line can use, and how much that was when something came last (None: too long ago)."""

    asset: str
    left: int
    full: int | None


@dataclass(frozen=True, slots=True)
class OwnLine:
    """Everything a line's owner may see of it at `now`."""

    forecast: LineForecast
    balance: BalanceView
    meters: tuple[Meter, ...]
    now: datetime
    card: Card | None = None
    has_plans: bool = False
    """Whether its carrier has plans."""


async def glances(
    connection: Connection, lines: Sequence[LineRef], snapshot: Snapshot, now: datetime
) -> dict[LineId, Glance]:
    """These lines at a glance, in two queries; one that ended, or whose carrier's file is no more, is absent."""
    lives = await seen(connection, [(line.lane, str(line.id)) for line in lines])
    held = await buckets(connection, [line.id for line in lines]) if lines else {}
    found = {life.id: _glance(life, held.get(life.id, []), snapshot, now) for life in lives.values()}
    return {identifier: glance for identifier, glance in found.items() if glance is not None}


async def own_line(connection: Connection, msisdn: Msisdn, snapshot: Snapshot, now: datetime) -> OwnLine:
    """The line of a number, for its owner: who asks has checked that it is theirs. Raises NotFound `line_unknown`."""
    forecast = await forecast_of(connection, msisdn, snapshot, now)
    balance = await balance_of(connection, msisdn, snapshot, now)
    line_id = LineId(forecast.line_id)
    ref = LineRef(lane_of(line_id), line_id)
    spent = await spent_since_arrival(connection, line=ref)
    card = await card_of_line(connection, ref)
    carrier = snapshot.carrier(forecast.carrier_id)
    has_plans = carrier is not None and bool(carrier.plans)
    return OwnLine(forecast, balance, _meters(balance, spent), now, card, has_plans)


async def spent_since_arrival(connection: Connection, *, line: LineRef) -> dict[str, int]:
    """Of each asset how much left a line since some of it came last; of what came too long ago, no entry."""
    cursor = await connection.execute(_SPENT, (line.lane, line.id))
    return dict(await cursor.fetchall())


def _glance(life: Life, held: Sequence[Bucket], snapshot: Snapshot, now: datetime) -> Glance | None:
    carrier = snapshot.carrier(life.carrier_id)
    if carrier is None or life.status == "closed":
        return None
    ruling = ruling_of(carrier)
    facts = facts_of(life, ruling, held, now)
    money = [bucket for bucket in held if bucket.asset == carrier.currency and bucket.is_usable(now)]
    ends = min((one.usable_until for one in money if one.usable_until is not None and one.available), default=None)
    shows = shown_as(ruling.rules, facts, now=now, zone=zone_of(life.zone))
    return Glance(
        carrier_names=carrier.document.names,
        status="barred" if life.status == "barred" else shows,
        credit=Money(sum(bucket.available for bucket in money), carrier.currency),
        ends=ends,
        ending=Money(sum(one.available for one in money if ends and one.usable_until == ends), carrier.currency),
    )


def _meters(balance: BalanceView, spent: Mapping[str, int]) -> tuple[Meter, ...]:
    """Money first, then what else there is, in the order of use."""
    left = {balance.credit.currency: 0}
    for bucket in balance.buckets:
        left[bucket.asset] = left.get(bucket.asset, 0) + bucket.available
    return tuple(
        Meter(asset, amount, amount + spent[asset] if asset in spent else None) for asset, amount in left.items()
    )
