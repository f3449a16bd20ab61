"""Accounts of subscribers: found by the mark of a number, opened only for their owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.kernel.errors import NotFound
from topup.kernel.ids import new_id
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.people.subscribers.sealing import PersonalSeal, new_secret, seal_of
from topup.platform.database import Connection
from topup.platform.keys import NUMBERS, KeyRing

NUMBER: Final = "number"
EMAIL: Final = "email"

_FOUND = "SELECT id, proven_at FROM people.subscribers WHERE mark = ANY (%s) FOR UPDATE"
_CREATE = """
INSERT INTO people.subscribers (id, secret, number, mark, proven_at, locale, elder, created_at)
VALUES (%(id)s, %(secret)s, %(number)s, %(mark)s, %(now)s, %(locale)s, %(elder)s, %(now)s)
ON CONFLICT (mark) DO NOTHING RETURNING id
"""
_PROVE = "UPDATE people.subscribers SET proven_at = %(now)s, mark = %(mark)s WHERE id = %(id)s"
_LEAVE = "UPDATE people.subscribers SET mark = NULL WHERE id = %s"
_ACCOUNT = """
SELECT id, secret, number, mark IS NOT NULL, proven_at, password IS NOT NULL, email, locale, elder, zone, reminders,
    created_at
FROM people.subscribers WHERE id = %s AND erased_at IS NULL
"""

_STILL_THERE = "SELECT 1 FROM people.subscribers WHERE id = %s AND erased_at IS NULL FOR SHARE"
_STAYING = "SELECT id FROM people.subscribers WHERE id = ANY (%s) AND erased_at IS NULL FOR KEY SHARE SKIP LOCKED"
_NUMBERS = "SELECT id, secret, number FROM people.subscribers WHERE id = ANY (%s) AND erased_at IS NULL"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as its owner sees it. `number` is theirs no more where `holds_number` is False. Never printed."""

    id: str
    number: Msisdn
    holds_number: bool
    proven_at: datetime
    has_password: bool
    email: str | None
    locale: str
    elder: bool
    zone: str | None
    reminders: dict[str, Any]
    created_at: datetime
    seal: PersonalSeal

    def __repr__(self) -> str:
        return f"Account(id={self.id!r})"


@dataclass(frozen=True, slots=True)
class Found:
    """An account that has a number, and when that was last shown to be its owner's."""

    id: str
    proven_at: datetime


def marks_of(keyring: KeyRing, e164: str) -> Sequence[bytes]:
    """What a number is filed under, the newest key's first."""
    return keyring.marks(e164, purpose=NUMBERS)


async def with_number(connection: Connection, keyring: KeyRing, *, e164: str) -> Found | None:
    """The account that has this number, locked until the transaction ends."""
    row = await (await connection.execute(_FOUND, [list(marks_of(keyring, e164))])).fetchone()
    return Found(*row) if row else None


async def create(
    connection: Connection, keyring: KeyRing, *, e164: str, locale: str, elder: bool, lane: int, now: datetime
) -> str | None:
    """A new account for a number; None where somebody made one just now."""
    subscriber_id = new_id("subscriber", lane)
    secret = new_secret(keyring, subscriber_id=subscriber_id)
    seal = seal_of(keyring, subscriber_id=subscriber_id, secret=secret)
    parameters = {
        "id": subscriber_id,
        "secret": secret,
        "number": seal.seal(e164, NUMBER),
        "mark": marks_of(keyring, e164)[0],
        "locale": locale,
        "elder": elder,
        "now": now,
    }
    row = await (await connection.execute(_CREATE, parameters)).fetchone()
    return str(row[0]) if row else None


async def prove(connection: Connection, keyring: KeyRing, *, subscriber_id: str, e164: str, now: datetime) -> None:
    """Their number was shown to be theirs just now; it is filed under the newest key."""
    await connection.execute(_PROVE, {"id": subscriber_id, "mark": marks_of(keyring, e164)[0], "now": now})


async def leave_number(connection: Connection, *, subscriber_id: str) -> None:
    """The number is somebody else's now: it leads to this account no more."""
    await connection.execute(_LEAVE, [subscriber_id])


async def account(connection: Connection, keyring: KeyRing, *, subscriber_id: str) -> Account:
    """Somebody's account; raises NotFound `account_unknown`."""
    row = await (await connection.execute(_ACCOUNT, [subscriber_id])).fetchone()
    if row is None:
        raise NotFound("account_unknown")
    seal = seal_of(keyring, subscriber_id=row[0], secret=row[1])
    number = parse_msisdn(seal.open(row[2], NUMBER))
    email = seal.open(row[6], EMAIL) if row[6] is not None else None
    return Account(row[0], number, row[3], row[4], row[5], email, row[7], row[8], row[9], row[10], row[11], seal)


async def still_there(connection: Connection, *, subscriber_id: str) -> bool:
    """Whether an account is there; one that is does not end before the caller's transaction does."""
    return await (await connection.execute(_STILL_THERE, [subscriber_id])).fetchone() is not None


async def staying(connection: Connection, *, ids: Sequence[str]) -> set[str]:
    """Which of these accounts are there and do not end before the caller's transaction does. One that is ending at this
    moment is not among them: nobody is waited for.
    """
    found = await (await connection.execute(_STAYING, [sorted(set(ids))])).fetchall()
    return {subscriber_id for (subscriber_id,) in found}


async def masked_numbers(connection: Connection, keyring: KeyRing, *, ids: Sequence[str]) -> dict[str, str]:
    """The numbers of these accounts as others may see them, by id; of one that ended no entry."""
    if not ids:
        return {}
    rows = await (await connection.execute(_NUMBERS, [list(ids)])).fetchall()
    return {
        found: parse_msisdn(seal_of(keyring, subscriber_id=found, secret=secret).open(number, NUMBER)).masked()
        for found, secret, number in rows
    }
