"""One statement again and again without waiting in between: who gets which rows, and what a loss or an error does."""

import asyncio
from contextlib import asynccontextmanager

import psycopg
import pytest

from tests.support.simulators import until
from topup.kernel.errors import Unavailable
from topup.platform.batching import WIDE_FROM, StatementBatcher
from topup.platform.pipelined import HotStatement

STATEMENT = """
WITH told AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(7))
INSERT INTO things SELECT value::integer FROM told, unnest(string_to_array($1, ',')) AS value RETURNING value * 10
"""


@pytest.fixture
def owner(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE things (value integer PRIMARY KEY CHECK (value >= 0))")
        connection.execute("GRANT SELECT, INSERT ON things TO topup_app")
        yield connection


@pytest.fixture
def gate(owner, database_url):
    """What each statement waits for, until it is closed."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        yield connection


def stored(owner):
    return [value for (value,) in owner.execute("SELECT value FROM things ORDER BY value").fetchall()]


def backends(owner):
    """Processes of the database that wait at the gate."""
    return owner.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'advisory'").fetchall()


async def asked(line, values):
    rows = await line.ask([",".join(map(str, values))])
    assert sorted(rows) == sorted((value * 10,) for value in values)
    return [value * 10 for value in values]


@asynccontextmanager
async def batching(database, operation=asked):
    batcher = StatementBatcher(database, "test", STATEMENT, operation)
    try:
        yield batcher
    finally:
        await batcher.aclose()


async def outcomes(batcher, items):
    return await asyncio.gather(*(batcher.submit(item) for item in items), return_exceptions=True)


async def at_the_gate(owner):
    async def waiting():
        return backends(owner)

    await until(waiting, bool)


async def test_each_waiter_gets_its_own_answer_once_it_is_committed(database, owner):
    async with batching(database) as batcher:
        for start in (0, 1_000, 2_000):
            items = range(start, start + 700)
            assert await outcomes(batcher, items) == [item * 10 for item in items]
    assert stored(owner) == [*range(700), *range(1_000, 1_700), *range(2_000, 2_700)]


async def test_while_the_database_works_on_one_half_the_other_is_sent(database, owner, gate):
    lots = []

    async def watched(line, items):
        lots.append(len(items))
        return await asked(line, items)

    async with batching(database, watched) as batcher:
        rest = asyncio.create_task(outcomes(batcher, range(WIDE_FROM)))
        await at_the_gate(owner)
        assert lots == [WIDE_FROM // 2] * 2
        gate.close()
        await rest


async def test_few_go_in_one_flush_at_a_time(database, owner, gate):
    lots = []

    async def watched(line, items):
        lots.append(len(items))
        return await asked(line, items)

    async with batching(database, watched) as batcher:
        first = asyncio.create_task(outcomes(batcher, range(10)))
        await at_the_gate(owner)
        rest = asyncio.create_task(outcomes(batcher, range(10, 40)))
        while batcher.waiting < 30:  # noqa: ASYNC110 - a turn of the loop for each submission
            await asyncio.sleep(0)
        assert lots == [10]
        gate.close()
        await asyncio.gather(first, rest)
    assert lots == [10, 30]


async def test_one_bad_item_fails_alone(database, owner):
    async with batching(database) as batcher:
        answers = await outcomes(batcher, [*range(200), -1, *range(300, 500)])
    assert [type(answer) for answer in answers if not isinstance(answer, int)] == [psycopg.errors.CheckViolation]
    assert stored(owner) == [*range(200), *range(300, 500)]


async def test_a_lost_connection_fails_all_that_is_under_way_and_the_next_finds_a_new_one(database, owner, gate):
    async with batching(database) as batcher:
        rest = asyncio.create_task(outcomes(batcher, range(WIDE_FROM)))
        await at_the_gate(owner)
        owner.execute("SELECT pg_terminate_backend(%s)", backends(owner)[0])
        answers = await rest
        assert [(type(answer), answer.code) for answer in answers] == [(Unavailable, "database_lost")] * WIDE_FROM
        assert len({id(answer) for answer in answers}) == WIDE_FROM
        gate.close()
        assert await batcher.submit(7) == 70
    assert stored(owner) == [7]


async def test_a_connection_lost_while_idle_goes_unseen(database, owner):
    async with batching(database) as batcher:
        await batcher.submit(1)
        owner.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'topup'")
        assert await batcher.submit(2) == 20
    assert stored(owner) == [1, 2]


async def test_a_statement_that_takes_too_long_says_so_and_harms_no_other(database, owner, gate):
    async with batching(database) as batcher:
        first = asyncio.create_task(outcomes(batcher, range(3)))
        await at_the_gate(owner)
        owner.execute("SELECT pg_cancel_backend(%s)", backends(owner)[0])
        assert {answer.code for answer in await first} == {"database_slow"}
        gate.close()
        assert await batcher.submit(7) == 70
    assert stored(owner) == [7]


async def test_a_statement_larger_than_the_socket_takes_at_once_arrives_whole(database, owner):
    line = await HotStatement(database, STATEMENT).get()
    values = range(400_000)
    assert len(await line.ask([",".join(map(str, values))])) == len(values)
    assert len(stored(owner)) == len(values)
    await line.aclose()


async def test_a_waiter_that_goes_away_takes_nobody_with_it(database, owner, gate):
    async with batching(database) as batcher:
        waiters = [asyncio.create_task(batcher.submit(item)) for item in range(3)]
        await at_the_gate(owner)
        waiters[1].cancel()
        gate.close()
        first, gone, last = await asyncio.gather(*waiters, return_exceptions=True)
    assert (first, type(gone), last) == (0, asyncio.CancelledError, 20)
    assert stored(owner) == [0, 1, 2]


async def test_a_closed_connection_is_asked_nothing_more(database, owner):
    line = await HotStatement(database, STATEMENT).get()
    await line.aclose()
    with pytest.raises(psycopg.OperationalError):
        await line.ask(["1"])
    assert stored(owner) == []
