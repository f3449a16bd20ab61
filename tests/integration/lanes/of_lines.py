"""What becomes of lines, executed once: their lives, whose accounts they are in, and news that is heard."""

from pathlib import Path

from tests.integration.lanes.of_cards import cards_of_lines
from tests.integration.lanes.of_plans import plans_of_lines
from tests.support.desk import OWN_NUMBER
from tests.support.lines import EXAMPLES, Village, days
from topup.catalogue.queries import CatalogueCache
from topup.kernel.ids import new_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.imports import import_lines
from topup.lines.operations import LineStatus, port_number, set_status
from topup.lines.owners import OwnNumbers
from topup.lines.queries import lines_now
from topup.lines.reminding import Reminding
from topup.lines.tasks import LifeCycles
from topup.orders import hearing
from topup.people.subscribers.sealing import PersonalSeal
from topup.platform.database import Database
from topup.platform.keys import KeyRing

LANES = 16
OWN_NUMBER_E164 = parse_msisdn(OWN_NUMBER).e164


async def all_that_lines_are(database: Database, folder: Path, keys: KeyRing):
    await lines_that_live(database, folder, keys)
    await lines_in_accounts(database)
    await news_that_is_heard(database)
    await cards_of_lines(database, folder, keys, OWN_NUMBER)


async def lines_in_accounts(database):
    """A line comes into an account, is called something, is told of, and goes; and one that ended goes by itself."""
    seal, who, other = PersonalSeal(bytes(32)), new_id("subscriber", 0), new_id("subscriber", 1)
    numbers = OwnNumbers()
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        [line] = [found.ref for found in (await lines_now(connection, [OWN_NUMBER_E164])).values()]
        await numbers.proven(connection, subscriber_id=who, e164=OWN_NUMBER_E164, now=now)
        assert await numbers.same_holder(connection, e164=OWN_NUMBER_E164, since=now, now=now)
        assert await owners.bind(connection, subscriber_id=other, line=line, now=now)
        await owners.call(connection, subscriber_id=who, line=line, name="Mum", seal=seal)
        await owners.put_first(connection, subscriber_id=who, line=line, seal=seal)
        assert [one.name for one in await owners.lines_of(connection, subscriber_id=who, seal=seal)] == ["Mum"]
        assert [one.subscriber_id for one in (await owners.owned(connection, [line]))[line.id]] == [who, other]
        await owners.unbind(connection, subscriber_id=who, line=line)
        await numbers.forget(connection, subscriber_id=other)
        assert await owners.owners_of(connection, line=line) == []
        assert await owners.forget_ended(connection, lane=line.lane, limit=10) == []


async def news_that_is_heard(database):
    """What arrived is heard in the order of the receipts, and the rest as it was noted."""
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        unheard = await hearing.unheard(connection)
        for lane, year in unheard:
            assert await hearing.hear(connection, lane=lane, year=year, since=now - days(4000), limit=100)
        assert not {*unheard} & {*await hearing.unheard(connection)}
        for lane in await hearing.lanes_with_news(connection, range(LANES)):
            await hearing.news_heard(connection, await hearing.news(connection, lane=lane, limit=100))


async def lines_that_live(database: Database, folder: Path, keys: KeyRing):
    await plans_of_lines(database, folder)
    file = folder / "lines.csv"
    file.write_text(
        "number,carrier,kind,status\n" + "".join(f"1380013{n},qingfeng,esim,active\n" for n in range(8100, 8120))
    )
    village = await Village.of(database, EXAMPLES / "vodafone-uk.toml")

    async def progress(_done: int) -> None:
        pass

    for _ in range(2):
        await import_lines(database, file, snapshot=village.snapshot, lanes=LANES, progress=progress)
    async with database.read() as transaction:
        now = transaction.now
    [line] = await village.opened("smart-philippines", "+639181239999", at=now)
    await village.credits(line, 10_000, at=now)
    await village.happens(line, "activity", at=now)
    assert await village.tops_up(line, 5000, at=now)
    life = LifeCycles(database=database, catalogue=CatalogueCache(), lanes=LANES)
    reminding = Reminding(database=database, catalogue=CatalogueCache(), keyring=keys, lanes=LANES)
    for _ in range(20):
        database.clock_offset += days(40)
        await life.live()
        await reminding.remind()
    number = parse_msisdn("13800138100")
    for carrier in ("shanlan", "qingfeng"):
        async with database.transaction() as transaction:
            await port_number(transaction.connection, number, carrier, transaction.now, range_carrier_id="qingfeng")
            await set_status(transaction.connection, line, LineStatus.CLOSED, transaction.now)
