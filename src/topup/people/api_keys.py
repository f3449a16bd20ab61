"""API keys: a secret shown once, its hash kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.errors import Invalid
from topup.kernel.ids import new_id
from topup.people.permissions import Role, allowed
from topup.platform.database import Connection

_PREFIX: Final = "topup_"
"""So that scanners for leaked secrets know one when they see it."""
_LONGEST_SECRET: Final = 200
_LONGEST_LABEL: Final = 100

_INSERT = """
INSERT INTO people.api_keys (id, label, role, secret, created_at)
VALUES (%(id)s, %(label)s, %(role)s, %(secret)s, %(now)s)
"""
_SELECT = "SELECT id, role, label FROM people.api_keys WHERE secret = %s AND revoked_at IS NULL"
_REVOKE = "UPDATE people.api_keys SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL RETURNING id"


@dataclass(frozen=True, slots=True)
class ApiPrincipal:
    """Who calls with a key. `label` is what the operator called it."""

    id: str
    role: Role
    label: str

    def may(self, permission: str) -> bool:
        """Whether the table of permissions allows it; raises ValueError for a permission that does not exist."""
        return allowed(self.role, permission)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. Its secret cannot be had again, and is not shown when this is printed or logged."""

    id: str
    role: Role
    secret: str

    def __repr__(self) -> str:
        return f"CreatedKey(id={self.id!r}, role={self.role!r})"


async def create(connection: Connection, *, role: Role, label: str, now: datetime) -> CreatedKey:
    """A new key with a secret of 256 random bits. Raises Invalid `label_too_long`."""
    if len(label) > _LONGEST_LABEL:
        raise Invalid("label_too_long", longest=_LONGEST_LABEL)
    created = CreatedKey(new_id("key", 0), role, _PREFIX + secrets.token_urlsafe(32))
    parameters = {"id": created.id, "label": label, "role": role.value, "secret": _hash(created.secret), "now": now}
    await connection.execute(_INSERT, parameters)
    return created


async def revoke(connection: Connection, *, key_id: str, now: datetime) -> bool:
    """End a key for ever; False when there is no such key, or it was revoked already."""
    cursor = await connection.execute(_REVOKE, {"id": key_id, "now": now})
    return await cursor.fetchone() is not None


async def principal_of_key(connection: Connection, secret: str) -> ApiPrincipal | None:
    """Who this secret belongs to; None for an unknown or revoked one. Found by its hash, in even time."""
    if not secret.startswith(_PREFIX) or len(secret) > _LONGEST_SECRET:
        return None
    cursor = await connection.execute(_SELECT, [_hash(secret)])
    row = await cursor.fetchone()
    return ApiPrincipal(row[0], Role(row[1]), row[2]) if row else None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
