"""Somebody who left a card at a shop and agreed to top-ups that run by themselves; and whoever runs those."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest

from tests.support.desk import LANES, OWN_NUMBER, Shop, open_shop
from tests.support.keeping import Cards, KeepingGateway
from tests.support.subscribers import letters
from topup.catalogue.checking import check_bytes
from topup.catalogue.operations import publish
from topup.catalogue.queries import CatalogueCache
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.operations import open_lines
from topup.orders.schedules.desk import Schedules, ScheduleWanted
from topup.orders.schedules.looking import Looking
from topup.orders.schedules.rules import Agreement
from topup.orders.schedules.running import Runner
from topup.payments.instruments.records import FIRST_LOOK

BEFORE_THE_15TH = datetime(2030, 3, 10, 4, tzinfo=UTC)


class Automatic:
    """`who` has the line of `number`, of that carrier; cards are left as at a browser, by a top-up that keeps one."""

    def __init__(self, shop: Shop, number: str = OWN_NUMBER, carrier_id: str = "qingfeng") -> None:
        self.shop = shop
        self.number = number
        self.carrier_id = carrier_id
        self.cards = Cards(shop)
        parts = {"database": shop.database, "catalogue": CatalogueCache(), "lanes": LANES}
        self.catalogue = parts["catalogue"]
        self.schedules = Schedules(**parts)
        self.looking = Looking(**parts, keys=shop.keys)
        self.runner = Runner(
            database=shop.database,
            desk=shop.desk,
            keys=shop.keys,
            looking=self.looking,
            catalogue=parts["catalogue"],
        )
        shop.gateway.clock = self.now
        self.who = ""
        self.line = None

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shop.database.clock_offset

    def at(self, moment: datetime) -> None:
        self.shop.database.clock_offset = moment - datetime.now(UTC)

    async def moves_in(self) -> None:
        """Somebody with a line of their own."""
        self.who = await self.cards.person()
        number = parse_msisdn(self.number)
        async with self.shop.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            snapshot = await CatalogueCache().current(connection)
            wanted = [(number, self.carrier_id, snapshot.carrier(self.carrier_id).document.time_zone)]
            [self.line] = (await open_lines(connection, wanted, now, lanes=LANES, snapshot=snapshot)).values()
            await owners.bind(connection, subscriber_id=self.who, line=self.line, now=now)

    async def publishes(self, more: str) -> None:
        """A version of the carrier's file that says more."""
        name = f"{self.carrier_id}.toml"
        source = files("topup.catalogue.demonstration").joinpath(name).read_text(encoding="utf-8")
        async with self.shop.database.transaction() as transaction:
            file = check_bytes(f"{source}{more}".encode(), name=name)
            await publish(transaction.connection, file, transaction.now)

    async def card(self, token: str = "cus_1:pm_1", label: str = "Visa 4242") -> str:
        await self.cards.left(self.who, token, label)
        self.shop.database.clock_offset += 2 * FIRST_LOOK
        await self.cards.swept()
        kept = await self.shop.desk.instruments.of(subscriber_id=self.who)
        return next(one.id for one in kept if one.label == label)

    async def agrees(self, agreement: Agreement, *, card: str | None = None, who: str | None = None) -> str:
        return await self.schedules.make(
            ScheduleWanted(who or self.who, self.number, agreement, card or await self.card(), "en")
        )

    async def passes(self, **delta: int) -> None:
        """Time goes on, in steps that a process would sweep in."""
        until = self.shop.database.clock_offset + timedelta(**delta)
        step = min(timedelta(hours=6), timedelta(**delta))
        while self.shop.database.clock_offset < until:
            self.shop.database.clock_offset = min(until, self.shop.database.clock_offset + step)
            await self.sweeps()

    async def sweeps(self) -> None:
        """Three minutes of what a process does, where there is anything to do at their beginning."""
        if await self._sweep():
            for _ in range(5):
                self.shop.database.clock_offset += timedelta(seconds=30)
                await self._sweep()
        self.shop.database.clock_offset += timedelta(seconds=30)

    async def _sweep(self) -> int:
        seen = await self.looking.look(100) + await self.looking.look_to_keep(100)
        return seen + await self.runner.run_due(100) + await self.shop.run()

    async def runs(self, schedule_id: str) -> list[tuple[str, str, str]]:
        view = await self.schedules.one(subscriber_id=self.who, schedule_id=schedule_id)
        return [(run.cause, run.state.value, run.reason) for run in reversed(view.runs)]

    async def state(self, schedule_id: str) -> tuple[str, str]:
        view = await self.schedules.one(subscriber_id=self.who, schedule_id=schedule_id)
        return view.schedule.state.value, view.schedule.reason

    async def ordered(self) -> int:
        """Orders that were made by themselves for the number, and paid."""
        sql = """
        SELECT count(*) FROM orders.orders
        WHERE channel = 'automatic' AND kept_payment_id IS NOT NULL AND msisdn = %s
        """
        async with self.shop.database.read() as transaction:
            row = await (await transaction.connection.execute(sql, [parse_msisdn(self.number).e164])).fetchone()
        return row[0]

    async def told(self) -> list[str]:
        written = await letters(self.shop.database, self.shop.keys)
        return [one.template for one in written if one.template.startswith("automatic")]


@pytest.fixture
async def automatic(database, data_dir) -> AsyncIterator[Automatic]:
    """Somebody with a line of their own, some days before the 15th."""
    async with open_shop(database, data_dir, KeepingGateway()) as shop:
        automatic = Automatic(shop)
        automatic.at(BEFORE_THE_15TH)
        await automatic.moves_in()
        yield automatic
