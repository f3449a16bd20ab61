"""Gifts that come with what is sold at a counter: held, waiting, handed over, and what becomes of them when the money
goes back.
"""

import asyncio
from datetime import timedelta
from itertools import count

import pytest

from tests.integration.orders.test_deciding import decided
from tests.integration.orders.test_offers_interrupted import Died, body_of, deadly, dies
from tests.support.desk import FOREIGN_NUMBER, LANES, ScriptedGateway, open_shop
from tests.support.gifts import CLERK, HALL, OTHER, became, in_shop, moves, stocked, wrong
from tests.support.locks import somebody_waits
from tests.support.selling_offers import MUG, faults, ordered, paid, publish_with, quoted, states
from tests.support.simulators import until
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.offers.tasks import lapse as lapse_offers
from topup.orders.giving_back import kind
from topup.orders.promising import NotHeld
from topup.orders.quotes import decoded
from topup.shops.stock.gifts import Gift, GiftKey, hold
from topup.shops.stock.handing_over import HandingOver
from topup.shops.stock.movements import damaged, moved, sold
from topup.shops.stock.tasks import lapse
from topup.work import trail
from topup.work.approvals import Approvals

__all__ = ["deadly"]
ABROAD = {"number": FOREIGN_NUMBER, "currency": "SGD", "amount": 5000}
_numbers = count(13800138100)


def another() -> str:
    """A number of its own: nobody asks about a second top-up of it."""
    return str(next(_numbers))


@pytest.fixture
async def two_mugs(shop):
    await publish_with(shop.database, MUG)
    await stocked(shop.database, 2)


def over(shop) -> HandingOver:
    return HandingOver(database=shop.database, lanes=LANES)


def key(order) -> GiftKey:
    return GiftKey(order.id, "mug")


async def hands_over(shop, order, place=HALL) -> None:
    await over(shop).hand_over(key(order), place=place, by=CLERK)


async def bought(shop, **how):
    """An order that was paid and arrived, with its gift waiting."""
    order = await paid(shop, await ordered(shop, await quoted(shop, at=HALL, **how)))
    await shop.run()
    return order


async def money_back(shop, order, **part) -> None:
    """Staff give it back: all of it, or a part."""
    approvals = Approvals(database=shop.database, kinds=[kind()])
    await decided(approvals, "refund", order.payments[0].id, **part)
    await shop.run()


async def deeds(database, order) -> list[tuple[str, object, object]]:
    async with database.read() as transaction:
        found = await trail.entries(transaction.connection, subject=order.id, action="stock.gift_")
    return [(one.action, one.facts["before"], one.facts["after"]) for one in reversed(found)]


async def test_the_price_names_the_gift_of_the_shop_that_asks_and_nobody_elses(shop, two_mugs):
    [gift] = (await quoted(shop, at=HALL)).gifts
    assert (gift.sku, gift.quantity, gift.shop, gift.names["en"]) == ("mug", 1, HALL, "Mug")
    async with shop.database.read() as transaction:
        assert timedelta(days=30) < gift.until - transaction.now <= timedelta(days=31)
    for elsewhere in ({"at": OTHER}, {"channel": "web"}, {"channel": "api"}):
        quote = await quoted(shop, **elsewhere)
        assert (quote.gifts, [one.campaign for one in quote.discounts]) == ((), [])
        assert [one.reason for one in quote.held] == (["no_gift"] if "at" in elsewhere else [])


async def test_two_campaigns_give_no_more_of_one_thing_than_there_is_and_hold_the_sum_of_it(shop):
    second = MUG.replace('"mug"\nnames', '"mug-two"\nnames')
    await publish_with(shop.database, MUG, second)
    await stocked(shop.database, 1)
    quote = await quoted(shop, at=HALL)
    assert [(gift.sku, gift.quantity) for gift in quote.gifts] == [("mug", 1)]
    await stocked(shop.database, 1)
    order = await ordered(shop, await quoted(shop, at=HALL))
    assert await in_shop(shop.database) == (2, 2)
    await shop.desk.cancel(order_id=order.id)
    await shop.run()
    assert await in_shop(shop.database) == (2, 0)


