"""Staff: the people who work here. Each has one role, a password, and a device that shows codes.

Promise: an account begins with an enrolment code that is shown once; whoever holds it chooses the password and binds a
device. Secrets are stored sealed or hashed. Who makes and ends accounts is in `administration`.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.errors import Conflict
from topup.people.confirming import may
from topup.people.permissions import Role
from topup.platform.database import Connection

RECOVERY_CODES: Final = 10
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LETTERS: Final = 16
"""Of Crockford's base 32: 80 bits, so that a plain hash of one cannot be searched through."""

COLUMNS = "id, login, role, enrolled_at, disabled_at, enrolment_until, created_at, invited_by, confirmed_by"
_ENROL = """
UPDATE people.staff SET password = %(password)s, totp = %(totp)s, totp_step = %(step)s, enrolled_at = %(now)s,
    enrolment = NULL, enrolment_until = NULL
WHERE id = %(id)s AND enrolment = %(enrolment)s AND enrolment_until > %(now)s AND disabled_at IS NULL RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Staff:
    """An account, without its secrets."""

    id: str
    login: str
    role: Role
    enrolled_at: datetime | None
    disabled_at: datetime | None
    enrolment_until: datetime | None
    created_at: datetime
    invited_by: Sequence[str]
    """Who made or reset it, or gave it more to do, since it was confirmed last: ids, or `cli`."""
    confirmed_by: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))

    @property
    def confirmed(self) -> bool:
        """Whether a second person, or the command line, stands for it."""
        return self.confirmed_by is not None

    def may(self, permission: str) -> bool:
        """Whether it may, as it stands; raises ValueError for a permission that does not exist."""
        return may(self.role, permission, confirmed=self.confirmed)

    def standing(self, now: datetime) -> str:
        """`disabled`, `active`, `unconfirmed` where it waits for a second person, `invited`, or `lapsed` where nobody
        enrolled in time.
        """
        if self.disabled_at:
            return "disabled"
        if self.enrolled_at:
            return "active" if self.confirmed else "unconfirmed"
        return "invited" if self.enrolment_until and self.enrolment_until > now else "lapsed"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody signs in with from now on: the password's hash, the sealed secret, the step of the first code."""

    password: str
    totp: bytes
    step: int
    recovery: Sequence[str]

    def __repr__(self) -> str:
        return "Credentials()"


async def enrol(connection: Connection, *, staff_id: str, code: str, credentials: Credentials, now: datetime) -> None:
    """Give an invited account what it signs in with, once. Raises Conflict `enrolment_over`."""
    parameters = {
        "id": staff_id,
        "enrolment": code_hash(code),
        "password": credentials.password,
        "totp": credentials.totp,
        "step": credentials.step,
        "now": now,
    }
    cursor = await connection.execute(_ENROL, parameters)
    if await cursor.fetchone() is None:
        raise Conflict("enrolment_over")
    await connection.execute("DELETE FROM people.staff_recovery WHERE staff_id = %s", [staff_id])
    await connection.execute(
        "INSERT INTO people.staff_recovery (staff_id, code) SELECT %s, unnest(%b::bytea[])",
        [staff_id, [code_hash(one) for one in credentials.recovery]],
    )


async def invited(connection: Connection, *, login: str, code: str, now: datetime) -> Staff | None:
    """The account this enrolment code opens, while it is due."""
    cursor = await connection.execute(
        f"SELECT {COLUMNS} FROM people.staff"
        " WHERE login = %s AND enrolment = %s AND enrolment_until > %s AND disabled_at IS NULL",
        [login.strip().lower(), code_hash(code), now],
    )
    row = await cursor.fetchone()
    return Staff(*row) if row else None


async def everybody(connection: Connection) -> list[Staff]:
    """All accounts by their names, those that ended too."""
    cursor = await connection.execute(f"SELECT {COLUMNS} FROM people.staff ORDER BY login")
    return [Staff(*row) for row in await cursor.fetchall()]


async def one(connection: Connection, staff_id: str) -> Staff | None:
    """An account by its id."""
    cursor = await connection.execute(f"SELECT {COLUMNS} FROM people.staff WHERE id = %s", [staff_id])
    row = await cursor.fetchone()
    return Staff(*row) if row else None


async def names_of(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The names of accounts by their ids."""
    cursor = await connection.execute("SELECT id, login FROM people.staff WHERE id = ANY (%s)", [list(ids)])
    return dict(await cursor.fetchall())


async def id_of(connection: Connection, *, login: str) -> str | None:
    """The id of an account by its name."""
    cursor = await connection.execute("SELECT id FROM people.staff WHERE login = %s", [login.strip().lower()])
    row = await cursor.fetchone()
    return str(row[0]) if row else None


async def recovery_left(connection: Connection, *, staff_id: str) -> int:
    """How many recovery codes somebody has not used yet."""
    cursor = await connection.execute(
        "SELECT count(*) FROM people.staff_recovery WHERE staff_id = %s AND used_at IS NULL", [staff_id]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


def new_code() -> str:
    """A code to be typed once: `ABCD-EFGH-JKMN-PQRS`."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LETTERS))
    return "-".join(letters[start : start + 4] for start in range(0, _CODE_LETTERS, 4))


def code_hash(code: str) -> bytes:
    """SHA-256 of a code as people type it: spaces, dashes and small letters, O for 0 and I or L for 1."""
    plain = re.sub(r"[\s-]", "", code).upper().translate(_MISREAD)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()


_MISREAD: Final = str.maketrans("OIL", "011")
