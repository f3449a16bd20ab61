"""What this room keeps about subscribers: what they wrote to us; and every room that keeps something."""

from collections.abc import Sequence
from datetime import datetime

from topup.care import tickets
from topup.lines.personal import LineKeeper
from topup.offers.points.keeping import PointsKeeper
from topup.orders.personal import OrderKeeper
from topup.orders.schedules.personal import ScheduleKeeper
from topup.payments.instruments.personal import InstrumentKeeper
from topup.people.subscribers.accounts import Account
from topup.people.subscribers.leaving import Leaving
from topup.people.subscribers.ports import Keeper, Records
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing


class TicketKeeper:
    """`people.subscribers.ports.Keeper`."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keyring = keyring

    async def held(self, connection: Connection, whose: Account) -> Records:
        """Every ticket with all that was written."""
        found = []
        for ticket in await tickets.of_subscriber(connection, whose.id, limit=tickets.MAXIMUM_PAGE):
            thread = await tickets.thread(connection, ticket, keys=self._keyring)
            found.append(
                {
                    "reference": ticket.reference,
                    "topic": ticket.topic.value,
                    "state": ticket.state.value,
                    "order": ticket.order_id,
                    "created_at": ticket.created_at.isoformat(),
                    "written": [
                        {"author": one.author, "at": one.at.isoformat(), "text": one.text} for one in thread.messages
                    ],
                }
            )
        return {"tickets": found}

    async def unsettled(self, connection: Connection, *, subscriber_id: str) -> int:  # noqa: ARG002 - a port's
        """A ticket is no money; what it is about is an order's."""
        return 0

    async def forget(self, connection: Connection, *, subscriber_id: str, now: datetime) -> None:
        """What they wrote, and where to write to them."""
        await tickets.erase_writer(connection, subscriber_id, now)


def keepers(keyring: KeyRing) -> Sequence[Keeper]:
    """Every room above people that keeps something about subscribers. What comes to an account is added here."""
    return [
        LineKeeper(),
        OrderKeeper(keyring),
        ScheduleKeeper(),
        InstrumentKeeper(),
        TicketKeeper(keyring),
        # Last, as it posts: the ledger is waited for by who holds all else.
        PointsKeeper(),
    ]


def leaving(*, database: Database, keyring: KeyRing) -> Leaving:
    """The way out of the house, past every room."""
    return Leaving(database=database, keyring=keyring, keepers=keepers(keyring))
