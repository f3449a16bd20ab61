"""People with lines in their accounts, made as signing in makes them, with what they have chosen."""

from dataclasses import dataclass

from psycopg.types.json import Jsonb

from topup.lines import owners
from topup.lines.queries import LineRef
from topup.people.subscribers import accounts
from topup.people.subscribers.reminders import Reminders
from topup.platform.database import Database
from topup.platform.keys import KeyRing

USUAL = Reminders()


@dataclass
class Households:
    """Who has which lines."""

    database: Database
    keyring: KeyRing

    async def moves_in(
        self,
        e164: str,
        *lines: LineRef,
        email: str | None = None,
        reminders: Reminders = USUAL,
        locale: str = "en",
        lane: int = 3,
    ) -> str:
        """Somebody with that number, an address if any, and lines; gives their id."""
        async with self.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            made = await accounts.create(
                connection, self.keyring, e164=e164, locale=locale, elder=False, lane=lane, now=now
            )
            assert made is not None
            whose = await accounts.account(connection, self.keyring, subscriber_id=made)
            sealed = whose.seal.seal(email, accounts.EMAIL) if email else None
            await connection.execute(
                "UPDATE people.subscribers SET email = %s, reminders = %s WHERE id = %s",
                (sealed, Jsonb(reminders.stored()), made),
            )
            for line in lines:
                assert await owners.bind(connection, subscriber_id=made, line=line, now=now)
        return made
