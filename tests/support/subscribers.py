"""Accounts on a real database: people who register, their browsers, and the messages that reach their phones."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.database import settings_for
from tests.support.desk import LANES
from tests.support.site import Site
from topup.care.personal import leaving
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.lines.binding import Binding
from topup.lines.operations import open_lines
from topup.lines.owners import OwnNumbers
from topup.notifications.templates import opened
from topup.people.subscribers import accounts, devices
from topup.people.subscribers.changes import Changes
from topup.people.subscribers.devices import Browser, Subscriber
from topup.people.subscribers.entering import Entered, Entrance
from topup.platform.database import Database
from topup.platform.installation import mark_installation
from topup.platform.keys import KeyRing

ADDRESS = "192.0.2.7"
FRESH = Browser(mark="", before="", name="chrome.android", locale="en", elder=False)
_MESSAGES = "SELECT template, address, sealed_for, parameters FROM notifications.messages ORDER BY id"


@dataclass(frozen=True)
class Letter:
    """A message that was written: to whom, which, and its parameters with their secrets opened."""

    to: str
    template: str
    parameters: dict[str, Any]


async def letters(database: Database, keyring: KeyRing) -> list[Letter]:
    """Everything that was written so far, oldest first: ids sort by the time they were made, whatever clock told it."""
    async with database.read() as transaction:
        rows = await (await transaction.connection.execute(_MESSAGES)).fetchall()
    return [
        Letter(
            keyring.unseal(address, bound_to).decode(),
            template,
            opened(parameters, lambda sealed, bound=bound_to: keyring.unseal(sealed, bound)),
        )
        for template, address, bound_to, parameters in rows
    ]


@dataclass
class Front:
    """The doors of an installation, and the phones of all who come."""

    database: Database
    keyring: KeyRing
    entrance: Entrance
    changes: Changes
    binding: Binding

    async def now(self) -> datetime:
        async with self.database.read() as transaction:
            return transaction.now

    def later(self, by: timedelta) -> None:
        """The database tells a later time from now on."""
        self.database.clock_offset += by

    async def letters(self, to: Msisdn | str) -> list[Letter]:
        address = f"tel:{to.e164}" if isinstance(to, Msisdn) else to
        return [one for one in await letters(self.database, self.keyring) if one.to == address]

    async def code(self, to: Msisdn | str) -> str:
        """The newest code that reached a number or an address."""
        return next(one for one in reversed(await self.letters(to)) if "code" in one.parameters).parameters["code"]

    async def ask(self, number: Msisdn, *, address: str = ADDRESS) -> str:
        """A ticket. A minute passes: nobody asks twice in one."""
        self.later(timedelta(seconds=61))
        return await self.entrance.ask(number, address=address, locale="en")

    async def enter(self, number: str | Msisdn, browser: Browser = FRESH, *, address: str = ADDRESS) -> Entered:
        """Come in with a code."""
        msisdn = number if isinstance(number, Msisdn) else parse_msisdn(number)
        ticket = await self.ask(msisdn, address=address)
        return await self.entrance.by_code(ticket=ticket, code=await self.code(msisdn), browser=browser)

    async def here(self, entered: Entered) -> Subscriber | None:
        """Who a token opens."""
        return await devices.find(self.database, entered.token)

    async def somebody(self, number: str) -> Subscriber:
        """A subscriber who has just registered."""
        found = await self.here(await self.enter(number))
        assert found is not None
        return found

    async def erase(self, who: Subscriber) -> None:
        """End an account at once, in every room."""
        async with self.database.transaction() as transaction:
            await leaving(database=self.database, keyring=self.keyring).erase(
                transaction.connection, subscriber_id=who.id, now=transaction.now
            )

    async def forget_counts(self) -> None:
        """Nobody has asked for a code or tried to sign in: what a test sent before is not counted."""
        async with self.database.transaction() as transaction:
            await transaction.connection.execute("DELETE FROM people.codes")
            await transaction.connection.execute("DELETE FROM people.sign_in_attempts")

    async def forget_minutes(self) -> None:
        """A minute and more has passed since the codes that were sent: another may follow at once."""
        async with self.database.transaction() as transaction:
            await transaction.connection.execute(
                "UPDATE people.codes SET created_at = created_at - interval '2 minutes'"
            )

    async def open_line(self, number: Msisdn) -> None:
        """The number has a line of Qingfeng Mobile."""
        async with self.database.transaction() as transaction:
            wanted = [(number, "qingfeng", "Asia/Shanghai")]
            await open_lines(transaction.connection, wanted, transaction.now, lanes=LANES)

    async def as_yesterday(self, number: Msisdn) -> None:
        """Whoever has the number in their account showed who they are a day ago."""
        async with self.database.transaction() as transaction:
            connection = transaction.connection
            found = await accounts.with_number(connection, self.keyring, e164=number.e164)
            assert found is not None
            change = "UPDATE people.devices SET proven_at = proven_at - interval '1 day' WHERE subscriber_id = %s"
            await connection.execute(change, [found.id])

    async def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        async with self.database.read() as transaction:
            return await (await transaction.connection.execute(statement, parameters)).fetchall()


def browser_of(entered: Entered, **changes: Any) -> Browser:
    """The browser that somebody came in with, as it comes again."""
    given = {"mark": entered.mark, "before": entered.token, "name": FRESH.name, "locale": "en", "elder": False}
    return Browser(**(given | changes))


def front_of(database: Database, keyring: KeyRing) -> Front:
    numbers = OwnNumbers()
    return Front(
        database,
        keyring,
        Entrance(database=database, keyring=keyring, numbers=numbers, lanes=LANES),
        Changes(database=database, keyring=keyring, numbers=numbers, lanes=LANES),
        Binding(database=database, keyring=keyring, lanes=LANES),
    )


@contextlib.asynccontextmanager
async def front_at(site: Site) -> AsyncIterator[Front]:
    """The same doors as a running site's, from this loop."""
    settings = settings_for(site.house.store.database.url)
    async with Database.open(settings=settings, migrating=False) as database:
        yield front_of(database, site.house.store.keyring)


@pytest.fixture
async def front(database: Database, tmp_path: Path) -> Front:
    async with database.transaction() as transaction:
        await mark_installation(transaction.connection, demo=True, lanes=LANES, now=transaction.now)
    return front_of(database, KeyRing(tmp_path / "keys"))
