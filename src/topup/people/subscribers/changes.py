"""What owners change in their account: how they come in, where they are reached, how they are written to.

Promise: what could take an account from its owner (password, number, address, passkeys, its end in `leaving`) is done
only by who has shown within `devices.FRESH` who they are; the callers see to that (`Subscriber.fresh`). The owner is
told of each such change, in the app and at the number the account had before. A new password signs all other devices
out.
"""

from datetime import datetime
from typing import Final
from zoneinfo import available_timezones

from psycopg.types.json import Jsonb

from topup.kernel.errors import Conflict, Invalid
from topup.kernel.msisdn import Msisdn
from topup.notifications.templates import Words
from topup.people import credentials
from topup.people.contacts import parse_contact
from topup.people.subscribers import accounts, codes, devices
from topup.people.subscribers.accounts import Account
from topup.people.subscribers.alerts import AlertKind, alert
from topup.people.subscribers.codes import LIMITS, Limits, Purpose, Wish
from topup.people.subscribers.devices import Subscriber
from topup.people.subscribers.news import DOMAIN, tell
from topup.people.subscribers.ports import Numbers
from topup.people.subscribers.reminders import Reminders
from topup.platform.database import Connection, Database
from topup.platform.i18n import LOCALES
from topup.platform.keys import KeyRing

_NEW_HASH: Final = "UPDATE people.subscribers SET password = %s WHERE id = %s AND erased_at IS NULL"
_EMAIL: Final = "UPDATE people.subscribers SET email = %s WHERE id = %s AND erased_at IS NULL"
_NUMBER: Final = """
UPDATE people.subscribers SET number = %(number)s, mark = %(mark)s, proven_at = %(now)s
WHERE id = %(id)s AND erased_at IS NULL
"""
_SETTINGS: Final = """
UPDATE people.subscribers SET locale = %s, elder = %s, zone = %s, reminders = %s WHERE id = %s AND erased_at IS NULL
"""
_LOOKS: Final = "UPDATE people.subscribers SET locale = %s, elder = %s WHERE id = %s AND erased_at IS NULL"


