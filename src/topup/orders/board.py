"""How sales are going, for those who watch them: what came in the last hour, what is stuck, and whose money waits.

Read by sets, from indexes of what happened lately and of what is not finished: the board of a house with a million
orders a day costs what the last hour of them costs.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from topup.fulfilment import floats
from topup.fulfilment.floats import Float
from topup.ledger.queries import house_balances
from topup.orders.health import Health, going_back, health
from topup.platform.database import Connection, plan_by_values
from topup.work.queries import open_counts

SPAN: Final = timedelta(hours=1)
MINUTES: Final = 60
Dimension = Literal["channel", "method", "carrier"]
DIMENSIONS: Final[tuple[Dimension, ...]] = ("channel", "method", "carrier")
Outcome = Literal["ordered", "paid", "delivered", "failed"]

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "awaiting_payment": "ordered",
    "paid": "paid",
    "delivered": "delivered",
    "refunding": "failed",
    "needs_person": "failed",
}
"""What a step counts as. What was not paid has not failed: nobody wanted it."""
FROZEN: Final = ("suspense", "disputes", "clearing:sharing")
"""Accounts of ours in which money waits that belongs to others; those that do not exist are empty."""

_MINUTES: Final = """
WITH steps AS MATERIALIZED (
    SELECT h.lane, h.order_id, h.state, h.at FROM orders.history AS h
    WHERE h.at >= %(since)s AND h.state = ANY (%(states)s)
)
SELECT least(extract(epoch FROM s.at - %(since)s)::integer / 60, %(last)s), s.state, {name},
    count(*), coalesce(p.currency, o.currency),
    coalesce(sum(p.amount_minor) FILTER (WHERE s.state = 'paid'), 0)::bigint
FROM steps AS s JOIN orders.orders AS o ON o.lane = s.lane AND o.id = s.order_id
LEFT JOIN payments.payments AS p ON p.lane = o.lane AND p.id = o.kept_payment_id
GROUP BY 1, 2, 3, 5
"""
_NAMES: Final[Mapping[Dimension, str]] = {
    "channel": "o.channel",
    "method": "coalesce(p.method, '')",
    "carrier": "o.carrier_id",
}
_UNKNOWN: Final = """
SELECT state, count(*), percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY %(now)s - state_since)
FROM orders.orders
WHERE state IN ('paid', 'delivering', 'unresolved', 'refunding', 'needs_person') GROUP BY state
"""


@dataclass(slots=True)
class Series:
    """One channel, method or carrier: how many a minute, oldest first, and what was paid by currency in minor units."""

    name: str
    minutes: dict[Outcome, list[int]] = field(
        default_factory=lambda: {outcome: [0] * MINUTES for outcome in dict.fromkeys(_OUTCOMES.values())}
    )
    paid_minor: Counter[str] = field(default_factory=Counter)

    def total(self, outcome: Outcome) -> int:
        """How many in the hour."""
        return sum(self.minutes[outcome])

    @property
    def success(self) -> float | None:
        """The share of what was paid and has ended that was delivered; None where nothing has ended."""
        ended = self.total("delivered") + self.total("failed")
        return self.total("delivered") / ended if ended else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Orders in a state in which they should not stay: how many, and half and 99 in a hundred of them how young."""

    state: str
    count: int
    median: timedelta
    p99: timedelta


@dataclass(frozen=True, slots=True)
class Board:
    """All of it, `at` a time. `frozen` and `going_back` are by currency, in minor units."""

    at: datetime
    since: datetime
    everything: Series
    series: tuple[Series, ...]
    waiting: tuple[Waiting, ...]
    to_decide: Mapping[str, int]
    frozen: Mapping[str, int]
    going_back: Mapping[str, int]
    gateways: tuple[Health, ...]
    floats: tuple[Float, ...]


async def board(connection: Connection, now: datetime, *, by: Dimension) -> Board:
    """The last hour, told apart by channel, method or carrier, and what waits now."""
    await plan_by_values(connection)
    since = (now - SPAN).replace(second=0, microsecond=0) + timedelta(minutes=1)
    series = await _series(connection, since, by)
    frozen: Counter[str] = Counter()
    for (code, asset), balance in (await house_balances(connection)).items():
        if code in FROZEN:
            frozen[asset] += balance
    return Board(
        at=now,
        since=since,
        everything=_together(series),
        series=tuple(sorted(series, key=_busiest)),
        waiting=await _waiting(connection, now),
        to_decide=await open_counts(connection),
        frozen={asset: amount for asset, amount in frozen.items() if amount},
        going_back=await going_back(connection),
        gateways=tuple(await health(connection, since)),
        floats=tuple(await floats.known(connection)),
    )


async def _series(connection: Connection, since: datetime, by: Dimension) -> list[Series]:
    parameters = {"since": since, "states": list(_OUTCOMES), "last": MINUTES - 1}
    cursor = await connection.execute(_MINUTES.format(name=_NAMES[by]), parameters)
    found: defaultdict[str, Series] = defaultdict(lambda: Series(""))
    for minute, state, name, count, currency, paid_minor in await cursor.fetchall():
        one = found[name]
        one.name = name
        one.minutes[_OUTCOMES[state]][minute] += count
        if paid_minor:
            one.paid_minor[currency] += paid_minor
    return list(found.values())


def _together(series: Sequence[Series]) -> Series:
    whole = Series("")
    for one in series:
        for outcome, minutes in one.minutes.items():
            whole.minutes[outcome] = [a + b for a, b in zip(whole.minutes[outcome], minutes, strict=True)]
        whole.paid_minor += one.paid_minor
    return whole


def _busiest(series: Series) -> tuple[int, str]:
    return -series.total("ordered"), series.name


async def _waiting(connection: Connection, now: datetime) -> tuple[Waiting, ...]:
    rows = await (await connection.execute(_UNKNOWN, {"now": now})).fetchall()
    return tuple(Waiting(state, count, *ages) for state, count, ages in sorted(rows))
