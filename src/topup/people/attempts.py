"""How often one may try to sign in: by name and address together, by address, and by name from anywhere.

An attempt is counted before anything is compared, so that many at once are as many as one after another; a success
takes the count of its name and address back. Names are whatever was typed: one that nobody has is counted alike, and
nothing is told of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from topup.kernel.errors import Throttled
from topup.platform.database import Connection

FREE: Final[Mapping[str, int]] = {"name_and_address": 5, "address": 30, "name": 30}
"""Attempts in a row that need no waiting."""
FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(minutes=15)
"""So long at most one who guesses can keep the owner of a name out."""
FORGOTTEN_AFTER: Final = timedelta(hours=24)
_DOUBLINGS: Final = 12

_LOCKED = """
SELECT subject, attempts, last_at, blocked_until FROM people.sign_in_attempts
WHERE subject = ANY (%s) ORDER BY subject FOR UPDATE
"""
_NEW = """
INSERT INTO people.sign_in_attempts (subject, attempts, last_at, blocked_until)
SELECT subject, 0, %s, %s FROM unnest(%b::bytea[]) AS wanted (subject) ORDER BY subject ON CONFLICT DO NOTHING
"""
_COUNT = "UPDATE people.sign_in_attempts SET attempts = %s, last_at = %s, blocked_until = %s WHERE subject = %s"
_GIVE_BACK = """
UPDATE people.sign_in_attempts SET attempts = greatest(attempts - 1, 0),
    blocked_until = CASE WHEN attempts <= %s THEN last_at ELSE blocked_until END
WHERE subject = %s
"""
_CLEAR = "DELETE FROM people.sign_in_attempts WHERE subject = ANY (%s)"
_FORGET = """
DELETE FROM people.sign_in_attempts WHERE subject IN
    (SELECT subject FROM people.sign_in_attempts WHERE last_at < %s ORDER BY last_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Subjects:
    """The pseudonyms one attempt is counted under."""

    name_and_address: bytes
    address: bytes
    name: bytes


async def admit(connection: Connection, subjects: Subjects, now: datetime) -> None:
    """Count an attempt. Raises Throttled `too_many_sign_ins` where one must wait; then nothing is counted."""
    places = {getattr(subjects, kind): kind for kind in FREE}
    ordered = sorted(places)
    await connection.execute(_NEW, (now, now, ordered))
    cursor = await connection.execute(_LOCKED, [ordered])
    rows = await cursor.fetchall()
    # One that began a moment earlier may be counted after one that needed no waiting: it does not wait either.
    wait = max((blocked - now for _, _, last_at, blocked in rows if blocked > last_at), default=timedelta(0))
    if wait > timedelta(0):
        raise Throttled("too_many_sign_ins", retry_after_s=max(1, ceil(wait.total_seconds())))
    for subject, before, last_at, _ in rows:
        attempts = 1 if now - last_at > FORGOTTEN_AFTER else before + 1
        blocked_until = now + wait_after(attempts, free=FREE[places[subject]])
        await connection.execute(_COUNT, (attempts, now, blocked_until, subject))


def wait_after(attempts: int, *, free: int) -> timedelta:
    """How long to wait after so many attempts in a row: nothing for the `free` ones, then 10 s, doubled each time."""
    if attempts < free:
        return timedelta(0)
    return min(FIRST_WAIT * (1 << min(attempts - free, _DOUBLINGS)), LONGEST_WAIT)


async def clear(connection: Connection, subjects: Subjects) -> None:
    """Forget the attempts of a name from its address, and of the name: it was its owner. The address is given back this
    one alone: whoever has an account here must not try others' for nothing.
    """
    await connection.execute(_GIVE_BACK, [FREE["address"], subjects.address])
    await connection.execute(_CLEAR, [[subjects.name_and_address, subjects.name]])


async def forget(connection: Connection, now: datetime, *, limit: int) -> int:
    """Let go of up to `limit` old counts; how many."""
    cursor = await connection.execute(_FORGET, (now - FORGOTTEN_AFTER, limit))
    return cursor.rowcount
