"""Messages that are given up: nobody knows whether they arrived, or they could not be sent. A person may have one sent
once more while it is of use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import args_row

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import InvalidId, check_id, lane_of
from topup.notifications.states import MAXIMUM_TRIES, MESSAGE, MessageState
from topup.platform.database import Connection

SPAN: Final = timedelta(days=31)
"""Older ones are of no use to anybody."""
MESSAGE_PARKED: Final = "message_parked"
"""The kind of item of the work list for one that is handed to a person."""

_COLUMNS: Final = "lane, id, kind, template, state, tries, until, created_at"
_PARKED: Final = f"""
SELECT {_COLUMNS} FROM notifications.messages
WHERE state IN ('unsure', 'failed') AND created_at > %(since)s ORDER BY created_at DESC, id LIMIT %(limit)s
"""
_COUNT: Final = """
SELECT count(*), min(created_at) FROM notifications.messages
WHERE state IN ('unsure', 'failed') AND created_at > %(since)s
"""
_ONE: Final = f"SELECT {_COLUMNS} FROM notifications.messages WHERE lane = %s AND id = %s FOR UPDATE"
_AGAIN: Final = """
UPDATE notifications.messages SET state = 'waiting', tries = 0, unknowns = 0, send_at = %(now)s
WHERE lane = %(lane)s AND id = %(id)s AND state = ANY (%(sources)s)
"""


@dataclass(frozen=True, slots=True)
class Parked:
    """One of them, without what it says and to whom."""

    lane: int
    id: str
    kind: str
    template: str
    state: str
    tries: int
    until: datetime | None
    created_at: datetime

    def reason(self, now: datetime) -> str:
        """Why it is given up: `unsure`, `late`, `tries` or `address`."""
        if self.state == MessageState.UNSURE:
            return "unsure"
        if not self.of_use(now):
            return "late"
        return "tries" if self.tries >= MAXIMUM_TRIES else "address"

    def of_use(self, now: datetime) -> bool:
        """Whether anybody would want it still."""
        return self.until is None or self.until > now


async def parked(connection: Connection, now: datetime, *, limit: int) -> Sequence[Parked]:
    """Those of SPAN, newest first."""
    async with connection.cursor(row_factory=args_row(Parked)) as cursor:
        await cursor.execute(_PARKED, {"since": now - SPAN, "limit": limit})
        return await cursor.fetchall()


async def parked_count(connection: Connection, now: datetime) -> tuple[int, datetime | None]:
    """How many there are of SPAN, and when the oldest was written."""
    row = await (await connection.execute(_COUNT, {"since": now - SPAN})).fetchone()
    return (row[0], row[1]) if row else (0, None)


async def one(connection: Connection, message_id: str) -> Parked:
    """A message that is given up, locked. Raises NotFound `message_unknown`, Conflict `message_not_parked`."""
    try:
        lane = lane_of(check_id("message", message_id))
    except InvalidId:
        raise NotFound("message_unknown") from None
    async with connection.cursor(row_factory=args_row(Parked)) as cursor:
        await cursor.execute(_ONE, (lane, message_id))
        found = await cursor.fetchone()
    if found is None:
        raise NotFound("message_unknown")
    if found.state not in {MessageState.UNSURE, MessageState.FAILED}:
        raise Conflict("message_not_parked")
    return found


async def try_again(connection: Connection, message_id: str, now: datetime) -> Parked:
    """Have it sent at once, as if for the first time. Raises those of `one`, and Conflict `message_too_late`."""
    found = await one(connection, message_id)
    if not found.of_use(now):
        raise Conflict("message_too_late")
    sources = [state.value for state in MESSAGE.sources(MessageState.WAITING) if state is not MessageState.SENDING]
    await connection.execute(_AGAIN, {"lane": found.lane, "id": found.id, "now": now, "sources": sources})
    return found
