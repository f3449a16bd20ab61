"""A monthly fee of a Chinese carrier, from the 1st on which it is taken to the top-up that brings the line back."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.lines import EXAMPLES
from tests.support.tariffs import publish_text
from topup.catalogue.queries import CatalogueCache
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.queries import transfers_of_line
from topup.lines.lives import Life, seen
from topup.lines.operations import open_lines
from topup.lines.queries import LineRef
from topup.lines.tasks import LifeCycles

NUMBER = "13900139000"
HOME = ZoneInfo("Asia/Shanghai")


class Subscriber:
    """A line of china.toml, which pays 8.00 on the 1st, in a shop where time passes as a test says."""

    def __init__(self, shop, line: LineRef) -> None:
        self.shop = shop
        self.line = line
        self._sweep = LifeCycles(database=shop.database, catalogue=CatalogueCache(), lanes=16)

    async def lives_until(self, then: datetime) -> None:
        async with self.shop.database.read() as transaction:
            now = transaction.now
        await self.shop.later(seconds=(then - now).total_seconds())
        await self.sweep()

    async def sweep(self) -> None:
        for _ in range(20):
            if not await self._sweep.live():
                return
        raise AssertionError("something comes due for ever")

    async def life(self) -> Life:
        async with self.shop.database.read() as transaction:
            return (await seen(transaction.connection, [(self.line.lane, self.line.id)]))[self.line.id]

    async def next_first(self) -> datetime:
        """A moment after the next 1st of a month began there."""
        async with self.shop.database.read() as transaction:
            today = transaction.now.astimezone(HOME)
        first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        return first.replace(hour=0, minute=0, second=1, microsecond=0)

    async def tops_up(self, amount: int):
        order = await self.shop.ordered(number=NUMBER, amount=amount)
        await self.shop.tells(self.shop.paid(await self.shop.paying(order)))
        assert (await self.shop.order(order)).status == "delivered"

    async def has(self) -> int:
        return await self.shop.main_balance(NUMBER)

    async def taken(self) -> list[tuple[str, int]]:
        """What was taken of the line for fees, oldest first."""
        async with self.shop.database.read() as transaction:
            rows = await transfers_of_line(transaction.connection, lane=self.line.lane, line_id=self.line.id)
        return [(row.purpose, row.amount) for row in reversed(rows) if row.credit == "fees"]


@pytest.fixture
async def subscriber(shop, tmp_path):
    # In the name of the demonstration's carrier that has these numbers.
    text = (EXAMPLES / "china.toml").read_text().replace('id = "china"', 'id = "qingfeng"', 1)
    await publish_text(shop.database, tmp_path, text)
    async with shop.database.transaction() as transaction:
        snapshot = await CatalogueCache().current(transaction.connection)
        wanted = [(parse_msisdn(NUMBER), "qingfeng", "Asia/Shanghai")]
        opened = await open_lines(transaction.connection, wanted, transaction.now, lanes=16, snapshot=snapshot)
    return Subscriber(shop, opened["+8613900139000"])


async def test_from_the_fee_to_arrears_to_two_way_blocked_and_back_by_a_top_up(subscriber):
    await subscriber.tops_up(1000)
    await subscriber.lives_until(await subscriber.next_first())
    assert (await subscriber.has(), (await subscriber.life()).state) == (200, "active")
    owed_since = await subscriber.next_first()
    await subscriber.lives_until(owed_since)
    life = await subscriber.life()
    assert (await subscriber.has(), life.arrears_minor, life.shows) == (0, 600, "one_way_blocked")
    await subscriber.lives_until(owed_since + timedelta(days=14))
    assert (await subscriber.life()).shows == "one_way_blocked"
    await subscriber.lives_until(owed_since + timedelta(days=16))
    assert (await subscriber.life()).shows == "two_way_blocked"
    await subscriber.tops_up(500)
    life = await subscriber.life()
    assert (await subscriber.has(), life.arrears_minor, life.shows) == (0, 100, "two_way_blocked")
    await subscriber.tops_up(1000)
    life = await subscriber.life()
    assert (await subscriber.has(), life.arrears_minor, life.shows) == (900, 0, "active")
    assert await subscriber.taken() == [
        ("monthly_fee", 800),
        ("monthly_fee", 200),
        ("arrears", 500),
        ("arrears", 100),
    ]
    assert (await subscriber.shop.house())["fees", "CNY"] == 1600
    assert (await subscriber.shop.house()).get(("suspense", "CNY")) is None


async def test_looking_again_takes_no_fee_again(subscriber):
    await subscriber.tops_up(5000)
    first = await subscriber.next_first()
    for hours in (0, 0, 5, 24 * 20):
        await subscriber.lives_until(first + timedelta(hours=hours))
    assert await subscriber.taken() == [("monthly_fee", 800)]


async def test_no_fee_is_taken_while_two_way_blocked(subscriber):
    first = await subscriber.next_first()
    await subscriber.lives_until(first)
    await subscriber.lives_until(first + timedelta(days=20))
    await subscriber.lives_until(await subscriber.next_first())
    life = await subscriber.life()
    assert (life.shows, life.arrears_minor) == ("two_way_blocked", 800)


async def test_what_is_owed_is_gone_before_anybody_can_spend_it(subscriber):
    """No sweep runs between the top-up and the look at what is left."""
    await subscriber.lives_until(await subscriber.next_first())
    assert (await subscriber.life()).arrears_minor == 800
    await subscriber.tops_up(2000)
    assert (await subscriber.has(), (await subscriber.life()).state) == (1200, "active")
    await subscriber.sweep()
    assert (await subscriber.has(), await subscriber.taken()) == (1200, [("arrears", 800)])


async def test_several_top_ups_settled_together_pay_it_once(subscriber):
    await subscriber.lives_until(await subscriber.next_first())
    shop = subscriber.shop
    payments = [await shop.paying(await shop.ordered(number=NUMBER, amount=amount)) for amount in (300, 400, 500)]
    for payment in payments:
        await shop.tells(shop.paid(payment), settle=False)
    await shop.quiet()
    assert sum(amount for _, amount in await subscriber.taken()) == 800
    life = await subscriber.life()
    assert (await subscriber.has(), life.arrears_minor, life.state) == (400, 0, "active")
