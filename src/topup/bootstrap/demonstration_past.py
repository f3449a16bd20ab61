"""The same house some time ago: its rooms on the same database, with a clock that is set to a day of the past.

Everything that happened then is done by the rooms themselves, at that time: nothing is written by hand. Only ways to
pay that are the house's own work there; the simulated providers know nothing of a past.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from topup.bootstrap.house import Furnished, furnished
from topup.bootstrap.plugins import choose
from topup.charging.usage.reading import UsageRecord
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.ledger.tasks import expire_buckets
from topup.orders.paying import Presented
from topup.orders.views import OrderView
from topup.payments.cash.tills import Tendered
from topup.payments.ports import Scene
from topup.payments.vouchers import operations as vouchers
from topup.payments.vouchers.operations import Wanted
from topup.platform.database import Database

ZONE: Final = ZoneInfo("Asia/Shanghai")
_OWN: Final = ("cash", "voucher")
_BY: Final = "demonstration"
_CHANNEL: Final = "web"
_VOUCHERS_LAST: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What was bought for a number, and how it was paid: `cash` at a till, or by a `voucher` of that price. `product`
    is a pack's, else `amount` is credit; so many `points` of the payer's pay for it, as far as they may. `paid` is
    False for one that was called off.
    """

    number: str
    amount: Money | None = None
    product: str | None = None
    method: str = "cash"
    points: int = 0
    paid: bool = True


@dataclass(slots=True)
class Past:
    """The rooms, and their clock. `today` and `now` are those of the present."""

    house: Furnished
    now: datetime
    locale: str
    _taken: dict[str, Money] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        """Where it happens: its transactions have the time that the clock was set to."""
        return self.house.store.database

    @property
    def today(self) -> date:
        """The day it is, where the lines of the demonstration are at home."""
        return self.now.astimezone(ZONE).date()

    def instant(self, days: int, clock: time) -> datetime:
        """That time of day, so many days ago."""
        return datetime.combine(self.today - timedelta(days=days), clock, ZONE)

    def go_to(self, at: datetime) -> None:
        """Set the clock; never beyond the present."""
        self.database.clock_offset = min(at - self.now, timedelta())

    async def buy(self, purchase: Purchase, *, payer_id: str) -> OrderView:
        """A top-up from its price to its receipt, with the offers there are and the points that come of it."""
        desk = self.house.desk
        quote = await desk.quote(
            number=purchase.number,
            product=purchase.product,
            amount=purchase.amount,
            payment_method=purchase.method,
            channel=_CHANNEL,
            payer_id=payer_id,
            points=purchase.points,
        )
        order = await desk.order(
            order_id=OrderId(new_id("order", lane_of(quote.id))),
            quote_id=quote.id,
            contact=None,
            confirmations=frozenset(),
            locale=self.locale,
            channel=_CHANNEL,
            payer_id=payer_id,
        )
        if not purchase.paid:
            await desk.cancel(order_id=order.id)
            return await self._followed(order)
        pin = await self._voucher(quote.total) if purchase.method == "voucher" else None
        payment = await desk.pay(
            payment_id=PaymentId(new_id("payment", lane_of(order.id))),
            order_id=order.id,
            method=purchase.method,
            locale=self.locale,
            scene=Scene.COUNTER,
            presented=Presented(payment_code=pin),
        )
        if purchase.method == "cash":
            till = await self._till(quote.total.currency)
            await desk.cash.take(Tendered(payment.id, till, quote.total, _BY))
            before = self._taken[till]
            self._taken[till] = replace(before, amount_minor=before.amount_minor + quote.total.amount_minor)
        return await self._followed(order)

    async def _followed(self, order: OrderView) -> OrderView:
        """How the order stands, with what it held or earned where that is to be: no sweep runs in the past."""
        desk = self.house.desk
        await desk.promising.follow()
        await desk.rewarding.follow()
        return await desk.get_order(order_id=order.id)

    async def use(self, records: Sequence[UsageRecord]) -> None:
        """Charge for what was used, as the network tells it."""
        if records:
            await self.house.usage_records.charge(records)

    async def end(self) -> None:
        """Let what was to be used by now be gone."""
        await expire_buckets(self.database)

    async def close(self) -> None:
        """Count the tills."""
        for till, counted in self._taken.items():
            await self.house.desk.cash.close(till=till, counted=counted, by=_BY)

    async def _till(self, currency: str) -> str:
        till = f"demo-{currency.lower()}"
        if till not in self._taken:
            self._taken[till] = Money(0, currency)
            await self.house.desk.cash.open(till=till, float_=self._taken[till], by=_BY)
        return till

    async def _voucher(self, face: Money) -> str:
        """The PIN of a voucher that is made and sold for it."""
        store, lanes = self.house.store, self.house.store.installation.lanes
        wanted = Wanted(face, 1, self.now + _VOUCHERS_LAST, made_by=_BY)
        async with store.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            batch, [card] = await vouchers.make(connection, wanted, now, keys=store.keyring, lanes=lanes)
            await vouchers.exported(connection, batch_id=batch.id, now=now)
            await vouchers.activate(connection, batch_id=batch.id, now=now)
        return card.pin


@asynccontextmanager
async def past_of(house: Furnished, *, locale: str) -> AsyncIterator[Past]:
    """The house's past, until the block ends."""
    store = house.store
    async with store.database.read() as transaction:
        now = transaction.now
    database = Database(url=store.database.url, settings=store.settings)
    async with aclosing(database):
        await database.start()
        own = choose(store.settings, demo=True, wanted={"payments": dict[str, dict[str, Any]].fromkeys(_OWN, {})})
        then = replace(store, database=database)
        async with furnished(then, own, public_url=house.public_url) as rooms:
            yield Past(rooms, now, locale)