async def test_a_gift_is_held_with_the_order_waits_when_it_is_paid_and_is_handed_over_once(shop, two_mugs):
    order = await ordered(shop, await quoted(shop, at=HALL))
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((2, 1), ["held"])
    await paid(shop, order)
    await shop.run()
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((2, 1), ["promised"])
    with pytest.raises(Conflict, match="gift_elsewhere"):
        await hands_over(shop, order, OTHER)
    await hands_over(shop, order)
    await hands_over(shop, order)
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((1, 0), ["handed_over"])
    assert await deeds(shop.database, order) == [
        ("stock.gift_handed_over", {"state": "promised", "left": 2}, {"state": "handed_over", "left": 1})
    ]
    with pytest.raises(Conflict, match="gift_not_asked_back"):
        await over(shop).take_back(key(order), place=HALL, by=CLERK)
    with pytest.raises(NotFound, match="gift_unknown"):
        await over(shop).hand_over(GiftKey(order.id, "cup"), place=HALL, by=CLERK)
    assert await wrong(shop.database) == await faults(shop.database) == await shop.listed() == []


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
async def test_what_is_not_paid_lets_go_of_its_gift(shop, two_mugs, ending):
    order = await ordered(shop, await quoted(shop, at=HALL))
    if ending == "cancelled":
        await shop.desk.cancel(order_id=order.id)
    else:
        await shop.later(minutes=16)
    await shop.run()
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((2, 0), ["released"])
    with pytest.raises(Conflict, match="gift_not_open"):
        await hands_over(shop, order)
    assert await wrong(shop.database) == []


async def test_what_was_not_delivered_lets_go_of_its_gift_with_the_money(shop):
    await publish_with(shop.database, MUG, carrier="lion-island")
    await stocked(shop.database, 1)
    order = await ordered(shop, await quoted(shop, at=HALL, **ABROAD))
    await shop.tells(shop.paid(await shop.paying(order)))
    await shop.desk.promising.follow()
    assert await became(shop.database, order) == ["promised"]
    await shop.desk.call_off(order_id=order.id)
    await shop.run()
    assert (await shop.order(order)).status == "refunded"
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((1, 0), ["released"])


async def test_all_of_the_money_lets_go_of_what_waits_and_a_part_of_it_does_not(shop, two_mugs):
    order = await bought(shop)
    await money_back(shop, order, amount="10.00")
    assert await became(shop.database, order) == ["promised"]
    await money_back(shop, order)
    assert (await shop.order(order)).status == "delivered"
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((2, 0), ["released"])
    assert await wrong(shop.database) == []


@pytest.mark.parametrize("brought", [True, False])
async def test_what_was_handed_over_is_asked_back_with_the_money(shop, two_mugs, brought):
    order = await bought(shop)
    await hands_over(shop, order)
    await money_back(shop, order)
    assert await became(shop.database, order) == ["asked_back"]
    for _ in range(2):
        await (over(shop).take_back if brought else over(shop).leave)(key(order), place=OTHER, by=CLERK)
    assert await became(shop.database, order) == ["returned" if brought else "kept"]
    assert await in_shop(shop.database, place=OTHER) == (int(brought), 0)
    assert [action for action, *_ in await deeds(shop.database, order)][1:] == [
        "stock.gift_returned" if brought else "stock.gift_kept"
    ]
    assert await shop.listed() == ([] if brought else ["gift_not_returned"])
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT evidence FROM work.items")
        [evidence] = [one for (one,) in await cursor.fetchall()] or [{}]
    assert evidence.get("worth_minor") == (None if brought else 1500)
    with pytest.raises(Conflict, match="gift_not_asked_back"):
        await (over(shop).leave if brought else over(shop).take_back)(key(order), place=HALL, by=CLERK)
    assert await wrong(shop.database) == []


