"""A process that dies anywhere between a price and what becomes of its offers: nothing is spent, nothing doubled."""

import asyncio

import pytest

from tests.integration.orders.test_deciding import approvals, decided  # noqa: F401 - a fixture
from tests.support.desk import FOREIGN_NUMBER, LANES, ScriptedGateway, open_shop
from tests.support.selling_offers import ONCE, Customer, faults, ordered, paid, publish_with, quoted, states
from tests.support.selling_offers import POINTS as POINTS_RULES
from topup.kernel.errors import Conflict
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.ledger.tasks import release_holds
from topup.offers.tasks import forget_guesses, lapse
from topup.orders import promising
from topup.orders.promising import NotHeld
from topup.orders.quotes import decoded
from topup.platform import batching, crash

BATCHED = ("offers.reserve", "offers.release", "orders.order")
OF_POINTS = ("offers.points.hold", "offers.points.release", "orders.order")
POINTS = ("before_commit", "after_commit")
FOLLOWING = ("before_commit", "after_commit", "before_note", "after_note")


class Died(BaseException):
    """The process ended here."""


@pytest.fixture
def deadly(monkeypatch):
    """Have a point outside of batches be the last that is passed, once."""

    def at(label):
        def die(pid, sign):
            crash._Armed.label = None
            raise Died

        monkeypatch.setattr(crash.os, "kill", die)
        monkeypatch.setattr(crash._Armed, "label", label)
        monkeypatch.setattr(crash._Armed, "remaining", 1)

    return at


async def dies(doing, label, monkeypatch) -> None:
    """Do something in a process that comes as far as this point and no further."""
    passed = asyncio.Event()

    def point(name):
        if name == label:
            passed.set()
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(batching, "crash_point", point)
        going = asyncio.ensure_future(doing)
        await passed.wait()
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", BATCHED)
async def test_who_dies_while_ordering_leaves_nothing_spent_and_nothing_doubled(
    database, data_dir, monkeypatch, name, point
):
    async with open_shop(database, data_dir, ScriptedGateway()) as shop:
        await publish_with(database, ONCE)
        quote, rival = [await quoted(shop, "ONCE") for _ in range(2)]
        if name == "offers.release":
            # What is let go of there was held for an order that another took the price from meanwhile.
            first = await ordered(shop, rival)
            asked = NotHeld(first.id, decoded(await body_of(database, rival.id)), None)
            await dies(shop.desk.promising.let_go(asked), f"{name}.{point}", monkeypatch)
        else:
            await dies(ordered(shop, quote), f"{name}.{point}", monkeypatch)
    async with open_shop(database, data_dir, ScriptedGateway(), publishing=False) as other:
        again = await asyncio.gather(ordered(other, quote), return_exceptions=True)
        assert all(getattr(one, "code", "") in {"", "offer_gone", "quote_used"} for one in again)
        held = (await states(database)).get("once", [])
        assert held.count("held") <= 1
        await other.later(minutes=60)
        await other.run()
        await lapse(database, lanes=LANES)
        assert set((await states(database))["once"]) == {"released"}
        assert (await quoted(other, "ONCE")).codes[0].applied
        assert await faults(database) == []


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", OF_POINTS)
async def test_who_dies_while_ordering_leaves_no_points_spent_and_none_lost(
    database, data_dir, monkeypatch, name, point
):
    async with open_shop(database, data_dir, ScriptedGateway()) as shop:
        await publish_with(database, POINTS_RULES)
        anna = Customer(shop, new_id("subscriber", 11))
        await anna.buys(amount=50000)
        quote, rival = [await anna.quoted(points=400) for _ in range(2)]
        if name == "offers.points.release":
            first = await anna.ordered(rival)
            asked = NotHeld(first.id, decoded(await body_of(database, rival.id)), anna.id)
            await dies(shop.desk.promising.let_go(asked), f"{name}.{point}", monkeypatch)
        else:
            await dies(anna.ordered(quote), f"{name}.{point}", monkeypatch)
    async with open_shop(database, data_dir, ScriptedGateway(), publishing=False) as other:
        again = Customer(other, anna.id)
        [answer] = await asyncio.gather(again.ordered(quote), return_exceptions=True)
        assert getattr(answer, "code", "") in {"", "points_gone", "quote_used"}
        there, held, owed = await again.has()
        assert (there + held, owed) == (500, 0)
        await other.later(minutes=60)
        await other.run()
        await release_holds(database)
        assert await again.has() == (500, 0, 0)
        assert await faults(database) == []


@pytest.mark.parametrize("label", [f"offers.points.follow.{point}" for point in FOLLOWING])
@pytest.mark.parametrize(
    ("ending", "has"), [("paid", (49, 0, 0)), ("cancelled", (100, 0, 0)), ("refunded", (100, 0, 0))]
)
async def test_who_dies_while_points_follow_their_orders_lets_them_follow_once(shop, deadly, ending, has, label):
    await publish_with(shop.database, POINTS_RULES, carrier="lion-island")
    anna, abroad = Customer(shop, new_id("subscriber", 11)), {"number": FOREIGN_NUMBER, "currency": "SGD"}
    await anna.buys(amount=10000, **abroad)
    order = await anna.ordered(await anna.quoted(points=100, amount=5000, **abroad))
    if ending == "cancelled":
        await shop.desk.cancel(order_id=order.id)
    else:
        await paid(shop, order)
    if ending == "refunded":
        await shop.desk.call_off(order_id=order.id)
        await shop.desk.outside.refund()
    else:
        await shop.desk.outside.deliver()
    deadly(label)
    with pytest.raises(Died):
        await shop.desk.rewarding.follow()
    await shop.desk.rewarding.follow()
    assert await anna.has() == has
    assert await shop.desk.rewarding.follow() == 0
    assert await faults(shop.database) == []


