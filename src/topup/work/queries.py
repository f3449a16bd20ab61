"""Reading the list of what a person must decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.platform.database import Connection

MAXIMUM_PAGE: Final = 500

_OPEN = """
SELECT id, lane, kind, subject, evidence, created_at
FROM work.items
WHERE state = 'open' AND (%(after)s::timestamptz IS NULL OR (created_at, id) > (%(after)s, %(after_id)s))
ORDER BY created_at, id
LIMIT %(limit)s
"""
_COUNT = "SELECT kind, count(*) FROM work.items WHERE state = 'open' GROUP BY kind ORDER BY kind"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a person must decide; `subject` is the id of what it is about."""

    id: str
    lane: int
    kind: str
    subject: str
    evidence: Mapping[str, object]
    created_at: datetime


async def open_items(connection: Connection, *, after: Item | None = None, limit: int = 100) -> list[Item]:
    """The open items, oldest first, at most `limit` (up to MAXIMUM_PAGE) of those that come `after` the given one."""
    parameters = {
        "after": after.created_at if after else None,
        "after_id": after.id if after else "",
        "limit": min(limit, MAXIMUM_PAGE),
    }
    cursor = await connection.execute(_OPEN, parameters)
    return [Item(*row) for row in await cursor.fetchall()]


async def open_counts(connection: Connection) -> dict[str, int]:
    """How many items of each kind are open."""
    cursor = await connection.execute(_COUNT)
    return dict(await cursor.fetchall())
