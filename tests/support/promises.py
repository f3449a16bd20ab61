"""What is promised of campaigns, each operation in a transaction of its own."""

from dataclasses import dataclass
from datetime import date, datetime

from topup.catalogue.campaigns import Limits
from topup.offers import operations, queries
from topup.offers.answers import Reason
from topup.offers.counting import CampaignKey, Wanted
from topup.offers.facts import Uses
from topup.offers.invariants import Miscounted, miscounted
from topup.offers.operations import key_of
from topup.offers.records import ReservationKey
from topup.offers.tasks import lapse
from topup.platform.database import Database

LANES = 16
SPRING, OTHER = CampaignKey("acme", "spring"), CampaignKey("acme", "other")
TODAY = date(2026, 3, 15)
FAR = datetime.fromisoformat("2100-01-01T00:00:00Z")


def wanted(order: str = "order", campaign: CampaignKey = SPRING, off_minor: int = 500, **facts) -> Wanted:
    fields = {"limits": Limits(), "day": TODAY, "expires_at": FAR} | facts
    return Wanted(campaign, order, off_minor, **fields)


@dataclass
class Promises:
    """The operations, each in a transaction of its own."""

    database: Database

    async def reserve(self, *items: Wanted) -> list[Reason | None]:
        async with self.database.transaction() as transaction:
            return await operations.reserve(transaction.connection, items, transaction.now, lanes=LANES)

    async def settle(self, *items: Wanted) -> list[ReservationKey]:
        async with self.database.transaction() as transaction:
            keys = [key_of(one) for one in items]
            return await operations.settle(transaction.connection, keys, transaction.now, lanes=LANES)

    async def release(self, *items: Wanted) -> int:
        async with self.database.transaction() as transaction:
            keys = [key_of(one) for one in items]
            return await operations.release(transaction.connection, keys, transaction.now, lanes=LANES)

    async def give_back(self, *items: Wanted) -> int:
        async with self.database.transaction() as transaction:
            keys = [key_of(one) for one in items]
            return await operations.give_back(transaction.connection, keys, transaction.now, lanes=LANES)

    async def lapse(self) -> int:
        return await lapse(self.database, lanes=LANES)

    async def uses(self, campaign: CampaignKey = SPRING, *, day: date = TODAY, persons: tuple[str, ...] = ()) -> Uses:
        async with self.database.read() as transaction:
            found = await queries.uses(transaction.connection, [campaign], day=day, persons=persons, lanes=LANES)
        return found[campaign]

    async def faults(self) -> list[Miscounted]:
        async with self.database.read() as transaction:
            return await miscounted(transaction.connection)
