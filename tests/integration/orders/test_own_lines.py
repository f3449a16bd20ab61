"""What a line's owner sees: how full it is, what was used day by day, its money after each entry, and the habit."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.desk import LANES
from tests.support.households import Households
from tests.support.usage import ANN, BOB, CARRIER, Traffic
from topup.catalogue.queries import Snapshot
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.ledger.statements import statement_of
from topup.lines.operations import open_lines
from topup.orders.own_lines import Meter, glances, own_line
from topup.orders.own_months import own_month

NUMBER, OTHER = "13800138000", "13800138001"


@pytest.fixture
async def traffic(database):
    return await Traffic.of(database, CARRIER)


async def seen(traffic, number=ANN):
    async with traffic.database.read() as transaction:
        snapshot = await traffic.circle.catalogue.current(transaction.connection)
        return await own_line(transaction.connection, parse_msisdn(number), snapshot, transaction.now)


async def entries_of(
    traffic, number=ANN, since=datetime(2000, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC)
):
    line = traffic.circle.lines[number]
    async with traffic.database.read() as transaction:
        return await statement_of(
            transaction.connection, lane=line.lane, line_id=line.id, asset="PHP", since=since, until=until
        )


async def month_of(traffic, first=None, number=ANN):
    async with traffic.database.read() as transaction:
        return await own_month(
            transaction.connection, parse_msisdn(number), traffic.circle.catalogue, first=first, now=transaction.now
        )


async def test_a_meter_is_full_when_something_comes_and_says_what_left_since(traffic):
    await traffic.open(ANN, main=5000)
    await traffic.grant(ANN, "VOICE", 600)
    assert (await seen(traffic)).meters == (Meter("PHP", 5000, 5000), Meter("VOICE", 600, 600))
    await traffic.rate(traffic.record(ANN, "voice", 120), traffic.record(ANN, "sms", 1))
    assert set((await seen(traffic)).meters) == {Meter("PHP", 4900, 5000), Meter("VOICE", 480, 600)}
    await traffic.grant(ANN, "VOICE", 60)
    assert Meter("VOICE", 540, 540) in (await seen(traffic)).meters


async def test_every_line_is_seen_at_a_glance_as_it_is_seen_alone(traffic):
    await traffic.open(ANN, main=5000)
    await traffic.open(BOB, main=0)
    lines = [traffic.circle.lines[number] for number in (ANN, BOB)]
    async with traffic.database.read() as transaction:
        snapshot = await traffic.circle.catalogue.current(transaction.connection)
        found = await glances(transaction.connection, lines, snapshot, transaction.now)
    for number, line in zip((ANN, BOB), lines, strict=True):
        alone = await seen(traffic, number)
        assert (found[line.id].status, found[line.id].credit) == (alone.forecast.status, alone.balance.credit)
    assert found[lines[0].id].credit == Money(5000, "PHP")


async def test_a_glance_says_how_much_of_the_money_ends_first(traffic):
    await traffic.open(ANN, main=3000)
    async with traffic.database.read() as transaction:
        soon, later = transaction.now + timedelta(days=3), transaction.now + timedelta(days=30)
    for amount, until in ((2000, soon), (500, later)):
        await traffic.grant(ANN, "PHP", amount, usable_until=until)
    line = traffic.circle.lines[ANN]
    async with traffic.database.read() as transaction:
        snapshot = await traffic.circle.catalogue.current(transaction.connection)
        [found] = (await glances(transaction.connection, [line], snapshot, transaction.now)).values()
    assert (found.credit, found.ends, found.ending) == (Money(5500, "PHP"), soon, Money(2000, "PHP"))


async def test_a_statement_says_what_there_was_after_each_entry(traffic):
    await traffic.open(ANN, main=5000)
    for _ in range(3):
        await traffic.rate(traffic.record(ANN, "sms", 1))
    entries = await entries_of(traffic)
    assert [(one.purpose, one.amount, one.after) for one in entries[:3]] == [
        ("usage", -100, 4700),
        ("usage", -100, 4800),
        ("usage", -100, 4900),
    ]
    assert (entries[-1].amount, entries[-1].after) == (5000, 5000)
    # What came later is not shown and not lost: the part before it says what there was then.
    middle = entries[1].at
    assert await entries_of(traffic, until=middle) == entries[2:]


async def test_a_month_has_its_days_in_the_zone_of_the_line_and_nothing_of_others(traffic):
    await traffic.open(ANN, BOB, main=5000)
    # Half past midnight of the first of the month in Manila is the month before by UTC.
    month = (await month_of(traffic)).this
    first = datetime(month.year, month.month, 1, 0, 30, tzinfo=UTC) - timedelta(hours=8)
    await traffic.rate(
        traffic.record(ANN, "voice", 60, at=first),
        traffic.record(ANN, "voice", 120, at=first + timedelta(minutes=5)),
        traffic.record(ANN, "voice", 180, at=first - timedelta(hours=1)),
        traffic.record(BOB, "voice", 600, at=first),
    )
    (used,) = (await month_of(traffic)).used
    assert (used.day, used.service, used.quantity, used.cost_minor) == (month, "voice", 180, 600)
    before = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
    (used,) = (await month_of(traffic, before)).used
    assert (used.quantity, (used.day + timedelta(days=1))) == (180, month)


async def test_the_last_choice_for_a_number_and_the_last_way_to_pay_are_remembered(shop):
    me, other = new_id("subscriber", 3), new_id("subscriber", 3)

    async def tops_up(number, amount, payer):
        return await shop.ordered(number, amount, payer_id=payer)

    nothing = await shop.desk.habit(payer_id=me, number=NUMBER)
    assert (nothing.product, nothing.face, nothing.method) == (None, None, None)
    for number, amount in ((NUMBER, 3000), (OTHER, 5000)):
        await shop.tells(shop.paid(await shop.paying(await tops_up(number, amount, me))))
    await tops_up(NUMBER, 10000, me)  # never paid
    await shop.tells(shop.paid(await shop.paying(await tops_up(NUMBER, 20000, other))))
    habit = await shop.desk.habit(payer_id=me, number=NUMBER)
    assert (habit.face, habit.currency) == (Money(3000, "CNY"), "CNY")
    assert habit.method
    assert (await shop.desk.habit(payer_id=me, number="13800138002")).face is None


async def test_only_who_has_the_line_sees_what_it_had_before_and_after(shop):
    async with shop.database.transaction() as transaction:
        snapshot = await Snapshot.load(transaction.connection)
        wanted = [(parse_msisdn(NUMBER), "qingfeng", "Asia/Shanghai")]
        opened = await open_lines(transaction.connection, wanted, transaction.now, lanes=LANES, snapshot=snapshot)
    households = Households(shop.database, shop.keys)
    owner = await households.moves_in(f"+86{NUMBER}", opened[f"+86{NUMBER}"])
    payer = await households.moves_in(f"+86{OTHER}")
    had = []
    for _ in range(2):
        order = await shop.ordered(NUMBER, 3000, payer_id=payer)
        assert await shop.desk.balance_around(order=order, subscriber_id=owner) is None
        await shop.tells(shop.paid(await shop.paying(order)))
        had.append(await shop.order(order))
    for place, order in enumerate(had):
        assert order.status == "delivered"
        money = await shop.desk.balance_around(order=order, subscriber_id=owner)
        assert money == (Money(3000 * place, "CNY"), Money(3000 * (place + 1), "CNY"))
        assert await shop.desk.balance_around(order=order, subscriber_id=payer) is None