async def test_what_nobody_comes_for_is_there_for_others_after_its_day(shop, two_mugs):
    order = await bought(shop)
    await shop.later(days=29)
    assert await lapse(shop.database) == 0
    await shop.later(days=2)
    with pytest.raises(Conflict, match="gift_not_open"):
        await hands_over(shop, order)
    assert await lapse(shop.database) == 1
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((2, 0), ["lapsed"])
    await money_back(shop, order)
    assert await became(shop.database, order) == ["lapsed"]
    assert await wrong(shop.database) == []


async def test_the_file_says_until_when_a_gift_is_handed_over(shop):
    text = MUG.replace('{ sku = "mug" }', '{ sku = "mug", until = "2100-06-30" }\nuntil = "2100-05-31"')
    await publish_with(shop.database, text)
    await stocked(shop.database, 1)
    [gift] = (await quoted(shop, at=HALL)).gifts
    assert gift.until.isoformat() == "2100-06-30T16:00:00+00:00", "the end of the day in Guangzhou"


@pytest.mark.parametrize("gone", [False, True])
async def test_a_payment_that_is_heard_of_late_keeps_its_gift_and_a_person_hears_where_none_is_left(shop, gone):
    await publish_with(shop.database, MUG)
    await stocked(shop.database, 1)
    order = await ordered(shop, await quoted(shop, at=HALL))
    fact = shop.paid(await shop.paying(order))
    await shop.desk.cancel(order_id=order.id)
    await shop.run()
    if gone:
        await bought(shop, number=another())
    await shop.tells(fact)
    await shop.run()
    assert await became(shop.database, order) == ["promised"]
    assert await in_shop(shop.database) == (1, 2 if gone else 1)
    assert await shop.listed() == (["gift_beyond_stock"] if gone else [])
    await hands_over(shop, order)
    assert await in_shop(shop.database) == (0, int(gone))
    assert await wrong(shop.database) == []


async def test_of_twenty_counters_that_want_the_last_piece_one_gets_it(shop):
    await publish_with(shop.database, MUG)
    await stocked(shop.database, 1)
    quotes = [await quoted(shop, at=HALL, number=another()) for _ in range(20)]
    assert all(quote.gifts for quote in quotes), "a price promises nothing"
    said = await asyncio.gather(*(ordered(shop, quote) for quote in quotes), return_exceptions=True)
    refused = [one for one in said if isinstance(one, Conflict)]
    assert len(refused) == len(said) - 1 == 19
    assert {(one.code, one.parameters["reason"]) for one in refused} == {("offer_gone", "no_gift")}
    assert await in_shop(shop.database) == (1, 1)
    assert (await states(shop.database))["mug"].count("held") == 1, "the campaign is let go with its gift"
    again = await quoted(shop, at=HALL, number=quotes[0].msisdn.e164)
    assert (again.gifts, again.discounts) == ((), ())
    assert [(one.campaign, one.reason) for one in again.held] == [("mug", "no_gift")], "the clerk is told why"
    assert await wrong(shop.database) == await faults(shop.database) == []


async def holds(connection, now, order: str) -> bool:
    gift = Gift(GiftKey(order, "mug"), HALL, 1, 0, "CNY", now + timedelta(days=1), now)
    [is_held] = await hold(connection, [gift], now)
    return is_held


async def test_who_wants_the_last_piece_waits_for_who_is_deciding_about_it(shop):
    await stocked(shop.database, 1)

    async def second() -> bool:
        async with shop.database.transaction() as transaction:
            return await holds(transaction.connection, transaction.now, "ord_second")

    async with shop.database.transaction() as transaction:
        assert await holds(transaction.connection, transaction.now, "ord_first")
        later = asyncio.ensure_future(second())
        await until(lambda: somebody_waits(shop.database), bool)
        assert not later.done()
    assert not await later
    assert (await in_shop(shop.database), await wrong(shop.database)) == ((1, 1), [])


