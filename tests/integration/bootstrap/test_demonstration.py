"""The demonstration's carriers and lines."""

import asyncio

from tests.support.desk import LANES
from topup.bootstrap.demonstration import furnish
from topup.catalogue.queries import Snapshot


async def test_two_first_starts_at_once_furnish_it_once(database):
    async def start():
        async with database.transaction() as transaction:
            await furnish(transaction, lanes=LANES)

    await asyncio.gather(start(), start(), start())
    async with database.read() as transaction:
        snapshot = await Snapshot.load(transaction.connection)
        versions = await transaction.connection.execute("SELECT max(version) FROM catalogue.versions")
        lines = await transaction.connection.execute("SELECT count(*), count(DISTINCT msisdn) FROM lines.numbers")
        assert await versions.fetchone() == (1,)
        assert (await lines.fetchone())[0] == 2
    assert len(list(snapshot.carriers())) == 4
