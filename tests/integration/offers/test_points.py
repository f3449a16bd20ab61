"""Points: earned once, never spent twice whoever asks at once, taken back with the money, owed where they are spent."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.points import BACK, FAR, RELEASED, SETTLED, Purses, somebody
from topup.ledger.tasks import expire_buckets, release_holds
from topup.offers.points import operations
from topup.offers.points.operations import Aim, PointsMoved, Reward, Spend
from topup.offers.points.postings import FOR_EVER, Lasting
from topup.offers.states import ReservationState

HELD = ReservationState.HELD


@pytest.fixture
def purses(database) -> Purses:
    return Purses(database)


async def test_points_are_earned_once_and_taken_back_as_far_as_the_money_went_back(purses):
    key = somebody()
    for _ in range(2):
        await purses.earn(key, "o1", 50)
    assert await purses.has(key) == (50, 0, 0)
    for kept in (40, 40, 0, 0):
        await purses.earn(key, "o1", 50, kept)
    assert await purses.has(key) == (0, 0, 0)
    assert [(one.points, one.purpose) for one in await purses.moved(key)] == [
        (-40, "points_taken_back"),
        (-10, "points_taken_back"),
        (50, "points_earned"),
    ]
    assert await purses.faults() == []


async def test_what_an_order_earned_after_some_of_its_money_went_back_is_the_rest(purses):
    key = somebody()
    await purses.earn(key, "o1", 50, 20)
    assert await purses.has(key) == (20, 0, 0)
    await purses.earn(key, "o2", 50, 0)
    assert await purses.has(key) == (20, 0, 0)


async def test_points_are_held_spent_let_go_and_given_back_each_once(purses):
    key = somebody()
    await purses.earn(key, "o1", 100)
    assert await purses.spend(key, "o2", 60)
    assert await purses.spend(key, "o2", 60)
    assert not await purses.spend(key, "o3", 60)
    assert await purses.has(key) == (40, 60, 0)
    for _ in range(2):
        await purses.move(key, "o2", RELEASED)
    assert await purses.has(key) == (100, 0, 0)
    assert await purses.spend(key, "o2", 70), "asked for again, by another price"
    for _ in range(2):
        await purses.move(key, "o2", SETTLED)
    assert await purses.has(key) == (30, 0, 0)
    await purses.move(key, "o2", RELEASED)
    assert await purses.spend(key, "o2", 70)
    assert await purses.has(key) == (30, 0, 0)
    for _ in range(2):
        await purses.move(key, "o2", BACK)
    assert await purses.has(key) == (100, 0, 0)
    assert [(one.points, one.purpose, one.carrier_id) for one in await purses.moved(key)][:2] == [
        (70, "points_given_back", "acme"),
        (-70, "points_spent", "acme"),
    ]
    assert await purses.faults() == []


async def test_another_price_of_the_same_order_holds_other_points_or_none(purses):
    key = somebody()
    await purses.earn(key, "o1", 100)
    assert await purses.spend(key, "o2", 60)
    assert await purses.spend(key, "o2", 90)
    assert await purses.has(key) == (10, 90, 0)
    assert not await purses.spend(key, "o2", 120)
    assert await purses.has(key) == (100, 0, 0)
    assert await purses.spend(key, "o2", 100)
    assert await purses.faults() == []


async def test_what_is_spent_already_is_owed_and_settled_by_the_next(purses):
    key = somebody()
    await purses.earn(key, "o1", 50)
    assert await purses.spend(key, "o2", 30)
    await purses.move(key, "o2", SETTLED)
    await purses.earn(key, "o1", 50, 0)
    assert await purses.has(key) == (0, 0, 30)
    await purses.earn(key, "o3", 20)
    assert await purses.has(key) == (0, 0, 10)
    await purses.earn(key, "o4", 20)
    assert await purses.has(key) == (10, 0, 0)
    assert await purses.faults() == []


async def test_what_is_given_back_settles_what_is_owed_first(purses):
    key = somebody()
    await purses.earn(key, "o1", 50)
    assert await purses.spend(key, "o2", 50)
    await purses.move(key, "o2", SETTLED)
    await purses.earn(key, "o1", 50, 20)
    assert await purses.has(key) == (0, 0, 30)
    await purses.move(key, "o2", BACK)
    assert await purses.has(key) == (20, 0, 0)
    assert await purses.faults() == []


async def test_what_is_owed_is_taken_of_what_an_order_lets_go(purses):
    key = somebody()
    await purses.earn(key, "o1", 50)
    assert await purses.spend(key, "o2", 50)
    await purses.earn(key, "o1", 50, 10)
    assert await purses.has(key) == (0, 50, 40), "what waits for an order's payment is promised"
    await purses.move(key, "o2", RELEASED)
    assert await purses.has(key) == (10, 0, 0)
    assert await purses.faults() == []


async def test_a_payment_heard_of_late_keeps_its_price_and_what_is_missing_is_owed(purses):
    key = somebody()
    await purses.earn(key, "o1", 50)
    assert await purses.spend(key, "o2", 50)
    await purses.move(key, "o2", RELEASED)
    assert await purses.spend(key, "o3", 30)
    await purses.move(key, "o2", SETTLED)
    assert await purses.has(key) == (0, 30, 30)
    await purses.move(key, "o2", BACK)
    assert await purses.has(key) == (20, 30, 0)
    assert await purses.faults() == []


async def test_a_hold_that_lapsed_by_itself_is_spent_all_the_same_when_its_order_is_paid(purses):
    key = somebody()
    await purses.earn(key, "o1", 50)
    soon = await now(purses) + timedelta(minutes=30)
    assert await purses.spend(key, "o2", 50, until=soon)
    await purses.move(key, "o2", HELD, until=soon + timedelta(hours=1))
    purses.database.clock_offset += timedelta(minutes=45)
    assert await release_holds(purses.database) == 0, "an order that may be paid for longer holds them for longer"
    purses.database.clock_offset += timedelta(minutes=60)
    assert await release_holds(purses.database) == 1
    assert await purses.has(key) == (50, 0, 0)
    await purses.move(key, "o2", SETTLED)
    assert await purses.has(key) == (0, 0, 0)
    await purses.move(key, "o2", BACK)
    assert await purses.has(key) == (50, 0, 0)
    assert await purses.faults() == []


async def test_points_end_and_what_ended_is_not_owed(purses):
    key = somebody()
    ends = await now(purses) + timedelta(days=30)
    await purses.earn(key, "o1", 50, lasting=Lasting(ends, {"id": "why_midnight"}))
    purses.database.clock_offset += timedelta(days=31)
    assert await purses.has(key) == (0, 0, 0)
    await expire_buckets(purses.database)
    await purses.earn(key, "o1", 50, 0, lasting=Lasting(ends, {"id": "why_midnight"}))
    assert await purses.has(key) == (0, 0, 0)


async def test_points_that_come_back_keep_their_end_but_can_be_used_for_a_week(purses):
    key = somebody()
    ends = await now(purses) + timedelta(days=30)
    await purses.earn(key, "o1", 50, lasting=Lasting(ends, {"id": "why_midnight"}))
    assert await purses.spend(key, "o2", 20)
    assert await purses.spend(key, "o3", 30)
    await purses.follow(Aim(key, "o2", SETTLED, FAR, None))
    await purses.move(key, "o3", SETTLED)
    await purses.move(key, "o2", BACK)
    purses.database.clock_offset += timedelta(days=31)
    assert await purses.has(key) == (0, 0, 0)
    await purses.move(key, "o3", BACK)
    assert await purses.has(key) == (30, 0, 0)
    purses.database.clock_offset += timedelta(days=8)
    assert await purses.has(key) == (0, 0, 0)


async def test_the_points_of_one_carrier_are_nothing_to_another(purses):
    key = somebody()
    await purses.earn(key, "o1", 50)
    other = type(key)(key.subscriber_id, "other")
    assert not await purses.spend(other, "o2", 10)
    await purses.earn(other, "o3", 5)
    assert (await purses.has(key), await purses.has(other)) == ((50, 0, 0), (5, 0, 0))


async def test_steps_of_many_orders_of_one_person_in_one_call_find_one_another(purses):
    key, other = somebody(), somebody(lane=4)
    rewards = [Aim(key, f"o{n}", None, FAR, Reward(10, 10, FOR_EVER)) for n in range(5)]
    await purses.follow(*rewards, Aim(other, "x", None, FAR, Reward(7, 7, FOR_EVER)))
    assert await purses.hold(*(Spend(key, f"s{n}", 20, FAR) for n in range(3))) == [True, True, False]
    assert (await purses.has(key), await purses.has(other)) == ((10, 40, 0), (7, 0, 0))
    assert await purses.faults() == []


async def test_the_same_points_are_not_spent_from_twenty_places_at_once(purses, figures):
    """G20: a hundred points, twenty orders of thirty each at the same moment."""
    overspent = 0
    for rounds in range(1, 4):
        key = somebody()
        await purses.earn(key, f"o{rounds}", 100)
        held = await asyncio.gather(*(purses.spend(key, f"{rounds}s{n}", 30) for n in range(20)))
        overspent += max(sum(held) - 3, 0)
        assert sum(held) == 3
        assert await purses.has(key) == (10, 90, 0)
        ends = [purses.move(key, f"{rounds}s{n}", SETTLED if n % 2 else RELEASED) for n in range(20) for _ in range(2)]
        await asyncio.gather(*ends)
        there, promised, owed = await purses.has(key)
        spent = sum(held[n] for n in range(1, 20, 2))
        assert (there, promised, owed) == (100 - 30 * spent, 0, 0)
    assert await purses.faults() == []
    figures.never("G20", overspent_points=overspent, of=3 * 17)


async def test_what_the_ledger_did_meanwhile_is_found_when_it_is_done_anew(purses, monkeypatch):
    key = somebody()
    await purses.earn(key, "o1", 50)
    soon = await now(purses) + timedelta(minutes=30)
    assert await purses.spend(key, "o2", 50, until=soon)
    purses.database.clock_offset += timedelta(minutes=31)

    looked = operations.left_of_holds

    async def lapses(connection, holds):
        found = await looked(connection, holds)
        await release_holds(purses.database)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(operations, "left_of_holds", lapses)
        with pytest.raises(PointsMoved):
            await purses.move(key, "o2", SETTLED)
    await purses.move(key, "o2", SETTLED)
    assert await purses.has(key) == (0, 0, 0)
    assert await purses.faults() == []


async def test_points_that_end_while_they_are_promised_are_in_nobodys_way(purses):
    key, other = somebody(), somebody()
    at = await now(purses)
    ending = Lasting(at + timedelta(minutes=10), {"id": "why_midnight"})
    for who, order in ((key, "o1"), (other, "p1")):
        await purses.earn(who, order, 50, lasting=ending)
        assert await purses.spend(who, f"{order}b", 50, until=at + timedelta(minutes=30))
    purses.database.clock_offset += timedelta(minutes=12)
    await purses.move(key, "o1b", HELD, until=at + timedelta(minutes=45))
    await purses.move(key, "o1b", SETTLED)
    assert await purses.has(key) == (0, 0, 0), "the price was promised while they were there"
    await purses.move(other, "p1b", RELEASED)
    assert await purses.has(other) == (0, 0, 0)
    assert await purses.faults() == []


async def test_what_ended_while_it_was_promised_settles_no_debt(purses):
    key = somebody()
    at = await now(purses)
    await purses.earn(key, "o1", 40)
    assert await purses.spend(key, "o2", 40)
    await purses.move(key, "o2", SETTLED)
    await purses.earn(key, "o3", 50, lasting=Lasting(at + timedelta(minutes=10), {"id": "why_midnight"}))
    assert await purses.spend(key, "o4", 50, until=at + timedelta(minutes=30))
    await purses.earn(key, "o1", 40, 0)
    purses.database.clock_offset += timedelta(minutes=12)
    await purses.move(key, "o4", RELEASED)
    assert await purses.has(key) == (0, 0, 40)
    assert await purses.faults() == []


@pytest.mark.parametrize("before", [HELD, RELEASED])
async def test_who_comes_late_with_an_order_that_was_paid_spends_and_earns_nothing_of_one_that_went_back(
    purses, before
):
    """Two sweeps at once: one read the order while it was paid, and moves its points after the other saw it go back."""
    key = somebody()
    await purses.earn(key, "o1", 50)
    assert await purses.spend(key, "o2", 50)
    await purses.move(key, "o2", before)
    await purses.move(key, "o2", BACK)
    await purses.earn(key, "o2", 20, 0)
    await purses.move(key, "o2", SETTLED)
    await purses.earn(key, "o2", 20)
    assert await purses.has(key) == (50, 0, 0)
    assert await purses.faults() == []


async def now(purses):
    async with purses.database.read() as transaction:
        return transaction.now
