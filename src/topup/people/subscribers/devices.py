"""Where subscribers are signed in: a device is a browser, a session is a token it holds, known to us by its hash.

A session ends when it was not used for IDLE, in any case after LONGEST, and at once when its owner signs out, there or
from another device. Each sign-in makes a new token, so that nobody can put theirs into another's browser. The device
stays known when it signs out: its `mark` says only that this browser was here before.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.ids import new_id
from topup.people.subscribers.alerts import AlertKind, alert
from topup.platform.database import Connection, Database

IDLE: Final = timedelta(days=60)
LONGEST: Final = timedelta(days=365)
FRESH: Final = timedelta(minutes=15)
"""So long after showing who one is nothing is asked again, not even before something grave."""
_SEEN_EVERY: Final = timedelta(minutes=10)
_LONGEST_TOKEN: Final = 100

_FIND = """
SELECT s.id, d.id, d.signed_in_at, d.proven_at, d.seen_at, s.locale, s.elder, s.zone
FROM people.devices AS d JOIN people.subscribers AS s ON s.id = d.subscriber_id
WHERE d.token = %(token)s AND d.seen_at > %(idle)s AND d.signed_in_at > %(oldest)s AND s.erased_at IS NULL
"""
_SEEN = "UPDATE people.devices SET seen_at = %s WHERE token = %s AND seen_at < %s"
_BEGIN = """
INSERT INTO people.devices (id, subscriber_id, mark, token, name, door, created_at, signed_in_at, proven_at, seen_at)
VALUES (%(id)s, %(subscriber)s, %(mark)s, %(token)s, %(name)s, %(door)s, %(now)s, %(now)s, %(now)s, %(now)s)
ON CONFLICT (subscriber_id, mark) DO UPDATE SET token = excluded.token, name = excluded.name, door = excluded.door,
    signed_in_at = excluded.seen_at, proven_at = excluded.seen_at, seen_at = excluded.seen_at
RETURNING id, created_at = %(now)s
"""
_LISTED = """
SELECT id, name, door, created_at, signed_in_at, seen_at FROM people.devices
WHERE subscriber_id = %s AND token IS NOT NULL AND seen_at > %s AND signed_in_at > %s ORDER BY seen_at DESC LIMIT 100
"""
_END = "UPDATE people.devices SET token = NULL WHERE token = %s"
_END_ONE = (
    "UPDATE people.devices SET token = NULL WHERE subscriber_id = %s AND id = %s AND token IS NOT NULL RETURNING id"
)
_END_OTHERS = """
UPDATE people.devices SET token = NULL WHERE subscriber_id = %s AND id IS DISTINCT FROM %s AND token IS NOT NULL
"""
_FORGET = """
DELETE FROM people.devices WHERE id IN
    (SELECT id FROM people.devices WHERE seen_at < %s ORDER BY seen_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Browser:
    """Who knocks: what the browser is known by (empty: never seen), the session it holds (or none), its name, and how
    its reader wants to be written to. Never printed.
    """

    mark: str
    before: str
    name: str
    locale: str
    elder: bool

    def __repr__(self) -> str:
        return f"Browser(name={self.name!r})"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscriber who is here now. `form_token` must come with each form they send. `fresh`: they have shown on this
    device who they are so lately that it need not be asked again.
    """

    id: str
    device_id: str
    since: datetime
    fresh: bool
    locale: str
    elder: bool
    zone: str | None
    form_token: str

    def sent(self, form_token: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.form_token.encode(), form_token.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Device:
    """A browser somebody is signed in with. `door` is what they came in by: code, password or passkey."""

    id: str
    name: str
    door: str
    created_at: datetime
    signed_in_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """A new session: its token and the device's mark, which are stored nowhere. `new`: never seen in this account."""

    device_id: str
    token: str
    mark: str
    new: bool

    def __repr__(self) -> str:
        return f"Begun(device_id={self.device_id!r}, new={self.new})"


async def begin(connection: Connection, *, subscriber_id: str, browser: Browser, door: str, now: datetime) -> Begun:
    """Sign a browser in with a token that did not exist before; whatever session it held ends."""
    if browser.before:
        await end(connection, browser.before)
    token, mark = secrets.token_urlsafe(32), browser.mark or secrets.token_urlsafe(32)
    parameters = {
        "id": new_id("device", 0),
        "subscriber": subscriber_id,
        "mark": _hash(mark),
        "token": _hash(token),
        "name": browser.name,
        "door": door,
        "now": now,
    }
    row = await (await connection.execute(_BEGIN, parameters)).fetchone()
    if row is None:
        raise RuntimeError("an insert gave no row")
    return Begun(row[0], token, mark, new=row[1])


async def is_known(connection: Connection, *, subscriber_id: str, mark: str) -> bool:
    """Whether this browser was in this account before."""
    if not mark:
        return False
    cursor = await connection.execute(
        "SELECT 1 FROM people.devices WHERE subscriber_id = %s AND mark = %s", (subscriber_id, _hash(mark))
    )
    return await cursor.fetchone() is not None


async def find(database: Database, token: str) -> Subscriber | None:
    """Whose session this token opens, and that it was used now; None for any other text."""
    if not token or len(token) > _LONGEST_TOKEN:
        return None
    key = _hash(token)
    async with database.read() as transaction:
        now = transaction.now
        parameters = {"token": key, "idle": now - IDLE, "oldest": now - LONGEST}
        row = await (await transaction.connection.execute(_FIND, parameters)).fetchone()
    if row is None:
        return None
    if now - row[4] > _SEEN_EVERY:
        async with database.transaction() as transaction:
            await transaction.connection.execute(_SEEN, (now, key, now))
    return Subscriber(row[0], row[1], row[2], now - row[3] < FRESH, row[5], row[6], row[7], form_token_of(token))


async def prove(connection: Connection, *, device_id: str, now: datetime) -> None:
    """Somebody has shown once more, on this device, who they are."""
    await connection.execute("UPDATE people.devices SET proven_at = %s WHERE id = %s", (now, device_id))


async def signed_in(connection: Connection, *, subscriber_id: str, now: datetime) -> list[Device]:
    """Where somebody is signed in, the latest used first."""
    cursor = await connection.execute(_LISTED, (subscriber_id, now - IDLE, now - LONGEST))
    return [Device(*row) for row in await cursor.fetchall()]


async def end(connection: Connection, token: str) -> None:
    """End the session of this token, if it is one."""
    await connection.execute(_END, [_hash(token)])


async def end_one(connection: Connection, *, subscriber_id: str, device_id: str) -> bool:
    """Sign one of somebody's devices out; False where they have no such device signed in."""
    return await (await connection.execute(_END_ONE, (subscriber_id, device_id))).fetchone() is not None


async def end_others(connection: Connection, *, subscriber_id: str, keep: str | None, now: datetime) -> int:
    """Sign all devices out but `keep` (None: that one too); how many there were."""
    ended = (await connection.execute(_END_OTHERS, (subscriber_id, keep))).rowcount
    if ended:
        await alert(connection, subscriber_id=subscriber_id, kind=AlertKind.SIGNED_OUT, now=now)
    return ended


async def forget(connection: Connection, now: datetime, *, limit: int) -> int:
    """Remove up to `limit` devices that were not seen for LONGEST; how many."""
    return (await connection.execute(_FORGET, (now - LONGEST, limit))).rowcount


def form_token_of(token: str) -> str:
    """What the forms of a session carry: known to who holds its token, and tells nothing of it."""
    return hmac.digest(token.encode(), b"form", "sha256").hex()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
