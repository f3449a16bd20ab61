"""Passkeys of staff: in the place of password and code at the door, and of the code where one is asked for again.

Promise: as `people.webauthn`'s; each that is added, removed or used is in the audit trail. What was signed to come in
proves nothing to somebody who is in, nor the other way round. A password and a device stay beside them, so the last way
in is never removed; an account that is reset loses them all, and one that nobody has confirmed may by a passkey do no
more than by a password (`people.confirming`).
"""

from collections.abc import Mapping
from typing import Final

from topup.kernel.errors import Invalid
from topup.people import sessions, webauthn
from topup.people.sessions import Begun, SignedIn
from topup.people.stepping_up import proof_facts
from topup.people.webauthn import Passkey, PasskeyRefused, Shelf, Site, Whose
from topup.platform.database import Connection, Database
from topup.work import trail

_SHELF: Final = Shelf(table="people.staff_passkeys", owner="staff_id")
_ENTER: Final = "staff.enter"
_LONGEST_NAME: Final = 40
_LIVING: Final = "SELECT 1 FROM people.staff WHERE id = %s AND enrolled_at IS NOT NULL AND disabled_at IS NULL"


class StaffPasskeys:
    """The passkeys of those who work here."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def options_to_add(self, who: SignedIn, site: Site) -> str:
        """What the browser is asked for a new passkey of somebody (JSON)."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            there = await listed(connection, staff_id=who.id)
            whose = Whose(who.id, who.login)
            return await webauthn.options_to_add(connection, site, whose, there, about=_adding(who), now=now)

    async def add(self, who: SignedIn, site: Site, fields: Mapping[str, str], *, name: str) -> None:
        """Keep the passkey that the browser made. Raises PasskeyRefused, Conflict `passkeys_too_many`, Invalid
        `passkey_name`.
        """
        called = " ".join(name.split())
        if not called or len(called) > _LONGEST_NAME or not called.isprintable():
            raise Invalid("passkey_name", longest=_LONGEST_NAME)
        await webauthn.take(self._database, fields, about=_adding(who))
        verified = webauthn.made(fields, site)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await connection.execute("SELECT 1 FROM people.staff WHERE id = %s FOR UPDATE", [who.id])
            before = len(await listed(connection, staff_id=who.id))
            await _SHELF.keep(connection, verified, owner_id=who.id, name=called, now=now)
            facts = {"before": before, "after": before + 1}
            await trail.write(
                connection, actor=who.id, action="staff.passkey_added", subject=who.id, facts=facts, now=now
            )

    async def remove(self, who: SignedIn, *, passkey_id: str) -> None:
        """Take one of one's own away. Raises NotFound `passkey_unknown`, PasskeyRefused for no id at all."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await connection.execute("SELECT 1 FROM people.staff WHERE id = %s FOR UPDATE", [who.id])
            await _SHELF.remove(connection, owner_id=who.id, passkey_id=passkey_id)
            after = len(await listed(connection, staff_id=who.id))
            facts = {"before": after + 1, "after": after}
            await trail.write(
                connection, actor=who.id, action="staff.passkey_removed", subject=who.id, facts=facts, now=now
            )

    async def options_to_enter(self, site: Site) -> str:
        """What the browser is asked to come in (JSON): any passkey that it has for this site."""
        async with self._database.transaction() as transaction:
            return await webauthn.options_to_sign(transaction.connection, site, about=_ENTER, now=transaction.now)

    async def enter(self, site: Site, fields: Mapping[str, str], *, browser: str, before: str | None) -> str:
        """A new session's token; the session of the token `before` ends. Raises PasskeyRefused."""
        await webauthn.take(self._database, fields, about=_ENTER)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            owner = await _SHELF.owner_of(connection, site, fields, now=now)
            if await (await connection.execute(_LIVING, [owner])).fetchone() is None:
                raise PasskeyRefused("passkey_refused")
            if before:
                await sessions.end(connection, before)
            token = await sessions.begin(connection, staff_id=owner, begun=Begun(browser, "passkey"), now=now)
            action = "staff.signed_in_by_passkey"
            facts = {"before": None, "after": "open"}
            await trail.write(connection, actor=owner, action=action, subject=owner, facts=facts, now=now)
        return token

    async def options_to_prove(self, who: SignedIn, site: Site) -> str:
        """What the browser is asked to show that it is still they (JSON): one of their own."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            there = await listed(connection, staff_id=who.id)
            return await webauthn.options_to_sign(connection, site, about=_proving(who), now=now, of=there)

    async def prove(self, who: SignedIn, site: Site, fields: Mapping[str, str]) -> None:
        """That it is still they; their session is fresh again. Raises PasskeyRefused."""
        await webauthn.take(self._database, fields, about=_proving(who))
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            if await _SHELF.owner_of(connection, site, fields, now=now) != who.id:
                raise PasskeyRefused("passkey_refused")
            await sessions.prove(connection, session_id=who.session_id, now=now)
            facts = proof_facts(who, door="passkey")
            await trail.write(connection, actor=who.id, action="staff.proved", subject=who.id, facts=facts, now=now)


async def listed(connection: Connection, *, staff_id: str) -> list[Passkey]:
    """Somebody's passkeys, the oldest first."""
    return await _SHELF.listed(connection, owner_id=staff_id)


def _adding(who: SignedIn) -> str:
    return f"staff.add:{who.id}"


def _proving(who: SignedIn) -> str:
    """Of this very session: what was signed for another one of theirs is not good here."""
    return f"staff.prove:{who.session_id}"
