"""Low is told each time a line falls below its mark, and only then, though several sessions and records take of it."""

import asyncio

from tests.support.sharing import LANES
from tests.support.usage import ANN, Traffic
from tests.support.usage_sessions import MB, UNCAPPED, Network
from topup.charging.sessions.desk import Sessions
from topup.charging.sessions.requests import ServiceReport

MARK = 5_000
WATCHED = UNCAPPED.replace(b'"CREDIT", below = 5 ', b'"CREDIT", below = 50 ')
_MOVED = """
SELECT CASE WHEN t.credit = b.id THEN t.amount ELSE -t.amount END
FROM ledger.buckets AS b JOIN ledger.transfers AS t ON t.lane = b.lane AND b.id IN (t.debit, t.credit)
WHERE b.line_id = %s ORDER BY t.sequence
"""


async def watched(database, main: int) -> Network:
    """A line that is low below 50.00; data costs 0.50 a megabyte, a message 1.00."""
    traffic = await Traffic.of(database, WATCHED)
    await traffic.open(ANN, main=main)
    return Network(traffic, Sessions(database=database, catalogue=traffic.circle.catalogue, lanes=LANES))


async def fell_below(network: Network) -> list[int]:
    """What was left each time the line fell below its mark, as the ledger's transfers tell it, in their order."""
    found, balance = [], 0
    for (moved,) in await network.traffic.rows(_MOVED, network.traffic.circle.lines[ANN].id):
        if balance + moved < MARK <= balance:
            found.append(balance + moved)
        balance += moved
    return found


async def told_low(network: Network) -> list[int]:
    return [facts["left"] for name, facts in await network.traffic.told() if name == "low"]


async def test_low_is_told_once_though_two_sessions_took_below_the_mark(database):
    network = await watched(database, 5_100)
    first, second = await network.open(), await network.open()
    await first.use(MB, MB)
    assert await told_low(network) == []
    await second.use(2 * MB, MB)
    assert await told_low(network) == [4_950]
    await first.use(MB, MB)
    await asyncio.gather(first.end(), second.end())
    assert await told_low(network) == [4_950] == await fell_below(network)
    await network.sessions.aclose()
    await network.is_sound()


async def test_low_is_told_though_another_takes_more_before_the_session_looks_again(database):
    network = await watched(database, 5_030)
    session = await network.open()
    await session.use(MB, MB)
    await network.traffic.rate(*(network.traffic.record(service="sms", quantity=1) for _ in range(5)))
    await session.end()
    assert await told_low(network) == [4_980] == await fell_below(network)
    await network.sessions.aclose()
    await network.is_sound()


async def test_low_is_told_again_after_there_was_more(database):
    network = await watched(database, 5_020)
    session = await network.open()
    for _ in range(3):
        await session.use(MB, MB)
        await network.traffic.circle.give(ANN, 50)
    assert await told_low(network) == [4_970] * 3 == await fell_below(network)
    await session.end()
    await network.sessions.aclose()
    await network.is_sound()


async def test_low_is_told_as_often_as_the_line_falls_below_its_mark_whoever_takes(database):
    """Sessions of two processes, records and top-ups at once: what is told is what the ledger's own course says."""
    network = await watched(database, 5_050)
    async with network.beside() as other:
        wanted = ServiceReport(0, 0, MB, "data")
        sessions = [await of.open(ANN, wanted) for of in (network, other) * 2]
        for _ in range(20):
            message = network.traffic.record(service="sms", quantity=1)
            uses = [session.use(MB, MB) for session in sessions]
            await asyncio.gather(*uses, network.traffic.rate(message), network.traffic.circle.give(ANN, 295))
        await asyncio.gather(*(session.end() for session in sessions))
    fell = await fell_below(network)
    assert len(fell) > 3
    assert len(await told_low(network)) == len(fell)
    await network.sessions.aclose()
    await network.is_sound()


async def test_used_up_is_told_once_though_sessions_share_what_is_there(database):
    network = await watched(database, 400)
    await network.traffic.grant(ANN, "DATA", 3 * MB)
    first, second = await network.open(), await network.open()
    await asyncio.gather(first.use(MB, MB), second.use(MB, MB))
    await asyncio.gather(first.use(MB, MB), second.use(MB, MB))
    await asyncio.gather(first.end(), second.end())
    assert [facts["asset"] for name, facts in await network.traffic.told() if name == "used_up"] == ["DATA"]
    await network.sessions.aclose()
    await network.is_sound()
