"""The database as rooms see it."""

from datetime import timedelta

import psycopg
import pytest

from topup.kernel.errors import Unavailable


async def test_a_transaction_is_committed_with_its_time(database):
    async with database.transaction() as tx:
        await tx.connection.execute("INSERT INTO platform.installation VALUES (true, true, 16, %s)", (tx.now,))
    async with database.read() as tx:
        row = await (
            await tx.connection.execute("SELECT created_at <= %s FROM platform.installation", (tx.now,))
        ).fetchone()
    assert row == (True,)


async def test_a_transaction_that_raises_leaves_nothing(database):
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await tx.connection.execute("INSERT INTO platform.installation VALUES (true, true, 16, %s)", (tx.now,))
            raise ZeroDivisionError
    async with database.read() as tx:
        assert await (await tx.connection.execute("SELECT FROM platform.installation")).fetchone() is None