async def test_what_is_promised_leaves_the_shop_for_nobody_else_but_it_can_break(shop, two_mugs):
    order = await bought(shop)
    for movement in (sold("a", "mug", HALL, 2, by=CLERK), moved("b", "mug", HALL, OTHER, 2, by=CLERK)):
        with pytest.raises(Conflict, match="stock_short") as refused:
            await moves(shop.database, movement)
        assert refused.value.parameters["left"] == 1
    await moves(shop.database, damaged("c", "mug", HALL, 2, by=CLERK, reason="fell"))
    assert await in_shop(shop.database) == (0, 1)
    with pytest.raises(Conflict, match="stock_short"):
        await hands_over(shop, order)
    assert (await quoted(shop, at=HALL, number=another())).gifts == ()
    await stocked(shop.database, 1)
    assert (await quoted(shop, at=HALL, number=another())).gifts == (), "it is for who was promised it"
    await hands_over(shop, order)
    assert (await in_shop(shop.database), await wrong(shop.database)) == ((0, 0), [])


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
@pytest.mark.parametrize("name", ["offers.hold_gifts", "offers.release_gifts"])
async def test_who_dies_while_ordering_keeps_no_gift_back(database, data_dir, monkeypatch, name, point):
    async with open_shop(database, data_dir, ScriptedGateway()) as shop:
        await publish_with(database, MUG)
        await stocked(database, 1)
        quote = await quoted(shop, at=HALL)
        if name == "offers.hold_gifts":
            await dies(ordered(shop, quote), f"{name}.{point}", monkeypatch)
        else:
            order_id = OrderId(new_id("order", lane_of(quote.id)))
            asked = NotHeld(order_id, decoded(await body_of(database, quote.id)), None)
            await shop.desk.promising.hold(asked)
            await dies(shop.desk.promising.let_go(asked), f"{name}.{point}", monkeypatch)
    async with open_shop(database, data_dir, ScriptedGateway(), publishing=False) as other:
        await other.later(minutes=60)
        await lapse(database)
        await lapse_offers(database, lanes=LANES)
        assert await in_shop(database) == (1, 0)
        assert (await quoted(other, at=HALL)).gifts
        assert await wrong(database) == await faults(database) == []


@pytest.mark.parametrize("label", ["offers.gifts.before_commit", "offers.gifts.after_commit"])
@pytest.mark.parametrize(("ending", "state"), [("paid", "promised"), ("cancelled", "released")])
@pytest.mark.usefixtures("two_mugs")
async def test_who_dies_while_gifts_follow_their_orders_lets_them_follow_once(shop, deadly, ending, state, label):
    order = await ordered(shop, await quoted(shop, at=HALL))
    await (paid(shop, order) if ending == "paid" else shop.desk.cancel(order_id=order.id))
    deadly(label)
    with pytest.raises(Died):
        await shop.desk.promising.follow()
    await shop.run()
    assert await became(shop.database, order) == [state]
    assert await in_shop(shop.database) == (2, int(ending == "paid"))
    assert await wrong(shop.database) == await faults(shop.database) == await shop.listed() == []


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
@pytest.mark.parametrize("name", ["decide", "lapse"])
async def test_who_dies_at_the_counter_or_while_gifts_lapse_does_it_once(shop, deadly, two_mugs, name, point):
    order = await bought(shop)
    if name == "lapse":
        await shop.later(days=32)
    deadly(f"gifts.{name}.{point}")
    with pytest.raises(Died):
        await (lapse(shop.database) if name == "lapse" else hands_over(shop, order))
    await (lapse(shop.database) if name == "lapse" else hands_over(shop, order))
    assert await became(shop.database, order) == ["lapsed" if name == "lapse" else "handed_over"]
    assert await in_shop(shop.database) == ((2, 0) if name == "lapse" else (1, 0))
    assert len(await deeds(shop.database, order)) == (0 if name == "lapse" else 1)
