"""Sessions of usage: what is granted is held, what is reported is taken once, what is left over goes back."""

import asyncio
import contextlib

import pytest
from msgspec.structs import replace

from tests.support.sharing import LANES
from tests.support.usage import ANN, BOB, CARRIER, LIVING, NUMBERS, Traffic
from tests.support.usage_sessions import MB, UNCAPPED, Network
from topup.charging.sessions.desk import Sessions
from topup.charging.sessions.requests import ServiceReport, Told
from topup.charging.sessions.tasks import KEPT_FOR, forget
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.ledger.tasks import release_holds


async def test_what_is_granted_is_held_and_what_is_used_is_taken(network):
    session = await network.open(ANN, ServiceReport(0, 0, 2 * MB, "data"))
    assert session.last["status"] == "open"
    assert (session.granted, session.service["final"], session.service["result"]) == (2 * MB, False, "granted")
    # Four slices of 1.00 are held at once, while that leaves as much again.
    assert await network.free() == {"PHP": 600}
    assert (await session.use(2 * MB, 2 * MB))["granted"] == 2 * MB
    assert await network.free() == {"PHP": 600}
    assert await network.traffic.has() == {"PHP": 900}
    assert (await session.use(1 * MB, 2 * MB))["cost"] == [{"asset": "PHP", "amount": 150}]
    said = await session.end(500_000)
    assert (session.last["status"], session.last["valid_until"]) == ("released", None)
    assert (said["used"], said["cost"], said["granted"]) == (3_500_000, [{"asset": "PHP", "amount": 200}], 0)
    assert await network.traffic.has() == {"PHP": 800}
    await network.is_sound()
    [[source, quantity, counted, cost]] = await network.traffic.rows(
        "SELECT source, quantity, counted, cost_minor FROM charging.usage_records"
    )
    assert (source, quantity, counted, cost) == ("session", 3_500_000, 4_000_000, 200)


async def test_a_hold_is_renewed_when_it_does_not_cover_the_next_slice(network):
    session = await network.open(ANN, ServiceReport(0, 0, MB, "data"))
    for used in range(1, 10):
        assert (await session.use(MB, MB))["granted"] == MB
        assert await network.traffic.has() == {"PHP": 1000 - 50 * used}
        await network.is_sound(over=False)
    await session.end(MB)
    assert await network.traffic.has() == {"PHP": 500}
    await network.is_sound()


async def test_what_was_granted_to_the_line_is_used_before_its_money(network):
    await network.traffic.grant(ANN, "DATA", 3 * MB, kind="plan")
    session = await network.open(ANN, ServiceReport(0, 0, 2 * MB, "data"))
    assert session.granted == 2 * MB
    await session.use(2 * MB, 2 * MB)
    said = await session.end(2 * MB)
    assert said["cost"] == [{"asset": "DATA", "amount": 3 * MB}, {"asset": "PHP", "amount": 50}]
    assert await network.traffic.has() == {"PHP": 950}
    await network.is_sound()


async def test_the_last_of_the_money_is_granted_as_final_and_then_nothing_is(network):
    await network.traffic.open("+639081234509", main=130)
    session = await network.open("+639081234509", ServiceReport(0, 0, 2 * MB, "data"))
    assert (session.granted, session.service["final"]) == (2 * MB, False)
    said = await session.use(2 * MB, 2 * MB)
    assert (said["granted"], said["final"], said["result"]) == (0, True, "insufficient_funds")
    await session.end()
    assert await network.traffic.has("+639081234509") == {"PHP": 30}
    await network.traffic.open("+639081234510", main=130)
    session = await network.open("+639081234510", ServiceReport(0, 0, 5 * MB, "data"))
    assert (session.granted, session.service["final"]) == (2 * MB, True)
    await session.end(2 * MB)
    await network.is_sound()


async def test_a_line_with_nothing_is_refused_and_no_session_begins(network):
    with pytest.raises(Conflict) as refused:
        await network.open(BOB)
    assert refused.value.code == "insufficient_funds"
    assert refused.value.parameters == {"needed": "0.50", "currency": "PHP", "final": True}
    assert await network.traffic.rows("SELECT id FROM charging.usage_sessions") == []
    with pytest.raises(NotFound, match="line_unknown"):
        await network.open("+639081239999")


