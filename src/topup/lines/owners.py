"""Which subscriber has which line in their account: bound by a code sent to the line's number.

A line may be in several accounts (one's own, and a daughter's who looks after it), each with its own name for it. One
that ended, or whose number went to another carrier, is in nobody's account from that moment: it is not read any more,
and a sweep removes what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import LineId
from topup.lines import registered
from topup.lines.holders import same_holders
from topup.lines.queries import LineRef, lines_now
from topup.people.subscribers.alerts import AlertKind, alert
from topup.people.subscribers.sealing import PersonalSeal
from topup.platform.arrays import columns
from topup.platform.database import Connection, Database
from topup.platform.jobs import Sweep

MOST_LINES: Final = 20
"""Of one subscriber."""
MOST_OWNERS: Final = 5
"""Of one line."""
LONGEST_NAME: Final = 40
_EVERY_S: Final = 3_600.0
"""What ended is read by nobody meanwhile, and to find it takes a look at every entry."""
_BATCH: Final = 500

_THERE = """
JOIN lines.lines AS l ON l.lane = o.lane AND l.id = o.line_id AND l.status <> 'closed'
JOIN lines.numbers AS n ON n.lane = o.lane AND n.line_id = o.line_id AND n.until IS NULL
"""
_OF = f"""
SELECT o.lane, o.line_id, n.msisdn, l.carrier_id, l.zone, o.name, o.bound_at, n.since
FROM lines.owners AS o {_THERE}
WHERE o.subscriber_id = %s ORDER BY o.position, o.bound_at
"""
_OWNERS = f"SELECT o.subscriber_id FROM lines.owners AS o {_THERE} WHERE o.lane = %s AND o.line_id = %s"
_OWNED = f"""
SELECT o.line_id, o.subscriber_id, n.msisdn, l.zone
FROM unnest(%b::smallint[], %b::text[]) AS u (lane, line_id)
JOIN lines.owners AS o ON o.lane = u.lane AND o.line_id = u.line_id {_THERE}
ORDER BY o.line_id, o.bound_at
"""
_LOCK = "SELECT id FROM lines.lines WHERE lane = %s AND id = %s FOR UPDATE"
_COUNTS = """
SELECT (SELECT count(*) FROM lines.owners WHERE subscriber_id = %(subscriber)s),
    (SELECT count(*) FROM lines.owners WHERE lane = %(lane)s AND line_id = %(line)s),
    (SELECT coalesce(max(position), 0) + 1 FROM lines.owners WHERE subscriber_id = %(subscriber)s)
"""
_BIND = """
INSERT INTO lines.owners (lane, line_id, subscriber_id, position, bound_at)
VALUES (%(lane)s, %(line)s, %(subscriber)s, %(position)s, %(now)s) ON CONFLICT DO NOTHING RETURNING line_id
"""
_UNBIND = "DELETE FROM lines.owners WHERE subscriber_id = %s AND lane = %s AND line_id = %s RETURNING line_id"
_NAME = "UPDATE lines.owners SET name = %s WHERE subscriber_id = %s AND lane = %s AND line_id = %s RETURNING line_id"
_PLACE = "UPDATE lines.owners SET position = %s WHERE subscriber_id = %s AND lane = %s AND line_id = %s"
_GONE = """
DELETE FROM lines.owners WHERE (lane, line_id, subscriber_id) IN (
    SELECT o.lane, o.line_id, o.subscriber_id FROM lines.owners AS o
    JOIN lines.lines AS l ON l.lane = o.lane AND l.id = o.line_id
    WHERE o.lane = %s AND l.status = 'closed' LIMIT %s FOR UPDATE OF o SKIP LOCKED)
RETURNING subscriber_id
"""


@dataclass(frozen=True, slots=True)
class OwnedLine:
    """A line in somebody's account: its number in E.164, which it has `since`, its carrier, and its zone (IANA). `name`
    is theirs for it.
    """

    ref: LineRef
    e164: str
    carrier_id: str
    zone: str
    name: str
    bound_at: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class Owned:
    """Somebody who has a line in their account, the line's number in E.164 and its zone (IANA)."""

    subscriber_id: str
    e164: str
    zone: str


async def lines_of(connection: Connection, *, subscriber_id: str, seal: PersonalSeal) -> list[OwnedLine]:
    """The lines in somebody's account, in their order. Those that ended are not among them."""
    cursor = await connection.execute(_OF, [subscriber_id])
    return [
        OwnedLine(
            LineRef(lane, LineId(line_id)),
            e164,
            carrier_id,
            zone,
            seal.open(name, _what(line_id)) if name is not None else "",
            bound_at,
            since,
        )
        for lane, line_id, e164, carrier_id, zone, name, bound_at, since in await cursor.fetchall()
    ]


async def owners_of(connection: Connection, *, line: LineRef) -> list[str]:
    """The ids of the subscribers who have a line in their account; none where it ended."""
    cursor = await connection.execute(_OWNERS, (line.lane, line.id))
    return [row[0] for row in await cursor.fetchall()]


