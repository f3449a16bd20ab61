"""Notices: what somebody finds in the app, read or unread, and is written of by whatever else they chose.

A notice is written in the transaction that makes its news; of one cause each reader is told once. Readers are ids:
whose they are, and where they can be written to, the rooms above know. `page` says what is there, `due` hands on what
is to be sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from topup.kernel.ids import lane_of, new_id
from topup.notifications.operations import UnknownTemplate
from topup.notifications.templates import TEMPLATES, Parameter, to_json
from topup.platform.arrays import columns
from topup.platform.database import Connection

PAGE: Final = 30
KEPT_FOR: Final = timedelta(days=400)
GATHERED_FOR: Final = timedelta(minutes=1)
"""So long a notice waits for others, so that many at once come as one message."""

_ADD: Final = """
INSERT INTO notifications.notices
    (lane, reader, id, cause, kind, template, parameters, zone, urgent, not_by, until, written_at, send_at)
SELECT u.lane, u.reader, u.id, u.cause, u.kind, u.template, u.parameters, u.zone, u.urgent,
    string_to_array(u.not_by, ','), u.until, %(now)s,
    CASE WHEN u.shown_only THEN NULL WHEN u.urgent THEN %(now)s ELSE %(now)s + %(gather)s END
FROM unnest(%(lanes)b::smallint[], %(readers)b::text[], %(ids)b::text[], %(causes)b::text[], %(kinds)b::text[],
            %(templates)b::text[], %(parameters)b::jsonb[], %(zones)b::text[], %(urgent)b::boolean[],
            %(not_by)b::text[], %(untils)b::timestamptz[], %(shown_only)b::boolean[])
    AS u (lane, reader, id, cause, kind, template, parameters, zone, urgent, not_by, until, shown_only)
ORDER BY u.lane, u.reader, u.cause
ON CONFLICT (lane, reader, cause) DO NOTHING
"""
_COLUMNS: Final = "n.id, n.kind, n.template, n.parameters, n.zone, n.written_at, n.read_at"
_PAGE: Final = f"""
SELECT {_COLUMNS} FROM notifications.notices AS n
WHERE n.lane = %s AND n.reader = %s AND n.id < %s ORDER BY n.lane DESC, n.reader DESC, n.id DESC LIMIT %s
"""
_UNREAD: Final = """
SELECT count(*) FROM (
    SELECT 1 FROM notifications.notices WHERE lane = %s AND reader = %s AND read_at IS NULL LIMIT %s
) AS unread
"""
_READ: Final = """
UPDATE notifications.notices SET read_at = %s WHERE lane = %s AND reader = %s AND id <= %s AND read_at IS NULL
"""
_LANES_DUE: Final = """
SELECT w.lane FROM unnest(%s::smallint[]) AS w (lane)
WHERE EXISTS (SELECT FROM notifications.notices AS n WHERE n.lane = w.lane AND n.send_at <= %s)
"""
_ALONE: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('notifications.notices', %s))"
_DUE: Final = """
SELECT n.reader, n.id, n.kind, n.template, n.parameters, n.zone, n.urgent, n.not_by, n.until
FROM notifications.notices AS n
WHERE n.lane = %(lane)s AND n.send_at <= %(now)s + %(gather)s AND n.reader IN (
    SELECT DISTINCT d.reader FROM (
        SELECT reader FROM notifications.notices
        WHERE lane = %(lane)s AND send_at <= %(now)s ORDER BY send_at LIMIT %(limit)s
    ) AS d)
ORDER BY n.reader, n.id
"""
_SETTLE: Final = """
UPDATE notifications.notices AS n SET send_at = u.send_at
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::timestamptz[]) AS u (lane, reader, id, send_at)
WHERE n.lane = u.lane AND n.reader = u.reader AND n.id = u.id
"""
_FORGET_OLD: Final = """
DELETE FROM notifications.notices WHERE (lane, reader, id) IN (
    SELECT lane, reader, id FROM notifications.notices WHERE written_at < %s ORDER BY written_at LIMIT %s
    FOR UPDATE SKIP LOCKED)
"""
_MOST_COUNTED: Final = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell one reader. `cause` names it; `not_by`: by what they were told it already (`mail`, `sms`);
    `shown_only`: it is found in the app, and sent by nothing.
    """

    reader: str
    cause: str
    kind: str
    template: str
    parameters: Mapping[str, Parameter]
    zone: str
    urgent: bool = False
    not_by: Sequence[str] = ()
    until: datetime | None = None
    shown_only: bool = False

    def __post_init__(self) -> None:
        if TEMPLATES.get(self.template) != frozenset(self.parameters):
            raise UnknownTemplate(self.template)


