"""What somebody does with the numbers they saved (`saved.py`), each in one transaction of its own.

Promise: done whole or not at all, and the same again is done once: a number is saved once, however often it is sent.
"""

from typing import Final

from topup.kernel.msisdn import Msisdn
from topup.people.subscribers import saved
from topup.people.subscribers.accounts import account
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.keys import KeyRing

_BEFORE_SAVING: Final = crash_label("saved.save.before_commit")
_AFTER_SAVING: Final = crash_label("saved.save.after_commit")
_BEFORE_NAMING: Final = crash_label("saved.rename.before_commit")
_AFTER_NAMING: Final = crash_label("saved.rename.after_commit")
_BEFORE_REMOVAL: Final = crash_label("saved.remove.before_commit")
_AFTER_REMOVAL: Final = crash_label("saved.remove.after_commit")
_BEFORE_UNDOING: Final = crash_label("saved.take_back.before_commit")
_AFTER_UNDOING: Final = crash_label("saved.take_back.after_commit")
_BEFORE_MEANING: Final = crash_label("saved.mean.before_commit")
_AFTER_MEANING: Final = crash_label("saved.mean.after_commit")


class Saving:
    """Keeps, names, removes and takes back the numbers of subscribers. All raise NotFound `account_unknown`."""

    def __init__(self, *, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def save(self, *, subscriber_id: str, number: Msisdn, name: str) -> str:
        """Keep a number; gives its id. Raises those of `saved.save`."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            whose = await account(connection, self._keyring, subscriber_id=subscriber_id)
            saved_id = await saved.save(connection, whose, number=number, name=name, now=now)
            crash_point(_BEFORE_SAVING)
        crash_point(_AFTER_SAVING)
        return saved_id

    async def rename(self, *, subscriber_id: str, saved_id: str, name: str) -> None:
        """Call a number otherwise. Raises those of `saved.rename`."""
        async with self._database.transaction() as transaction:
            whose = await account(transaction.connection, self._keyring, subscriber_id=subscriber_id)
            await saved.rename(transaction.connection, whose, saved_id=saved_id, name=name)
            crash_point(_BEFORE_NAMING)
        crash_point(_AFTER_NAMING)

    async def remove(self, *, subscriber_id: str, saved_id: str) -> None:
        """Take a number away, for now. Raises those of `saved.remove`."""
        async with self._database.transaction() as transaction:
            whose = await account(transaction.connection, self._keyring, subscriber_id=subscriber_id)
            await saved.remove(transaction.connection, whose, saved_id=saved_id, now=transaction.now)
            crash_point(_BEFORE_REMOVAL)
        crash_point(_AFTER_REMOVAL)

    async def take_back(self, *, subscriber_id: str, saved_id: str) -> None:
        """Undo a removal. Raises those of `saved.take_back`."""
        async with self._database.transaction() as transaction:
            whose = await account(transaction.connection, self._keyring, subscriber_id=subscriber_id)
            await saved.take_back(transaction.connection, whose, saved_id=saved_id, now=transaction.now)
            crash_point(_BEFORE_UNDOING)
        crash_point(_AFTER_UNDOING)

    async def mean(self, *, subscriber_id: str, saved_id: str) -> None:
        """They say that the number is still whose it was. Raises those of `saved.mean`."""
        async with self._database.transaction() as transaction:
            whose = await account(transaction.connection, self._keyring, subscriber_id=subscriber_id)
            await saved.mean(transaction.connection, whose, saved_id=saved_id, now=transaction.now)
            crash_point(_BEFORE_MEANING)
        crash_point(_AFTER_MEANING)
