"""G5: however many take at once, no bucket goes below what it has or has promised."""

import asyncio
import random

import psycopg
import pytest

from tests.support.ledger import LANE, balances, credit, debit, do, fresh_line, hold, release, settle
from topup.ledger import Posted, PostingRefused, post_batcher
from topup.ledger.invariants import violations

SEED = 20260301


async def test_racing_takers_never_take_more_than_there_is(database):
    """Debits and holds of random sizes over four connections; the sum of what succeeded is what is gone."""
    chance = random.Random(SEED)
    batchers = [post_batcher(database) for _ in range(4)]
    races, negatives, refusals = 12, 0, 0
    for _ in range(races):
        line = fresh_line()
        await do(database, *[credit(line, 100) for _ in range(3)])
        items = [chance.choice((debit, hold))(line, chance.randint(1, 60)) for _ in range(40)]

        async def attempt(number, item):
            try:
                return await batchers[number % 4].submit(item)
            except PostingRefused as problem:
                return problem

        answers = await asyncio.gather(*[attempt(n, item) for n, item in enumerate(items)])
        taken = sum(i.amount for i, a in zip(items, answers, strict=True) if isinstance(a, Posted) and not a.hold_id)
        promised = sum(i.amount for i, a in zip(items, answers, strict=True) if isinstance(a, Posted) and a.hold_id)
        refusals += sum(isinstance(answer, PostingRefused) for answer in answers)
        [(balance, held)] = await balances(database, line)
        negatives += balance < held
        assert (balance, held) == (300 - taken, promised), f"seed {SEED}"
        smallest = min(item.amount for item, a in zip(items, answers, strict=True) if isinstance(a, PostingRefused))
        assert balance - held < smallest, "nothing was refused that could have been given"
        await close_all(database, chance, answers)
    for batcher in batchers:
        await batcher.aclose()
    async with database.read() as transaction:
        assert await violations(transaction.connection) == []
    print(f"G5 races={races} attempts={races * 40} refused={refusals} negatives={negatives} seed={SEED}")
    assert refusals > 0


async def close_all(database, chance, answers):
    for answer in answers:
        if isinstance(answer, Posted) and answer.hold_id:
            held = sum(leg.amount for leg in answer.legs)
            part = chance.randint(0, held)
            await do(database, settle(answer.hold_id, part) if part else release(answer.hold_id))


async def test_racing_closers_of_one_hold_close_it_once(database):
    line = fresh_line()
    batchers = [post_batcher(database) for _ in range(4)]
    await do(database, credit(line, 1000))
    for _ in range(20):
        [held] = await do(database, hold(line, 10))
        items = [settle(held.hold_id, 10), release(held.hold_id), settle(held.hold_id, 5), release(held.hold_id)]
        pairs = zip(batchers, items, strict=True)
        answers = await asyncio.gather(*[b.submit(item) for b, item in pairs], return_exceptions=True)
        assert sum(isinstance(answer, Posted) for answer in answers) == 1
        assert {answer.code for answer in answers if isinstance(answer, PostingRefused)} == {"hold_not_open"}
    for batcher in batchers:
        await batcher.aclose()
    async with database.read() as transaction:
        assert await violations(transaction.connection) == []


async def test_callers_over_many_lanes_at_once_never_block_each_other_for_good(database):
    """Calls lock their lanes in one order, whatever the order of their items: no deadlock, and nothing is lost."""
    chance = random.Random(SEED)
    lines = {lane: fresh_line(lane) for lane in range(16)}

    async def caller():
        for _ in range(15):
            lanes = chance.sample(range(16), 16)
            await do(database, *[credit(lines[lane], 1, lane=lane) for lane in lanes])

    await asyncio.gather(*[caller() for _ in range(4)])
    found = [await balances(database, line) for line in lines.values()]
    assert found == [[(60, 0)]] * 16


@pytest.mark.parametrize("change", ["balance = -1", "held = balance + 1", "held = -1"])
async def test_the_database_itself_refuses_a_balance_below_its_floor(database, database_url, change):
    line = fresh_line()
    await do(database, credit(line, 10))
    with psycopg.connect(database_url) as owner, pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(f"UPDATE ledger.buckets SET {change} WHERE lane = {LANE}")
