"""What somebody has of points, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.ids import LineId, lane_of
from topup.ledger.queries import Bucket, TransferRow, buckets, scopes_of, transfers_of_line
from topup.offers.points import records
from topup.offers.points.postings import POINTS, AccountKey, available, carrier_of, is_of
from topup.platform.database import Connection

_BUCKET: Final = "acc_"


@dataclass(frozen=True, slots=True)
class Ending:
    """So many points that may be used until then (None: without end)."""

    points: int
    usable_until: datetime | None


@dataclass(frozen=True, slots=True)
class Balance:
    """Somebody's points with a carrier: what may be used now, what is promised to orders that wait to be paid, what is
    owed, and when what there is ends, the soonest first.
    """

    carrier_id: str
    available: int
    held: int
    owed: int
    endings: tuple[Ending, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """Points that came (`points` above 0) or went, why, and for which order, at a place of the ledger's chain."""

    sequence: int
    at: datetime
    points: int
    purpose: str
    reference: str
    carrier_id: str


async def usable(connection: Connection, keys: Sequence[AccountKey], now: datetime) -> dict[AccountKey, int]:
    """How many points of each account a price may be paid with: what is owed is settled first."""
    if not keys:
        return {}
    found = await buckets(connection, [key.holder for key in keys])
    owed = await records.owed(connection, keys)
    return {key: max(available(found.get(key.holder, ()), key, now) - owed.get(key, 0), 0) for key in keys}


async def balances(connection: Connection, subscriber_id: str, now: datetime) -> list[Balance]:
    """Somebody's points with each carrier where they ever had some."""
    owed = await records.accounts(connection, subscriber_id)
    if not owed:
        return []
    found = (await buckets(connection, [LineId(subscriber_id)])).get(LineId(subscriber_id), [])
    return [_balance(key, owes, [one for one in found if is_of(one, key) and one.is_usable(now)])
            for key, owes in owed.items()]  # fmt: skip


def _balance(key: AccountKey, owed: int, there: Sequence[Bucket]) -> Balance:
    return Balance(
        key.carrier_id,
        sum(one.available for one in there),
        sum(one.held for one in there),
        owed,
        tuple(Ending(one.balance, one.usable_until) for one in there if one.balance),
    )


async def movements(
    connection: Connection, subscriber_id: str, *, before: int | None = None, limit: int = 50
) -> list[Movement]:
    """What became of somebody's points, newest first; `before` is the last one of the page before."""
    rows = await transfers_of_line(
        connection, lane=lane_of(subscriber_id), line_id=LineId(subscriber_id), before=before, limit=limit
    )
    rows = [row for row in rows if row.asset == POINTS]
    buckets_ = {name for row in rows for name in (row.debit, row.credit) if name.startswith(_BUCKET)}
    scopes = await scopes_of(connection, lane=lane_of(subscriber_id), ids=sorted(buckets_))
    return [_movement(row, scopes) for row in rows]


def _movement(row: TransferRow, scopes: Mapping[str, str]) -> Movement:
    came = row.credit.startswith(_BUCKET)
    scope = scopes.get(row.credit if came else row.debit, "")
    points = row.amount if came else -row.amount
    return Movement(row.sequence, row.created_at, points, row.purpose, row.reference, carrier_of(scope))
