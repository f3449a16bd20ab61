"""What lines are told of without being used: ends to come, what a state blocks and frees, what is there again."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.support.sharing import LANES
from tests.support.usage import ANN, BOB, CARRIER, LIVING, NUMBERS, Traffic
from topup.charging.usage import tasks as usage_events_tasks
from topup.charging.usage.events import Event, tell
from topup.charging.usage.tasks import Telling


@pytest.fixture
def telling(traffic):
    return Telling(database=traffic.database, catalogue=traffic.circle.catalogue, lanes=LANES)


async def names(traffic, number=ANN):
    return [name for name, _ in await traffic.told(number)]


def in_days(days):
    return datetime.now(UTC) + timedelta(days=days)


async def test_an_end_is_told_so_many_days_before_as_the_file_says_once_each(traffic, telling):
    await traffic.grant(ANN, "DATA", 500, usable_until=in_days(10))
    heard = []
    for day in range(11):
        traffic.database.clock_offset = timedelta(days=day, hours=1)
        await telling.expiring()
        await telling.expiring()
        heard += [(day, facts["days"]) for _, facts in (await traffic.told())[len(heard) :]]
    assert heard == [(7, 3), (9, 1)]
    [first, _] = await traffic.told()
    assert first[0] == "expiring"
    assert (first[1]["asset"], first[1]["left"]) == ("DATA", 500)


async def test_what_comes_with_less_to_go_is_not_told(traffic, telling):
    await telling.expiring()
    await traffic.grant(ANN, "DATA", 500, usable_until=in_days(2))
    await telling.expiring()
    assert await traffic.told() == []
    traffic.database.clock_offset = timedelta(days=1, hours=1)
    await telling.expiring()
    assert [facts["days"] for _, facts in await traffic.told()] == [1]


async def test_what_is_empty_by_then_is_not_told(traffic, telling):
    await traffic.grant(ANN, "VOICE", 60, usable_until=in_days(5))
    await traffic.rate(traffic.record(quantity=60))
    traffic.database.clock_offset = timedelta(days=4)
    await telling.expiring()
    assert "expiring" not in await names(traffic)


async def test_more_ends_than_a_batch_are_all_told_though_they_end_together(traffic, telling, monkeypatch):
    monkeypatch.setattr(usage_events_tasks, "BATCH", 3)
    end = in_days(2)
    await traffic.open(*NUMBERS)
    for number in NUMBERS:
        await traffic.grant(number, "DATA", 500, usable_until=end)
    while await telling.expiring() >= 3:
        pass
    assert [await names(traffic, number) for number in NUMBERS] == [["expiring"]] * len(NUMBERS)


async def test_what_was_used_up_and_is_there_again_is_told_once(traffic, telling):
    await traffic.rate(traffic.record(quantity=300))
    await telling.restored()
    assert await names(traffic) == ["used_up"]
    await traffic.circle.give(ANN, 300)
    traffic.database.clock_offset = timedelta(seconds=10)
    await telling.restored()
    await telling.restored()
    assert (await traffic.told())[1:] == [("restored", {"asset": "PHP", "left": 300})]
    await traffic.rate(traffic.record(quantity=60))
    await traffic.rate(traffic.record(service="sms", quantity=1))
    await traffic.circle.give(ANN, 100)
    await telling.restored()
    assert await names(traffic) == ["used_up", "restored", "used_up", "restored"]


async def test_those_who_wait_are_all_looked_at_though_they_are_more_than_a_batch(traffic, telling, monkeypatch):
    monkeypatch.setattr(usage_events_tasks, "BATCH", 2)
    await traffic.open(*NUMBERS, main=100)
    await traffic.rate(*(traffic.record(number, "sms", 1) for number in NUMBERS))
    await traffic.circle.give(NUMBERS[-1], 100)
    while await telling.restored():
        pass
    assert [await names(traffic, number) for number in NUMBERS[:-1]] == [["used_up"]] * (len(NUMBERS) - 1)
    assert await names(traffic, NUMBERS[-1]) == ["used_up", "restored"]


async def test_what_is_not_filled_again_is_looked_at_less_and_less_but_every_hour(traffic, telling, monkeypatch):
    monkeypatch.setattr(usage_events_tasks, "BATCH", 1)
    await traffic.rate(traffic.record(quantity=300))
    looked = []
    for minutes in range(0, 60 * 48, 5):
        traffic.database.clock_offset = timedelta(minutes=minutes)
        if await telling.restored():
            looked.append(minutes)
            assert await telling.restored() == 0
    pauses = [after - before for before, after in pairwise(looked)]
    assert looked[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] in {60, 65}
    await traffic.circle.give(ANN, 100)
    traffic.database.clock_offset += timedelta(minutes=65)
    assert [await telling.restored() for _ in range(2)] == [1, 0]
    assert await names(traffic) == ["used_up", "restored"]


async def test_several_who_tell_at_once_tell_once(traffic):
    await traffic.grant(ANN, "DATA", 500, usable_until=in_days(2))
    await traffic.rate(traffic.record(quantity=300))
    await traffic.circle.give(ANN, 300)
    several = [Telling(database=traffic.database, catalogue=traffic.circle.catalogue, lanes=LANES) for _ in range(4)]
    await asyncio.gather(*(one.expiring() for one in several), *(one.restored() for one in several))
    assert sorted(await names(traffic)) == ["expiring", "restored", "used_up"]


async def test_the_same_occasion_is_told_once(traffic):
    line = traffic.circle.lines[BOB]
    event = Event(line, "low", "PHP:r1", {"asset": "PHP", "left": 1})
    for _ in range(2):
        async with traffic.database.transaction() as transaction:
            await tell(transaction.connection, [event], transaction.now)
    assert await names(traffic, BOB) == ["low"]


async def test_a_line_is_told_what_its_state_blocks_and_frees(database):
    traffic = await Traffic.of(database, CARRIER + LIVING)
    telling = Telling(database=database, catalogue=traffic.circle.catalogue, lanes=LANES)
    await traffic.open(ANN, main=1000)
    await traffic.sees_its_money()
    await telling.blocked()
    before = await names(traffic)
    await traffic.rate(traffic.record(quantity=300))
    await telling.blocked()
    await telling.blocked()
    assert (await names(traffic))[len(before) :] == ["used_up", "blocked"]
    _, facts = (await traffic.told())[-1]
    assert (facts["state"], facts["shows"], facts["blocks"]) == ("empty", "one_way_blocked", ["voice_out", "sms_out"])
    await traffic.circle.give(ANN, 500)
    await traffic.sees_its_money()
    await telling.blocked()
    name, facts = (await traffic.told())[-1]
    assert (name, facts["blocks"]) == ("restored", ["voice_out", "sms_out"])
