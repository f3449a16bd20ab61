"""Passkeys of subscribers: coming in with one, adding and removing them.

Promise: as `people.webauthn`'s. Nobody says a number here, so nothing can be learned of one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from topup.notifications.templates import Words
from topup.people import webauthn
from topup.people.subscribers.accounts import account
from topup.people.subscribers.alerts import AlertKind, alert
from topup.people.subscribers.devices import Browser, Subscriber
from topup.people.subscribers.entering import Entered, Entrance
from topup.people.subscribers.news import DOMAIN, tell
from topup.people.webauthn import Passkey, PasskeyRefused, Shelf, Site, Whose
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing

_SHELF: Final = Shelf(table="people.passkeys", owner="subscriber_id")
_ENTER: Final = "subscriber.enter"
_LIVING = "SELECT 1 FROM people.subscribers WHERE id = %s AND erased_at IS NULL"


class Passkeys:
    """The passkeys of this installation."""

    def __init__(self, *, database: Database, keyring: KeyRing, entrance: Entrance) -> None:
        self._database = database
        self._keyring = keyring
        self._entrance = entrance

    async def options_to_add(self, who: Subscriber, site: Site) -> str:
        """What the browser is asked for a new passkey of somebody (JSON)."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            number = (await account(connection, self._keyring, subscriber_id=who.id)).number
            there = await listed(connection, subscriber_id=who.id)
            whose = Whose(who.id, number.masked())
            return await webauthn.options_to_add(connection, site, whose, there, about=_adding(who.id), now=now)

    async def add(self, who: Subscriber, site: Site, fields: Mapping[str, str], *, name: str) -> None:
        """Keep the passkey that the browser made. Raises PasskeyRefused, Conflict `passkeys_too_many`."""
        await webauthn.take(self._database, fields, about=_adding(who.id))
        verified = webauthn.made(fields, site)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await connection.execute("SELECT 1 FROM people.subscribers WHERE id = %s FOR UPDATE", [who.id])
            await _SHELF.keep(connection, verified, owner_id=who.id, name=name, now=now)
            await alert(connection, subscriber_id=who.id, kind=AlertKind.PASSKEY_ADDED, device=name, now=now)
            await self._tell(connection, who.id, AlertKind.PASSKEY_ADDED, now)

    async def remove(self, who: Subscriber, *, passkey_id: str) -> None:
        """Take one of somebody's passkeys away; raises NotFound `passkey_unknown`, PasskeyRefused for no id at all."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await remove(connection, subscriber_id=who.id, passkey_id=passkey_id, now=now)
            await self._tell(connection, who.id, AlertKind.PASSKEY_REMOVED, now)

    async def options_to_enter(self, site: Site) -> str:
        """What the browser is asked to come in (JSON): any passkey that it has for this site."""
        async with self._database.transaction() as transaction:
            return await webauthn.options_to_sign(transaction.connection, site, about=_ENTER, now=transaction.now)

    async def enter(self, site: Site, fields: Mapping[str, str], *, browser: Browser) -> Entered:
        """Come in with what an authenticator signed; raises PasskeyRefused."""
        await webauthn.take(self._database, fields, about=_ENTER)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            owner = await _SHELF.owner_of(connection, site, fields, now=now)
            if await (await connection.execute(_LIVING, [owner])).fetchone() is None:
                raise PasskeyRefused("passkey_refused")
            return await self._entrance.admit(connection, owner, browser=browser, now=now)

    async def _tell(self, connection: Connection, subscriber_id: str, kind: AlertKind, now: datetime) -> None:
        what = Words(DOMAIN, f"alert_{kind.value}")
        await tell(
            connection, self._keyring, subscriber_id=subscriber_id, template="account_changed", now=now, what=what
        )


async def listed(connection: Connection, *, subscriber_id: str) -> list[Passkey]:
    """Somebody's passkeys, the oldest first."""
    return await _SHELF.listed(connection, owner_id=subscriber_id)


async def remove(connection: Connection, *, subscriber_id: str, passkey_id: str, now: datetime) -> None:
    """Take one of somebody's passkeys away; raises NotFound `passkey_unknown`."""
    name = await _SHELF.remove(connection, owner_id=subscriber_id, passkey_id=passkey_id)
    await alert(connection, subscriber_id=subscriber_id, kind=AlertKind.PASSKEY_REMOVED, device=name, now=now)


def _adding(subscriber_id: str) -> str:
    return f"subscriber.add:{subscriber_id}"