@dataclass(frozen=True, slots=True)
class Shown:
    """A notice as its reader finds it; `parameters` as `templates.say` takes them."""

    id: str
    kind: str
    template: str
    parameters: Mapping[str, Any]
    zone: str
    written_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that is to be sent by whatever its reader chose."""

    reader: str
    id: str
    kind: str
    template: str
    parameters: Mapping[str, Any]
    zone: str
    urgent: bool
    not_by: Sequence[str]
    until: datetime | None


async def add(connection: Connection, notices: Sequence[Notice], now: datetime) -> None:
    """Write notices down; those whose cause their reader was told of are passed over."""
    if not notices:
        return
    lanes = [lane_of(notice.reader) for notice in notices]
    parameters = {
        "now": now,
        "gather": GATHERED_FOR,
        "lanes": lanes,
        "readers": [notice.reader for notice in notices],
        "ids": [new_id("notice", lane) for lane in lanes],
        "causes": [notice.cause for notice in notices],
        "kinds": [notice.kind for notice in notices],
        "templates": [notice.template for notice in notices],
        "parameters": [Jsonb(to_json(notice.parameters)) for notice in notices],
        "zones": [notice.zone for notice in notices],
        "urgent": [notice.urgent for notice in notices],
        "not_by": [",".join(notice.not_by) for notice in notices],
        "untils": [notice.until for notice in notices],
        "shown_only": [notice.shown_only for notice in notices],
    }
    await connection.execute(_ADD, parameters)


async def page(connection: Connection, *, reader: str, before: str = "~") -> list[Shown]:
    """The newest of a reader's notices, or those before one; at most PAGE."""
    cursor = await connection.execute(_PAGE, (lane_of(reader), reader, before, PAGE))
    return [Shown(*row) for row in await cursor.fetchall()]


async def unread(connection: Connection, *, reader: str) -> int:
    """How many a reader has not read; not counted further than a hundred."""
    row = await (await connection.execute(_UNREAD, (lane_of(reader), reader, _MOST_COUNTED))).fetchone()
    return int(row[0]) if row else 0


async def read(connection: Connection, *, reader: str, up_to: str, now: datetime) -> None:
    """A reader has seen the notice `up_to` and those before it."""
    await connection.execute(_READ, (now, lane_of(reader), reader, up_to))


async def lanes_due(connection: Connection, lanes: Sequence[int], now: datetime) -> list[int]:
    """Those of `lanes` in which something is to be sent."""
    cursor = await connection.execute(_LANES_DUE, (list(lanes), now))
    return [lane for (lane,) in await cursor.fetchall()]


async def due(connection: Connection, *, lane: int, now: datetime, limit: int) -> list[Due]:
    """What is to be sent of a lane, whole readers, in their order, with what would come soon after it. The lane's
    notices are this transaction's until it ends: where another has them, nothing.
    """
    row = await (await connection.execute(_ALONE, [lane])).fetchone()
    if row is None or not row[0]:
        return []
    parameters = {"lane": lane, "now": now, "gather": GATHERED_FOR, "limit": limit}
    return [Due(*row) for row in await (await connection.execute(_DUE, parameters)).fetchall()]


async def settle(connection: Connection, becomes: Sequence[tuple[Due, datetime | None]]) -> None:
    """Note of each when it is to be looked at again, or (None) that all is done."""
    if becomes:
        rows = [(lane_of(one.reader), one.reader, one.id, at) for one, at in becomes]
        await connection.execute(_SETTLE, columns(rows))


async def everything(connection: Connection, *, reader: str) -> list[Shown]:
    """All there is of a reader, newest first."""
    cursor = await connection.execute(_PAGE, (lane_of(reader), reader, "~", None))
    return [Shown(*row) for row in await cursor.fetchall()]


async def forget(connection: Connection, *, reader: str) -> None:
    """Remove all there is of a reader."""
    await connection.execute(
        "DELETE FROM notifications.notices WHERE lane = %s AND reader = %s", (lane_of(reader), reader)
    )


async def forget_old(connection: Connection, now: datetime, *, limit: int) -> int:
    """Let go of up to `limit` that are older than KEPT_FOR; how many."""
    return (await connection.execute(_FORGET_OLD, (now - KEPT_FOR, limit))).rowcount
