"""Two processes bring offers, gifts and points to where their orders are at the same moment: each is done once."""

import asyncio

from tests.support.desk import ScriptedGateway, open_shop
from tests.support.gifts import HALL, became, in_shop, stocked, wrong
from tests.support.selling_offers import MUG, TIERS, Customer, faults, paid, publish_with, quoted, states
from tests.support.selling_offers import POINTS as POINTS_RULES
from topup.kernel.ids import new_id

SPENT, EARNED = 100, 87
"""Of 100 yuan 12 off by the campaign and 1 by points."""
PAID, CANCELLED = 8, 4


async def ordered_by(anna):
    quote = await quoted(anna.shop, at=HALL, points=SPENT, payer_id=anna.id)
    assert (len(quote.gifts), quote.points.spent, quote.points.earned) == (1, SPENT, EARNED)
    return await anna.ordered(quote)


async def sweeps(*shops) -> int:
    """Everything that follows orders, by all of them at once, in small batches that meet; how many were followed."""
    done = 0
    for _ in range(20):
        found = await asyncio.gather(
            *(follow(3) for shop in shops for follow in (shop.desk.promising.follow, shop.desk.rewarding.follow))
        )
        done += sum(found)
        if not any(found):
            return done
    raise AssertionError("something comes due for ever")


async def spent(database) -> dict[str, list[str]]:
    """What became of the points that each held for orders, in alphabetical order."""
    async with database.read() as transaction:
        sql = "SELECT subscriber_id, array_agg(state ORDER BY state) FROM offers.points_spent GROUP BY 1"
        return dict(await (await transaction.connection.execute(sql)).fetchall())


async def test_each_order_is_followed_once_by_whoever_of_two(database, data_dir):
    async with (
        open_shop(database, data_dir, ScriptedGateway()) as shop,
        open_shop(database, data_dir, ScriptedGateway(), publishing=False) as other,
    ):
        await publish_with(database, TIERS, MUG, POINTS_RULES)
        await stocked(database, PAID + CANCELLED)
        people = [Customer(shop, new_id("subscriber", lane)) for lane in (1, 1, 5, 11)]
        for anna in people:
            await anna.buys(amount=50000)
        had = [await anna.has() for anna in people]
        orders = [await ordered_by(people[number % len(people)]) for number in range(PAID + CANCELLED)]
        for order in orders[:PAID]:
            await paid(shop, order)
        for order in orders[PAID:]:
            await shop.desk.cancel(order_id=order.id)
        followed = await sweeps(shop, other)
        assert followed >= 2 * len(orders)
        holds = await spent(database)
        bought, left = PAID // len(people), CANCELLED // len(people)
        for anna, (there, _, _) in zip(people, had, strict=True):
            assert await anna.has() == (there + bought * (EARNED - SPENT), 0, 0)
            moves = sorted(move for move in await anna.history() if move[0] in {EARNED, -SPENT})
            assert moves == [(-SPENT, "points_spent")] * bought + [(EARNED, "points_earned")] * bought
            assert holds[anna.id] == ["released"] * left + ["settled"] * bought
        gifts = [await became(database, order) for order in orders]
        assert gifts == [["promised"]] * PAID + [["released"]] * CANCELLED
        assert await in_shop(database) == (PAID + CANCELLED, PAID)
        found = await states(database)
        assert found["mug"] == ["released"] * CANCELLED + ["settled"] * PAID
        assert await wrong(database) == await faults(database) == await shop.listed() == []
