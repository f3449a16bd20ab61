"""Numbers a subscriber tops up often, and what they call them ("Grandma").

Sealed with the person's own key, number and name together; at most MOST of them. One that was removed can be taken back
for UNDO, then it is gone. `meant_at` is when they last said that the number is whose they think: whoever knows lines
knows what became of it since.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import lane_of, new_id
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.people.subscribers.accounts import Account
from topup.platform.database import Connection

MOST: Final = 30
"""Of one subscriber."""
LONGEST_NAME: Final = 40
UNDO: Final = timedelta(hours=24)

_LOCK = "SELECT id FROM people.subscribers WHERE id = %s AND erased_at IS NULL FOR UPDATE"
_ALL = """
SELECT id, entry, saved_at, meant_at, removed_at FROM people.saved_numbers WHERE subscriber_id = %s
ORDER BY saved_at, id
"""
_KEEP = """
INSERT INTO people.saved_numbers (id, subscriber_id, entry, saved_at, meant_at)
VALUES (%(id)s, %(subscriber)s, %(entry)s, %(now)s, %(now)s)
ON CONFLICT (id) DO UPDATE SET entry = excluded.entry, meant_at = excluded.meant_at, removed_at = NULL
"""
_NAME = "UPDATE people.saved_numbers SET entry = %s WHERE id = %s"
_MEAN = """
UPDATE people.saved_numbers SET meant_at = %s WHERE id = %s AND subscriber_id = %s AND removed_at IS NULL RETURNING id
"""
_REMOVE = """
UPDATE people.saved_numbers SET removed_at = %s WHERE id = %s AND subscriber_id = %s AND removed_at IS NULL RETURNING id
"""
_BACK = "UPDATE people.saved_numbers SET removed_at = NULL WHERE id = %s"
_FORGET = """
DELETE FROM people.saved_numbers WHERE id IN
    (SELECT id FROM people.saved_numbers WHERE removed_at < %s ORDER BY removed_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class SavedNumber:
    """A number somebody saved. Never printed."""

    id: str
    number: Msisdn
    name: str
    saved_at: datetime
    meant_at: datetime
    removed_at: datetime | None

    def __repr__(self) -> str:
        return f"SavedNumber(id={self.id!r})"


async def saved_by(connection: Connection, whose: Account) -> list[SavedNumber]:
    """What somebody saved, oldest first."""
    return [one for one in await _all(connection, whose) if one.removed_at is None]


async def save(connection: Connection, whose: Account, *, number: Msisdn, name: str, now: datetime) -> str:
    """Keep a number; one that was saved before has this name from now on. Gives its id. Raises Conflict
    `saved_too_many`.
    """
    await _alone(connection, whose)
    there = await _all(connection, whose)
    before = next((one for one in there if one.number.e164 == number.e164), None)
    if before is None or before.removed_at is not None:
        _has_room(there)
    saved_id = before.id if before else new_id("saved", lane_of(whose.id))
    entry = _sealed(whose, saved_id, number, name)
    await connection.execute(_KEEP, {"id": saved_id, "subscriber": whose.id, "entry": entry, "now": now})
    return saved_id


async def rename(connection: Connection, whose: Account, *, saved_id: str, name: str) -> None:
    """Call a number otherwise. Raises NotFound `saved_unknown`."""
    one = await saved_number(connection, whose, saved_id=saved_id)
    await connection.execute(_NAME, (_sealed(whose, saved_id, one.number, name), saved_id))


async def saved_number(connection: Connection, whose: Account, *, saved_id: str) -> SavedNumber:
    """One of them; raises NotFound `saved_unknown`."""
    for one in await saved_by(connection, whose):
        if one.id == saved_id:
            return one
    raise NotFound("saved_unknown")


async def mean(connection: Connection, whose: Account, *, saved_id: str, now: datetime) -> None:
    """They say that the number is still whose it was. Raises NotFound `saved_unknown`."""
    await _changed(connection, _MEAN, (now, saved_id, whose.id))


async def remove(connection: Connection, whose: Account, *, saved_id: str, now: datetime) -> None:
    """Take a number away, for now. Raises NotFound `saved_unknown`."""
    await _changed(connection, _REMOVE, (now, saved_id, whose.id))


async def removed(connection: Connection, whose: Account, *, saved_id: str, now: datetime) -> SavedNumber | None:
    """A number that was removed and can be taken back; None where there is none such."""
    for one in await _all(connection, whose):
        if one.id == saved_id and one.removed_at is not None and now - one.removed_at < UNDO:
            return one
    return None


async def take_back(connection: Connection, whose: Account, *, saved_id: str, now: datetime) -> None:
    """Undo a removal. Raises NotFound `saved_unknown`, Conflict `saved_too_many`."""
    await _alone(connection, whose)
    if await removed(connection, whose, saved_id=saved_id, now=now) is None:
        raise NotFound("saved_unknown")
    _has_room(await _all(connection, whose))
    await connection.execute(_BACK, [saved_id])


async def forget(connection: Connection, now: datetime, *, limit: int) -> int:
    """Let go of up to `limit` that were removed; how many."""
    return (await connection.execute(_FORGET, (now - UNDO, limit))).rowcount


async def records(connection: Connection, whose: Account) -> list[dict[str, Any]]:
    """What is kept, to be taken along; also what was removed and is still there."""
    return [
        {"number": one.number.e164, "name": one.name, "added_at": one.saved_at.isoformat()}
        for one in await _all(connection, whose)
    ]


async def _alone(connection: Connection, whose: Account) -> None:
    """Two that save at once go one after another: there are never too many, and none twice."""
    await connection.execute(_LOCK, [whose.id])


async def _all(connection: Connection, whose: Account) -> list[SavedNumber]:
    rows = await (await connection.execute(_ALL, [whose.id])).fetchall()
    found = []
    for saved_id, entry, *times in rows:
        e164, name = json.loads(whose.seal.open(entry, _what(saved_id)))
        found.append(SavedNumber(saved_id, parse_msisdn(e164), name, *times))
    return found


async def _changed(connection: Connection, statement: str, parameters: tuple[object, ...]) -> None:
    if await (await connection.execute(statement, parameters)).fetchone() is None:
        raise NotFound("saved_unknown")


def _has_room(there: list[SavedNumber]) -> None:
    if sum(one.removed_at is None for one in there) >= MOST:
        raise Conflict("saved_too_many", most=MOST)


def _sealed(whose: Account, saved_id: str, number: Msisdn, name: str) -> bytes:
    plain = " ".join(name.split())[:LONGEST_NAME]
    return whose.seal.seal(json.dumps([number.e164, plain], ensure_ascii=False), _what(saved_id))


def _what(saved_id: str) -> str:
    return f"saved:{saved_id}"
