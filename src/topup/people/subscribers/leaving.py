"""What somebody takes along from here, and the end of their account.

Promise: whoever asks gets all that every room keeps about them (`ports.Keeper`). Whoever wants to leave is told what
goes and what stays, and has UNDO to think better of it; then the person's own key is dropped, and with it all that was
sealed with it, in backups too. While money of theirs is on its way, the account stays: nobody could be found to give it
back to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog
from psycopg import OperationalError

from topup.kernel.errors import Conflict, Unavailable
from topup.notifications import notices
from topup.notifications.templates import Words
from topup.people.subscribers import accounts, saved
from topup.people.subscribers.accounts import Account
from topup.people.subscribers.alerts import AlertKind, alert
from topup.people.subscribers.news import DOMAIN, tell
from topup.people.subscribers.ports import Keeper
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, savepoint
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing

UNDO: Final = timedelta(hours=72)
_EVERY_S: Final = 600.0
_BATCH: Final = 100
_BEFORE_ERASURE = crash_label("subscribers.erase.before_commit")
_AFTER_ERASURE = crash_label("subscribers.erase.after_commit")
_log: Final = structlog.get_logger(__name__)

_LEAVE: Final = "UPDATE people.subscribers SET leaves_at = %s WHERE id = %s AND erased_at IS NULL"
_LEAVES: Final = "SELECT leaves_at FROM people.subscribers WHERE id = %s"
_DUE: Final = """
SELECT id FROM people.subscribers WHERE leaves_at <= %s ORDER BY leaves_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_LATER: Final = "UPDATE people.subscribers SET leaves_at = %s WHERE id = %s"
_LATER_BY: Final = timedelta(hours=1)
_ERASE: Final = """
UPDATE people.subscribers SET secret = NULL, number = NULL, mark = NULL, password = NULL, email = NULL, zone = NULL,
    reminders = '{}', leaves_at = NULL, erased_at = %s
WHERE id = %s
"""
_ERASED_WITH_IT: Final = ("devices", "passkeys", "alerts", "saved_numbers")
_DEVICES: Final = """
SELECT name, door, created_at, signed_in_at, seen_at, token IS NOT NULL FROM people.devices WHERE subscriber_id = %s
ORDER BY created_at
"""
_PASSKEYS: Final = "SELECT name, created_at, used_at FROM people.passkeys WHERE subscriber_id = %s ORDER BY created_at"
_ALERTS: Final = "SELECT kind, device, at FROM people.alerts WHERE subscriber_id = %s ORDER BY at"


@dataclass(frozen=True, slots=True)
class Standing:
    """When an account ends (None: it stays), and how many matters of money keep it here."""

    leaves_at: datetime | None
    unsettled: int


async def leaves_at(connection: Connection, *, subscriber_id: str) -> datetime | None:
    """When an account ends, where its owner wants it to."""
    row = await (await connection.execute(_LEAVES, [subscriber_id])).fetchone()
    return row[0] if row else None


