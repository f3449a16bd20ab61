"""Under which keys sessions were opened: each opens one, whichever line it is asked for, however many ask at once.

A session lives in the lane of its line, and two openings under one key may name lines of different lanes. So the key is
claimed in a lane of its own, the one thing that all who send it agree about (as usage.records does with ids).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from topup.charging.sessions.rows import COLUMNS, Session, made
from topup.kernel.ids import lane_for
from topup.platform.arrays import columns
from topup.platform.database import Connection

Key = tuple[str, str]
"""Who opened a session, and under which key of theirs."""

_OPENED: Final = f"""
SELECT {COLUMNS}
FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS wanted (lane, opened_by, client_key)
JOIN charging.usage_openings AS o
    ON o.lane = wanted.lane AND o.opened_by = wanted.opened_by AND o.client_key = wanted.client_key
JOIN charging.usage_sessions AS s ON s.lane = o.session_lane AND s.id = o.session_id
"""
_CLAIM: Final = """
INSERT INTO charging.usage_openings (lane, opened_by, client_key, session_lane, session_id)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::smallint[], %b::text[])
ON CONFLICT DO NOTHING RETURNING session_id
"""
_FORGET: Final = """
DELETE FROM charging.usage_openings AS o
USING unnest(%b::smallint[], %b::text[], %b::text[]) AS old (lane, opened_by, client_key)
WHERE o.lane = old.lane AND o.opened_by = old.opened_by AND o.client_key = old.client_key
"""


async def opened(connection: Connection, keys: Iterable[Key], lanes: int) -> dict[Key, Session]:
    """The sessions that were opened under these keys, whichever line's they are."""
    wanted = _placed(keys, lanes)
    if not wanted:
        return {}
    cursor = connection.cursor(binary=True)
    await cursor.execute(_OPENED, columns(wanted))
    found = [made(row) for row in await cursor.fetchall()]
    return {(session.opened_by, session.client_key): session for session in found}


async def claim(connection: Connection, sessions: Sequence[Session], lanes: int) -> bool:
    """Have the keys of new sessions to ourselves; False where one was another's meanwhile: then undo all."""
    if not sessions:
        return True
    places = {(session.opened_by, session.client_key): (session.lane, session.id) for session in sessions}
    rows = [(*placed, *places[placed[1:]]) for placed in _placed(places, lanes)]
    cursor = await connection.execute(_CLAIM, columns(rows))
    return len(await cursor.fetchall()) == len(rows)


async def forget(connection: Connection, keys: Iterable[Key], lanes: int) -> None:
    """Let these keys open sessions again: theirs are no more."""
    old = _placed(keys, lanes)
    if old:
        await connection.execute(_FORGET, columns(old))


def _placed(keys: Iterable[Key], lanes: int) -> list[tuple[int, str, str]]:
    """With the lane of each, in one order, so that none waits in a circle."""
    return sorted((lane_for(f"{opened_by} {key}", lanes), opened_by, key) for opened_by, key in set(keys))
