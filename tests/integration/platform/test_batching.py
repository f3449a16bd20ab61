"""Natural batching against a real database: who gets which answer, and what one bad item or a lost connection does."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import psycopg
import pytest
from prometheus_client import REGISTRY

from topup.kernel.errors import Conflict, Unavailable
from topup.platform import batching as batching_module
from topup.platform.batching import Batcher

TABLE = "CREATE TABLE things (value integer PRIMARY KEY CHECK (value >= 0))"


@pytest.fixture
def owner(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute("GRANT SELECT, INSERT, UPDATE ON things TO topup_app")
        yield connection


def stored(owner):
    return [value for (value,) in owner.execute("SELECT value FROM things ORDER BY value").fetchall()]


async def insert(connection, items, now):
    async with connection.cursor() as cursor:
        await cursor.execute("INSERT INTO things SELECT * FROM unnest(%s::integer[])", (list(items),))
    return [item * 10 for item in items]


@asynccontextmanager
async def batching(database, operation=insert, **changes):
    batcher = Batcher(database, "test", operation, **changes)
    try:
        yield batcher
    finally:
        await batcher.aclose()


async def outcomes(batcher, items):
    return await asyncio.gather(*(batcher.submit(item) for item in items), return_exceptions=True)


class Gate:
    """An operation that waits inside its transaction until told to go on, and remembers its flushes."""

    def __init__(self):
        self.open = asyncio.Event()
        self.entered = asyncio.Event()
        self.flushes = []

    async def __call__(self, connection, items, now):
        self.flushes.append(list(items))
        self.entered.set()
        await self.open.wait()
        return await insert(connection, items, now)


async def test_each_waiter_gets_its_own_answer_once_it_is_committed(database, owner):
    async with batching(database) as batcher:
        assert await outcomes(batcher, range(100)) == [item * 10 for item in range(100)]
    assert stored(owner) == list(range(100))


async def test_what_queues_during_a_flush_leaves_together_and_in_order(database, owner):
    gate = Gate()
    async with batching(database, gate, cap=8) as batcher:
        first = asyncio.create_task(batcher.submit(0))
        await gate.entered.wait()
        rest = [asyncio.create_task(batcher.submit(item)) for item in range(1, 21)]
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, *rest)
    assert gate.flushes == [[0], list(range(1, 9)), list(range(9, 17)), list(range(17, 21))]


async def some_turns() -> None:
    """Time for everything that is not waiting for the database."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def patient(monkeypatch):
    """Whoever gathers waits as long as it takes."""
    monkeypatch.setattr(batching_module, "GATHERING", 1e9)
    monkeypatch.setattr(batching_module, "LONGEST_GATHERING_S", 3600.0)


async def test_those_who_were_answered_together_leave_together_again(database, owner, patient):
    gate = Gate()
    gate.open.set()
    async with batching(database, gate, gathers=True) as batcher:
        await outcomes(batcher, range(3))
        early = [asyncio.create_task(batcher.submit(item)) for item in (3, 4)]
        await some_turns()
        assert gate.flushes == [[0, 1, 2]]
        await asyncio.gather(*early, batcher.submit(5))
    assert gate.flushes == [[0, 1, 2], [3, 4, 5]]


async def test_whoever_comes_alone_waits_for_nobody(database, owner, patient):
    async with batching(database, gathers=True) as batcher:
        assert [await batcher.submit(item) for item in range(3)] == [0, 10, 20]


async def test_nobody_waits_long_for_those_who_do_not_come_back(database, owner, monkeypatch):
    monkeypatch.setattr(batching_module, "LONGEST_GATHERING_S", 0.001)
    async with batching(database, gathers=True) as batcher:
        await outcomes(batcher, range(3))
        assert await batcher.submit(3) == 30


async def test_who_closes_waits_for_nobody_either(database, owner, patient):
    async with batching(database, gathers=True) as batcher:
        await outcomes(batcher, range(3))
        late = asyncio.create_task(batcher.submit(3))
        await some_turns()
        assert batcher.waiting == 1
    assert await late == 30


async def test_a_failed_flush_is_gathered_after_too(database, owner, patient):
    async with batching(database, gathers=True) as batcher:
        answers = await outcomes(batcher, [0, -1, 1])
        assert isinstance(answers[1], psycopg.errors.CheckViolation)
        assert await outcomes(batcher, [2, 3, 4]) == [20, 30, 40]


def parked(batcher) -> float:
    """How many items of batchers of this name were parked so far."""
    return REGISTRY.get_sample_value("topup_items_parked_total", {"place": batcher.name}) or 0


async def test_one_bad_item_fails_alone_and_is_parked(database, owner):
    async with batching(database) as batcher:
        before = parked(batcher)
        answers = await outcomes(batcher, [*range(40), -1, *range(40, 80)])
    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(error) for error in failed] == [psycopg.errors.CheckViolation]
    assert isinstance(answers[40], psycopg.errors.CheckViolation)
    assert parked(batcher) == before + 1
    assert stored(owner) == list(range(80))


async def test_an_items_own_problem_is_raised_in_its_waiter_only(database, owner):
    async def refuse_odd(connection, items, now):
        return [Conflict("odd") if item % 2 else item for item in items]

    async with batching(database, refuse_odd) as batcher:
        answers = await outcomes(batcher, range(10))
        with pytest.raises(Conflict, match="odd"):
            await batcher.submit(11)
    assert [isinstance(answer, Conflict) for answer in answers] == [False, True] * 5
    assert answers[::2] == [0, 2, 4, 6, 8]


