"""Where gifts are sent: said by the order's payer, once it is paid, until it left; sealed, and gone when nothing is
sent there.
"""

import asyncio
from datetime import timedelta
from itertools import count
from types import SimpleNamespace

import pytest

from tests.integration.orders.test_deciding import decided
from tests.integration.orders.test_offers_interrupted import Died, deadly
from tests.support.gifts import HOME, OTHER, WORK, became, in_shop, sent_to, stocked, wrong
from tests.support.locks import somebody_waits
from tests.support.selling_offers import SENT_MUG, ordered, paid, publish_with, quoted
from tests.support.simulators import until
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import new_id
from topup.orders.giving_back import kind
from topup.orders.personal import OrderKeeper
from topup.shops.stock import addresses, gifts
from topup.shops.stock.addresses import KEPT_FOR
from topup.shops.stock.gifts import GiftKey
from topup.shops.stock.tasks import erase, lapse
from topup.work.approvals import Approvals

__all__ = ["deadly"]
_numbers = count(13800139300)
ANN, BOB = new_id("subscriber", 1), new_id("subscriber", 2)


@pytest.fixture(autouse=True)
async def _two_to_send(shop):
    await publish_with(shop.database, SENT_MUG)
    await stocked(shop.database, 2, place=OTHER)


async def bought(shop, payer_id=None):
    """An order that was paid and arrived, with its gift waiting for an address."""
    quote = await quoted(shop, number=str(next(_numbers)), payer_id=payer_id)
    order = await paid(shop, await ordered(shop, quote, payer_id=payer_id))
    await shop.run()
    return order


async def says(shop, order, address=HOME, who=None) -> None:
    await shop.desk.sending.give_address(order_id=order.id, subscriber_id=who, address=address)


async def money_back(shop, order) -> None:
    await decided(Approvals(database=shop.database, kinds=[kind()]), "refund", order.payments[0].id)
    await shop.run()


async def lapses(shop, now) -> int:
    async with shop.database.transaction() as transaction:
        return await gifts.lapse(transaction.connection, 10, now)


async def parcels(shop, order, who=None):
    return await shop.desk.sending.parcels(order_id=order.id, subscriber_id=who)


async def test_it_can_be_said_once_it_is_paid_and_said_otherwise_until_it_left(shop):
    order = await ordered(shop, await quoted(shop))
    with pytest.raises(Conflict, match="gift_not_to_send"):
        await says(shop, order)
    await paid(shop, order)
    assert (await parcels(shop, order)).wanted, "at once, before it was noted that the gift is promised"
    await says(shop, order)
    await shop.run()
    assert await became(shop.database, order) == ["promised"]
    [first] = (await parcels(shop, order)).gifts
    await shop.later(minutes=5)
    await says(shop, order, WORK)
    [again] = (await parcels(shop, order)).gifts
    assert await sent_to(shop.database, shop.keys, order) == [WORK]
    assert first.addressed_at == again.addressed_at is not None, "it keeps its turn"
    with pytest.raises(NotFound, match="order_unknown"):
        await shop.desk.sending.parcels(order_id=new_id("order", 1), subscriber_id=None)


async def test_that_it_was_changed_stays_with_the_gift_though_never_what(shop):
    order = await bought(shop)

    async def changed():
        [one] = (await parcels(shop, order)).gifts
        return one.changed_at and one.changed_at - one.addressed_at

    seen = [await changed()]
    for address in (HOME, HOME, WORK, WORK):
        await says(shop, order, address)
        seen.append(await changed())
        await shop.later(minutes=5)
    assert seen[:3] == [None] * 3, "the same again is no change"
    assert seen[3] == seen[4] >= timedelta(minutes=10)
    await money_back(shop, order)
    [gift] = (await parcels(shop, order)).gifts
    assert (gift.addressed_at, gift.changed_at is None) == (None, False), "also when the address is gone"


async def test_an_address_that_cannot_be_opened_any_more_can_be_said_anew(shop):
    order = await bought(shop)
    await says(shop, order)
    async with shop.database.transaction() as transaction:
        swap = "UPDATE shops.gift_addresses SET address = %s WHERE order_id = %s"
        await transaction.connection.execute(swap, (b"spoilt", order.id))
    await says(shop, order)
    assert await sent_to(shop.database, shop.keys, order) == [HOME]


async def test_what_is_stored_is_sealed_for_its_gift_alone(shop):
    order, other = await bought(shop), await bought(shop)
    await says(shop, order)
    await says(shop, other, WORK)
    async with shop.database.transaction() as transaction:
        connection = transaction.connection
        rows = await (await connection.execute("SELECT order_id, address FROM shops.gift_addresses")).fetchall()
        assert not [sealed for _, sealed in rows for text in HOME.label if text.encode() in bytes(sealed)]
        swap = "UPDATE shops.gift_addresses SET address = %s WHERE order_id = %s"
        await connection.execute(swap, (dict(rows)[other.id], order.id))
        with pytest.raises(ValueError, match=r"sealed|changed"):
            await addresses.of_orders(connection, shop.keys, [order.id])


