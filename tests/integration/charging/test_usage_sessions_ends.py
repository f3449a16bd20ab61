"""Sessions of which something cannot go on as it was: a bucket ends under what they hold, or one of them is broken."""

from datetime import UTC, datetime, timedelta

from tests.support.usage import ANN
from tests.support.usage_sessions import MB
from topup.charging.usage_sessions_requests import ServiceReport


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
