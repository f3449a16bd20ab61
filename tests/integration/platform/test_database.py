"""The database as rooms see it: transactions with their time, and what they raise when it is not well."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, timedelta

import psycopg
import pytest
from psycopg import errors

from tests.support.database import settings_for
from topup.kernel.errors import Unavailable
from topup.platform.database import Database
from topup.platform.installation import NotADemonstration, installation, mark_installation

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'topup'"


@pytest.fixture
def owner(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


async def test_a_transaction_is_committed_and_read_back(database):
    async with database.transaction() as tx:
        await mark_installation(tx.connection, demo=True, lanes=16, now=tx.now)
    async with database.read() as tx:
        found = await installation(tx.connection)
    assert found is not None
    assert (found.demo, found.lanes, found.created_at <= tx.now) == (True, 16, True)


async def test_a_transaction_that_raises_leaves_nothing_and_its_connection_goes_on(database):
    async def fail():
        async with database.transaction() as tx:
            await mark_installation(tx.connection, demo=True, lanes=16, now=tx.now)
            raise ZeroDivisionError

    for _ in range(6):  # more often than the pool has connections
        with pytest.raises(ZeroDivisionError):
            await fail()
    async with database.read() as tx:
        assert await installation(tx.connection) is None


async def test_time_is_the_databases_the_same_all_through_and_moved_by_the_offset(database, owner):
    async with database.transaction() as tx:
        cursor = await tx.connection.execute("SELECT now(), clock_timestamp()")
        begun, later = await cursor.fetchone()
        assert begun == tx.now
        assert later > tx.now
        assert tx.now.tzinfo is not None
        assert tx.now.astimezone(UTC).utcoffset() == timedelta(0)
    database.clock_offset = timedelta(minutes=-10)
    async with database.read() as tx:
        assert tx.now < begun - timedelta(minutes=9)


async def test_reading_cannot_write(database):
    async def write():
        async with database.read() as tx:
            await mark_installation(tx.connection, demo=True, lanes=16, now=tx.now)

    with pytest.raises((errors.ReadOnlySqlTransaction, Unavailable)):
        await write()


async def test_the_application_is_not_the_owner(database):
    async with database.read() as tx:
        assert await (await tx.connection.execute("SELECT current_user::text")).fetchone() == ("topup_app",)

    async def change_history():
        async with database.transaction() as tx:
            await tx.connection.execute("UPDATE platform.installation SET demo = true")

    with pytest.raises(errors.InsufficientPrivilege):
        await change_history()


async def test_every_connection_plans_without_jit_and_generically(database):
    hot = database.hot_connection()
    async with database.read() as tx:
        for connection in (tx.connection, await hot.get()):
            cursor = await connection.execute(
                "SELECT current_setting('jit'), current_setting('plan_cache_mode'), current_setting('TimeZone')"
            )
            assert await cursor.fetchone() == ("off", "force_generic_plan", "UTC")
    await hot.aclose()


async def test_connections_lost_while_idle_go_unseen(database, owner):
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(database.read())
    owner.execute(CUT)
    for _ in range(5):
        async with database.transaction() as tx:
            assert await (await tx.connection.execute("SELECT 1")).fetchone() == (1,)


async def test_a_connection_lost_inside_a_transaction_is_said_and_undone(database, owner):
    async def lose():
        async with database.transaction() as tx:
            await mark_installation(tx.connection, demo=True, lanes=16, now=tx.now)
            owner.execute(CUT)
            await tx.connection.execute("SELECT 1")

    with pytest.raises(Unavailable, match="database_lost"):
        await lose()
    async with database.read() as tx:
        assert await installation(tx.connection) is None


async def test_a_connection_lost_before_the_commit_is_never_taken_for_committed(database, owner):
    async def lose():
        async with database.transaction() as tx:
            await mark_installation(tx.connection, demo=True, lanes=16, now=tx.now)
            owner.execute(CUT)

    with pytest.raises(Unavailable, match="database_lost"):
        await lose()
    async with database.read() as tx:
        assert await installation(tx.connection) is None


async def test_when_every_connection_is_lent_the_next_is_told_to_wait(database_url):
    settings = settings_for(database_url, pool_size=1, pool_wait_s=0.05)
    async with Database.open(settings=settings, migrating=False) as small:

        async def second():
            async with small.read():
                pass

        async with small.read():
            with pytest.raises(Unavailable, match="overloaded"):
                await second()
        await second()


async def test_a_statement_has_a_limit_of_time(database_url):
    settings = settings_for(database_url, statement_timeout_s=0.05)
    async with Database.open(settings=settings, migrating=False) as hasty:

        async def dawdle():
            async with hasty.transaction() as tx:
                await tx.connection.execute("SELECT pg_sleep(30)")

        with pytest.raises(Unavailable, match="database_slow"):
            await dawdle()


async def test_a_cancelled_transaction_is_undone_and_gives_its_connection_back(database_url):
    settings = settings_for(database_url, pool_size=1)
    async with Database.open(settings=settings, migrating=False) as small:
        inside = asyncio.Event()

        async def linger():
            async with small.transaction() as tx:
                await mark_installation(tx.connection, demo=True, lanes=16, now=tx.now)
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(linger())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with small.read() as tx:
            assert await installation(tx.connection) is None


async def test_an_address_that_does_not_answer_is_a_sentence_without_the_password(database_url):
    settings = settings_for("postgresql://somebody:hunter2@127.0.0.1:1/nothing")
    with pytest.raises(Unavailable, match="database_unreachable") as caught:
        async with Database.open(settings=settings):
            pass
    assert "hunter2" not in repr(caught.value.parameters) + str(caught.value)


async def test_a_database_of_production_never_becomes_a_demonstration(database):
    async with database.transaction() as tx:
        await mark_installation(tx.connection, demo=False, lanes=4, now=tx.now)

    async def mark_again():
        async with database.transaction() as tx:
            return await mark_installation(tx.connection, demo=True, lanes=16, now=tx.now)

    with pytest.raises(NotADemonstration):
        await mark_again()
    async with database.transaction() as tx:
        kept = await mark_installation(tx.connection, demo=False, lanes=16, now=tx.now)
    assert (kept.demo, kept.lanes) == (False, 4)


async def test_a_plan_made_for_an_empty_table_is_made_anew_as_the_table_grows(database, owner):
    wide = ", ".join(f"column_{number} text" for number in range(12))
    owner.execute(f"CREATE TABLE grown (lane smallint, id text, number text, {wide}, PRIMARY KEY (lane, id))")
    owner.execute("CREATE INDEX of_number ON grown (lane, number)")
    owner.execute("ALTER TABLE grown SET (autovacuum_enabled = false)")  # which would bring statistics, in a minute
    owner.execute("GRANT ALL ON grown TO topup_app")
    hot = database.hot_connection()
    try:
        connection = await hot.get()
        await connection.execute("PREPARE of_ids AS SELECT * FROM unnest($1::smallint[], $2::text[]) AS u (lane, id)"
                                 " JOIN grown g ON g.lane = u.lane AND g.id = u.id")  # fmt: skip

        async def plan():
            cursor = await connection.execute("EXPLAIN EXECUTE of_ids ('{1}', '{a}')")
            return " ".join([row[0] for row in await cursor.fetchall()])

        assert "of_number" in await plan()
        owner.execute("INSERT INTO grown SELECT n % 16, 'id' || n, 'number' FROM generate_series(1, 5000) AS n")
        assert "of_number" in await plan()
        for _ in range(2):
            assert await hot.get() is connection
        assert "grown_pkey" in await plan()
    finally:
        await hot.aclose()
