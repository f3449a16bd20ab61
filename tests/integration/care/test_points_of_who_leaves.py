"""Points end with an account, whoever holds, spends or earns some at that moment."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.orders.test_two_batches_at_once import waiting
from tests.support.desk import OWN_NUMBER
from tests.support.households import Households
from tests.support.points import FAR, Purses, somebody
from tests.support.selling_offers import POINTS, Customer, paid, publish_with
from tests.support.simulators import until
from topup.care.personal import leaving
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.queries import buckets
from topup.lines.queries import lines_now
from topup.offers.points import operations
from topup.offers.points.keeping import PointsKeeper
from topup.offers.points.operations import Aim, Reward, Spend
from topup.offers.points.postings import Lasting
from topup.orders import rewarding
from topup.people.subscribers.leaving import UNDO

__all__ = ["waiting"]


async def left_of(database, holder) -> int:
    async with database.read() as transaction:
        found = await buckets(transaction.connection, [holder])
    return sum(one.balance for one in found.get(holder, ()))


async def forgets(database, key) -> None:
    async with database.transaction() as transaction:
        await PointsKeeper().forget(transaction.connection, subscriber_id=key.subscriber_id, now=transaction.now)


async def test_what_is_earned_at_that_moment_ends_too(database, waiting):
    purses, key = Purses(database), somebody()
    await purses.earn(key, "o1", 50)
    async with database.transaction() as transaction:
        # Of another end, and so not with those that are there.
        lasting = Lasting(transaction.now + timedelta(days=90), {"id": "why_midnight"})
        reward = Aim(key, "o2", None, FAR, Reward(10, 10, lasting))
        await operations.follow(transaction.connection, [reward], transaction.now)
        forgetting = asyncio.create_task(forgets(database, key))
        await until(waiting, lambda number: number == 1)
    await forgetting
    assert await left_of(database, key.holder) == 0
    assert await purses.faults() == []


async def test_what_is_held_at_that_moment_is_held_before_or_never(database, waiting):
    purses, key = Purses(database), somebody()
    await purses.earn(key, "o1", 50)
    async with database.transaction() as transaction:
        await PointsKeeper().forget(transaction.connection, subscriber_id=key.subscriber_id, now=transaction.now)
        holding = asyncio.create_task(purses.hold(Spend(key, "o2", 50, FAR)))
        await until(waiting, lambda number: number == 1)
    assert await holding == [False]
    assert await left_of(database, key.holder) == 0
    assert await purses.faults() == []


@pytest.mark.usefixtures("data_dir")
async def test_who_leaves_while_the_points_of_an_order_follow_it_keeps_none(shop, waiting, monkeypatch):
    await publish_with(shop.database, POINTS)
    await paid(shop, await shop.ordered())  # opens the line
    e164 = parse_msisdn(OWN_NUMBER).e164
    async with shop.database.read() as transaction:
        line = (await lines_now(transaction.connection, [e164]))[e164].ref
    anna = Customer(shop, await Households(shop.database, shop.keys).moves_in(e164, line))
    await paid(shop, await anna.ordered(await anna.quoted()))
    away = leaving(database=shop.database, keyring=shop.keys)
    await away.leave(subscriber_id=anna.id)
    shop.database.clock_offset += UNDO
    follow, ending = rewarding.points.follow, []

    async def and_meanwhile_leaves(connection, aims, now):
        ending.append(asyncio.create_task(away.erase_due()))
        await until(waiting, lambda number: number == 1 or ending[0].done())
        await follow(connection, aims, now)

    with monkeypatch.context() as patch:
        patch.setattr(rewarding.points, "follow", and_meanwhile_leaves)
        assert await shop.desk.rewarding.follow() == 1
    assert await ending[0] == 1
    assert await left_of(shop.database, anna.id) == 0
    await shop.run()
    assert await left_of(shop.database, anna.id) == 0
