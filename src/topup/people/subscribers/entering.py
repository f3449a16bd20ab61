"""The doors: a number and a one-time code, a number and a password, a passkey.

Promise (G25): whether a number has an account changes neither what is answered nor how long it takes, at any door. The
code opens the account of its number, or makes one: there is no "register" that could refuse a number it knows.

A number may have been given to somebody else since its account was used last. A code alone then opens nothing of the
earlier holder's: the number leaves the old account, and its new holder begins an empty one. It counts as the same
holder's where the number's line with us is the one of then; or, with other carriers, for REST after it was last shown
to be theirs, because carriers let numbers rest; or where the browser was in that account before. The old account can
still be entered by its passkeys, and given another number there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.errors import Unauthenticated
from topup.kernel.ids import lane_for
from topup.kernel.msisdn import Msisdn
from topup.people import attempts, credentials
from topup.people.attempts import Subjects
from topup.people.subscribers import accounts, codes, devices
from topup.people.subscribers.alerts import AlertKind, alert
from topup.people.subscribers.codes import LIMITS, Limits, Purpose, Wish
from topup.people.subscribers.devices import Browser
from topup.people.subscribers.news import device_words, tell
from topup.people.subscribers.ports import Numbers
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing

REST: Final = timedelta(days=45)
"""How long a number rests at least between two holders: 90 days in China, 45 in the USA (47 CFR 52.15(f)(1)(ii)), and
the shortest of those that we know of counts.
"""

_COMPARED = "SELECT id, password FROM people.subscribers WHERE mark = ANY (%s)"


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody came in: what their browser must hold from now on, and how they want to be written to. Never printed."""

    subscriber_id: str
    token: str
    mark: str
    locale: str
    elder: bool
    registered: bool

    def __repr__(self) -> str:
        return f"Entered(subscriber_id={self.subscriber_id!r})"


class Entrance:
    """The doors of this installation. `numbers` knows what became of numbers."""

    def __init__(
        self, *, database: Database, keyring: KeyRing, numbers: Numbers, lanes: int, limited: Limits = LIMITS
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._numbers = numbers
        self._lanes = lanes
        self._limited = limited

    async def ask(self, number: Msisdn, *, address: str, locale: str) -> str:
        """Send a code to a number; gives the ticket that must come with it. Raises Throttled `too_many_codes`."""
        wish = Wish(Purpose.ENTER, number, address, locale)
        return await codes.ask(self._database, self._keyring, wish, lanes=self._lanes, limited=self._limited)

    async def by_code(self, *, ticket: str, code: str, browser: Browser) -> Entered:
        """Come in, or register; raises codes.CodeRefused."""
        destination = await codes.take(self._database, self._keyring, ticket=ticket, code=code, purpose=Purpose.ENTER)
        e164 = destination.removeprefix("tel:")
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await codes.use(connection, ticket=ticket, now=now)
            known = await self._account_of(connection, e164, browser, now)
            subscriber_id = known or await self._new(connection, e164, browser, now)
            await accounts.prove(connection, self._keyring, subscriber_id=subscriber_id, e164=e164, now=now)
            await self._numbers.proven(connection, subscriber_id=subscriber_id, e164=e164, now=now)
            return await self._begin(connection, subscriber_id, browser, "code", now, registered=known is None)

    async def by_password(self, number: Msisdn, password: str, *, address: str, browser: Browser) -> Entered:
        """Come in with a password; raises Unauthenticated `entry_refused`, Throttled `too_many_sign_ins`.

        Where there is no account, or none with a password, the answer is the same and takes as long.
        """
        subjects = self._subjects(number.e164, address)
        async with self._database.transaction() as transaction:
            await attempts.admit(transaction.connection, subjects, transaction.now)
            marks = list(accounts.marks_of(self._keyring, number.e164))
            row = await (await transaction.connection.execute(_COMPARED, [marks])).fetchone()
        right = await credentials.holds(password, row[1] if row else None)
        if row is None or not right:
            raise Unauthenticated("entry_refused")
        async with self._database.transaction() as transaction:
            await attempts.clear(transaction.connection, subjects)
            return await self._begin(transaction.connection, row[0], browser, "password", transaction.now)

    async def admit(self, connection: Connection, subscriber_id: str, *, browser: Browser, now: datetime) -> Entered:
        """Let in whoever a passkey has shown to be this subscriber (`passkeys`)."""
        return await self._begin(connection, subscriber_id, browser, "passkey", now)

    async def _account_of(self, connection: Connection, e164: str, browser: Browser, now: datetime) -> str | None:
        """The account that a code to this number opens, for this browser."""
        found = await accounts.with_number(connection, self._keyring, e164=e164)
        if found is None:
            return None
        if await devices.is_known(connection, subscriber_id=found.id, mark=browser.mark):
            return found.id
        if await self._numbers.same_holder(connection, e164=e164, since=found.proven_at, now=now):
            return found.id
        await accounts.leave_number(connection, subscriber_id=found.id)
        return None

    async def _new(self, connection: Connection, e164: str, browser: Browser, now: datetime) -> str:
        lane = lane_for(e164, self._lanes)
        made = await accounts.create(
            connection, self._keyring, e164=e164, locale=browser.locale, elder=browser.elder, lane=lane, now=now
        )
        if made is not None:
            return made
        # Two codes of one number, at once: whoever was quicker made the account, and it is theirs both.
        found = await accounts.with_number(connection, self._keyring, e164=e164)
        if found is None:
            raise RuntimeError("an account that was there is gone")
        return found.id

    async def _begin(
        self,
        connection: Connection,
        subscriber_id: str,
        browser: Browser,
        door: str,
        now: datetime,
        *,
        registered: bool = False,
    ) -> Entered:
        begun = await devices.begin(connection, subscriber_id=subscriber_id, browser=browser, door=door, now=now)
        if begun.new and not registered:
            await self._tell_of(connection, subscriber_id, browser, now)
        whose = await accounts.account(connection, self._keyring, subscriber_id=subscriber_id)
        return Entered(subscriber_id, begun.token, begun.mark, whose.locale, whose.elder, registered)

    async def _tell_of(self, connection: Connection, subscriber_id: str, browser: Browser, now: datetime) -> None:
        """A browser that was never seen in this account: its owner hears of it, here and by message."""
        await alert(connection, subscriber_id=subscriber_id, kind=AlertKind.NEW_DEVICE, device=browser.name, now=now)
        await tell(
            connection,
            self._keyring,
            subscriber_id=subscriber_id,
            template="new_device",
            now=now,
            device=device_words(browser.name),
        )

    def _subjects(self, e164: str, address: str) -> Subjects:
        name = self._keyring.pseudonym
        return Subjects(
            name(f"entry:both:{address}:{e164}"), name(f"entry:address:{address}"), name(f"entry:name:{e164}")
        )
