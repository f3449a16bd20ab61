"""What whoever is signed in may pick with one tap: the lines in their account, and the numbers they saved."""

from dataclasses import dataclass
from typing import Final

from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.lines import owners
from topup.lines.holders import same_holders
from topup.people.subscribers import saved
from topup.people.subscribers.accounts import Account, account
from topup.people.subscribers.devices import Subscriber
from topup.people.subscribers.saved import SavedNumber
from topup.platform.database import Connection, Database, Transaction
from topup.platform.keys import KeyRing

SAVED: Final = "/account/numbers"


@dataclass(frozen=True, slots=True)
class Pick:
    """A number to tap: where that leads, its name (empty: none), the number in groups, and whether it is asked first
    whose it is.
    """

    path: str
    name: str
    number: str
    asks: bool = False


class Picking:
    """Finds what somebody may pick."""

    def __init__(self, *, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def picks(self, who: Subscriber | None) -> list[Pick]:
        """Their lines first, then what they saved; nothing for a guest. What is both stands once."""
        if who is None:
            return []
        async with self._database.read() as transaction:
            connection = transaction.connection
            whose = await account(connection, self._keyring, subscriber_id=who.id)
            lines = await owners.lines_of(connection, subscriber_id=who.id, seal=whose.seal)
            numbers = await saved.saved_by(connection, whose)
            sure = await sure_of(connection, numbers, transaction)
        own = {line.e164 for line in lines}
        return [
            *(
                Pick(f"/home/lines/{line.ref.id}/top-up", line.name, parse_msisdn(line.e164).grouped())
                for line in lines
            ),
            *(
                Pick(f"{SAVED}/{one.id}/top-up", one.name, one.number.grouped(), asks=one.id not in sure)
                for one in numbers
                if one.number.e164 not in own
            ),
        ]

    async def may_save(self, who: Subscriber | None, number: Msisdn) -> bool:
        """Whether they could keep this number: they have it not yet, and there is room."""
        if who is None:
            return False
        async with self._database.read() as transaction:
            connection = transaction.connection
            whose = await account(connection, self._keyring, subscriber_id=who.id)
            lines = await owners.lines_of(connection, subscriber_id=who.id, seal=whose.seal)
            numbers = await saved.saved_by(connection, whose)
        there = {line.e164 for line in lines} | {one.number.e164 for one in numbers}
        return number.e164 not in there and len(numbers) < saved.MOST

    async def whose(self, connection: Connection, who: Subscriber) -> Account:
        """The account of who is here."""
        return await account(connection, self._keyring, subscriber_id=who.id)


async def sure_of(connection: Connection, numbers: list[SavedNumber], transaction: Transaction) -> set[str]:
    """The ids of those that can be nobody else's by now."""
    same = await same_holders(connection, [(one.number.e164, one.meant_at) for one in numbers], transaction.now)
    return {one.id for one in numbers if one.number.e164 in same}