class Leaving:
    """Takes along, ends, and takes back. `keepers`: every room above that keeps something about people."""

    def __init__(self, *, database: Database, keyring: KeyRing, keepers: Sequence[Keeper]) -> None:
        self._database = database
        self._keyring = keyring
        self._keepers = keepers

    async def held(self, *, subscriber_id: str) -> dict[str, Any]:
        """All that is kept about somebody, as JSON says it: `made_at`, and records by their kind."""
        async with self._database.read() as transaction:
            connection = transaction.connection
            whose = await accounts.account(connection, self._keyring, subscriber_id=subscriber_id)
            found: dict[str, Any] = {"made_at": transaction.now.isoformat(), **await _own(connection, whose)}
            for keeper in self._keepers:
                found |= await keeper.held(connection, whose)
        return found

    async def standing(self, *, subscriber_id: str) -> Standing:
        """Whether they are leaving, and what keeps them."""
        async with self._database.read() as transaction:
            connection = transaction.connection
            at = await leaves_at(connection, subscriber_id=subscriber_id)
            return Standing(at, await self._open(connection, subscriber_id))

    async def leave(self, *, subscriber_id: str) -> datetime:
        """End their account after UNDO; when that is. Raises Conflict `money_is_open`."""
        async with self._database.transaction() as transaction:
            return await self.let_go(transaction.connection, subscriber_id=subscriber_id, now=transaction.now)

    async def check(self, connection: Connection, *, subscriber_id: str) -> None:
        """Whether an account may end. Raises NotFound `account_unknown`, Conflict `money_is_open`."""
        await accounts.account(connection, self._keyring, subscriber_id=subscriber_id)
        if count := await self._open(connection, subscriber_id):
            raise Conflict("money_is_open", count=count)

    async def let_go(self, connection: Connection, *, subscriber_id: str, now: datetime) -> datetime:
        """End an account after UNDO, in the caller's transaction, and tell its owner; gives when. Raises as `check`."""
        await self.check(connection, subscriber_id=subscriber_id)
        await connection.execute(_LEAVE, (now + UNDO, subscriber_id))
        await alert(connection, subscriber_id=subscriber_id, kind=AlertKind.LEAVES, now=now)
        what = Words(DOMAIN, f"alert_{AlertKind.LEAVES.value}")
        await tell(
            connection, self._keyring, subscriber_id=subscriber_id, template="account_changed", now=now, what=what
        )
        return now + UNDO

    async def stay(self, *, subscriber_id: str) -> None:
        """They have thought better of it."""
        async with self._database.transaction() as transaction:
            await self.keep(transaction.connection, subscriber_id=subscriber_id)

    async def keep(self, connection: Connection, *, subscriber_id: str) -> None:
        """Let an account not end, in the caller's transaction."""
        await connection.execute(_LEAVE, (None, subscriber_id))

    async def erase_due(self) -> int:
        """End the accounts whose time has come; how many were looked at. One with money on its way waits, and so does
        one that cannot be ended, which keeps nobody else here.

        Each in a transaction of its own: the last of it posts, and who has the ledger waits for nothing else.
        """
        for count in range(_BATCH):
            if not await self._erase_next():
                return count
        return _BATCH

    async def _erase_next(self) -> bool:
        """Look at one of them; whether there was one."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            row = await (await connection.execute(_DUE, (now,))).fetchone()
            if row:
                await self._end(connection, subscriber_id=row[0], now=now)
                crash_point(_BEFORE_ERASURE)
        if row:
            crash_point(_AFTER_ERASURE)
        return row is not None

    async def _end(self, connection: Connection, *, subscriber_id: str, now: datetime) -> None:
        """End an account, or look at it again later; that it could not be ended is in the log."""
        try:
            async with savepoint(connection):
                if not await self._open(connection, subscriber_id):
                    await self.erase(connection, subscriber_id=subscriber_id, now=now)
                    return
        except (OperationalError, Unavailable):
            # Of the database, and nothing of this account.
            raise
        except Exception as error:  # noqa: BLE001 - whatever one account provokes must not keep the others here
            _log.error("account_not_ended", subscriber=subscriber_id, error=type(error).__name__)
        await connection.execute(_LATER, (now + _LATER_BY, subscriber_id))

    async def erase(self, connection: Connection, *, subscriber_id: str, now: datetime) -> None:
        """End an account at once. What stays are orders and the books, which name nobody once this is done."""
        for keeper in self._keepers:
            await keeper.forget(connection, subscriber_id=subscriber_id, now=now)
        for table in _ERASED_WITH_IT:
            await connection.execute(f"DELETE FROM people.{table} WHERE subscriber_id = %s", [subscriber_id])
        await connection.execute("DELETE FROM people.codes WHERE about = %s", [subscriber_id])
        await notices.forget(connection, reader=subscriber_id)
        await connection.execute(_ERASE, (now, subscriber_id))

    def sweeps(self) -> list[Sweep]:
        """What runs by itself."""
        return [Sweep("people.leaving", _EVERY_S, partial(self.erase_due), batch=_BATCH)]

    async def _open(self, connection: Connection, subscriber_id: str) -> int:
        return sum([await keeper.unsettled(connection, subscriber_id=subscriber_id) for keeper in self._keepers])


async def _own(connection: Connection, whose: Account) -> dict[str, Any]:
    """What this room and those below keep."""
    account = {
        "number": whose.number.e164,
        "email": whose.email,
        "password": whose.has_password,
        "language": whose.locale,
        "large_type": whose.elder,
        "time_zone": whose.zone,
        "reminders": whose.reminders,
        "created_at": whose.created_at.isoformat(),
        "proven_at": whose.proven_at.isoformat(),
    }
    return {
        "account": [account],
        "devices": await _records(
            connection, _DEVICES, whose, ("device", "door", "created_at", "signed_in_at", "seen_at", "signed_in")
        ),
        "passkeys": await _records(connection, _PASSKEYS, whose, ("device", "created_at", "used_at")),
        "alerts": await _records(connection, _ALERTS, whose, ("event", "device", "at")),
        "saved_numbers": await saved.records(connection, whose),
        "messages": [
            {
                "at": one.written_at.isoformat(),
                "subject": one.kind,
                "template": one.template,
                "parameters": dict(one.parameters),
            }
            for one in await notices.everything(connection, reader=whose.id)
        ],
    }


async def _records(connection: Connection, sql: str, whose: Account, names: Sequence[str]) -> list[dict[str, Any]]:
    rows = await (await connection.execute(sql, [whose.id])).fetchall()
    return [
        {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in zip(names, row, strict=True)
        }
        for row in rows
    ]
