"""Records of usage: each charged once, by what the line has, or refused with a reason and nothing changed."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.sharing import LANES
from tests.support.usage import ANN, BOB, CARRIER, EVE, LIVING, NUMBERS, Traffic
from topup.catalogue.queries import CatalogueCache
from topup.charging.usage.reading import MOST
from topup.charging.usage.records import Known, Rated, Refused
from topup.kernel.errors import WhoMustAct
from topup.ledger import Hold, post
from topup.lines.lives import seen
from topup.lines.tasks import LifeCycles


def codes(outcomes):
    return [found.code if isinstance(found, Refused) else type(found).__name__ for found in outcomes]


async def test_a_call_is_paid_with_money(traffic):
    [rated] = await traffic.rate(traffic.record(quantity=61))
    assert isinstance(rated, Rated)
    assert (rated.row.cost_minor, rated.row.currency, rated.row.counted, rated.row.rate_id) == (
        400,
        "PHP",
        120,
        "voice",
    )
    assert [(part.reason, part.amount) for part in rated.row.parts] == [("usage_rated", 400)]
    assert [(part.kind, part.asset, part.amount) for part in rated.row.paid] == [("main", "PHP", 400)]
    assert await traffic.has() == {"PHP": 600}
    await traffic.is_sound()


async def test_what_was_granted_pays_first_and_money_the_rest(traffic):
    await traffic.grant(ANN, "VOICE", 90)
    [rated] = await traffic.rate(traffic.record(quantity=180))
    assert [(part.reason, part.amount) for part in rated.row.parts] == [("usage_allowance", 90), ("usage_rated", 300)]
    assert await traffic.has() == {"PHP": 700}
    await traffic.is_sound()


async def test_a_free_number_costs_nothing_and_is_kept(traffic):
    [rated] = await traffic.rate(traffic.record(called="10086"))
    assert (rated.row.cost_minor, rated.row.paid, rated.row.free[0].reason) == (0, (), "usage_free_number")
    assert await traffic.has() == {"PHP": 1000}
    [again] = await traffic.rate(replace(traffic.record(called="10086"), id=rated.row.id, at=rated.row.at))
    assert isinstance(again, Known)


async def test_the_same_record_is_charged_once_whichever_way_it_comes(traffic):
    record = traffic.record()
    [first] = await traffic.rate(record)
    [again, third] = await traffic.rate(record, replace(record, source="file"))
    assert isinstance(first, Rated)
    assert isinstance(again, Known)
    assert again == third
    assert await traffic.has() == {"PHP": 800}


async def test_the_same_record_twice_in_a_batch_is_charged_once(traffic):
    record = traffic.record()
    assert codes(await traffic.rate(record, record)) == ["Rated", "Known"]
    assert await traffic.has() == {"PHP": 800}


@pytest.mark.parametrize("change", [{"quantity": 61}, {"msisdn": BOB}, {"service": "sms"}, {"called": "+639170000001"}])
async def test_an_id_that_comes_with_another_record_is_refused(traffic, change):
    await traffic.circle.give(BOB, 1000)
    record = traffic.record()
    await traffic.rate(record)
    assert codes(await traffic.rate(replace(record, **change))) == ["usage_id_reused"]
    assert (await traffic.has(), await traffic.has(BOB)) == ({"PHP": 800}, {"PHP": 1000})


async def test_who_has_too_little_is_refused_whole_and_may_send_it_again(traffic):
    record = traffic.record(quantity=600)
    [refused] = await traffic.rate(record)
    assert (refused.code, refused.who) == ("insufficient_funds", WhoMustAct.YOU)
    assert refused.parameters == {"needed": "20.00", "currency": "PHP"}
    assert await traffic.has() == {"PHP": 1000}
    assert await traffic.rows("SELECT FROM charging.usage_records") == []
    await traffic.circle.give(ANN, 1000)
    assert codes(await traffic.rate(record)) == ["Rated"]
    assert await traffic.has() == {}


@pytest.mark.parametrize(("service", "ends"), [("sms", "insufficient_funds"), ("data", "Rated")])
async def test_more_than_anybody_can_use_is_only_a_refusal_or_a_cap(traffic, service, ends):
    assert codes(await traffic.rate(traffic.record(service=service, quantity=MOST))) == [ends]
    await traffic.is_sound()


async def test_money_of_another_scope_does_not_pay(traffic):
    await traffic.grant(ANN, "PHP", 500, scope="data", priority=1)
    [refused, rated] = await traffic.rate(traffic.record(quantity=360), traffic.record(quantity=300))
    assert refused.code == "insufficient_funds"
    assert [part.kind for part in rated.row.paid] == ["main"]
    assert await traffic.has() == {"PHP": 500}
    await traffic.is_sound()


async def promise(traffic, amount):
    line = traffic.circle.lines[ANN]
    async with traffic.database.transaction() as transaction:
        hold = Hold(lane=line.lane, key="held", purpose="test", reference="", line_id=line.id, asset="PHP",
                    amount=amount, expires_at=transaction.now + timedelta(hours=1))  # fmt: skip
        await post(transaction.connection, [hold], transaction.now)


async def test_what_is_promised_does_not_pay(traffic):
    await promise(traffic, 900)
    assert codes(await traffic.rate(traffic.record())) == ["insufficient_funds"]


async def test_what_is_promised_is_not_used_up(traffic):
    await promise(traffic, 800)
    await traffic.rate(traffic.record())
    assert await traffic.told() == []


async def test_what_is_frozen_is_named(traffic):
    soon = datetime.now(UTC) + timedelta(hours=1)
    await traffic.grant(BOB, "PHP", 500, at_end="freeze", usable_until=soon)
    traffic.database.clock_offset = timedelta(hours=2)
    [refused] = await traffic.rate(traffic.record(BOB))
    assert refused.code == "bucket_frozen"


async def test_a_number_nobody_has_is_refused(traffic):
    [refused] = await traffic.rate(traffic.record(EVE))
    assert (refused.code, refused.who) == ("line_unknown", WhoMustAct.YOU)


async def test_what_no_rate_is_for_is_ours_to_mend(traffic):
    [refused] = await traffic.rate(traffic.record(country="FR"))
    assert (refused.code, refused.who) == ("rate_missing", WhoMustAct.US)


async def test_a_call_of_more_than_a_month_is_refused(traffic):
    assert codes(await traffic.rate(traffic.record(quantity=32 * 86_400))) == ["usage_too_long"]


@pytest.mark.parametrize(
    ("at", "ends"), [("2000-01-01T00:00:00+14:00", "Rated"), ("9998-12-31T23:59:59-12:00", "usage_in_future")]
)
async def test_times_as_far_as_they_go_are_times(traffic, at, ends):
    assert codes(await traffic.rate(traffic.record(service="data", quantity=1, at=at))) == [ends]


async def test_the_future_is_refused(traffic):
    ahead = datetime.now(UTC) + timedelta(minutes=10)
    assert codes(await traffic.rate(traffic.record(at=ahead))) == ["usage_in_future"]


async def test_what_an_earlier_line_of_the_number_used_is_not_charged_to_the_new_one(traffic):
    async with traffic.database.transaction() as transaction:
        await transaction.connection.execute(
            "INSERT INTO lines.numbers (msisdn, since, until, lane, line_id)"
            " SELECT msisdn, since - interval '9 days', since - interval '2 days', lane, line_id FROM lines.numbers"
            " WHERE msisdn = %s",
            (ANN,),
        )
    then = datetime.now(UTC) - timedelta(days=3)
    assert codes(await traffic.rate(traffic.record(at=then), traffic.record())) == ["usage_before_line", "Rated"]


@pytest.mark.parametrize(("status", "code"), [("barred", "line_barred"), ("closed", "line_closed")])
async def test_a_line_that_is_barred_or_closed_is_refused_with_its_reason(traffic, status, code):
    async with traffic.database.transaction() as transaction:
        await transaction.connection.execute(
            "UPDATE lines.lines SET status = %s WHERE id = %s", (status, traffic.circle.lines[ANN].id)
        )
    assert codes(await traffic.rate(traffic.record())) == [code]


async def test_a_refused_record_costs_its_neighbours_nothing(traffic):
    outcomes = await traffic.rate(traffic.record(), traffic.record(EVE), traffic.record(BOB), traffic.record())
    assert codes(outcomes) == ["Rated", "line_unknown", "insufficient_funds", "Rated"]
    assert await traffic.has() == {"PHP": 600}
    await traffic.is_sound()


async def test_a_day_costs_at_most_its_cap_over_all_records(traffic):
    await traffic.circle.give(ANN, 10_000)
    noon = datetime(2026, 3, 1, 4, tzinfo=UTC)
    traffic.database.clock_offset = noon + timedelta(days=2) - datetime.now(UTC)
    day = [traffic.record(service="data", quantity=15 * 10**6, at=noon + timedelta(minutes=n)) for n in range(2)]
    assert sum([found.row.cost_minor for found in await traffic.rate(*day)]) == 1000
    [later] = await traffic.rate(traffic.record(service="data", quantity=10**6, at=noon))
    assert (later.row.cost_minor, later.row.free[0].reason) == (0, "usage_daily_cap")
    [next_day] = await traffic.rate(traffic.record(service="data", quantity=10**6, at=noon + timedelta(days=1)))
    assert next_day.row.cost_minor == 50


async def test_many_who_send_the_same_record_at_once_charge_it_once(traffic):
    record = traffic.record()
    outcomes = await asyncio.gather(*(traffic.rate(record) for _ in range(16)))
    assert sorted(codes(found for [found] in outcomes)) == ["Known"] * 15 + ["Rated"]
    assert await traffic.has() == {"PHP": 800}
    await traffic.is_sound()


async def test_many_who_send_one_id_for_two_lines_at_once_charge_one_of_them(traffic):
    await traffic.circle.give(BOB, 1000)
    record = traffic.record()
    both = [record, replace(record, msisdn=BOB)]
    outcomes = await asyncio.gather(*(traffic.rate(both[n % 2]) for n in range(16)))
    assert codes(found for [found] in outcomes).count("Rated") == 1
    assert sum([(await traffic.has(number))["PHP"] for number in (ANN, BOB)]) == 1800
    await traffic.is_sound()


async def test_many_who_spend_the_last_money_at_once_spend_it_once(traffic):
    outcomes = await asyncio.gather(*(traffic.rate(traffic.record(quantity=120)) for _ in range(12)))
    assert sorted(codes(found for [found] in outcomes)) == ["Rated"] * 2 + ["insufficient_funds"] * 10
    assert await traffic.has() == {"PHP": 200}
    await traffic.is_sound()


async def test_many_under_one_cap_at_once_stay_under_it(traffic):
    await traffic.circle.give(ANN, 10_000)
    at = datetime.now(UTC) - timedelta(seconds=5)
    traffic.database.clock_offset = timedelta(0)
    records = [traffic.record(service="data", quantity=7 * 10**6, at=at) for _ in range(10)]
    await asyncio.gather(*(traffic.rate(record) for record in records))
    assert await traffic.has() == {"PHP": 11_000 - 1000}
    await traffic.is_sound()


async def test_batches_over_the_same_lines_in_any_order_do_not_wait_in_a_circle(traffic):
    numbers = [f"+6390812345{n:02}" for n in range(20, 40)]
    await traffic.open(*numbers, main=100_000)
    batches = [[traffic.record(number) for number in (numbers if n % 2 else numbers[::-1])] for n in range(8)]
    for outcomes in await asyncio.gather(*(traffic.rate(*batch) for batch in batches)):
        assert set(codes(outcomes)) == {"Rated"}
    await traffic.is_sound()


class TestLivingLines:
    @pytest.fixture
    async def traffic(self, database):
        found = await Traffic.of(database, CARRIER + LIVING)
        await found.open(ANN, main=1000)
        await found.sees_its_money()
        return found

    async def life(self, traffic):
        line = traffic.circle.lines[ANN]
        async with traffic.database.read() as transaction:
            return (await seen(transaction.connection, [(line.lane, line.id)]))[line.id]

    async def test_use_keeps_a_number_alive_and_is_heard_of_once_a_day(self, traffic):
        await traffic.rate(traffic.record())
        first = await self.life(traffic)
        assert first.active_at is not None
        await traffic.rate(traffic.record())
        assert (await self.life(traffic)).active_at == first.active_at
        traffic.database.clock_offset = timedelta(days=2)
        await traffic.rate(traffic.record())
        later = await self.life(traffic)
        assert later.active_at > first.active_at
        assert later.clocks["number"] > first.clocks["number"]

    async def test_the_last_money_blocks_the_line_and_the_next_call_is_refused(self, traffic):
        assert codes(await traffic.rate(traffic.record(quantity=300))) == ["Rated"]
        assert (await self.life(traffic)).state == "empty"
        [refused] = await traffic.rate(traffic.record())
        assert (refused.code, refused.who) == ("line_blocked", WhoMustAct.YOU)
        await traffic.grant(ANN, "DATA", 10**9)
        assert codes(await traffic.rate(traffic.record(service="data", quantity=10**6))) == ["Rated"]


async def test_use_credit_and_lives_at_the_same_time_do_not_wait_in_a_circle(database):
    traffic = await Traffic.of(database, CARRIER + LIVING)
    numbers = NUMBERS[:8]
    await traffic.open(*numbers, main=300)
    for number in numbers:
        await traffic.sees_its_money(number)
    lives = LifeCycles(database=database, catalogue=CatalogueCache(), lanes=LANES)

    async def use(turn):
        for n in range(6):
            order = numbers if (turn + n) % 2 else numbers[::-1]
            await traffic.rate(*(traffic.record(number, quantity=60) for number in order))

    async def fill():
        for number in numbers * 2:
            await traffic.circle.give(number, 300)
            await traffic.sees_its_money(number)

    async def live():
        for _ in range(10):
            await lives.live()

    await asyncio.gather(*(use(turn) for turn in range(4)), fill(), fill(), live())
    await traffic.is_sound()


async def test_low_and_used_up_are_told_once_each_on_the_way_down(traffic):
    for _ in range(2):
        await traffic.rate(traffic.record())
    assert await traffic.told() == []
    await traffic.rate(traffic.record())
    assert await traffic.told() == [("low", {"asset": "PHP", "left": 400, "mark": 500})]
    await traffic.rate(traffic.record())
    await traffic.rate(traffic.record())
    assert sorted(name for name, _ in await traffic.told()) == ["low", "used_up"]


async def test_what_was_filled_again_is_told_again(traffic):
    await traffic.rate(traffic.record(quantity=180))
    await traffic.circle.give(ANN, 1000)
    await traffic.rate(traffic.record(quantity=300))
    assert [facts["left"] for _, facts in await traffic.told()] == [400, 400]


async def test_many_at_once_who_cross_a_mark_together_tell_it_once(traffic):
    await asyncio.gather(*(traffic.rate(traffic.record()) for _ in range(5)))
    assert sorted(name for name, _ in await traffic.told()) == ["low", "used_up"]
