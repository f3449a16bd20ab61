"""The demonstration's carriers and lines."""

import asyncio

from tests.support.desk import LANES
from topup.bootstrap.demonstration import NUMBERS, furnish
from topup.bootstrap.demonstration_cards import CARDS, furnish_cards
from topup.catalogue.queries import Snapshot
from topup.kernel.msisdn import parse_msisdn
from topup.lines.cards.queries import card_of_line
from topup.lines.queries import lines_now
from topup.platform.keys import KeyRing
from topup.shops.stock.queries import levels


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
    assert len(list(snapshot.carriers())) == 5


async def test_its_lines_have_sim_cards_and_its_halls_blank_ones_however_often_it_starts(database, tmp_path):
    async with database.transaction() as transaction:
        await furnish(transaction, lanes=LANES)
    keys = KeyRing(tmp_path)
    await asyncio.gather(*(furnish_cards(database, keys=keys, lanes=LANES) for _ in range(2)))
    await furnish_cards(database, keys=keys, lanes=LANES)
    async with database.read() as transaction:
        connection = transaction.connection
        for line in (await lines_now(connection, [parse_msisdn(number).e164 for number in NUMBERS])).values():
            assert (await card_of_line(connection, line.ref)).state == "active"
        cards = await (await connection.execute("SELECT count(*) FROM lines.cards")).fetchone()
        assert cards == (len(CARDS.read_text().splitlines()) - 1,)
        assert {level.quantity for level in await levels(connection)} == {2}
