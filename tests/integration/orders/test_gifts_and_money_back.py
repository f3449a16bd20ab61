"""Gifts of orders whose money goes back while somebody is moving them, or is taken by the payer's bank."""

import asyncio

import pytest

from tests.integration.orders.test_deciding import decided
from tests.integration.orders.test_gifts import ABROAD, hands_over, two_mugs  # noqa: F401 - a fixture
from tests.support.gifts import HALL, became, in_shop, stocked, wrong
from tests.support.locks import somebody_waits
from tests.support.selling_offers import MUG, faults, objects, ordered, paid, publish_with, quoted
from tests.support.simulators import until
from topup.orders import gifting
from topup.orders.giving_back import kind
from topup.payments.ports import DisputeStanding
from topup.work.approvals import Approvals


async def test_money_that_goes_back_while_its_gift_follows_is_followed_too(shop, two_mugs, monkeypatch):  # noqa: F811
    order = await paid(shop, await ordered(shop, await quoted(shop, at=HALL)))
    follow = gifting.Gifting.follow

    async def goes_back_meanwhile(self, due):
        back = await follow(self, due)
        await decided(Approvals(database=shop.database, kinds=[kind()]), "refund", order.payments[0].id)
        return back

    with monkeypatch.context() as patch:
        patch.setattr(gifting.Gifting, "follow", goes_back_meanwhile)
        assert await shop.desk.promising.follow() == 1
    assert await became(shop.database, order) == ["promised"]
    await shop.run()
    assert await became(shop.database, order) == ["released"]


async def test_who_comes_late_with_an_order_that_was_paid_promises_no_gift_of_one_that_went_back(shop, monkeypatch):
    """Two sweeps at once: one read the order while it was paid, and moves its gift after the other saw it go back."""
    await publish_with(shop.database, MUG, carrier="lion-island")
    await stocked(shop.database, 1)
    order = await ordered(shop, await quoted(shop, at=HALL, **ABROAD))
    await shop.tells(shop.paid(await shop.paying(order)))
    follow = gifting.Gifting.follow

    async def comes_late(self, due):
        monkeypatch.setattr(gifting.Gifting, "follow", follow)
        await shop.desk.call_off(order_id=order.id)
        await shop.run()
        assert await became(shop.database, order) == ["released"]
        return await follow(self, due)

    monkeypatch.setattr(gifting.Gifting, "follow", comes_late)
    assert await shop.desk.promising.follow() == 1
    assert (await shop.order(order)).status == "refunded"
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((1, 0), ["released"])
    await shop.run()
    assert await became(shop.database, order) == ["released"]
    assert await wrong(shop.database) == await faults(shop.database) == []


async def test_money_goes_back_only_when_who_is_moving_its_gift_is_done(shop, two_mugs, monkeypatch):  # noqa: F811
    order = await paid(shop, await ordered(shop, await quoted(shop, at=HALL)))
    promise = gifting.gifts.promise
    giving_back = []

    async def is_asked_back_meanwhile(*asked):
        approvals = Approvals(database=shop.database, kinds=[kind()])
        giving_back.append(asyncio.ensure_future(decided(approvals, "refund", order.payments[0].id)))
        await until(lambda: somebody_waits(shop.database), lambda waits: waits or giving_back[0].done())
        assert not giving_back[0].done()
        return await promise(*asked)

    with monkeypatch.context() as patch:
        patch.setattr(gifting.gifts, "promise", is_asked_back_meanwhile)
        assert await shop.desk.promising.follow() == 1
    await giving_back[0]
    await shop.run()
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((2, 0), ["released"])


@pytest.mark.parametrize("handed", [False, True])
async def test_a_bank_that_took_all_of_the_money_takes_the_gift_once_the_dispute_is_lost(shop, two_mugs, handed):  # noqa: F811
    order = await paid(shop, await ordered(shop, await quoted(shop, at=HALL)))
    await shop.run()
    if handed:
        await hands_over(shop, order)
    had = await became(shop.database, order)
    for standing in (DisputeStanding.OPEN, DisputeStanding.WON):
        await objects(shop, order, standing, 10000)
        await shop.run()
        assert await became(shop.database, order) == had == ["handed_over" if handed else "promised"]
    await objects(shop, order, DisputeStanding.LOST, 10000)
    await shop.run()
    assert await became(shop.database, order) == ["asked_back" if handed else "released"]
    assert await wrong(shop.database) == await faults(shop.database) == []


async def test_what_a_bank_took_a_part_of_keeps_its_gift_until_the_rest_goes_back(shop, two_mugs):  # noqa: F811
    order = await paid(shop, await ordered(shop, await quoted(shop, at=HALL)))
    await objects(shop, order, DisputeStanding.LOST, 4000)
    await shop.run()
    assert await became(shop.database, order) == ["promised"]
    await decided(Approvals(database=shop.database, kinds=[kind()]), "refund", order.payments[0].id, amount="60.00")
    await shop.run()
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((2, 0), ["released"])


async def test_a_gift_goes_also_where_a_bank_took_the_money_before_the_top_up_arrived(shop):
    await publish_with(shop.database, MUG, carrier="lion-island")
    await stocked(shop.database, 1)
    order = await paid(shop, await ordered(shop, await quoted(shop, at=HALL, **ABROAD)))
    await shop.desk.promising.follow()
    assert await became(shop.database, order) == ["promised"]
    await objects(shop, order, DisputeStanding.LOST, 5000, currency="SGD")
    await shop.desk.promising.follow()
    assert (await shop.order(order)).status != "delivered"
    assert (await in_shop(shop.database), await became(shop.database, order)) == ((1, 0), ["released"])