async def test_more_than_was_granted_is_taken_as_far_as_there_is(network):
    session = await network.open(ANN, ServiceReport(0, 0, MB, "data"))
    said = await session.use(30 * MB, MB)
    assert (said["granted"], said["final"], said["result"]) == (0, True, "insufficient_funds")
    assert (said["overrun"], said["unpaid_minor"]) == (29 * MB, 500)
    assert said["cost"] == [{"asset": "PHP", "amount": 1000}]
    assert await network.traffic.has() == {}
    await session.end()
    await network.is_sound()


async def test_a_request_that_is_sent_again_is_told_the_same(network):
    opening = network.opening()
    first = await network.sessions.open(opening)
    again = await network.sessions.open(opening)
    assert (again.body, first.replayed, again.replayed) == (first.body, False, True)
    with pytest.raises(Invalid, match="session_id_reused"):
        await network.sessions.open(replace(opening, fingerprint=b"x" * 16))
    session = await network.open(key=opening.client_key)
    report = session.next(ServiceReport(0, MB, MB))
    first, again, third = await asyncio.gather(*(network.sessions.report(report) for _ in range(3)))
    assert first.body == again.body == third.body
    assert await network.traffic.has() == {"PHP": 950}
    with pytest.raises(Invalid, match="usage_sequence_reused"):
        await network.sessions.report(replace(report, fingerprint=b"x" * 16))
    await session.send(report)
    late = replace(report, sequence=0)
    with pytest.raises(Conflict) as refused:
        await network.sessions.report(late)
    assert (refused.value.code, refused.value.parameters) == ("usage_sequence_wrong", {"expected": 2})
    with pytest.raises(Conflict):
        await network.sessions.report(replace(report, sequence=3))
    with pytest.raises(Conflict, match="usage_sequence_wrong"):
        await network.sessions.open(opening)
    end = session.next(ServiceReport(0, 0), closing=True)
    first, again = await network.sessions.report(end), await network.sessions.report(end)
    assert first.body == again.body
    with pytest.raises(Conflict, match="usage_session_closed"):
        await network.sessions.report(replace(end, sequence=end.sequence + 1))
    await network.is_sound()


async def test_a_key_opens_one_session_whatever_number_it_is_sent_with(network):
    numbers = NUMBERS[:8]
    await network.traffic.open(*numbers, main=1000)
    assert len({network.traffic.circle.lines[number].lane for number in numbers}) > 1
    first = await network.open(numbers[0], key="key:one")
    for number in (*numbers[1:], "+639081239999"):
        with pytest.raises(Invalid, match="key_reused"):
            await network.open(number, key="key:one")
    openings = [network.opening(number, key="key:two") for number in numbers]
    told = await asyncio.gather(*(network.sessions.open(one) for one in openings), return_exceptions=True)
    assert [one.code for one in told if isinstance(one, Invalid)] == ["key_reused"] * (len(numbers) - 1)
    [(opened,)] = await network.traffic.rows("SELECT count(*) FROM charging.usage_sessions")
    assert opened == 2
    # Another client has keys of its own.
    await (await network.open(numbers[1], key="key:one", opened_by="key:other")).end()
    await first.end()
    await network.is_sound(over=False)


async def test_a_key_opens_one_session_though_processes_ask_at_once_for_lines_of_different_lanes(network):
    """Each process has a batch of its own, and the lines share no lane: only the key's own brings them together."""
    keys, processes = 12, 6
    await network.traffic.open(*NUMBERS, main=100_000)
    numbers = list({network.traffic.circle.lines[number].lane: number for number in NUMBERS}.values())[:processes]
    assert len(numbers) == processes
    async with contextlib.AsyncExitStack() as stack:
        desks = [await stack.enter_async_context(network.beside()) for _ in numbers]
        for key in range(keys):
            asked = [
                desk.sessions.open(network.opening(number, key=f"key:{key}"))
                for desk, number in zip(desks, numbers, strict=True)
            ]
            told = await asyncio.gather(*asked, return_exceptions=True)
            assert [getattr(one, "code", one) for one in told if not isinstance(one, Told)] == ["key_reused"] * (
                processes - 1
            )
    [(opened,)] = await network.traffic.rows("SELECT count(*) FROM charging.usage_sessions")
    assert opened == keys
    await network.is_sound(over=False)


