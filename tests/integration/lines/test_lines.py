"""Lines: opened once, closed for ever, found by the number they have now."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

import topup.catalogue
from topup.catalogue.checking import check
from topup.catalogue.operations import publish
from topup.catalogue.queries import Snapshot
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import LineId, lane_for, lane_of, new_id
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.lines import operations, queries
from topup.lines.operations import LineStatus
from topup.lines.queries import LineRef, Route
from topup.platform.database import Database

LANES = 16
DEMONSTRATION = Path(topup.catalogue.__file__).parent / "demonstration"
NUMBER = parse_msisdn("13800138000")
OTHER = parse_msisdn("13900139000")


@pytest.fixture
async def snapshot(database: Database) -> Snapshot:
    async with database.transaction() as transaction:
        for file in sorted(DEMONSTRATION.glob("*.toml")):
            await publish(transaction.connection, check(file), transaction.now)
        return await Snapshot.load(transaction.connection)


async def opened(database: Database, *numbers: Msisdn, carrier: str = "qingfeng") -> dict[str, LineRef]:
    async with database.transaction() as transaction:
        wanted = [(number, carrier, "Asia/Shanghai") for number in numbers]
        return await operations.open_lines(transaction.connection, wanted, transaction.now, lanes=LANES)


async def routes(database: Database, snapshot: Snapshot, *numbers: Msisdn) -> list[Route]:
    async with database.read() as transaction:
        return await queries.route(transaction.connection, numbers, snapshot, lanes=LANES)


async def closed(database: Database, line: LineRef) -> None:
    async with database.transaction() as transaction:
        await operations.set_status(transaction.connection, line, LineStatus.CLOSED, transaction.now)


async def test_a_number_without_a_line_leads_to_its_ranges_carrier(database: Database, snapshot: Snapshot) -> None:
    carrier = snapshot.carrier_of(NUMBER.e164)
    assert carrier is not None
    assert await routes(database, snapshot, NUMBER) == [
        Route(carrier.carrier_id, None, lane_for(NUMBER.e164, LANES), barred=False)
    ]


async def test_numbers_of_nobody_lead_nowhere(database: Database, snapshot: Snapshot) -> None:
    abroad = parse_msisdn("+442079460000")
    assert (await routes(database, snapshot, abroad, NUMBER))[0].carrier_id is None


async def test_a_line_is_opened_once_and_routes_lead_to_it(database: Database, snapshot: Snapshot) -> None:
    first = await opened(database, NUMBER, OTHER)
    again = await opened(database, OTHER, NUMBER)
    assert first == again
    line = first[NUMBER.e164]
    assert lane_of(line.id) == line.lane == lane_for(NUMBER.e164, LANES)
    assert await routes(database, snapshot, NUMBER) == [Route("qingfeng", line, line.lane, barred=False)]


async def test_a_race_for_the_same_numbers_opens_each_line_once(database: Database) -> None:
    numbers = [Msisdn(f"+86138{index:08d}", "CN") for index in range(5_000)]
    tries = [opened(database, *numbers[::step]) for step in (1, -1, 1, -1)]
    results = await asyncio.gather(*tries)
    assert all(result == results[0] for result in results)
    async with database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT (SELECT count(*) FROM lines.lines), (SELECT count(*) FROM lines.numbers)"
        )
        counted = await cursor.fetchone()
    print(f"racers={len(tries)} numbers={len(numbers)} lines={counted}")
    assert counted == (5_000, 5_000)


async def test_a_number_named_twice_in_a_batch_gets_one_line(database: Database) -> None:
    assert len(await opened(database, NUMBER, NUMBER)) == 1


async def test_a_recycled_number_is_a_new_line(database: Database, snapshot: Snapshot) -> None:
    old = (await opened(database, NUMBER))[NUMBER.e164]
    await closed(database, old)
    assert (await routes(database, snapshot, NUMBER))[0].line is None
    new = (await opened(database, NUMBER))[NUMBER.e164]
    assert new != old
    assert (await routes(database, snapshot, NUMBER))[0].line == new


async def test_a_barred_line_is_said_to_be_barred_until_it_is_active_again(
    database: Database, snapshot: Snapshot
) -> None:
    line = (await opened(database, NUMBER))[NUMBER.e164]
    for status, barred in ((LineStatus.BARRED, True), (LineStatus.ACTIVE, False)):
        async with database.transaction() as transaction:
            await operations.set_status(transaction.connection, line, status, transaction.now)
        assert (await routes(database, snapshot, NUMBER))[0].barred is barred


async def test_a_closed_line_stays_closed(database: Database) -> None:
    line = (await opened(database, NUMBER))[NUMBER.e164]
    await closed(database, line)
    await closed(database, line)
    with pytest.raises(Conflict, match="line_closed"):
        async with database.transaction() as transaction:
            await operations.set_status(transaction.connection, line, LineStatus.ACTIVE, transaction.now)


async def test_a_line_that_does_not_exist_has_no_status(database: Database) -> None:
    line = LineRef(3, LineId(new_id("line", 3)))
    with pytest.raises(NotFound, match="line_unknown"):
        await closed(database, line)


async def port(database: Database, number: Msisdn, carrier: str, home: str | None) -> None:
    async with database.transaction() as transaction:
        await operations.port_number(transaction.connection, number, carrier, transaction.now, range_carrier_id=home)


async def test_a_ported_number_leads_to_its_new_carrier_and_back(database: Database, snapshot: Snapshot) -> None:
    home = next(carrier for carrier in snapshot.carriers() if carrier.document.numbering.portability == "table")
    number = Msisdn(home.document.numbering.ranges[0].ljust(14, "1"), "CN")
    away = next(carrier.carrier_id for carrier in snapshot.carriers() if carrier.carrier_id != home.carrier_id)
    line = (await opened(database, number, carrier=home.carrier_id))[number.e164]
    await port(database, number, away, home.carrier_id)
    assert await routes(database, snapshot, number) == [Route(away, None, lane_for(number.e164, LANES), barred=False)]
    assert (await opened(database, number, carrier=away))[number.e164] != line
    with pytest.raises(Invalid, match="number_already_there"):
        await port(database, number, away, home.carrier_id)
    await port(database, number, home.carrier_id, home.carrier_id)
    assert (await routes(database, snapshot, number))[0].carrier_id == home.carrier_id


async def test_the_database_keeps_a_number_from_having_two_lines(database: Database) -> None:
    line = (await opened(database, NUMBER, OTHER))[OTHER.e164]
    with pytest.raises(Exception, match="numbers_now"):
        async with database.transaction() as transaction:
            await transaction.connection.execute(
                "INSERT INTO lines.numbers (msisdn, since, lane, line_id) VALUES (%s, %s, %s, %s)",
                (NUMBER.e164, datetime(2030, 1, 1, tzinfo=UTC), line.lane, line.id),
            )
