"""Opening an installation: its database, its keys, and the mark that says what it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Final

from psycopg import errors

from topup.channels.cli.ports import Store
from topup.kernel.errors import Unavailable, WhoMustAct
from topup.platform.database import Database
from topup.platform.installation import Installation, NotADemonstration, installation, mark_installation
from topup.platform.keys import DATA, NUMBERS, VOUCHERS, KeyRing
from topup.platform.settings import Settings, prepare_data_dir

PURPOSES: Final = ("quotes", "receipts", "ledger-heads", "trail-heads", DATA, VOUCHERS, NUMBERS)
"""What an installation signs for long, and seals; its keys are made with it, so that missing ones are noticed."""


class Creation(Enum):
    """What a new database becomes, for ever."""

    PRODUCTION = auto()
    DEMONSTRATION = auto()


@asynccontextmanager
async def open_store(settings: Settings, *, create: Creation | None = None) -> AsyncIterator[Store]:
    """The installation of these settings; with `create`, one is made where there is none, and its schema brought up to
    date.

    The embedded database's schema is always brought up to date: it is ours alone. Raises Unavailable
    `nothing_installed`, `database_not_migrated`, `keys_missing`, `keys_public_missing`, `keys_damaged`, those of
    `Database.open`; NotADemonstration.
    """
    if create is None and settings.database_url is None and not (settings.data_dir / "database").exists():
        raise Unavailable("nothing_installed", who=WhoMustAct.YOU, path=str(settings.data_dir))
    prepare_data_dir(settings.data_dir)
    migrating = create is not None or settings.database_url is None
    async with Database.open(settings=settings, migrating=migrating) as database:
        found = await _found(database)
        if found is None:
            found = await _created(database, settings, create)
        keyring = KeyRing(settings.data_dir / "keys", kept=PURPOSES)
        await _check_keys(database, keyring)
        if not found.demo and (settings.demo or create is Creation.DEMONSTRATION):
            raise NotADemonstration("not_a_demonstration")
        yield Store(settings, database, keyring, found)


async def _found(database: Database) -> Installation | None:
    try:
        async with database.read() as transaction:
            return await installation(transaction.connection)
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.InsufficientPrivilege) as error:
        raise Unavailable("database_not_migrated", who=WhoMustAct.YOU) from error


async def _created(database: Database, settings: Settings, create: Creation | None) -> Installation:
    if create is None:
        raise Unavailable("nothing_installed", who=WhoMustAct.YOU, path=str(settings.data_dir))
    # The keys first: an installation that is marked has them.
    KeyRing(settings.data_dir / "keys").try_out(PURPOSES)
    async with database.transaction() as transaction:
        return await mark_installation(
            transaction.connection,
            demo=create is Creation.DEMONSTRATION,
            lanes=settings.lanes,
            now=transaction.now,
        )


async def _check_keys(database: Database, keyring: KeyRing) -> None:
    """New keys beside an old database would leave contacts and events sealed for ever, old quotes refused, and old
    receipts called false.
    """
    from topup.orders.queries import receipt_kids  # noqa: PLC0415 - slow to load, while others wait for the database

    keyring.check(PURPOSES)
    async with database.read() as transaction:
        kids = await receipt_kids(transaction.connection)
    keyring.check_verifying("receipts", kids)
