"""API keys: a secret shown once, its hash kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.errors import Invalid
from topup.kernel.ids import AgentId, new_id
from topup.people.confirming import may
from topup.people.permissions import Role, allowed
from topup.platform.database import Connection, Database

_PREFIX: Final = "topup_"
"""So that scanners for leaked secrets know one when they see it."""
_LONGEST_SECRET: Final = 200
_LONGEST_LABEL: Final = 100
NOTED_FOR: Final = timedelta(hours=1)
"""A key that is used all the time is written to once so long."""

_INSERT = """
INSERT INTO people.api_keys (id, label, role, agent_id, staff_id, secret, created_at)
VALUES (%(id)s, %(label)s, %(role)s, %(agent)s, %(staff)s, %(secret)s, %(now)s)
"""
_SELECT = """
SELECT k.id, k.role, k.label, k.agent_id, k.staff_id, s.role, s.confirmed_by IS NOT NULL, k.used_at
FROM people.api_keys AS k LEFT JOIN people.staff AS s ON s.id = k.staff_id
WHERE k.secret = %s AND k.revoked_at IS NULL
    AND (k.staff_id IS NULL OR (s.enrolled_at IS NOT NULL AND s.disabled_at IS NULL))
"""
_REVOKE = """
UPDATE people.api_keys SET revoked_at = %(now)s
WHERE id = %(id)s AND revoked_at IS NULL AND agent_id IS NOT DISTINCT FROM coalesce(%(agent)s, agent_id) RETURNING id
"""
_USED = """
UPDATE people.api_keys SET used_at = %(now)s WHERE id = %(id)s AND (used_at IS NULL OR used_at <= %(before)s)
"""
_ISSUED = """
SELECT id, label, role, agent_id, staff_id, created_at, used_at, revoked_at FROM people.api_keys
ORDER BY revoked_at IS NOT NULL, created_at DESC, id LIMIT %s
"""
_OF_AGENT = """
SELECT id, label, created_at, revoked_at FROM people.api_keys WHERE agent_id = %s ORDER BY created_at DESC, id
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a key is: one of the staff, as their account stands."""

    staff_id: str
    role: Role
    confirmed: bool


@dataclass(frozen=True, slots=True)
class ApiPrincipal:
    """Who calls with a key. `label` is what the operator called it, `agent_id` whose float it sells from. With a
    `holder` it does what it does in their name: whatever counts by person counts it as theirs.
    """

    id: str
    role: Role
    label: str
    agent_id: AgentId | None = None
    holder: Holder | None = None
    used_at: datetime | None = None
    """When it was last noted that somebody called with it."""

    @property
    def actor(self) -> str:
        """Who does what is done with it: the id of its holder, else `key:<id>`."""
        return self.holder.staff_id if self.holder else f"key:{self.id}"

    def may(self, permission: str) -> bool:
        """Whether the table of permissions allows it, and to its holder too; raises ValueError for a permission that
        does not exist.
        """
        held = self.holder
        return allowed(self.role, permission) and (held is None or may(held.role, permission, confirmed=held.confirmed))


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. Its secret cannot be had again, and is not shown when this is printed or logged."""

    id: str
    role: Role
    secret: str

    def __repr__(self) -> str:
        return f"CreatedKey(id={self.id!r}, role={self.role!r})"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key as those see it who look after an installation: whose it is, what it may do, and when it was last used."""

    id: str
    label: str
    role: str
    agent_id: str | None
    staff_id: str | None
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyOfAgent:
    """A key of an agent; `revoked_at` where it has ended."""

    id: str
    label: str
    created_at: datetime
    revoked_at: datetime | None


async def create(
    connection: Connection,
    *,
    role: Role,
    label: str,
    now: datetime,
    agent_id: AgentId | None = None,
    staff_id: str | None = None,
) -> CreatedKey:
    """A new key with a secret of 256 random bits; one of an agent is good for that agent's float alone, one of somebody
    of the staff while they may sign in. Raises Invalid `label_too_long`.
    """
    if len(label) > _LONGEST_LABEL:
        raise Invalid("label_too_long", longest=_LONGEST_LABEL)
    created = CreatedKey(new_id("key", 0), role, _PREFIX + secrets.token_urlsafe(32))
    said = {"id": created.id, "label": label, "role": role.value, "agent": agent_id, "staff": staff_id, "now": now}
    await connection.execute(_INSERT, said | {"secret": _hash(created.secret)})
    return created


async def revoke(connection: Connection, *, key_id: str, now: datetime, agent_id: AgentId | None = None) -> bool:
    """End a key for ever; False when there is no such key (of that agent, where one is named), or it was revoked
    already.
    """
    cursor = await connection.execute(_REVOKE, {"id": key_id, "now": now, "agent": agent_id})
    return await cursor.fetchone() is not None


async def principal_of_key(connection: Connection, secret: str) -> ApiPrincipal | None:
    """Who this secret belongs to; None for an unknown or revoked one. Found by its hash, in even time."""
    if not secret.startswith(_PREFIX) or len(secret) > _LONGEST_SECRET:
        return None
    cursor = await connection.execute(_SELECT, [_hash(secret)])
    row = await cursor.fetchone()
    if row is None:
        return None
    holder = Holder(row[4], Role(row[5]), row[6]) if row[4] else None
    return ApiPrincipal(row[0], Role(row[1]), row[2], row[3], holder, row[7])


def is_noted(principal: ApiPrincipal, now: datetime) -> bool:
    """Whether it is written down already that this key is in use: within NOTED_FOR."""
    return principal.used_at is not None and principal.used_at > now - NOTED_FOR


async def note_use(connection: Connection, *, key_id: str, now: datetime) -> None:
    """Write down that somebody calls with a key; once in NOTED_FOR, whoever comes at the same time."""
    await connection.execute(_USED, {"id": key_id, "now": now, "before": now - NOTED_FOR})


async def caller_of(database: Database, secret: str) -> ApiPrincipal | None:
    """Who calls with this secret, as `principal_of_key`; that they do is written down once in NOTED_FOR."""
    async with database.read() as transaction:
        principal, now = await principal_of_key(transaction.connection, secret), transaction.now
    if principal is not None and not is_noted(principal, now):
        async with database.transaction() as transaction:
            await note_use(transaction.connection, key_id=principal.id, now=now)
    return principal


async def issued(connection: Connection, *, limit: int) -> list[IssuedKey]:
    """The keys there are, those that ended last."""
    cursor = await connection.execute(_ISSUED, [limit])
    return [IssuedKey(*row) for row in await cursor.fetchall()]


async def keys_of(connection: Connection, agent_id: AgentId) -> list[KeyOfAgent]:
    """The keys of an agent, the newest first."""
    cursor = await connection.execute(_OF_AGENT, [agent_id])
    return [KeyOfAgent(*row) for row in await cursor.fetchall()]


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