async def owned(connection: Connection, lines: Sequence[LineRef]) -> dict[LineId, list[Owned]]:
    """Who has these lines in their accounts, by line; of one that ended, or is in nobody's, no entry. One query."""
    if not lines:
        return {}
    cursor = await connection.execute(_OWNED, columns(sorted({(line.lane, line.id) for line in lines})))
    found: dict[LineId, list[Owned]] = {}
    for line_id, *rest in await cursor.fetchall():
        found.setdefault(LineId(line_id), []).append(Owned(*rest))
    return found


async def owns(connection: Connection, *, subscriber_id: str, line: LineRef) -> bool:
    """Whether somebody has this line in their account."""
    return subscriber_id in await owners_of(connection, line=line)


async def bind(connection: Connection, *, subscriber_id: str, line: LineRef, now: datetime) -> bool:
    """Put a line into somebody's account; False where it was there. Raises NotFound `line_unknown`, Conflict
    `lines_too_many`, `owners_too_many`.
    """
    if await (await connection.execute(_LOCK, (line.lane, line.id))).fetchone() is None:
        raise NotFound("line_unknown")
    parameters = {"subscriber": subscriber_id, "lane": line.lane, "line": line.id, "now": now}
    row = await (await connection.execute(_COUNTS, parameters)).fetchone()
    own, others, position = row or (0, 0, 1)
    if await owns(connection, subscriber_id=subscriber_id, line=line):
        return False
    if own >= MOST_LINES:
        raise Conflict("lines_too_many", most=MOST_LINES)
    if others >= MOST_OWNERS:
        raise Conflict("owners_too_many", most=MOST_OWNERS)
    cursor = await connection.execute(_BIND, parameters | {"position": position})
    return await cursor.fetchone() is not None


async def unbind(connection: Connection, *, subscriber_id: str, line: LineRef) -> None:
    """Take a line out of somebody's account; nothing else becomes of it. Raises NotFound `line_unknown`."""
    if await (await connection.execute(_UNBIND, (subscriber_id, line.lane, line.id))).fetchone() is None:
        raise NotFound("line_unknown")


async def call(connection: Connection, *, subscriber_id: str, line: LineRef, name: str, seal: PersonalSeal) -> None:
    """Give a line a name ("Mum"), or none; it is cut at LONGEST_NAME. Raises NotFound `line_unknown`."""
    plain = " ".join(name.split())[:LONGEST_NAME]
    sealed = seal.seal(plain, _what(line.id)) if plain else None
    if await (await connection.execute(_NAME, (sealed, subscriber_id, line.lane, line.id))).fetchone() is None:
        raise NotFound("line_unknown")


async def put_first(connection: Connection, *, subscriber_id: str, line: LineRef, seal: PersonalSeal) -> None:
    """Move a line to the top. Raises NotFound `line_unknown`."""
    there = [one.ref for one in await lines_of(connection, subscriber_id=subscriber_id, seal=seal)]
    if line not in there:
        raise NotFound("line_unknown")
    for position, ref in enumerate([line, *(one for one in there if one != line)], start=1):
        await connection.execute(_PLACE, (position, subscriber_id, ref.lane, ref.id))


async def forget_ended(connection: Connection, *, lane: int, limit: int) -> list[str]:
    """Remove up to `limit` entries of a lane's lines that ended; the subscribers whose they were."""
    return [row[0] for row in await (await connection.execute(_GONE, (lane, limit))).fetchall()]


def sweeps(*, database: Database, lanes: int) -> list[Sweep]:
    """What runs by itself: entries of lines that ended are removed, and whose they were is told so in the app."""
    forgetting = Sweep("lines.owners", _EVERY_S, partial(_forget, database, lanes), batch=_BATCH)
    return [forgetting, *registered.sweeps(database=database, lanes=lanes)]


async def _forget(database: Database, lanes: int) -> int:
    done = 0
    for lane in range(lanes):
        async with database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            whose = await forget_ended(connection, lane=lane, limit=_BATCH)
            for subscriber_id in sorted(whose):
                await alert(connection, subscriber_id=subscriber_id, kind=AlertKind.LINE_GONE, now=now)
        done += len(whose)
    return done


class OwnNumbers:
    """`people.subscribers.ports.Numbers`, by our lines."""

    async def same_holder(self, connection: Connection, *, e164: str, since: datetime, now: datetime) -> bool:
        """As `holders.same_holders` says."""
        return bool(await same_holders(connection, [(e164, since)], now))

    async def proven(self, connection: Connection, *, subscriber_id: str, e164: str, now: datetime) -> None:
        """Their own line, where it is one of ours and they have it not yet, comes into their account."""
        line = (await lines_now(connection, [e164])).get(e164)
        if line is None or line.status == "closed":
            return
        try:
            await bind(connection, subscriber_id=subscriber_id, line=line.ref, now=now)
        except Conflict:
            # Full: it can be bound by hand when there is room. Coming in must not fail for it.
            return

    async def forget(self, connection: Connection, *, subscriber_id: str) -> None:
        """No line is in an account that ended."""
        await connection.execute("DELETE FROM lines.owners WHERE subscriber_id = %s", [subscriber_id])


def _what(line_id: str) -> str:
    return f"line:{line_id}"
