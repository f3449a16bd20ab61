"""What this room keeps about subscribers: which lines are in their accounts, what they call them, and which SIM cards
these have.
"""

from datetime import datetime
from typing import Any

from topup.lines.cards.queries import card_of_line
from topup.lines.owners import OwnedLine, OwnNumbers, lines_of
from topup.people.subscribers.accounts import Account
from topup.people.subscribers.ports import Records
from topup.platform.database import Connection


class LineKeeper:
    """`people.subscribers.ports.Keeper`."""

    async def held(self, connection: Connection, whose: Account) -> Records:
        """The lines, by number and name, each with the card it has now, masked as in the app: whoever finds the file
        must not learn its number.
        """
        lines = await lines_of(connection, subscriber_id=whose.id, seal=whose.seal)
        return {"lines": [await _told(connection, line) for line in lines]}

    async def unsettled(self, connection: Connection, *, subscriber_id: str) -> int:  # noqa: ARG002 - a port's
        """Credit belongs to the line, which stays: none."""
        return 0

    async def forget(self, connection: Connection, *, subscriber_id: str, now: datetime) -> None:  # noqa: ARG002 - a port's
        """No line is in an account that ended."""
        await OwnNumbers().forget(connection, subscriber_id=subscriber_id)


async def _told(connection: Connection, line: OwnedLine) -> dict[str, Any]:
    card = await card_of_line(connection, line.ref)
    return {
        "number": line.e164,
        "name": line.name,
        "carrier": line.carrier_id,
        "added_at": line.bound_at.isoformat(),
        "sim_card": [
            {
                "iccid": card.iccid.masked(),
                "imsi": card.imsi.masked() if card.imsi else None,
                "kind": card.kind.value,
                "state": card.state.value,
            }
        ]
        if card
        else [],
    }
