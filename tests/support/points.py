"""Points of subscribers, each operation in a transaction of its own."""

from dataclasses import dataclass
from datetime import datetime

from topup.kernel.ids import new_id
from topup.ledger.invariants import violations
from topup.offers.points import operations, queries
from topup.offers.points.invariants import unequal
from topup.offers.points.operations import Aim, Reward, Spend
from topup.offers.points.postings import FOR_EVER, AccountKey
from topup.offers.points.queries import Movement
from topup.offers.states import ReservationState
from topup.platform.database import Database

FAR = datetime.fromisoformat("2100-01-01T00:00:00Z")
SETTLED, RELEASED, BACK = ReservationState.SETTLED, ReservationState.RELEASED, ReservationState.GIVEN_BACK


def somebody(carrier: str = "acme", lane: int = 3) -> AccountKey:
    """A new subscriber's account with a carrier."""
    return AccountKey(new_id("subscriber", lane), carrier)


@dataclass
class Purses:
    """The operations, each in a transaction of its own."""

    database: Database

    async def hold(self, *wanted: Spend) -> list[bool]:
        async with self.database.transaction() as transaction:
            return await operations.hold(transaction.connection, wanted, transaction.now)

    async def follow(self, *aims: Aim) -> None:
        async with self.database.transaction() as transaction:
            await operations.follow(transaction.connection, aims, transaction.now)

    async def spend(self, key: AccountKey, order: str, points: int, *, until: datetime = FAR) -> bool:
        [held] = await self.hold(Spend(key, order, points, until))
        return held

    async def move(self, key: AccountKey, order: str, state: ReservationState, *, until: datetime = FAR) -> None:
        await self.follow(Aim(key, order, state, until, None))

    async def earn(self, key: AccountKey, order: str, promised: int, kept: int | None = None, lasting=FOR_EVER) -> None:
        reward = Reward(promised, promised if kept is None else kept, lasting)
        await self.follow(Aim(key, order, None, FAR, reward))

    async def has(self, key: AccountKey) -> tuple[int, int, int]:
        """What is available, held and owed."""
        async with self.database.read() as transaction:
            found = await queries.balances(transaction.connection, key.subscriber_id, transaction.now)
        [one] = [one for one in found if one.carrier_id == key.carrier_id]
        return one.available, one.held, one.owed

    async def moved(self, key: AccountKey) -> list[Movement]:
        async with self.database.read() as transaction:
            return await queries.movements(transaction.connection, key.subscriber_id)

    async def faults(self) -> list[object]:
        async with self.database.read() as transaction:
            return [*await unequal(transaction.connection), *await violations(transaction.connection)]
