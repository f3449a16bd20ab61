"""What this room keeps about subscribers: their points, and what came and went of them."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from topup.kernel.ids import LineId, lane_of
from topup.ledger import Expire, post
from topup.ledger.queries import LONGEST_PAGE, buckets
from topup.offers.points import records
from topup.offers.points.postings import POINTS
from topup.offers.points.queries import Movement, movements
from topup.people.subscribers.accounts import Account
from topup.people.subscribers.ports import Records
from topup.platform.database import Connection

_ENDED: Final = "account_ended"


class PointsKeeper:
    """`people.subscribers.ports.Keeper`."""

    async def held(self, connection: Connection, whose: Account) -> Records:
        """Every movement, newest first."""
        found = [
            {
                "carrier": one.carrier_id,
                "at": one.at.isoformat(),
                "event": one.purpose,
                "points": one.points,
                "order": one.reference,
            }
            async for one in _all(connection, whose.id)
        ]
        return {"points": found}

    async def unsettled(self, connection: Connection, *, subscriber_id: str) -> int:  # noqa: ARG002 - a port's
        """Points are no money; those that pay for an order wait with the order."""
        return 0

    async def forget(self, connection: Connection, *, subscriber_id: str, now: datetime) -> None:
        """Points end with the account; what came and went of them stays in the books, which name nobody then."""
        # Whoever holds or spends some of them has done so, and is seen; the next finds that there are none.
        if known := await records.accounts(connection, subscriber_id):
            await records.locked(connection, known)
        holder = LineId(subscriber_id)
        found = (await buckets(connection, [holder])).get(holder, [])
        items = [
            Expire(
                lane=lane_of(subscriber_id),
                key=f"{_ENDED}:{one.id}",
                purpose=_ENDED,
                reference=subscriber_id,
                bucket_id=one.id,
                forced=True,
            )
            for one in found
            if one.asset == POINTS
        ]
        await post(connection, items, now)


async def _all(connection: Connection, subscriber_id: str) -> AsyncIterator[Movement]:
    before: int | None = None
    while True:
        page = await movements(connection, subscriber_id, before=before, limit=LONGEST_PAGE)
        for one in page:
            yield one
        if len(page) < LONGEST_PAGE:
            return
        before = page[-1].sequence