async def test_without_an_address_it_lapses_and_with_one_it_waits_to_be_sent(shop):
    late, early = await bought(shop), await bought(shop)
    await says(shop, early)
    await shop.later(days=32)
    with pytest.raises(Conflict, match="gift_not_to_send"):
        await says(shop, late)
    assert await lapse(shop.database) == 1
    assert (await became(shop.database, late), await became(shop.database, early)) == (["lapsed"], ["promised"])
    await says(shop, early, WORK)
    assert await sent_to(shop.database, shop.keys, early) == [WORK]
    assert await in_shop(shop.database, place=OTHER) == (2, 1)
    assert await wrong(shop.database) == []


async def test_with_an_address_it_waits_though_it_was_not_noted_in_time_that_it_is_promised(shop):
    """What follows the order is late: its gift was held for less long than that, and what is over lapses first."""
    order = await paid(shop, await ordered(shop, await quoted(shop)))
    await says(shop, order)
    assert await became(shop.database, order) == ["held"]
    await shop.later(days=1)
    assert await lapse(shop.database) == 0
    assert await in_shop(shop.database, place=OTHER) == (2, 1)
    await shop.run()
    assert (await became(shop.database, order), await sent_to(shop.database, shop.keys, order)) == (
        ["promised"],
        [HOME],
    )
    assert await wrong(shop.database) == []


async def test_who_lets_go_of_it_sees_an_address_that_was_given_meanwhile(shop):
    """It is seen under the lock, not only where what is over was looked for."""
    order = await paid(shop, await ordered(shop, await quoted(shop)))
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        [mine] = await gifts.all_locked(connection, [GiftKey(order.id, "mug")])
        lapsing = asyncio.ensure_future(lapses(shop, mine.expires_at + timedelta(days=1)))
        await until(lambda: somebody_waits(shop.database), bool)
        await addresses.give(connection, shop.keys, mine.key, HOME, now)
    assert await lapsing == 0
    assert (await became(shop.database, order), await sent_to(shop.database, shop.keys, order)) == (["held"], [HOME])


async def test_with_the_money_goes_the_address_at_once(shop):
    order = await bought(shop)
    await says(shop, order)
    await money_back(shop, order)
    assert (await became(shop.database, order), await sent_to(shop.database, shop.keys, order)) == (["released"], [])
    with pytest.raises(Conflict, match="gift_not_to_send"):
        await says(shop, order)


async def test_who_ordered_while_signed_in_says_it_alone_and_alone_sees_it_again(shop):
    order, guests = await bought(shop, ANN), await bought(shop)
    for who in (BOB, None):
        assert not (await parcels(shop, order, who)).is_theirs
        with pytest.raises(NotFound, match="order_unknown"):
            await says(shop, order, who=who)
    await says(shop, order, who=ANN)
    await says(shop, guests, WORK)
    seen = [await shop.desk.sending.address(order_id=order.id, subscriber_id=who) for who in (ANN, BOB)]
    assert seen == [HOME, None]
    assert await shop.desk.sending.address(order_id=guests.id, subscriber_id=ANN) is None


async def test_it_is_exported_and_erased_with_the_person(shop):
    order, others = await bought(shop, ANN), await bought(shop, BOB)
    await says(shop, order, who=ANN)
    await says(shop, others, WORK, who=BOB)
    keeper = OrderKeeper(shop.keys)
    async with shop.database.transaction() as transaction:
        held = await keeper.held(transaction.connection, SimpleNamespace(id=ANN))
        await keeper.forget(transaction.connection, subscriber_id=ANN, now=transaction.now)
    assert [one["gifts_sent_to"] for one in held["orders"]] == [[{"sku": "mug", "address": list(HOME.label)}]]
    assert await sent_to(shop.database, shop.keys, order) == []
    assert await sent_to(shop.database, shop.keys, others) == [WORK]


async def test_it_is_erased_a_while_after_the_gift_was_sent(shop):
    order, waiting = await bought(shop), await bought(shop)
    await says(shop, order)
    await says(shop, waiting)
    async with shop.database.transaction() as transaction:
        await addresses.was_sent(transaction.connection, GiftKey(order.id, "mug"), transaction.now)
    await shop.later(seconds=(KEPT_FOR - timedelta(hours=1)).total_seconds())
    assert await erase(shop.database) == 0
    await shop.later(hours=2)
    assert await erase(shop.database) == 1
    assert await sent_to(shop.database, shop.keys, order) == []
    assert await sent_to(shop.database, shop.keys, waiting) == [HOME]


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
@pytest.mark.parametrize("name", ["parcels.address", "gifts.erase"])
async def test_who_dies_while_it_is_stored_or_erased_does_it_once(shop, deadly, name, point):
    order = await bought(shop)
    if name == "gifts.erase":
        await says(shop, order)
        async with shop.database.transaction() as transaction:
            await addresses.was_sent(transaction.connection, GiftKey(order.id, "mug"), transaction.now)
        await shop.later(days=31)
    deadly(f"{name}.{point}")
    with pytest.raises(Died):
        await (erase(shop.database) if name == "gifts.erase" else says(shop, order))
    await (erase(shop.database) if name == "gifts.erase" else says(shop, order, WORK))
    assert await sent_to(shop.database, shop.keys, order) == ([] if name == "gifts.erase" else [WORK])