async def test_an_operation_that_lost_count_commits_nothing(database, owner):
    async def forgetful(connection, items, now):
        return (await insert(connection, items, now))[1:]

    async with batching(database, forgetful) as batcher:
        answers = await outcomes(batcher, range(3))
    assert [type(answer) for answer in answers] == [RuntimeError] * 3
    assert stored(owner) == []


async def test_a_lost_connection_fails_its_flush_and_the_next_flush_finds_a_new_one(database, owner):
    lost = [True]

    async def cut(connection, items, now):
        results = await insert(connection, items, now)
        if lost:
            lost.pop()
            owner.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        return results

    async with batching(database, cut) as batcher:
        before = parked(batcher)
        answers = await outcomes(batcher, range(5))
        assert [(type(answer), answer.code) for answer in answers] == [(Unavailable, "database_lost")] * 5
        assert len({id(answer) for answer in answers}) == 5
        assert await batcher.submit(7) == 70
    assert stored(owner) == [7]
    assert parked(batcher) == before


async def test_a_connection_lost_while_idle_goes_unseen(database, owner):
    async with batching(database) as batcher:
        await batcher.submit(1)
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'topup'")
        assert await batcher.submit(2) == 20
    assert stored(owner) == [1, 2]


async def test_a_connection_lost_before_its_first_word_is_nobodys_fault(database, owner, monkeypatch):
    connect, lost = database.connect, [True]

    async def cut():
        connection = await connect()
        if lost:
            lost.pop()
            owner.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        return connection

    monkeypatch.setattr(database, "connect", cut)
    async with batching(database) as batcher:
        before = parked(batcher)
        with pytest.raises(Unavailable):
            await batcher.submit(1)
        assert await batcher.submit(2) == 20
    assert stored(owner) == [2]
    assert parked(batcher) == before


async def test_a_full_queue_refuses_and_loses_nothing_it_took(database, owner):
    gate = Gate()
    async with batching(database, gate, queue_limit=3) as batcher:
        first = asyncio.create_task(batcher.submit(0))
        await gate.entered.wait()
        taken = [asyncio.create_task(batcher.submit(item)) for item in (1, 2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="overloaded"):
            await batcher.submit(4)
        gate.open.set()
        await asyncio.gather(first, *taken)
    assert stored(owner) == [0, 1, 2, 3]


async def test_a_waiter_that_goes_away_takes_nobody_with_it(database, owner):
    gate = Gate()
    async with batching(database, gate) as batcher:
        waiters = [asyncio.create_task(batcher.submit(item)) for item in range(4)]
        await gate.entered.wait()
        waiters[1].cancel()
        await asyncio.sleep(0)
        gate.open.set()
        answers = await asyncio.gather(*waiters, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert [answers[0], answers[2], answers[3]] == [0, 20, 30]
    assert stored(owner) == [0, 1, 2, 3]


async def test_closing_finishes_what_was_taken_and_takes_no_more(database, owner):
    batcher = Batcher(database, "test", insert, cap=4)
    waiters = [asyncio.create_task(batcher.submit(item)) for item in range(20)]
    await asyncio.sleep(0)
    await batcher.aclose()
    assert await asyncio.gather(*waiters) == [item * 10 for item in range(20)]
    with pytest.raises(Unavailable, match="stopping"):
        await batcher.submit(21)


async def test_a_deadlock_is_tried_again_and_parks_nobody(database, owner):
    collided = []

    async def collide_once(connection, items, now):
        if not collided:
            collided.append(True)
            await connection.execute("DO $$ BEGIN RAISE deadlock_detected; END $$")
        return await insert(connection, items, now)

    async with batching(database, collide_once) as batcher:
        before = parked(batcher)
        assert await batcher.submit(7) == 70
    assert parked(batcher) == before


async def test_a_full_disk_is_nobodys_fault(database, owner):
    async def full(connection, items, now):
        await connection.execute("DO $$ BEGIN RAISE disk_full; END $$")
        return [None for _ in items]

    async with batching(database, full) as batcher:
        before = parked(batcher)
        answers = await outcomes(batcher, range(3))
    assert {answer.code for answer in answers} == {"database_full"}
    assert parked(batcher) == before


PROGRAM = """
import asyncio, sys
from topup.platform import crash
from topup.platform import batching as batching_module
from topup.platform.batching import Batcher
from topup.platform.database import Database
from topup.platform.settings import Settings

async def insert(connection, items, now):
    await connection.execute("INSERT INTO things SELECT * FROM unnest(%s::integer[])", (list(items),))
    return items

async def main():
    crash.arm(development=True)
    async with Database.open(settings=Settings(database_url=sys.argv[1]), migrating=False) as database:
        batcher = Batcher(database, "test", insert)
        await batcher.submit(1)
        await batcher.submit(2)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("label", "left"), [("test.before_commit", []), ("test.after_commit", [1]), ("test.after_commit:2", [1, 2])]
)
def test_a_crash_point_kills_where_it_says(database_url, owner, label, left):
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, database_url], env={**os.environ, "TOPUP_CRASH_AT": label}, check=False
    )
    assert answer.returncode == -signal.SIGKILL
    assert stored(owner) == left
