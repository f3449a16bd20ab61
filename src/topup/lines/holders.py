"""Whether a number is still whose it was: by our lines, where it has had one, and by how long carriers let it rest."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from topup.people.subscribers.entering import REST
from topup.platform.arrays import columns
from topup.platform.database import Connection

_HISTORY: Final = """
SELECT w.msisdn, w.since,
    EXISTS (SELECT FROM lines.numbers AS n JOIN lines.lines AS l ON l.lane = n.lane AND l.id = n.line_id
        WHERE n.msisdn = w.msisdn AND n.until IS NULL AND n.since <= w.since AND l.status <> 'closed'),
    EXISTS (SELECT FROM lines.numbers AS n WHERE n.msisdn = w.msisdn AND n.until > w.since
        AND NOT EXISTS (SELECT FROM lines.ported_numbers AS p WHERE p.msisdn = n.msisdn AND p.since = n.until))
FROM unnest(%b::text[], %b::timestamptz[]) AS w (msisdn, since)
"""


async def same_holders(connection: Connection, numbers: Sequence[tuple[str, datetime]], now: datetime) -> set[str]:
    """Of numbers (E.164, and when they were last known to be somebody's) those that can be nobody else's now.

    Yes where the line of then still has the number; no where a line lost it since, but to another carrier; else for
    REST: carriers let a number rest before they give it on. One query.
    """
    if not numbers:
        return set()
    cursor = await connection.execute(_HISTORY, columns(numbers))
    return {
        e164 for e164, since, stays, ended in await cursor.fetchall() if stays or (not ended and now - since < REST)
    }
