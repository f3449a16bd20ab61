"""What the ledger has of one line, for whoever asks from outside: each thing with an id, a status and its times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from psycopg.rows import class_row, dict_row

from topup.kernel.ids import AccountId, HoldId, LineId, lane_of
from topup.ledger.queries import BUCKET_COLUMNS, LONGEST_PAGE, Bucket
from topup.platform.database import Connection

HoldState = Literal["open", "settled", "released"]

_HOLD: Final = """
SELECT h.id, h.line_id, h.asset, h.amount, h.settled, h.state::text AS state, h.purpose, h.reference, h.created_at,
    h.expires_at, h.closed_at
FROM ledger.holds AS h
"""
_HOLDS: Final = f"""
{_HOLD} WHERE h.lane = %s AND h.line_id = %s AND h.state = 'open' ORDER BY h.created_at, h.id LIMIT %s
"""
_BUCKET: Final = f"SELECT {BUCKET_COLUMNS}, b.closed_at FROM ledger.buckets AS b WHERE b.lane = %s AND b.id = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """Something of a line's that is or was promised: `amount`, of which `settled` was taken.

    `state` is open, settled (something was taken) or released (nothing was); `closed_at` when it came to its end.
    """

    id: HoldId
    line_id: LineId
    asset: str
    amount: int
    settled: int
    state: HoldState
    purpose: str
    reference: str
    created_at: datetime
    expires_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class BucketRow:
    """A bucket, also one that is closed since `closed_at`: forfeited, and empty for ever."""

    bucket: Bucket
    closed_at: datetime | None


async def holds_of_line(connection: Connection, *, lane: int, line_id: LineId) -> Sequence[HoldRow]:
    """The open holds of a line, the oldest first, at most LONGEST_PAGE."""
    cursor = connection.cursor(row_factory=class_row(HoldRow))
    await cursor.execute(_HOLDS, (lane, line_id, LONGEST_PAGE))
    return await cursor.fetchall()


async def hold_of(connection: Connection, hold_id: HoldId) -> HoldRow | None:
    """The hold with this id, whatever became of it."""
    cursor = connection.cursor(row_factory=class_row(HoldRow))
    await cursor.execute(f"{_HOLD} WHERE h.lane = %s AND h.id = %s", (lane_of(hold_id), hold_id))
    return await cursor.fetchone()


async def bucket_of(connection: Connection, bucket_id: AccountId) -> BucketRow | None:
    """The bucket with this id, open or closed."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(_BUCKET, (lane_of(bucket_id), bucket_id))
    row = await cursor.fetchone()
    if row is None:
        return None
    closed_at = row.pop("closed_at")
    return BucketRow(Bucket(**row), closed_at)
