"""A month's statement of a line reads that month, however many years of transfers lie before it."""

from datetime import timedelta

import pytest

from tests.support.ledger import LANE, NOW, credit, fresh_line
from topup.ledger import post
from topup.ledger.periods import by_day, entries_between, moved_between
from topup.ledger.statements import statement_of

BEFORE, LATELY = 300, 5


@pytest.fixture
async def long_known(any_database):
    """A line that had much long ago and little lately, and a connection that has read nothing yet."""
    line = fresh_line()
    connection = await any_database.connect()
    for number in range(BEFORE):
        async with connection.transaction():
            await post(connection, [credit(line, 10)], NOW - timedelta(days=400) + timedelta(hours=number))
    for number in range(LATELY):
        async with connection.transaction():
            await post(connection, [credit(line, 1)], NOW + timedelta(hours=number))
    await connection.close()
    connection = await any_database.connect()
    yield connection, {"lane": LANE, "line_id": line, "asset": "CNY", "since": NOW - timedelta(days=1)}
    await connection.close()


async def rows_read(connection) -> int:
    cursor = await connection.execute(
        "SELECT coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0) FROM pg_stat_xact_user_tables"
        " WHERE schemaname = 'ledger' AND relname = 'transfers'"
    )
    [read] = await cursor.fetchone()
    print(f"rows read for {LATELY} entries behind {BEFORE}: {read}")
    return read


async def test_a_statement_looks_back_to_its_month_and_no_further(long_known):
    connection, wanted = long_known
    async with connection.transaction():
        found = await statement_of(connection, **wanted, until=NOW + timedelta(days=30))
        read = await rows_read(connection)
    assert [entry.after for entry in found] == [BEFORE * 10 + LATELY - number for number in range(LATELY)]
    assert read <= 2 * LATELY + 2


async def test_nor_does_an_agents_statement(long_known):
    connection, wanted = long_known
    async with connection.transaction():
        moved = await moved_between(connection, **wanted, until=NOW + timedelta(hours=2))
        read = await rows_read(connection)
    assert (moved.before, moved.within) == (BEFORE * 10, {"test": (2, 2)})
    assert read <= 2 * LATELY + 2


async def test_nor_do_its_movements(long_known):
    connection, wanted = long_known
    async with connection.transaction():
        entries = await entries_between(connection, **wanted, until=NOW + timedelta(hours=2))
        read = await rows_read(connection)
    assert [(entry.amount, entry.after) for entry in entries] == [(1, BEFORE * 10 + 1), (1, BEFORE * 10 + 2)]
    assert read <= 2 * LATELY + 2


async def test_nor_does_what_was_sold_by_day(long_known):
    connection, wanted = long_known
    async with connection.transaction():
        days = await by_day(connection, **wanted, purpose="test", zone="UTC")
        read = await rows_read(connection)
    assert days == {NOW.date(): (LATELY, LATELY)}
    assert read <= 2 * LATELY + 2


async def test_where_nothing_came_within_a_time_there_is_what_there_was(long_known):
    connection, wanted = long_known
    for since, before in ((NOW - timedelta(days=100), BEFORE * 10), (NOW + timedelta(days=3), BEFORE * 10 + LATELY)):
        moved = await moved_between(connection, **wanted | {"since": since}, until=since + timedelta(days=1))
        assert (moved.before, moved.within) == (before, {})
