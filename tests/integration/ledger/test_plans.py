"""The posting function's plans stay right though they are made while the tables are empty."""

import pytest

from tests.support.ledger import NOW, credit, fresh_line
from topup.ledger import post
from topup.ledger.invariants import STANDING, SUMS, query_of
from topup.ledger.snapshots import linear

ROUNDS = 20


async def test_a_key_is_looked_up_by_its_index_from_the_first_credit_on(any_database):
    """Once planned as a scan of the whole lane for each key: five times slower, and worse with every transfer."""
    lines = [fresh_line() for _ in range(20)]
    connection = await any_database.connect()
    for _ in range(ROUNDS):
        async with connection.transaction():
            await post(connection, [credit(line, 1) for line in lines], NOW)
            read = await rows_read(connection)
    await connection.close()
    posted = ROUNDS * len(lines)
    print(f"rows read by {posted} credits: {read}")
    assert read["transfers"] == 0, "no key was there before"
    assert 0 < read["buckets"] <= 2 * posted, "each found once and filled once"


async def rows_read(connection) -> dict[str, int]:
    """Rows read per table, by what this connection has not reported yet: all of its short life, or less."""
    cursor = await connection.execute(
        "SELECT relname, coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0)"
        " FROM pg_stat_xact_user_tables WHERE schemaname = 'ledger'"
    )
    return dict(await cursor.fetchall())


@pytest.mark.parametrize("name", [*STANDING, *SUMS])
async def test_an_invariant_is_looked_at_in_one_pass_however_much_there_is(database, name):
    """Once a merge over the lane alone with a filter behind it: a minute for 200 000 holds instead of a second."""
    async with database.read() as transaction, linear(transaction.connection):
        cursor = await transaction.connection.execute(f"EXPLAIN (FORMAT JSON) {query_of(name)}")
        [[plan]] = await cursor.fetchone()
    loops = [node for node in nodes(plan["Plan"]) if node["Node Type"] in {"Nested Loop", "Merge Join"}]
    read = [[inner["Node Type"] for inner in nodes(node["Plans"][1])] for node in loops]
    bounded = {"Function Scan", "Limit", "Index Scan", "Index Scan Backward", "Values Scan", "Subquery Scan"}
    assert all(set(kinds) <= bounded for kinds in read), read
    assert not [node for node in loops if node["Node Type"] == "Merge Join"]
    assert all("Function Scan" in kinds or "Values Scan" in kinds or "Limit" in kinds for kinds in read), read


def nodes(plan):
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)
