"""The posting function's plans stay right though they are made while the tables are empty."""

from tests.support.ledger import NOW, credit, fresh_line
from topup.ledger import post

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