async def test_a_key_opens_another_session_once_its_first_is_forgotten(network):
    opening = network.opening(key="key:again")
    first = await network.open(key="key:again")
    await network.time_passes(seconds=700)
    assert await network.expire() == 1
    assert (await network.sessions.open(opening)).replayed
    await network.time_passes(seconds=KEPT_FOR.total_seconds())
    assert await forget(network.traffic.database, LANES) == 1
    assert await network.traffic.rows("SELECT FROM charging.usage_openings") == []
    assert (await network.open(key="key:again")).id != first.id
    await network.is_sound(over=False)


@pytest.mark.parametrize("after", ["another line", "nobody"])
async def test_an_opening_is_told_the_same_though_its_number_is_no_longer_the_lines(network, after):
    opening = network.opening()
    first = await network.sessions.open(opening)
    await network.traffic.gives_up(ANN)
    if after == "another line":
        await network.traffic.open(ANN, main=1000)
    again = await network.sessions.open(opening)
    assert (again.body, again.replayed) == (first.body, True)


async def test_a_session_of_which_nobody_speaks_is_closed_and_gives_back(network):
    session = await network.open(ANN, ServiceReport(0, 0, 2 * MB, "data"))
    await session.use(2 * MB, 2 * MB)
    await network.time_passes(seconds=659)
    assert await network.expire() == 0 or (await session.shown())["status"] == "open"
    await network.time_passes(seconds=5)
    await network.expire()
    shown = await session.shown()
    assert (shown["status"], shown["next_sequence"], shown["services"][0]["held"]) == ("timed_out", None, [])
    assert await network.free() == {"PHP": 900}
    with pytest.raises(Conflict, match="usage_session_closed"):
        await session.use(MB)
    await network.is_sound()


async def test_a_session_that_is_spoken_of_is_looked_at_later(network):
    session = await network.open()
    await network.time_passes(seconds=600)
    await session.use(MB, MB)
    await network.time_passes(seconds=100)
    assert await network.expire() == 1
    assert (await session.shown())["status"] == "open"
    assert await network.expire() == 0
    await network.time_passes(seconds=600)
    assert await network.expire() == 1
    assert (await session.shown())["status"] == "timed_out"
    await network.is_sound()


async def test_a_call_is_counted_from_its_beginning(network):
    session = await network.open(ANN, ServiceReport(0, 0, 60, "voice", None, "+639081234502"))
    assert session.granted == 60
    await session.use(30, 60)
    assert await network.traffic.has() == {"PHP": 800}
    # The second report is of the same minute.
    await session.use(20, 60)
    assert await network.traffic.has() == {"PHP": 800}
    said = await session.end(20)
    assert (said["used"], said["cost"]) == (70, [{"asset": "PHP", "amount": 400}])
    await network.is_sound()


async def test_a_free_number_holds_nothing(network):
    session = await network.open(BOB, ServiceReport(0, 0, 60, "voice", None, "10086"))
    assert session.granted == 60
    for _ in range(6):
        assert (await session.use(60, 60))["granted"] == 60
    assert (await session.end(10))["cost"] == []
    await network.is_sound()


async def test_several_services_of_one_session(network):
    session = await network.open(ANN, ServiceReport(1, 0, MB, "data"), ServiceReport(2, 0, 1, "sms"))
    assert [service["rating_group"] for service in session.last["services"]] == [1, 2]
    await session.send(session.next(ServiceReport(2, 1, 1), ServiceReport(7, 0, 60, "voice")))
    assert [service["granted"] for service in session.last["services"]] == [1, 60]
    await session.send(session.next(ServiceReport(1, MB, 0), ServiceReport(7, 10, 0)))
    assert [service["result"] for service in session.last["services"]] == ["not_requested", "not_requested"]
    await session.send(session.next(closing=True))
    assert await network.traffic.has() == {"PHP": 1000 - 50 - 100 - 200}
    await network.is_sound()


async def test_what_has_no_rate_is_refused_beside_what_has_one(network):
    session = await network.open(ANN, ServiceReport(1, 0, MB, "data"), ServiceReport(2, 0, 1, "mms"))
    assert [service["result"] for service in session.last["services"]] == ["granted", "rate_missing"]
    with pytest.raises(Invalid, match="rate_missing"):
        await network.open(ANN, ServiceReport(2, 0, 1, "mms"))
    with pytest.raises(Invalid, match="usage_service_missing"):
        await network.open(ANN, ServiceReport(2, 0, 1))
    with pytest.raises(Invalid, match="usage_service_twice"):
        await network.open(ANN, ServiceReport(2, 0, 1, "sms"), ServiceReport(2, 0, 1, "sms"))
    await session.send(session.next(closing=True))
    await network.is_sound()


