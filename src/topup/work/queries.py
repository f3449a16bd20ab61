"""Reading the list of what a person must decide."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.ids import is_id, lane_of
from topup.platform.database import Connection

MAXIMUM_PAGE: Final = 500

_COLUMNS = "id, lane, kind, subject, evidence, created_at, state, decided_at, decided_by, decision, note"
_OPEN = f"""
SELECT {_COLUMNS}
FROM work.items
WHERE state = 'open' AND (%(after)s::timestamptz IS NULL OR (created_at, id) > (%(after)s, %(after_id)s))
ORDER BY created_at, id
LIMIT %(limit)s
"""
_NAMED = f"""
WITH named AS MATERIALIZED (
    SELECT {_COLUMNS} FROM work.items
    WHERE (lane, id) = (%(text_lane)s, %(text)s) OR (subject >= %(text)s AND subject < %(beyond)s)
        OR evidence @? %(named)s::jsonpath
)
"""
"""Whatever a text names, by its indexes; the rest is asked of these few."""
_ONE = f"SELECT {_COLUMNS} FROM work.items WHERE lane = %s AND id = %s"
_IS_OPEN = "SELECT FROM work.items WHERE lane = %s AND kind = %s AND subject = %s AND state = 'open'"
_ABOUT = f"""
SELECT {_COLUMNS} FROM work.items
WHERE lane = %s AND subject = ANY (%s) ORDER BY created_at, id
"""
_EXPLAINED = """
SELECT i.subject, i.id, i.state, i.note, i.decided_by, a.requested_by, a.reason, a.decided_by
FROM unnest(%b::smallint[], %b::text[]) AS place (lane, subject)
JOIN work.items AS i ON i.lane = place.lane AND i.subject = place.subject AND i.kind = %b
LEFT JOIN LATERAL (
    SELECT requested_by, reason, decided_by FROM work.approvals
    WHERE item_lane = i.lane AND item_id = i.id AND state NOT IN ('rejected', 'expired', 'withdrawn')
    ORDER BY requested_at DESC LIMIT 1
) AS a ON TRUE
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
    state: str = "open"
    decided_at: datetime | None = None
    decided_by: str | None = None
    decision: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """An item with what was said of it by who asked that it be let be, and by whom that, or the item, was decided."""

    item_id: str
    state: str
    by: str | None
    reason: str | None
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class Sought:
    """What items are looked for: in a state, of a kind, that name a text as subject or among their evidence, after the
    item `after`. Empty is any. `subjects`: of those only, where they are given.
    """

    state: str = "open"
    kind: str = ""
    text: str = ""
    after: str = ""
    subjects: Sequence[str] | None = None


async def sought_items(connection: Connection, sought: Sought, *, limit: int = 100) -> list[Item]:
    """The items that are looked for, oldest first, at most `limit` (up to MAXIMUM_PAGE)."""
    parameters: dict[str, object] = {"limit": min(limit, MAXIMUM_PAGE)}
    # Said in the statement, so that it goes by the index of the open ones, or of the decided.
    conditions = ["state = 'decided'" if sought.state == "decided" else "state = 'open'"]
    if sought.kind:
        conditions.append("kind = %(kind)s")
        parameters["kind"] = sought.kind
    if sought.subjects is not None:
        conditions.append("subject = ANY (%(subjects)s)")
        parameters["subjects"] = list(sought.subjects)
    if sought.after:
        conditions.append(
            "(created_at, id) > (SELECT i.created_at, i.id FROM work.items AS i"
            " WHERE (i.lane, i.id) = (%(after_lane)s, %(after)s))"
        )
        parameters |= {"after": sought.after, "after_lane": _lane_of(sought.after)}
    if sought.text:
        parameters |= {
            "text": sought.text,
            "text_lane": _lane_of(sought.text),
            "beyond": f"{sought.text}\U0010ffff",
            "named": f"$.* ? (@ == {json.dumps(sought.text)})",
        }
    sql = (
        f"{_NAMED if sought.text else ''} SELECT {_COLUMNS} FROM {'named' if sought.text else 'work.items'}"
        f" WHERE {' AND '.join(conditions)} ORDER BY created_at, id LIMIT %(limit)s"
    )
    cursor = await connection.execute(sql, parameters)
    return [Item(*row) for row in await cursor.fetchall()]


def _lane_of(text: str) -> int:
    """The lane of an item's id; that of no item for any other text."""
    return lane_of(text) if is_id("work", text) else -1


async def item(connection: Connection, lane: int, item_id: str) -> Item | None:
    """One item, open or decided."""
    cursor = await connection.execute(_ONE, (lane, item_id))
    row = await cursor.fetchone()
    return Item(*row) if row else None


async def is_open(connection: Connection, lane: int, kind: str, subject: str) -> bool:
    """Whether a person has one of this kind about this subject to decide."""
    cursor = await connection.execute(_IS_OPEN, (lane, kind, subject))
    return await cursor.fetchone() is not None


async def about(connection: Connection, lane: int, subjects: Sequence[str]) -> list[Item]:
    """The items of a lane, open and decided, that are about any of `subjects`, oldest first."""
    cursor = await connection.execute(_ABOUT, (lane, list(subjects)))
    return [Item(*row) for row in await cursor.fetchall()]


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


async def explained(connection: Connection, kind: str, places: Sequence[tuple[int, str]]) -> dict[str, Explained]:
    """The items of a kind about these subjects (lane, subject), by subject, each with the last request about it that
    was not turned down.
    """
    parameters = ([lane for lane, _ in places], [subject for _, subject in places], kind)
    rows = await (await connection.execute(_EXPLAINED, parameters)).fetchall()
    return {
        subject: Explained(item_id, state, by, reason if by else note, decided or item_decided)
        for subject, item_id, state, note, item_decided, by, reason, decided in rows
    }
