"""Batches of points that have accounts and lanes in common never wait for each other in a circle."""

import asyncio
import itertools

import pytest

from tests.integration.orders.test_two_batches_at_once import waiting
from tests.support.ledger import transfer
from tests.support.points import FAR, RELEASED, Purses, somebody
from tests.support.simulators import until
from topup.ledger import post
from topup.offers.points import operations, records
from topup.offers.points.operations import Aim, Reward, Spend
from topup.offers.points.postings import FOR_EVER

__all__ = ["waiting"]
LOW, HIGH = 1, 9


@pytest.fixture
def purses(database) -> Purses:
    return Purses(database)


def earns(key, order, points=10) -> Aim:
    return Aim(key, order, None, FAR, Reward(points, points, FOR_EVER))


async def test_a_batch_in_rounds_locks_the_lanes_of_the_ledger_in_the_order_of_all(purses, waiting):
    """Somebody's first step moves nothing, so that another's lane would be locked before theirs, which is lower;
    whoever settles payments of both lanes has the lower one and asks for the higher.
    """
    low, high = somebody(lane=LOW), somebody(lane=HIGH)
    async with purses.database.transaction() as holding:
        await post(holding.connection, [transfer(lane=LOW)], holding.now)
        nothing = Aim(low, "o1", RELEASED, FAR, None)
        following = asyncio.create_task(purses.follow(earns(high, "o2"), nothing, earns(low, "o3")))
        await until(waiting, lambda number: number == 1)
        await post(holding.connection, [transfer(lane=HIGH)], holding.now)
    await following
    assert (await purses.has(low), await purses.has(high)) == ((10, 0, 0), (10, 0, 0))
    assert await purses.faults() == []


@pytest.mark.parametrize("new", [True, False], ids=["new accounts", "known accounts"])
async def test_accounts_are_locked_in_one_order_whoever_asks(purses, waiting, new):
    """Each batch would have its own first account while it waits for the one in the middle."""
    keys = sorted((somebody(lane=lane) for lane in (LOW, HIGH, 5)), key=lambda key: key.lane)
    if not new:
        await purses.follow(*(earns(key, f"known{place}") for place, key in enumerate(keys)))
    batches = [
        [earns(key, f"{number}:{place}") for place, key in enumerate(some)]
        for number, some in enumerate((keys, keys[::-1]))
    ]
    async with purses.database.transaction() as holding:
        await records.locked(holding.connection, [keys[1]])
        going = [asyncio.create_task(purses.follow(*aims)) for aims in batches]
        going.append(asyncio.create_task(purses.hold(*(Spend(key, f"s:{key.lane}", 1, FAR) for key in keys[::-1]))))
        await until(waiting, lambda number: number == len(going))
    await asyncio.gather(*going)
    assert await purses.faults() == []


@pytest.mark.parametrize("lanes", [(3,), (1, 2, 3), (3, 1, 2, 1)])
def test_no_portion_has_an_account_twice_or_a_lane_below_an_earlier_one(lanes):
    accounts = [somebody(lane=lane) for lane in lanes]
    steps = [earns(key, f"{number}:{place}") for place, key in enumerate(accounts) for number in range(place + 1)]
    portions = list(operations._rounds(steps))
    assert sorted(one.order_id for some in portions for one in some) == sorted(one.order_id for one in steps)
    for some in portions:
        assert len({one.account for one in some}) == len(some)
    for before, after in itertools.pairwise(portions):
        assert max(one.account.lane for one in before) <= min(one.account.lane for one in after)
    for key in accounts:
        order = [one.order_id for some in portions for one in some if one.account == key]
        assert order == [one.order_id for one in steps if one.account == key]


async def test_many_batches_at_once_of_the_same_accounts_all_end(purses):
    keys = [somebody(lane=lane) for lane in (LOW, LOW, 5, HIGH)]
    orders = list(itertools.permutations(keys))[::2]
    await asyncio.gather(
        *(
            purses.follow(
                *(earns(key, f"{number}:{place}:{again}") for again in range(2) for place, key in enumerate(some))
            )
            for number, some in enumerate(orders)
        )
    )
    for key in keys:
        assert await purses.has(key) == (10 * 2 * len(orders), 0, 0)
    assert await purses.faults() == []
