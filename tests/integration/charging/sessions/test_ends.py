"""Sessions of which something cannot go on as it was: a bucket ends under what they hold, or one of them is broken."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.support.sharing import LANES
from tests.support.usage import ANN, Traffic
from tests.support.usage_sessions import MB, UNCAPPED, Network
from topup.charging.sessions import work as usage_sessions_work
from topup.charging.sessions.desk import Sessions
from topup.charging.sessions.requests import ServiceReport, Told
from topup.kernel.errors import Conflict
from topup.ledger import post


async def two_services_on_a_pack_that_ended(network):
    """A session whose two services hold 4 MB each of a pack that has ended since; and when it did."""
    end = datetime.now(UTC) + timedelta(minutes=5)
    await network.traffic.grant(ANN, "DATA", 10 * MB, usable_until=end)
    wanted = [ServiceReport(group, 0, 4 * MB, "data") for group in (1, 2)]
    session = await network.open(ANN, *wanted)
    assert await network.free() == {"PHP": 1000, "DATA": 2 * MB}
    await network.time_passes(seconds=310)
    return session, end


async def test_what_goes_back_to_a_pack_that_ended_is_not_held_by_the_next_service(network):
    session, end = await two_services_on_a_pack_that_ended(network)
    reports = (ServiceReport(1, MB, 0), ServiceReport(2, MB, 5 * MB))
    await session.send(session.next(*reports, at=end - timedelta(seconds=10)))
    assert [service["granted"] for service in session.last["services"]] == [0, 5 * MB]
    assert await network.traffic.has() == {"PHP": 1000, "DATA": 8 * MB}
    await network.is_sound(over=False)
    await session.send(session.next(closing=True))
    await network.is_sound()


async def test_what_goes_back_to_a_pack_that_ended_does_not_pay_for_the_next_service(network):
    session, end = await two_services_on_a_pack_that_ended(network)
    reports = (ServiceReport(1, 0), ServiceReport(2, 6 * MB))
    await session.send(session.next(*reports, at=end - timedelta(seconds=10), closing=True))
    assert [service["unpaid_minor"] for service in session.last["services"]] == [0, 0]
    # What was held of the pack pays, and money for the two megabytes beyond.
    assert await network.traffic.has() == {"PHP": 900, "DATA": 6 * MB}
    await network.is_sound()


async def test_what_goes_back_to_money_that_ended_does_not_pay_for_the_next_service(network):
    await network.traffic.circle.give(ANN, 400, kind="bonus", until=datetime.now(UTC) + timedelta(minutes=5))
    wanted = [ServiceReport(group, 0, 4 * MB, "data") for group in (1, 2)]
    session = await network.open(ANN, *wanted)
    await network.time_passes(seconds=310)
    await session.send(session.next(ServiceReport(1, 0, 0), ServiceReport(2, 12 * MB, MB)))
    assert [service["granted"] for service in session.last["services"]] == [0, MB]
    await network.is_sound(over=False)
    await session.send(session.next(closing=True))
    await network.is_sound()


async def test_what_an_old_hold_is_of_is_not_held_anew_once_it_ended(network):
    end = datetime.now(UTC) + timedelta(hours=23)
    await network.traffic.grant(ANN, "DATA", 10 * MB, usable_until=end)
    session = await network.open(ANN, ServiceReport(0, 0, 4 * MB, "data"))
    await network.time_passes(hours=23, seconds=10)
    said = await session.use(MB, 2 * MB, at=end - timedelta(seconds=10))
    assert (said["granted"], said["cost"]) == (2 * MB, [{"asset": "DATA", "amount": MB}])
    await network.is_sound(over=False)
    await session.end(2 * MB)
    assert await network.traffic.has() == {"PHP": 900, "DATA": 9 * MB}
    await network.is_sound()


async def test_a_session_that_cannot_be_closed_does_not_keep_the_others_open(network):
    good, broken, other = [await network.open() for _ in range(3)]
    async with network.traffic.database.transaction() as transaction:
        # A rate that is in no file: nothing says what the rest of a step comes to.
        await transaction.connection.execute(
            "UPDATE charging.usage_sessions SET meters = replace(meters, '\"data\"', '\"mms\"') WHERE id = %s",
            (broken.id,),
        )
    await network.time_passes(seconds=700)
    assert await network.expire() == 3
    statuses = [(await session.shown())["status"] for session in (good, broken, other)]
    assert statuses == ["timed_out", "open", "timed_out"]
    assert await network.expire() == 0
    await network.time_passes(hours=1)
    assert await network.expire() == 1
    await network.is_sound(over=False)


async def test_what_another_session_holds_is_not_told_of_as_gone(network):
    """Low is below 5.00: another holds half of the 10.00, but nearly all of it is there."""
    other = await network.open(ANN, ServiceReport(0, 0, 5 * MB, "data"))
    session = await network.open()
    assert await network.free() == {"PHP": 300}
    await session.end(MB)
    assert await network.traffic.told() == []
    await other.use(5 * MB, 5 * MB)
    await other.end(5 * MB)
    assert await network.traffic.told() == [("low", {"asset": "PHP", "left": 450, "mark": 500})]
    await network.is_sound()


async def test_the_lines_of_several_waves_are_locked_before_anything_is_posted(network, monkeypatch):
    """Whoever looks after lines has a line first, and then the ledger's lane: so nobody waits in a circle."""
    session = await network.open()
    database, free = network.traffic.database, []

    async def post_seen(connection, items, now):
        async with database.transaction() as beside:
            cursor = await beside.connection.execute(
                "SELECT id FROM lines.lines WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED",
                (network.traffic.circle.lines[ANN].id,),
            )
            free.append(await cursor.fetchall())
        return await post(connection, items, now)

    monkeypatch.setattr(usage_sessions_work, "post", post_seen)
    first = session.next(ServiceReport(0, MB, MB))
    second = replace(first, sequence=first.sequence + 1)
    async with database.transaction() as transaction:
        answers = await usage_sessions_work.take_in(
            transaction.connection,
            [first, second],
            transaction.now,
            catalogue=network.traffic.circle.catalogue,
            lanes=LANES,
        )
    assert [type(answer) for answer in answers] == [Told, Told]
    assert free == [[], []]
    await network.is_sound(over=False)


