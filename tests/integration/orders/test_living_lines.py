"""Top-ups of lines that live by their carrier's file: what they restart and restore, and when they come too late."""

import pytest

from tests.support.tariffs import publish_changed
from topup.catalogue.queries import CatalogueCache
from topup.lines.lives import seen
from topup.lines.queries import lines_now
from topup.lines.tasks import LifeCycles

NUMBER = "+8613800138000"
LIFE = """
[clocks.number]
days = 30
restarts = ["activation", { on = "topup", plain = true, least = 20 }]

[[life_cycle.states]]
id = "active"
shows = "active"
leave = [{ when = "clock", clock = "number", to = "blocked" }]

[[life_cycle.states]]
id = "blocked"
shows = "two_way_blocked"
blocks = ["voice_out", "voice_in", "sms_out", "sms_in", "data"]
on_entry = { freeze = ["main"] }
on_topup = { restore = ["main"] }
leave = [
    { when = "topup", least = 20, to = "active" },
    { when = "days", days = 60, to = "reserved" },
]

[[life_cycle.states]]
id = "reserved"
shows = "reserved"
blocks = ["voice_out", "voice_in", "sms_out", "sms_in", "data", "topup"]
on_entry = { forfeit = ["all"] }
leave = [{ when = "days", days = 60, to = "recycled" }]

[[life_cycle.states]]
id = "recycled"
shows = "recycled"
blocks = ["voice_out", "voice_in", "sms_out", "sms_in", "data", "topup"]
on_entry = { forfeit = ["all"], close_line = true, release_number = true }
"""
VALIDITY = '{ rule = "never" }'


class Mortal:
    """A shop whose lines live, and their sweep."""

    def __init__(self, shop) -> None:
        self.shop = shop
        self._sweep = LifeCycles(database=shop.database, catalogue=CatalogueCache(), lanes=16)

    async def lives(self, **delta) -> None:
        await self.shop.later(**delta)
        for _ in range(20):
            if not await self._sweep.live():
                return
        raise AssertionError("something comes due for ever")

    async def life(self):
        async with self.shop.database.read() as transaction:
            line = (await lines_now(transaction.connection, [NUMBER]))[NUMBER]
            found = await seen(transaction.connection, [(line.ref.lane, line.ref.id)])
            return found[line.ref.id]

    async def topped_up(self, amount=5000):
        order = await self.shop.ordered(amount=amount)
        await self.shop.tells(self.shop.paid(await self.shop.paying(order)))
        return await self.shop.order(order)


@pytest.fixture
async def mortal(shop, tmp_path):
    await publish_changed(shop.database, tmp_path, "qingfeng", extra=LIFE, validity=VALIDITY)
    return Mortal(shop)


async def test_the_first_top_up_opens_a_line_whose_life_has_begun(mortal):
    assert (await mortal.topped_up()).status == "delivered"
    life = await mortal.life()
    assert (life.state, set(life.clocks), life.next_at is not None) == ("active", {"number"}, True)


async def test_a_top_up_restarts_the_clocks_that_its_amount_reaches(mortal):
    await mortal.topped_up()
    first = await mortal.life()
    await mortal.lives(days=10)
    await mortal.topped_up(amount=1000)
    assert (await mortal.life()).clocks == first.clocks
    await mortal.topped_up(amount=2000)
    assert (await mortal.life()).clocks != first.clocks


async def test_a_top_up_brings_a_blocked_line_and_its_credit_back_at_once(mortal):
    await mortal.topped_up()
    await mortal.lives(days=40)
    assert (await mortal.life()).state == "blocked"
    assert await mortal.shop.main_balance() == 0
    assert (await mortal.topped_up(amount=3000)).status == "delivered"
    assert (await mortal.life()).state == "active"
    assert await mortal.shop.main_balance() == 8000


async def test_several_top_ups_in_one_flush_are_all_credited(mortal):
    await mortal.topped_up()
    await mortal.lives(days=40)
    facts = [mortal.shop.paid(await mortal.shop.paying(await mortal.shop.ordered())) for _ in range(3)]
    for fact in facts:
        await mortal.shop.tells(fact, settle=False)
    await mortal.shop.quiet()
    assert await mortal.shop.main_balance() == 4 * 5000


async def test_what_comes_too_late_goes_back_though_no_job_has_noticed(mortal):
    await mortal.topped_up()
    order = await mortal.shop.ordered()
    payment = await mortal.shop.paying(order)
    fact = mortal.shop.paid(payment)
    # Paid in time, told of months later: the line is reserved by then, and nobody has looked.
    await mortal.shop.later(days=95)
    await mortal.shop.tells(fact)
    await mortal.shop.run()
    assert (await mortal.shop.order(order)).status == "refunded"
    await mortal.lives()
    assert (await mortal.life()).state == "reserved"
    assert await mortal.shop.main_balance() == 0


async def test_a_top_up_under_way_when_the_number_is_recycled_never_reaches_its_next_line(mortal):
    await mortal.topped_up()
    old = await mortal.life()
    order = await mortal.shop.ordered()
    fact = mortal.shop.paid(await mortal.shop.paying(order))
    await mortal.lives(days=200)
    new_order = await mortal.topped_up(amount=2000)
    assert new_order.status == "delivered"
    new = await mortal.life()
    assert new.id != old.id
    await mortal.shop.tells(fact)
    await mortal.shop.run()
    assert (await mortal.shop.order(order)).status == "refunded"
    assert await mortal.shop.main_balance() == 2000


async def test_a_reserved_number_takes_no_new_order(mortal):
    await mortal.topped_up()
    await mortal.lives(days=95)
    with pytest.raises(Exception, match="number_cannot_be_topped_up"):
        await mortal.shop.ordered()


async def test_lines_of_a_carrier_that_publishes_a_life_begin_it_then(shop, tmp_path):
    before = Mortal(shop)
    await before.topped_up()
    assert (await before.life()).next_at is None
    await publish_changed(shop.database, tmp_path, "qingfeng", extra=LIFE, validity=VALIDITY)
    await before.lives()
    life = await before.life()
    assert life.rules != 0
    assert life.next_at is not None
    assert life.next_at > life.looked_at
