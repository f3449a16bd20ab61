"""What this part of the room keeps about subscribers: their schedules."""

from datetime import datetime

import msgspec

from topup.orders.schedules import records, runs
from topup.people.subscribers.accounts import Account
from topup.people.subscribers.ports import Records
from topup.platform.database import Connection


class ScheduleKeeper:
    """`people.subscribers.ports.Keeper`."""

    async def held(self, connection: Connection, whose: Account) -> Records:
        """All they agreed to, what they removed too."""
        found = await records.schedules_of(connection, whose.id, ended=True)
        return {
            "schedules": [
                {
                    "number": one.msisdn.e164,
                    "created_at": one.created_at.isoformat(),
                    "state": one.state.value,
                    "agreement": {
                        name: value for name, value in msgspec.to_builtins(one.agreement).items() if value is not None
                    },
                }
                for one in found
            ]
        }

    async def unsettled(self, connection: Connection, *, subscriber_id: str) -> int:
        """What is being paid by itself just now."""
        return await runs.being_paid(connection, subscriber_id)

    async def forget(self, connection: Connection, *, subscriber_id: str, now: datetime) -> None:  # noqa: ARG002 - a port's
        """None of them runs any more; the orders they made stay, as all orders do."""
        await records.drop(connection, subscriber_id)
