"""Reading messages: how many are in which state, for those who watch."""

from datetime import datetime

from topup.platform.database import Connection

_COUNT = "SELECT state, count(*) FROM notifications.messages GROUP BY state ORDER BY state"
_OLDEST = "SELECT min(send_at) FROM notifications.messages WHERE send_at IS NOT NULL"


async def counts(connection: Connection) -> dict[str, int]:
    """How many messages are in each state."""
    cursor = await connection.execute(_COUNT)
    return dict(await cursor.fetchall())


async def oldest_due(connection: Connection) -> datetime | None:
    """When the message that waits longest was due, or None when nothing waits."""
    row = await (await connection.execute(_OLDEST)).fetchone()
    return row[0] if row else None
