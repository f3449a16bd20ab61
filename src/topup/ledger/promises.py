"""What of holds is promised still, for who keeps account of them and must find out what the ledger did by itself."""

from collections.abc import Iterable
from typing import Final

from topup.platform.arrays import columns
from topup.platform.database import Connection

_LEFT: Final = """
SELECT h.id, h.amount - h.settled
FROM unnest(%b::smallint[], %b::text[]) AS wanted (lane, id)
JOIN ledger.holds AS h ON h.lane = wanted.lane AND h.id = wanted.id AND h.state = 'open'
"""


async def left_of_holds(connection: Connection, holds: Iterable[tuple[int, str]]) -> dict[str, int]:
    """What is promised still of holds given as (lane, id); those that are closed, or unknown, are absent."""
    wanted = sorted(set(holds))
    if not wanted:
        return {}
    cursor = await connection.execute(_LEFT, columns(wanted))
    return dict(await cursor.fetchall())
