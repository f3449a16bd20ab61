"""The same of usage: sessions, records one by one and from files, what is told of them."""

from datetime import UTC, datetime, timedelta

from tests.support.sharing import LANES
from tests.support.statements import hot_tables
from tests.support.usage import ANN, BOB, CARRIER, LIVING, NUMBERS, Traffic, a_record
from topup.charging.sessions.tasks import KEPT_FOR, forget
from topup.charging.usage.desk import UsageRecords
from topup.charging.usage.history import UsageHistory
from topup.charging.usage.imports import import_usage, rejects_of
from topup.charging.usage.tasks import Telling


async def test_whatever_is_executed_for_usage_names_its_lane_or_carries_it_per_item(
    network, database, recorded, tmp_path
):
    await sessions_of_every_kind(network)
    await records_of_every_kind(await Traffic.of(database, CARRIER + LIVING), tmp_path)
    hot = await hot_tables(database)
    found = recorded.over_all_lanes(hot)
    print(f"{len(recorded.statements)} statements of usage, {len(found)} ways over all lanes")
    assert found == {}
    missed = {table for table in hot - recorded.touched() if table.startswith("charging.usage_")}
    assert missed == set(), "this run never came to these"


async def sessions_of_every_kind(network):
    await network.traffic.grant(ANN, "DATA", 1_500_000)
    session = await network.open(ANN)
    for _ in range(5):
        await session.use(1_000_000, 1_000_000)
    resent = session.next(closing=True)
    for _ in range(2):
        await network.sessions.report(resent)
    await session.shown()
    left = await network.open(ANN)
    await network.time_passes(days=1)
    assert await network.expire()
    assert (await left.shown())["status"] != "open"
    await network.time_passes(seconds=KEPT_FOR.total_seconds() + 1)
    assert await forget(network.traffic.database, LANES)
    network.traffic.database.clock_offset = timedelta(0)


async def records_of_every_kind(traffic, folder):
    numbers = NUMBERS[:4]
    await traffic.open(*numbers, main=5000)
    await traffic.grant(numbers[1], "DATA", 500, usable_until=datetime.now(UTC) + timedelta(days=10))
    for number in numbers:
        await traffic.sees_its_money(number)
    records = [traffic.record(number, "data", 30_000_000) for number in numbers]
    await traffic.rate(*records, traffic.record("+639089999999"))
    await traffic.rate(*records)
    desk = UsageRecords(database=traffic.database, catalogue=traffic.circle.catalogue, lanes=LANES)
    await desk.charge([a_record(numbers[2], "voice", 61, identifier="desk")])
    await desk.aclose()
    then = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    file = folder / "usage.csv"
    file.write_text(
        "id,number,service,quantity,at,country,called\n"
        f"a,{numbers[0]},voice,61,{then},,\nb,{BOB},voice,61,{then},,\nc,12,voice,61,{then},,\n"
    )

    async def progress(_done):
        pass

    for _ in range(2):
        catalogue = traffic.circle.catalogue
        report = await import_usage(traffic.database, file, catalogue=catalogue, lanes=LANES, progress=progress)
    async with traffic.database.read() as transaction:
        assert await rejects_of(transaction.connection, import_id=report.import_id, lanes=LANES)
    history = UsageHistory(database=traffic.database, catalogue=traffic.circle.catalogue)
    telling = Telling(database=traffic.database, catalogue=traffic.circle.catalogue, lanes=LANES)
    for day in (0, 8, 9):
        traffic.database.clock_offset = timedelta(days=day)
        for tell in (telling.expiring, telling.blocked, telling.restored):
            await tell()
    assert (await history.usages(number=numbers[0])).usages
    await history.events(number=numbers[0])