async def test_two_sessions_share_what_a_line_has(network):
    first, second = await asyncio.gather(network.open(), network.open())
    assert {first.granted, second.granted} == {MB}
    for _ in range(6):
        await asyncio.gather(first.use(MB, MB), second.use(MB, MB))
        await network.is_sound(over=False)
    assert await network.traffic.has() == {"PHP": 400}
    await asyncio.gather(first.end(MB), second.end(MB))
    assert await network.traffic.has() == {"PHP": 300}
    await network.is_sound()


async def test_two_processes_and_records_take_from_one_line_at_once(network):
    """Money goes between one's reading and another's posting: it is judged anew, and nobody is parked for it."""
    await network.traffic.grant(ANN, "DATA", 5 * MB)

    refused = []

    async def use(of: Network) -> int:
        try:
            session = await of.open()
        except Conflict as problem:
            refused.append(problem.code)
            return 0
        for _ in range(4):
            if session.granted:
                await session.use(session.granted, MB)
        await session.end(session.granted)
        return session.service["unpaid_minor"]

    async def send() -> None:
        for _ in range(6):
            await network.traffic.rate(network.traffic.record(service="sms", quantity=1))

    async with network.beside() as other:
        *unpaid, _, _ = await asyncio.gather(*(use(of) for of in (network, other) * 6), send(), send())
    assert sum(unpaid) == 0
    assert set(refused) <= {"insufficient_funds"}
    assert all(amount >= 0 for amount in (await network.traffic.has()).values())
    await network.is_sound()


async def test_a_hold_that_the_ledger_gave_back_is_not_missed(network):
    """Nobody looked after sessions for more than a day, but the ledger did after its holds."""
    session = await network.open(ANN, ServiceReport(0, 0, 2 * MB, "data"))
    await network.time_passes(hours=25)
    assert await release_holds(network.traffic.database) == 1
    assert await network.free() == {"PHP": 1000}
    said = await session.use(2 * MB, 2 * MB)
    assert (said["granted"], said["cost"], said["unpaid_minor"]) == (2 * MB, [{"asset": "PHP", "amount": 100}], 0)
    await network.is_sound(over=False)
    await session.end()
    assert await network.traffic.has() == {"PHP": 900}
    await network.is_sound()


async def test_a_day_costs_no_more_than_its_cap_however_many_sessions_share_it(database):
    traffic = await Traffic.of(database, CARRIER)
    await traffic.open(ANN, main=5_000)
    sessions = Sessions(database=database, catalogue=traffic.circle.catalogue, lanes=LANES)
    network = Network(traffic, sessions)
    first, second = await asyncio.gather(network.open(), network.open())
    for _ in range(4):
        await asyncio.gather(first.use(3 * MB, MB), second.use(3 * MB, MB), traffic.rate(traffic.record(ANN, "sms", 1)))
    await asyncio.gather(first.end(), second.end())
    assert await traffic.has() == {"PHP": 5_000 - 1_000 - 400}
    [[spent]] = await traffic.rows("SELECT minor FROM charging.usage_spent")
    assert spent == 1_000
    await sessions.aclose()
    await network.is_sound()


async def test_a_line_hears_of_use_and_of_the_end_of_its_money(database):
    traffic = await Traffic.of(database, UNCAPPED + LIVING)
    await traffic.open(ANN, main=130)
    await traffic.sees_its_money()
    sessions = Sessions(database=database, catalogue=traffic.circle.catalogue, lanes=LANES)
    network = Network(traffic, sessions)
    session = await network.open(ANN, ServiceReport(0, 0, 3 * MB, "data"))
    said = await session.use(2_600_000, MB)
    assert (said["granted"], said["final"], said["cost"]) == (0, True, [{"asset": "PHP", "amount": 130}])
    assert [name for name, _ in await traffic.told()] == ["used_up"]
    [[state, active]] = await traffic.rows("SELECT state, active_at IS NOT NULL FROM lines.lines")
    assert (state, active) == ("empty", True)
    with pytest.raises(Conflict, match="line_blocked"):
        await network.open(ANN, ServiceReport(0, 0, 60, "voice"))
    await session.end()
    await sessions.aclose()
    await network.is_sound()