async def test_a_session_that_asks_for_nothing_yet_is_opened_with_nothing(network):
    session = await network.open(ANN, ServiceReport(0, 0, 0, "data"))
    assert (session.service["result"], session.granted, session.service["final"]) == ("not_requested", 0, False)
    assert await network.free() == {"PHP": 1000}
    assert (await session.use(0, MB))["granted"] == MB
    await session.end(MB)
    assert await network.traffic.has() == {"PHP": 950}
    await network.is_sound()


DEAR = UNCAPPED.replace(b'price = "0.5"\nper = "1 MB"', b'price = 100_000\nper = "1 kB"')
"""Data at 100 000 000.00 a megabyte."""
MUCH = 10**12


async def test_a_cost_beyond_any_amount_is_refused_and_leaves_the_others_alone(database):
    traffic = await Traffic.of(database, DEAR)
    await traffic.open(ANN, main=1000)
    sessions = Sessions(database=database, catalogue=traffic.circle.catalogue, lanes=LANES)
    network = Network(traffic, sessions)
    session = await network.open(ANN, ServiceReport(1, 0, 1, "sms"), ServiceReport(2, 0, 0, "data"))
    other = await network.open(ANN, ServiceReport(0, 0, 1, "sms"))
    dear = session.next(ServiceReport(1, 1, 1), ServiceReport(2, MUCH, 0))
    refused, told = await asyncio.gather(
        network.sessions.report(dear), other.send(other.next(ServiceReport(0, 1, 1))), return_exceptions=True
    )
    assert isinstance(refused, Conflict)
    assert (refused.code, refused.parameters) == (
        "insufficient_funds",
        {"needed": "100000000000000.00", "currency": "PHP"},
    )
    assert isinstance(told, Told)
    assert await traffic.has() == {"PHP": 900}
    await network.is_sound(over=False)
    # Its number is free: the report can be mended.
    await session.send(session.next(ServiceReport(1, 1, 0), closing=True))
    await other.end()
    assert await traffic.has() == {"PHP": 800}
    await sessions.aclose()
    await network.is_sound()


async def test_a_session_whose_first_unit_costs_more_than_any_amount_is_refused(database):
    traffic = await Traffic.of(database, DEAR.replace(b'steps = "1 MB"', b'steps = "1 TB"'))
    await traffic.open(ANN, main=1000)
    sessions = Sessions(database=database, catalogue=traffic.circle.catalogue, lanes=LANES)
    with pytest.raises(Conflict) as refused:
        await Network(traffic, sessions).open()
    assert refused.value.code == "insufficient_funds"
    assert refused.value.parameters["needed"] == "100000000000000.00"
    await sessions.aclose()
