"""What the ledger holds: reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from topup.kernel.ids import AccountId, LineId, lane_of
from topup.platform.arrays import columns
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of a line: `balance` minor units of `asset`, `held` of them promised; usable before `usable_until`
    (None: no end); `rule` says why that date."""

    id: AccountId
    line_id: LineId
    asset: str
    kind: str
    scope: str
    priority: int
    balance: int
    held: int
    usable_until: datetime | None
    rule: Mapping[str, Any]

    @property
    def available(self) -> int:
        """What is not promised."""
        return self.balance - self.held


async def buckets(connection: Connection, line_ids: Sequence[LineId]) -> dict[LineId, list[Bucket]]:
    """The open buckets of each line in their order of use: priority, soonest end, oldest."""
    if not line_ids:
        return {}
    async with connection.cursor(row_factory=class_row(Bucket), binary=True) as cursor:
        await cursor.execute(
            "SELECT b.id, b.line_id, b.asset, b.kind, b.scope, b.priority, b.balance, b.held, b.usable_until, b.rule"
            " FROM unnest(%b::smallint[], %b::text[]) AS wanted (lane, line_id)"
            " JOIN ledger.buckets b ON b.lane = wanted.lane AND b.line_id = wanted.line_id AND b.closed_at IS NULL"
            " ORDER BY b.priority, b.usable_until NULLS LAST, b.opened_sequence",
            columns((lane_of(line_id), line_id) for line_id in line_ids),
        )
        found: dict[LineId, list[Bucket]] = {}
        for bucket in await cursor.fetchall():
            found.setdefault(bucket.line_id, []).append(bucket)
        return found


async def house_balances(connection: Connection) -> dict[tuple[str, str], int]:
    """Our own accounts by (code, asset), summed over lanes, in minor units."""
    cursor = await connection.execute(
        "SELECT code, asset, sum(balance)::bigint FROM ledger.house_accounts GROUP BY code, asset"
    )
    return {(code, asset): balance for code, asset, balance in await cursor.fetchall()}
