"""What this part of the room keeps about subscribers: the instruments they left."""

from datetime import datetime

from topup.payments.instruments import records
from topup.people.subscribers.accounts import Account
from topup.people.subscribers.ports import Records
from topup.platform.database import Connection


class InstrumentKeeper:
    """`people.subscribers.ports.Keeper`."""

    async def held(self, connection: Connection, whose: Account) -> Records:
        """What they left and have not removed, newest first; never the token."""
        kept = await records.kept_by(connection, subscriber_id=whose.id)
        return {
            "instruments": [
                {"method": one.method, "label": one.label, "kept_at": one.kept_at.isoformat()} for one in kept
            ]
        }

    async def unsettled(self, connection: Connection, *, subscriber_id: str) -> int:  # noqa: ARG002 - a port's
        """An instrument is no money."""
        return 0

    async def forget(self, connection: Connection, *, subscriber_id: str, now: datetime) -> None:
        """None is used any more, and the gateways are told to forget them; then nothing is left here either."""
        await records.remove_all(connection, subscriber_id=subscriber_id, now=now)
