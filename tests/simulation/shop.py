"""One installation in a world: a database, a desk that can die and come back, and everything a test may let happen."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from tests.simulation.books import Books
from tests.simulation.world import Event, World
from tests.support.database import settings_for
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Problem
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.orders.desk import Desk
from topup.orders.reading import Parts
from topup.platform.database import Database
from topup.platform.keys import KeyRing

LANES = 16
HEALING = [timedelta(seconds=3), timedelta(seconds=70), timedelta(minutes=16), *[timedelta(minutes=65)] * 9]


class Installation:
    """Made with `open`, ended with `close`; `restart` is a process that died with all it had in memory."""

    def __init__(self, database: Database, keys: Path, world: World) -> None:
        self.database = database
        self.world = world
        self._keys = keys
        world.clock = lambda: datetime.now(UTC) + database.clock_offset
        self.desk = self.new_desk()
        self.orders: list = []
        self.payments: list = []
        self._owner = psycopg.connect(database.url, autocommit=True)

    @classmethod
    async def open(cls, url: str, keys: Path, world: World) -> "Installation":
        database = Database(url=url, settings=settings_for(url, pool_size=2))
        await database.start()
        return cls(database, keys, world)

    async def close(self) -> None:
        self._owner.close()
        await self.desk.aclose()
        await self.database.aclose()

    def new_desk(self) -> Desk:
        return Desk(
            Parts(
                database=self.database,
                catalogue=CatalogueCache(),
                keys=KeyRing(self._keys),
                lanes=LANES,
                gateways=self.world.gateways,
                carriers={"external_demo": self.world.carrier},
                public_url="http://127.0.0.1:8080",
            )
        )

    async def restart(self) -> None:
        await self.desk.aclose()
        self.desk = self.new_desk()

    def books(self) -> Books:
        return Books.read(self._owner)

    async def order(self, number: str, amount: Money, *, confirm=("duplicate", "large_amount")):
        """An order, or the problem that it met."""
        try:
            quote = await self.desk.quote(number=number, product=None, amount=amount, payment_method=None)
            made = await self.desk.order(
                order_id=OrderId(new_id("order", lane_of(quote.id))),
                quote_id=quote.id,
                contact=None,
                confirmations=frozenset(confirm),
                locale="zh_Hans",
                channel="test",
                payer="one and the same",
            )
        except Problem as problem:
            return problem
        self.orders.append(made)
        return made

    async def pay(self, order, method: str = "sandbox", payment_id: PaymentId | None = None):
        """An attempt to pay, or the problem that it met."""
        payment_id = payment_id or PaymentId(new_id("payment", lane_of(order.id)))
        try:
            made = await self.desk.pay(payment_id=payment_id, order_id=order.id, method=method, locale="zh_Hans")
        except Problem as problem:
            return problem
        self.payments.append(made)
        return made

    async def tell(self, event: Event, *, dies: bool = False) -> int:
        """Deliver an event and wait for its effect; or die as soon as it is acknowledged. The HTTP status."""
        event.told += 1
        room = self.desk.post_room
        if dies:
            room._begin = lambda work: work.close()
        if event.from_carrier:
            answer = await self.desk.receive_carrier_event(carrier=event.sender, headers={}, body=event.body)
        else:
            answer = await self.desk.receive_event(method=event.sender, headers={}, body=event.body)
        await room.settled()
        if dies:
            await self.restart()
        return answer[0]

    async def tell_all(self) -> None:
        """Deliver everything that was never delivered."""
        for event in self.world.events:
            if not event.told:
                await self.tell(event)

    async def sweep(self, kind: str) -> int:
        """Let one of the sweeps run once."""
        outside = self.desk.outside
        runs = {
            "expire": self.desk.expire,
            "inbox": self.desk.post_room.sweep,
            "ask": outside.ask,
            "deliver": outside.deliver,
            "refund": outside.refund,
            "bills": self.desk.bills.read,
        }
        return await runs[kind]()

    async def run(self) -> None:
        """Everything that is due now, until nothing is."""
        for _ in range(30):
            if not sum([await self.sweep(kind) for kind in ("expire", "inbox", "ask", "deliver", "refund")]):
                return
        raise AssertionError("something comes due for ever")

    async def later(self, delta: timedelta) -> None:
        self.database.clock_offset += delta
        self.world.carrier.arrive()

    async def heal(self) -> None:
        """The outside answers truthfully from now on, tells what it had not told, and time passes."""
        self.world.heal()
        await self.tell_all()
        await self.sweep("bills")
        for delta in HEALING:
            await self.run()
            await self.later(delta)
        await self.run()


def not_as_it_is(world: World, books: Books) -> list[str]:
    """Where our books and the truth outside do not agree, once everything was healed."""
    wrong = []
    for order in books.orders.values():
        if order["state"] == "needs_person":
            continue
        payments = [world.payments.get(id_) for id_, one in books.payments.items() if one["order_id"] == order["id"]]
        left = {}
        for charge in (charge for payment in payments if payment for charge in payment.charges):
            left.setdefault(charge.amount.currency, 0)
            left[charge.amount.currency] += charge.amount.amount_minor - charge.back_minor
        with_a_person = any(
            one["state"] != "refunded" and books.order_of(one["payment_id"]) is order for one in books.refunds
        )
        price = books.payments[order["kept_payment_id"]]["amount_minor"] if books.delivered(order) else 0
        if not with_a_person and sum(left.values()) != price:
            wrong.append(f"{order['id']} is {order['state']}: the payer lacks {left} and should lack {price}")
        if books.quotes[order["quote_id"]].network != "own":
            credited = world.carrier.credited(books.attempts_of(order))
            if credited != books.delivered(order):
                wrong.append(f"{order['id']} is {order['state']} and was credited {credited} times")
    return wrong


def runner() -> asyncio.Runner:
    return asyncio.Runner()
