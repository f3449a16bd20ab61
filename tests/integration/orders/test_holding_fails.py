"""Something goes wrong between two things that are held for an order: none stays held, and the order is not lost."""

import pytest

from tests.integration.orders.test_offers_interrupted import body_of
from tests.support.desk import LANES
from tests.support.gifts import HALL, in_shop, stocked
from tests.support.selling_offers import MUG, ONCE, TIERS, Customer, faults, publish_with, quoted, states
from tests.support.selling_offers import POINTS as POINTS_RULES
from topup.kernel.errors import Unavailable
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.ledger.tasks import release_holds
from topup.offers.points.operations import PointsMoved
from topup.offers.tasks import lapse as lapse_offers
from topup.orders.promising import NotHeld
from topup.orders.quotes import decoded
from topup.shops.stock.tasks import lapse as lapse_gifts

STEPS = ("first", "second", "gift", "points")


@pytest.fixture
async def anna(shop):
    await publish_with(shop.database, ONCE, TIERS, MUG, POINTS_RULES)
    await stocked(shop.database, 1)
    anna = Customer(shop, new_id("subscriber", 11))
    await anna.buys(amount=50000)
    return anna


async def wanted_by(anna) -> dict[str, object]:
    """An order of a price with two campaigns, a gift and points."""
    quote = await quoted(anna.shop, "ONCE", at=HALL, points=100, payer_id=anna.id)
    assert (len(quote.discounts), len(quote.gifts), quote.points.spent) == (3, 1, 100)
    return {
        "order_id": OrderId(new_id("order", lane_of(quote.id))),
        "quote_id": quote.id,
        "contact": None,
        "confirmations": frozenset({"duplicate", "large_amount"}),
        "locale": "en",
        "channel": "counter",
        "payer": "somebody",
        "payer_id": anna.id,
    }


def steps_of(promising) -> dict[str, tuple[object, int]]:
    """Who holds each, and how many it lets pass before."""
    reserve = promising._reserve
    return {
        "first": (reserve, 0),
        "second": (reserve, 1),
        "gift": (promising._gifts._hold, 0),
        "points": (promising._rewarding._hold, 0),
    }


def fails(patch, batcher, error, *, after=0) -> None:
    """Have a batcher fail so, and its flush have taken hold all the same: that is what nobody knows."""
    submit, count = batcher.submit, 0

    async def failing(item):
        nonlocal count
        count += 1
        if count <= after:
            return await submit(item)
        if isinstance(error, Unavailable):
            await submit(item)
        raise error

    patch.setattr(batcher, "submit", failing)


async def held(shop, anna) -> tuple[list[str], int, int]:
    """Campaigns, gifts and points that are held."""
    found = await states(shop.database)
    campaigns = sorted(name for name, all_ in found.items() if "held" in all_)
    return campaigns, (await in_shop(shop.database))[1], (await anna.has())[1]


@pytest.mark.parametrize("error", [Unavailable("database_lost"), PointsMoved("x")], ids=["lost", "defect"])
@pytest.mark.parametrize("step", STEPS)
async def test_nothing_stays_held_and_the_same_order_is_served_the_next_time(shop, anna, monkeypatch, step, error):
    wanted = await wanted_by(anna)
    batcher, after = steps_of(shop.desk.promising)[step]
    with monkeypatch.context() as patch:
        fails(patch, batcher, error, after=after)
        with pytest.raises(type(error)):
            await shop.desk.order(**wanted)
    assert await held(shop, anna) == ([], 0, 0)
    order = await shop.desk.order(**wanted)
    assert await held(shop, anna) == (["mug", "once", "tiers"], 1, 100)
    assert (await shop.desk.order(**wanted)).id == order.id
    assert await faults(shop.database) == []


@pytest.mark.parametrize("again", [True, False], ids=["asked for again", "given up"])
async def test_what_cannot_be_let_go_of_either_is_the_orders_own_until_it_lapses(shop, anna, monkeypatch, again):
    wanted = await wanted_by(anna)
    promising = shop.desk.promising
    lost = Unavailable("database_lost")
    with monkeypatch.context() as patch:
        fails(patch, promising._rewarding._hold, lost)
        for batcher in (promising._release, promising._gifts._release, promising._rewarding._release):
            fails(patch, batcher, PointsMoved("x"))
        with pytest.raises(Unavailable, match="database_lost"):
            await shop.desk.order(**wanted)
    assert await held(shop, anna) == (["mug", "once", "tiers"], 1, 100)
    if again:
        order = await shop.desk.order(**wanted)
        assert order.id == wanted["order_id"]
        return
    await shop.later(minutes=31)
    await lapse_offers(shop.database, lanes=LANES)
    await lapse_gifts(shop.database)
    await release_holds(shop.database)
    assert await held(shop, anna) == ([], 0, 0)
    assert await faults(shop.database) == []


async def test_what_another_press_made_an_order_of_meanwhile_stays_held(shop, anna, monkeypatch):
    wanted = await wanted_by(anna)
    asked = NotHeld(wanted["order_id"], decoded(await body_of(shop.database, wanted["quote_id"])), anna.id)
    order = await shop.desk.order(**wanted)
    with monkeypatch.context() as patch:
        fails(patch, shop.desk.promising._rewarding._hold, PointsMoved("x"))
        with pytest.raises(PointsMoved):
            await shop.desk.promising.hold(asked)
    assert (await shop.order(order)).status == "awaiting_payment"
    assert await held(shop, anna) == (["mug", "once", "tiers"], 1, 100)


async def test_a_price_of_which_no_order_is_made_lets_go_of_its_points_too(shop, anna):
    wanted = await wanted_by(anna)
    asked = NotHeld(wanted["order_id"], decoded(await body_of(shop.database, wanted["quote_id"])), anna.id)
    await shop.desk.promising.hold(asked)
    assert await held(shop, anna) == (["mug", "once", "tiers"], 1, 100)
    await shop.desk.promising.let_go_of_price(order_id=asked.order_id, quote_id=wanted["quote_id"], payer_id=anna.id)
    assert await held(shop, anna) == ([], 0, 0)
    assert await faults(shop.database) == []