class Changes:
    """What owners do with their accounts."""

    def __init__(
        self, *, database: Database, keyring: KeyRing, numbers: Numbers, lanes: int, limited: Limits = LIMITS
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._numbers = numbers
        self._lanes = lanes
        self._limited = limited

    async def account(self, who: Subscriber) -> Account:
        """Their account."""
        async with self._database.read() as transaction:
            return await accounts.account(transaction.connection, self._keyring, subscriber_id=who.id)

    async def ask(self, who: Subscriber, purpose: Purpose, to: Msisdn | str, *, address: str, locale: str) -> str:
        """Send a code to a number or an address; gives the ticket. Raises Throttled `too_many_codes`."""
        wish = Wish(purpose, to, address, locale, about=who.id)
        return await codes.ask(self._database, self._keyring, wish, lanes=self._lanes, limited=self._limited)

    async def confirm(self, who: Subscriber, *, ticket: str, code: str) -> None:
        """Show once more, by a code to the account's number, that it is oneself; raises codes.CodeRefused."""
        to = await self._take(who, Purpose.CONFIRM, ticket, code)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await codes.use(connection, ticket=ticket, now=now)
            whose = await accounts.account(connection, self._keyring, subscriber_id=who.id)
            if not whose.holds_number or to != f"tel:{whose.number.e164}":
                raise codes.CodeRefused(codes.OVER)
            await accounts.prove(connection, self._keyring, subscriber_id=who.id, e164=whose.number.e164, now=now)
            await devices.prove(connection, device_id=who.device_id, now=now)

    async def set_password(self, who: Subscriber, password: str) -> None:
        """A new password; all other devices are signed out.

        Raises Invalid `password_too_short`, `password_too_long`, `password_too_simple`, `password_common`.
        """
        whose = await self.account(who)
        national = whose.number.e164[-8:]
        await credentials.check_own_password(password, known=(whose.number.e164, national, "topup"))
        hashed = await credentials.hashed(password)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await connection.execute(_NEW_HASH, (hashed, who.id))
            await devices.end_others(connection, subscriber_id=who.id, keep=who.device_id, now=now)
            await self._note(connection, who, AlertKind.PASSWORD_CHANGED, now)

    async def remove_password(self, who: Subscriber) -> None:
        """No password any more: codes and passkeys are left."""
        async with self._database.transaction() as transaction:
            await transaction.connection.execute(_NEW_HASH, (None, who.id))
            await self._note(transaction.connection, who, AlertKind.PASSWORD_REMOVED, transaction.now)

    async def set_email(self, who: Subscriber, *, ticket: str, code: str) -> None:
        """The address a code was sent to is theirs; raises codes.CodeRefused."""
        to = parse_contact(await self._take(who, Purpose.EMAIL, ticket, code))
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await codes.use(connection, ticket=ticket, now=now)
            whose = await accounts.account(connection, self._keyring, subscriber_id=who.id)
            await connection.execute(_EMAIL, (whose.seal.seal(to, accounts.EMAIL), who.id))
            await self._note(connection, who, AlertKind.EMAIL_CHANGED, now)

    async def remove_email(self, who: Subscriber) -> None:
        """No address any more."""
        async with self._database.transaction() as transaction:
            await transaction.connection.execute(_EMAIL, (None, who.id))
            await self._note(transaction.connection, who, AlertKind.EMAIL_CHANGED, transaction.now)

    async def set_number(self, who: Subscriber, *, ticket: str, code: str) -> None:
        """The account has another number from now on, which signs in to it.

        Raises codes.CodeRefused, Conflict `number_has_account`: its holder may know that, for they hold it.
        """
        e164 = (await self._take(who, Purpose.NUMBER, ticket, code)).removeprefix("tel:")
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await codes.use(connection, ticket=ticket, now=now)
            other = await accounts.with_number(connection, self._keyring, e164=e164)
            if other is not None and other.id != who.id:
                raise Conflict("number_has_account")
            await self._note(connection, who, AlertKind.NUMBER_CHANGED, now)
            whose = await accounts.account(connection, self._keyring, subscriber_id=who.id)
            parameters = {
                "id": who.id,
                "number": whose.seal.seal(e164, accounts.NUMBER),
                "mark": accounts.marks_of(self._keyring, e164)[0],
                "now": now,
            }
            await connection.execute(_NUMBER, parameters)
            await self._numbers.proven(connection, subscriber_id=who.id, e164=e164, now=now)

    async def choose(
        self, who: Subscriber, *, locale: str, elder: bool, zone: str | None, reminders: Reminders
    ) -> None:
        """How they are written to. Raises Invalid `request_malformed` for what no page of ours offers."""
        if locale not in LOCALES or (zone is not None and zone not in available_timezones()):
            raise Invalid("request_malformed")
        async with self._database.transaction() as transaction:
            stored = Jsonb(reminders.stored())
            await transaction.connection.execute(_SETTINGS, (locale, elder, zone, stored, who.id))

    async def looks(self, who: Subscriber, *, locale: str, elder: bool) -> None:
        """Language and size, as chosen in the header of a page."""
        async with self._database.transaction() as transaction:
            await transaction.connection.execute(_LOOKS, (locale, elder, who.id))

    async def _take(self, who: Subscriber, purpose: Purpose, ticket: str, code: str) -> str:
        return await codes.take(self._database, self._keyring, ticket=ticket, code=code, purpose=purpose, about=who.id)

    async def _note(self, connection: Connection, who: Subscriber, kind: AlertKind, now: datetime) -> None:
        await alert(connection, subscriber_id=who.id, kind=kind, now=now)
        what = Words(DOMAIN, f"alert_{kind.value}")
        await tell(connection, self._keyring, subscriber_id=who.id, template="account_changed", now=now, what=what)