async def test_an_order_whose_money_goes_back_while_its_points_follow_stays_due(shop, approvals, monkeypatch):  # noqa: F811
    await publish_with(shop.database, POINTS_RULES)
    anna = Customer(shop, new_id("subscriber", 11))
    order = await paid(shop, await anna.ordered(await anna.quoted()))
    following = shop.desk.rewarding._following
    lock, locked = following.lock, []

    async def refunded_meanwhile(connection, rows):
        if locked:
            # The points are moved, and that they were is not noted yet.
            await decided(approvals, "refund", order.payments[0].id, amount="50.00")
        locked.append(rows)
        await lock(connection, rows)

    with monkeypatch.context() as patch:
        patch.setattr(following, "lock", refunded_meanwhile)
        assert await shop.desk.rewarding.follow() == 1
    assert await anna.has() == (100, 0, 0)
    await shop.run()
    assert await anna.has() == (50, 0, 0)


async def body_of(database, quote_id) -> str:
    async with database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT body FROM orders.quotes WHERE id = %s", (quote_id,))
        [[body]] = await cursor.fetchall()
    return body


async def test_what_was_held_for_an_order_that_was_never_made_is_there_for_others_after_a_while(shop):
    await publish_with(shop.database, ONCE)
    quote, rival = [await quoted(shop, "ONCE") for _ in range(2)]
    order_id = OrderId(new_id("order", lane_of(quote.id)))
    await shop.desk.promising.hold(NotHeld(order_id, decoded(await body_of(shop.database, quote.id)), None))
    with pytest.raises(Conflict, match="offer_gone"):
        await ordered(shop, rival)
    await shop.later(minutes=31)
    assert await lapse(shop.database, lanes=LANES) == 1
    assert (await ordered(shop, await quoted(shop, "ONCE"))).total.amount_minor == 9700


async def test_an_order_whose_answer_was_lost_is_given_again_and_holds_once(shop):
    await publish_with(shop.database, ONCE)
    quote = await quoted(shop, "ONCE")
    wanted = {
        "order_id": OrderId(new_id("order", lane_of(quote.id))),
        "quote_id": quote.id,
        "contact": None,
        "confirmations": frozenset(),
        "locale": "en",
        "channel": "web",
    }
    made = await shop.desk.order(**wanted)
    assert (await shop.desk.order(**wanted)).id == made.id
    assert await states(shop.database) == {"once": ["held"]}


@pytest.mark.parametrize("label", [f"offers.follow.{point}" for point in FOLLOWING])
@pytest.mark.parametrize(
    ("ending", "state"), [("paid", "settled"), ("cancelled", "released"), ("refunded", "given_back")]
)
async def test_who_dies_while_offers_follow_their_orders_lets_them_follow_once(shop, deadly, ending, state, label):
    await publish_with(shop.database, ONCE, carrier="lion-island")
    order = await ordered(shop, await quoted(shop, "ONCE", number=FOREIGN_NUMBER, currency="SGD", amount=5000))
    if ending == "cancelled":
        await shop.desk.cancel(order_id=order.id)
    else:
        await paid(shop, order)
    if ending == "refunded":
        await shop.desk.call_off(order_id=order.id)
        await shop.desk.outside.refund()
    deadly(label)
    with pytest.raises(Died):
        await shop.desk.promising.follow()
    await shop.desk.promising.follow()
    assert await states(shop.database) == {"once": [state]}
    assert await shop.desk.promising.follow() == 0
    assert await faults(shop.database) == []
    assert await shop.listed() == []


async def test_an_order_that_moves_on_while_its_offers_follow_stays_due(shop, monkeypatch):
    await publish_with(shop.database, ONCE)
    order = await ordered(shop, await quoted(shop, "ONCE"))
    payment = await shop.paying(order)
    await shop.desk.cancel(order_id=order.id)
    move = promising.Promising._move

    async def paid_meanwhile(self, connection, due, now):
        await move(self, connection, due, now)
        await shop.tells(shop.paid(payment, at=payment.created_at))

    with monkeypatch.context() as patch:
        patch.setattr(promising.Promising, "_move", paid_meanwhile)
        assert await shop.desk.promising.follow() == 1
    await shop.run()
    assert await states(shop.database) == {"once": ["settled"]}


@pytest.mark.parametrize("point", POINTS)
async def test_who_dies_while_wrong_codes_are_forgotten_forgets_them_later(shop, deadly, point):
    await publish_with(shop.database, ONCE)
    guesser = shop.desk.guesser(payer="guesser", address=None)
    await shop.desk.quote(
        number="13800138000", product="data-1gb-7d", amount=None, payment_method=None, channel="web",
        coupons=["WRONG"], guessing=guesser,
    )  # fmt: skip
    await shop.later(days=2)
    deadly(f"offers.guesses.{point}")
    with pytest.raises(Died):
        await forget_guesses(shop.database)
    await forget_guesses(shop.database)
    assert await forget_guesses(shop.database) == 0
