"""Points from the price to the account and back: earned, held, spent, let go, given back, owed."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.orders.test_deciding import approvals, decided  # noqa: F401 - a fixture
from tests.support.desk import FOREIGN_NUMBER
from tests.support.selling_offers import POINTS, TIERS, Customer, faults, objects, ordered, paid, publish_with, quoted
from topup.fulfilment.ports import CarrierFact
from topup.kernel.errors import Conflict
from topup.kernel.ids import lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Reason, Refused, Reversed
from topup.ledger.tasks import release_holds
from topup.offers.points.queries import balances
from topup.orders.operations import keep_payable
from topup.orders.quotes import decoded
from topup.payments.ports import DisputeStanding

ALL = 10**9
BONUS = """
[[campaigns]]
id = "bonus"
names = { zh_Hans = "送积分", zh_Hant = "送積分", en = "Bonus points" }
points = 25
worth = "0.25"
group = "extras"
limits = { per_person = 1 }
"""


@pytest.fixture
async def anna(shop):
    await publish_with(shop.database, POINTS)
    return Customer(shop, new_id("subscriber", 11))


async def test_an_order_earns_points_for_who_is_signed_in_once_it_is_delivered(shop, anna):
    quote = await anna.quoted()
    assert (quote.points.earned, quote.points.spent, quote.points.reason) == (100, 0, "none")
    order = await anna.ordered(quote)
    assert order.points == quote.points
    await shop.run()
    assert await anna.has() == (0, 0, 0), "nothing is earned before it is paid"
    await paid(shop, order)
    assert (await shop.desk.receipt(order_id=order.id)).body.points_earned == 100
    await shop.run()
    assert await anna.has() == (100, 0, 0)
    assert await shop.desk.rewarding.follow() == 0
    [balance] = await of(shop, anna)
    assert (balance.endings[0].usable_until - order.created_at).days in {365, 366}
    assert await faults(shop.database) == []


async def test_a_guest_earns_none_and_is_promised_none(shop, anna):
    await publish_with(shop.database, POINTS, BONUS)
    quote = await quoted(shop, points=ALL)
    assert (quote.points, quote.discounts) == (None, ())
    order = await paid(shop, await ordered(shop, await anna.quoted()))
    assert order.points is None, "who was signed in and is no more earns none"
    assert (await shop.desk.receipt(order_id=order.id)).body.points_earned == 0
    await shop.run()
    assert await anna.has() == (0, 0, 0)


async def test_a_campaign_gives_points_besides(shop, anna):
    await publish_with(shop.database, POINTS, BONUS)
    quote = await anna.quoted()
    assert ([one.campaign for one in quote.discounts], quote.points.earned) == (["bonus"], 125)
    await anna.buys()
    assert await anna.has() == (125, 0, 0)
    assert (await anna.quoted()).points.earned == 100, "once for each person"


async def test_points_of_a_campaign_alone_are_earned_where_points_are_worth_nothing(shop):
    anna = Customer(shop, new_id("subscriber", 11))
    await publish_with(shop.database, BONUS)
    quote = await anna.quoted(points=ALL)
    assert (quote.points.earned, quote.points.reason, quote.points.taken_here) == (25, "not_here", False)
    await anna.buys()
    assert await anna.has() == (25, 0, 0)


async def test_points_pay_are_held_with_the_order_and_spent_when_it_is_paid(shop, anna):
    await anna.buys(amount=50000)
    quote = await anna.quoted()
    assert (quote.points.could, quote.points.could_off, quote.points.reason) == (500, Money(500, "CNY"), "not_asked")
    assert quote.total == Money(10000, "CNY"), "nobody spends points who did not say so"
    quote = await anna.quoted(points=ALL)
    assert [(line.label, line.amount.amount_minor) for line in quote.lines] == [
        ("line_face", 10000),
        ("line_points", -500),
    ]
    assert (quote.points.spent, quote.points.earned, quote.points.reason) == (500, 95, "spent")
    order = await anna.ordered(quote)
    assert await anna.has() == (0, 500, 0)
    await paid(shop, order)
    await shop.run()
    assert await anna.has() == (95, 0, 0)
    assert await anna.history() == [(95, "points_earned"), (-500, "points_spent"), (500, "points_earned")]
    assert (await shop.house())["promotions", "CNY"] == -500
    receipt = (await shop.desk.receipt(order_id=order.id)).body
    assert [(line.type, line.amount_minor) for line in receipt.lines] == [("face", 10000), ("discount", -500)]
    assert await shop.main_balance() == 60000
    assert await faults(shop.database) == []


@pytest.mark.parametrize(
    ("wish", "spent", "reason"),
    [
        ({"points": 99}, 0, "too_few_asked"),
        ({"points": 250}, 200, "spent"),
        ({"points": ALL, "amount": 3000}, 500, "spent"),
        ({"points": ALL, "amount": 1000}, 500, "spent"),
    ],
)
async def test_why_points_are_spent_or_not(shop, anna, wish, spent, reason):
    await anna.buys(amount=50000)
    points = (await anna.quoted(**wish)).points
    assert (points.spent, points.reason) == (spent, reason)


async def test_points_go_with_discounts_and_come_last(shop, anna):
    await anna.buys(amount=50000)
    await publish_with(shop.database, POINTS, TIERS)
    quote = await anna.quoted(points=ALL)
    assert [line.amount.amount_minor for line in quote.lines] == [10000, -1200, -500]
    assert quote.points.earned == 83
    order = await anna.ordered(quote)
    await shop.desk.cancel(order_id=order.id)
    await shop.run()
    assert await anna.has() == (500, 0, 0)
    assert await faults(shop.database) == []


@pytest.mark.parametrize("ending", ["cancelled", "expired"])
async def test_what_is_not_paid_is_there_again_and_is_spent_when_its_payment_is_heard_of_late(shop, anna, ending):
    await anna.buys(amount=50000)
    order = await anna.ordered(await anna.quoted(points=ALL))
    payment = await shop.paying(order)
    fact = shop.paid(payment)
    if ending == "cancelled":
        await shop.desk.cancel(order_id=order.id)
    else:
        await shop.later(minutes=16)
    await shop.run()
    assert await anna.has() == (500, 0, 0)
    await anna.ordered(await anna.quoted(points=200, number="13900139000"))
    await shop.tells(fact)
    await shop.run()
    assert (await shop.order(order)).status == "delivered"
    # 300 were there, 200 are owed; 95 that this order earned settle some of them.
    assert await anna.has() == (0, 200, 105)
    assert await faults(shop.database) == []


async def test_points_follow_an_order_however_often_it_is_kept_payable(shop, anna):
    await anna.buys(amount=50000)
    order = await anna.ordered(await anna.quoted(points=ALL))
    place = lane_of(order.id), str(order.id)
    often = "UPDATE orders.orders SET points_marks = 32767, points_followed = 32767 WHERE lane = %s AND id = %s"
    async with shop.database.transaction() as transaction:
        await transaction.connection.execute(often, place)
        await keep_payable(transaction.connection, [(*place, transaction.now + timedelta(days=2))])
    assert await shop.desk.rewarding.follow() == 1
    assert await shop.desk.rewarding.follow() == 0
    await shop.later(hours=47)
    assert await release_holds(shop.database) == 0
    assert await anna.has() == (0, 500, 0)


async def test_what_was_held_for_an_order_that_was_never_made_lapses(shop, anna):
    await anna.buys(amount=50000)
    quote = await anna.quoted(points=ALL)
    await anna.shop.desk.rewarding.hold(order_id=new_id("order", 1), quote=await stored(shop, quote), payer_id=anna.id)
    with pytest.raises(Conflict, match="points_gone"):
        await anna.ordered(quote)
    await shop.later(minutes=31)
    assert await release_holds(shop.database) == 1
    assert await anna.has() == (500, 0, 0)


async def test_a_price_promises_no_points_and_who_comes_too_late_sees_a_new_price(shop, anna):
    await anna.buys(amount=50000)
    one, other = [await anna.quoted(points=ALL) for _ in range(2)]
    await anna.ordered(one)
    with pytest.raises(Conflict, match="points_gone"):
        await anna.ordered(other)
    assert (await anna.quoted(points=ALL)).points.reason == "none"
    assert await anna.has() == (0, 500, 0)


async def test_nobody_spends_the_points_of_another(shop, anna):
    await anna.buys(amount=50000)
    quote = await anna.quoted(points=ALL)
    for who in (None, new_id("subscriber", 11)):
        with pytest.raises(Conflict, match="points_gone"):
            await ordered(shop, quote, payer_id=who)
    assert await anna.has() == (500, 0, 0)
    assert (await anna.ordered(quote)).points.spent == 500


async def test_a_top_up_that_fails_gives_the_points_back_and_earns_none(shop):
    await publish_with(shop.database, POINTS, carrier="lion-island")
    anna = Customer(shop, new_id("subscriber", 11))
    abroad = {"number": FOREIGN_NUMBER, "currency": "SGD", "amount": 5000}
    for _ in range(2):
        await anna.buys(**abroad)
    await shop.later(hours=1)
    assert await anna.has() == (100, 0, 0)
    shop.carrier.answers = [Refused(Reason.USER, "barred")]
    order = await anna.buys(points=ALL, **abroad)
    assert (order.status, order.total) == ("refunded", Money(4900, "SGD"))
    assert await anna.has() == (100, 0, 0)
    assert await shop.desk.rewarding.follow() == 0
    assert await faults(shop.database) == []


async def test_a_reversed_top_up_takes_its_points_back_and_what_is_spent_is_owed(shop):
    await publish_with(shop.database, POINTS, carrier="lion-island")
    anna = Customer(shop, new_id("subscriber", 11))
    abroad = {"number": FOREIGN_NUMBER, "currency": "SGD", "amount": 5000}
    first, _ = [await anna.buys(**abroad) for _ in range(2)]
    await anna.buys(points=ALL, **abroad)
    assert await anna.has() == (49, 0, 0)
    [attempt] = [one for one in shop.carrier.submissions if await attempt_of(shop, first, one)]
    await shop.carrier_tells(CarrierFact(attempt, Reversed("reversed")))
    await shop.run()
    assert (await shop.order(first)).status == "refunded"
    assert await anna.has() == (0, 0, 1)
    await anna.buys(**abroad)
    assert await anna.has() == (49, 0, 0)
    assert await faults(shop.database) == []


async def test_staff_who_give_a_part_back_take_that_part_of_the_points_back(shop, anna, approvals):  # noqa: F811
    order = await anna.buys()
    payment = order.payments[0]
    await decided(approvals, "refund", payment.id, amount="10.00")
    await shop.run()
    assert await anna.has() == (90, 0, 0)
    await decided(approvals, "refund", payment.id, amount="0.01")
    await shop.run()
    assert await anna.has() == (89, 0, 0)
    await anna.buys(amount=10100)
    await anna.ordered(await anna.quoted(points=100))
    await decided(approvals, "refund", payment.id)
    await shop.run()
    assert await anna.has() == (1, 100, 0)
    assert await faults(shop.database) == []


async def test_what_a_bank_took_takes_as_much_of_the_points_back_once_the_dispute_is_lost(shop, anna, approvals):  # noqa: F811
    order = await anna.buys()
    for standing, left in ((DisputeStanding.OPEN, 100), (DisputeStanding.WON, 100), (DisputeStanding.LOST, 60)):
        await objects(shop, order, standing, 4000)
        await shop.run()
        assert await anna.has() == (left, 0, 0)
    await decided(approvals, "refund", order.payments[0].id, amount="10.00")
    await shop.run()
    assert await anna.has() == (50, 0, 0)
    await objects(shop, order, DisputeStanding.LOST, 5000, dispute="dp_2", currency="USD")
    await shop.run()
    assert await anna.has() == (50, 0, 0), "what it took in another currency a person works out"
    assert await faults(shop.database) == []


async def test_an_order_whose_money_a_bank_took_before_it_arrived_earns_nothing(shop):
    await publish_with(shop.database, POINTS, carrier="lion-island")
    anna = Customer(shop, new_id("subscriber", 11))
    order = await anna.ordered(await anna.quoted(number=FOREIGN_NUMBER, currency="SGD", amount=5000))
    order = await paid(shop, order)
    await objects(shop, order, DisputeStanding.LOST, 5000, currency="SGD")
    await shop.desk.rewarding.follow()
    assert (await shop.order(order)).status != "delivered"
    await shop.run()
    assert (await shop.order(order)).status == "delivered"
    assert await anna.has() == (0, 0, 0)
    assert await faults(shop.database) == []


async def test_one_persons_points_are_not_spent_from_twenty_places_at_once(shop, anna, figures):
    """G20 through orders: five hundred points, twenty numbers topped up with two hundred each at the same moment."""
    await anna.buys(amount=50000)
    prices = [await anna.quoted(points=200, number=f"138001380{place:02d}") for place in range(20)]
    assert {price.points.spent for price in prices} == {200}
    answers = await asyncio.gather(*(anna.ordered(price) for price in prices), return_exceptions=True)
    got = [one for one in answers if not isinstance(one, BaseException)]
    assert {one.code for one in answers if isinstance(one, Conflict)} == {"points_gone"}
    assert len(got) == 2
    assert await anna.has() == (100, 400, 0)
    for order in got:
        await paid(shop, order)
    await shop.run()
    assert await anna.history() == [(98, "points_earned"), (-200, "points_spent")] * 2 + [(500, "points_earned")]
    assert await faults(shop.database) == []
    figures.never("G20", overspent_points=len(got) - 2, of=18)


async def of(shop, customer):
    async with shop.database.read() as transaction:
        return await balances(transaction.connection, customer.id, transaction.now)


async def stored(shop, quote):
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT body FROM orders.quotes WHERE id = %s", (quote.id,))
        [[body]] = await cursor.fetchall()
    return decoded(body)


async def attempt_of(shop, order, attempt_id) -> bool:
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT 1 FROM fulfilment.attempts WHERE id = %s AND order_id = %s", (attempt_id, order.id)
        )
        return await cursor.fetchone() is not None
