"""Where staff are signed in: sessions on our side, of which the browser holds a token and nothing else.

A token is 256 random bits, stored hashed. A session ends when it was not used for `Lasting.idle`, in any case after
`longest`, and at once when its owner signs out, here or everywhere, or the account is disabled or reset. It is fresh
for a while after its owner showed that it is they (`prove`), and shows nothing while they have locked it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.ids import new_id
from topup.people.confirming import is_waiting, may
from topup.people.permissions import Role
from topup.platform.database import Connection, Database

_SEEN_EVERY: Final = timedelta(minutes=1)
_LONGEST_TOKEN: Final = 100

_BEGIN = """
INSERT INTO people.staff_sessions (token, id, staff_id, name, door, created_at, proven_at, seen_at)
VALUES (%(token)s, %(id)s, %(staff)s, %(name)s, %(door)s, %(now)s, %(now)s, %(now)s)
"""
_FIND = """
SELECT s.id, s.login, s.role, n.created_at, n.seen_at, s.confirmed_by IS NOT NULL, n.id, n.proven_at,
    n.locked_at IS NOT NULL
FROM people.staff_sessions AS n JOIN people.staff AS s ON s.id = n.staff_id
WHERE n.token = %(token)s AND n.seen_at > %(idle)s AND n.created_at > %(oldest)s
    AND s.disabled_at IS NULL AND s.enrolled_at IS NOT NULL
"""
_SEEN = "UPDATE people.staff_sessions SET seen_at = %s WHERE token = %s AND seen_at < %s"
_PROVE = "UPDATE people.staff_sessions SET proven_at = %s, locked_at = NULL WHERE id = %s"
_LOCK = "UPDATE people.staff_sessions SET locked_at = %s WHERE id = %s"
_LISTED = """
SELECT id, name, door, created_at, seen_at, locked_at IS NOT NULL FROM people.staff_sessions
WHERE staff_id = %s AND seen_at > %s AND created_at > %s ORDER BY seen_at DESC, id
"""
_FORGET = """
DELETE FROM people.staff_sessions WHERE token IN (SELECT token FROM people.staff_sessions
    WHERE created_at <= %s OR seen_at <= %s ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a session lasts: unused, at all, and how long it is `fresh` after its owner showed that it is they."""

    idle: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=12)
    fresh: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Begun:
    """How a session began: the browser, in words of ours, and the door (`code`, `recovery`, `passkey`, `enrolment`)."""

    name: str = "other.other"
    door: str = "code"


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere one is signed in."""

    id: str
    name: str
    door: str
    since: datetime
    seen_at: datetime
    locked: bool


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody of the staff, here now. `form_token` must come with each form they send; `confirmed` says whether a
    second person stands for their account.
    """

    id: str
    login: str
    role: Role
    since: datetime
    form_token: str
    confirmed: bool
    session_id: str = ""
    fresh: bool = False
    """Whether they have shown lately that it is they."""
    locked: bool = False

    def may(self, permission: str) -> bool:
        """Whether they may, as their account stands; raises ValueError for a permission that does not exist."""
        return may(self.role, permission, confirmed=self.confirmed)

    def waits_for(self, permission: str) -> bool:
        """Whether they may once a second person has confirmed their account, and not before."""
        return is_waiting(self.role, permission, confirmed=self.confirmed)

    def sent(self, form_token: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.form_token.encode(), form_token.encode("utf-8", "surrogatepass"))


async def begin(connection: Connection, *, staff_id: str, begun: Begun, now: datetime) -> str:
    """A new session; gives its token, which is stored nowhere."""
    token = secrets.token_urlsafe(32)
    row = {
        "token": _hash(token),
        "id": new_id("device", 0),
        "staff": staff_id,
        "name": begun.name,
        "door": begun.door,
        "now": now,
    }
    await connection.execute(_BEGIN, row)
    return token


async def find(database: Database, token: str, *, lasting: Lasting, touching: bool = True) -> SignedIn | None:
    """Whose session this token opens, and that it was used now; None for any other text.

    A look that is not `touching` is no use, nor is any at a locked screen: only its owner keeps a session awake.
    """
    if not token or len(token) > _LONGEST_TOKEN:
        return None
    key = _hash(token)
    async with database.read() as transaction:
        now = transaction.now
        parameters = {"token": key, "idle": now - lasting.idle, "oldest": now - lasting.longest}
        cursor = await transaction.connection.execute(_FIND, parameters)
        row = await cursor.fetchone()
    if row is None:
        return None
    if touching and not row[8] and now - row[4] > _SEEN_EVERY:
        async with database.transaction() as transaction:
            await transaction.connection.execute(_SEEN, (now, key, now))
    fresh = now - row[7] < lasting.fresh
    return SignedIn(row[0], row[1], Role(row[2]), row[3], form_token_of(token), row[5], row[6], fresh, row[8])


async def prove(connection: Connection, *, session_id: str, now: datetime) -> None:
    """Its owner has shown that it is they: it is fresh, and not locked."""
    await connection.execute(_PROVE, (now, session_id))


async def lock(connection: Connection, *, session_id: str, now: datetime) -> None:
    """Show nothing of it until its owner has shown that it is they."""
    await connection.execute(_LOCK, (now, session_id))


async def listed(connection: Connection, *, staff_id: str, lasting: Lasting, now: datetime) -> list[Place]:
    """Where somebody is signed in, the latest used first."""
    cursor = await connection.execute(_LISTED, (staff_id, now - lasting.idle, now - lasting.longest))
    return [Place(*row) for row in await cursor.fetchall()]


async def end_one(connection: Connection, *, staff_id: str, session_id: str) -> bool:
    """End one of somebody's sessions; False where they have no such one."""
    cursor = await connection.execute(
        "DELETE FROM people.staff_sessions WHERE staff_id = %s AND id = %s", (staff_id, session_id)
    )
    return bool(cursor.rowcount)


async def end(connection: Connection, token: str) -> None:
    """End the session of this token, if it is one."""
    await connection.execute("DELETE FROM people.staff_sessions WHERE token = %s", [_hash(token)])


async def end_all(connection: Connection, *, staff_id: str) -> int:
    """End every session of an account; how many there were."""
    cursor = await connection.execute("DELETE FROM people.staff_sessions WHERE staff_id = %s", [staff_id])
    return cursor.rowcount


async def count(connection: Connection, *, staff_id: str, lasting: Lasting, now: datetime) -> int:
    """In how many places somebody is signed in."""
    cursor = await connection.execute(
        "SELECT count(*) FROM people.staff_sessions WHERE staff_id = %s AND seen_at > %s AND created_at > %s",
        (staff_id, now - lasting.idle, now - lasting.longest),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def forget(connection: Connection, now: datetime, *, lasting: Lasting, limit: int) -> int:
    """Remove up to `limit` sessions that have ended by themselves; how many."""
    cursor = await connection.execute(_FORGET, (now - lasting.longest, now - lasting.idle, limit))
    return cursor.rowcount


def form_token_of(token: str) -> str:
    """What the forms of a session carry: known to who holds its token, and tells nothing of it."""
    return hmac.digest(token.encode(), b"form", "sha256").hex()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
