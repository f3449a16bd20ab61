"""Two years of numbers that are kept by themselves, with real orders and payments, by an injected clock.

Their owner turns it on and does nothing more: for each of the example carriers no number is lost, and nothing is topped
up twice for one day on which it would have been. What that costs is what the gateway charged.
"""

from datetime import datetime, timedelta

import pytest

from tests.support.automatic import Automatic
from tests.support.desk import LANES, open_shop
from tests.support.keeping import KeepingGateway
from tests.support.lines import EXAMPLES
from topup.catalogue.checking import check
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.operations import publish
from topup.kernel.errors import NotFound
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.audit import audit
from topup.ledger.invariants import violations
from topup.lines.keeping.advice import line_to_keep
from topup.lines.tasks import LifeCycles
from topup.orders.schedules.numbers import Wish
from topup.orders.schedules.rules import SAFE_DAYS
from topup.payments.instruments import records
from topup.payments.ports import Instrument

START = datetime.fromisoformat("2027-08-31T12:00+00:00")
YEARS = timedelta(days=731)
"""A leap day is among them."""
FIRST = {
    "china": ("+8613900139000", Money(2000, "CNY")),
    "flow-cayman": ("+13459160001", Money(500, "KYD")),
    "smart-philippines": ("+639181234567", Money(10_000, "PHP")),
    "vodafone-uk": ("+447717123456", Money(1000, "GBP")),
    "yunfan": ("+85251230001", Money(2000, "HKD")),
}
"""The number, and what its line is topped up with when it begins."""
_CAP_TIMES = 5


class Keeper(Automatic):
    """Somebody whose number is kept."""

    async def rows(self, statement: str, *parameters) -> list:
        async with self.shop.database.read() as transaction:
            return await (await transaction.connection.execute(statement, parameters)).fetchall()

    async def begins(self, amount: Money) -> None:
        order = await self.shop.ordered(self.number, amount.amount_minor, amount.currency)
        await self.shop.tells(self.shop.paid(await self.shop.paying(order)))
        await self.shop.run()

    async def turns_it_on(self, cap: Money) -> str:
        numbers = self.shop.desk.numbers
        async with self.shop.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            left, keys = Instrument("cus_1:pm_1", "Visa 4242"), self.shop.keys
            await records.keep(connection, keys, subscriber_id=self.who, method="scripted", instrument=left, now=now)
            [card] = await records.kept_by(connection, subscriber_id=self.who)
        standing = await numbers.standing(subscriber_id=self.who, number=self.number)
        await numbers.turn_on(Wish(self.who, self.number, card.id, cap, "en", standing.schedule_id))
        return standing.schedule_id

    async def lost(self) -> int:
        """How many lines cannot be brought back any more."""
        async with self.shop.database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            snapshot = await self.catalogue.current(connection)
            try:
                found = await line_to_keep(connection, parse_msisdn(self.number), snapshot, now)
            except NotFound:
                return 1
        return int(found.life.status != "active" or found.kept.runway().is_lost)

    async def lives_until(self, end: datetime, cycles: LifeCycles) -> None:
        """Whatever is due is seen to when it is: the line's life, the schedule, its runs."""
        while self.now() < end:
            [[due]] = await self.rows(
                """SELECT min(at) FROM (
                    SELECT min(next_at) FROM lines.lines
                    UNION ALL SELECT min(next_at) FROM orders.schedules
                    UNION ALL SELECT min(act_at) FROM orders.schedule_runs) AS due (at)"""
            )
            self.at(min(end, max(due or end, self.now() + timedelta(minutes=1))))
            await cycles.live()
            await self.sweeps()


@pytest.mark.parametrize("carrier", FIRST)
async def test_for_two_years_no_number_is_lost_and_nothing_is_topped_up_twice(database, data_dir, carrier, figures):
    number, amount = FIRST[carrier]
    yunfan = next(file for file in demonstration_files() if file.stem == "yunfan")
    async with database.transaction() as transaction:
        for file in (*sorted(EXAMPLES.glob("*.toml")), yunfan):
            await publish(transaction.connection, check(file), transaction.now)
    async with open_shop(database, data_dir, KeepingGateway(), publishing=False) as shop:
        keeper = Keeper(shop, number, carrier)
        keeper.at(START)
        await keeper.moves_in()
        await keeper.begins(amount)
        schedule = await keeper.turns_it_on(Money(_CAP_TIMES * amount.amount_minor, amount.currency))
        await keeper.lives_until(START + YEARS, LifeCycles(database=database, catalogue=keeper.catalogue, lanes=LANES))
        runs = await keeper.rows(
            "SELECT cause, state, amount_minor, at FROM orders.schedule_runs WHERE schedule_id = %s ORDER BY at",
            schedule,
        )
        assert [state for _, state, *_ in runs] == ["done"] * len(runs)
        paid = await keeper.ordered()
        twice = paid - len({cause for cause, *_ in runs})
        assert (twice, paid, len(shop.gateway.charged)) == (0, len(runs), len(runs))
        for cause, _, _, at in runs:
            lost_on = datetime.fromisoformat(f"{cause.removeprefix('keep:')}T00:00+00:00")
            assert at < lost_on - timedelta(days=SAFE_DAYS - 2), "each further attempt would have been in time"
        lost = await keeper.lost()
        assert lost == 0
        standing = await shop.desk.numbers.standing(subscriber_id=keeper.who, number=number)
        assert standing.coming is not None
        assert standing.coming.at > keeper.now()
        spent = sum(minor for _, _, minor, _ in runs)
        [[charged]] = await keeper.rows(
            """SELECT coalesce(sum(p.amount_minor), 0)::bigint FROM orders.orders AS o
            JOIN payments.payments AS p ON p.lane = o.lane AND p.id = o.kept_payment_id WHERE o.channel = 'automatic'"""
        )
        assert charged == spent
        async with database.read() as transaction:
            assert (await audit(transaction.connection)).sound
            assert await violations(transaction.connection) == []
    figures(
        "autopilot", carrier=carrier, days=YEARS.days, top_ups=paid, charged_minor=charged, currency=amount.currency,
        lost=lost, twice=twice,
    )  # fmt: skip
