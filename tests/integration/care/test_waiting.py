"""How long top-ups took: each counted once, by when it was paid, in the reader's zone; forgotten after three months."""

import asyncio
from datetime import UTC, datetime, timedelta

from topup.care.waiting import count, waiting
from topup.kernel.ids import new_id
from topup.orders.waiting import waits

PAID = datetime(2026, 3, 31, 15, 30, tzinfo=UTC)  # half past eleven at night in Shanghai, on the last of March


async def write(database, waits_s, paid=PAID):
    """Orders that were paid then and credited so many seconds later, as their histories tell."""
    async with database.transaction() as transaction:
        for number, seconds in enumerate(waits_s):
            order = new_id("order", number % 16)
            for step, state, at in ((1, "paid", paid), (2, "delivered", paid + timedelta(seconds=seconds))):
                await transaction.connection.execute(
                    "INSERT INTO orders.history (lane, order_id, step, state, at, cause)"
                    " VALUES (%s, %s, %s, %s, %s, 'x')",
                    (number % 16, order, step, state, at),
                )


async def classes(database, bounds):
    async with database.read() as transaction:
        found = await waits(transaction.connection, after=PAID, until=PAID + timedelta(days=1), bounds_s=bounds)
    return sorted(found)


async def test_each_falls_into_the_class_of_its_seconds(database):
    await write(database, [0.5, 1.0, 1.1, 59, 61, 7000])
    hour = PAID.replace(minute=0)
    assert await classes(database, [1.0, 60.0]) == [(hour, 0, 2), (hour, 1, 2), (hour, 2, 2)]


async def test_each_is_counted_once_however_many_count(database, figures):
    now = await database.roughly_now()
    await write(database, [3.0] * 50, paid=now - timedelta(hours=3))
    await asyncio.gather(*(count(database) for _ in range(4)))
    while await count(database):
        pass
    for _ in range(20):
        await count(database)
    async with database.read() as transaction:
        found = await waiting(transaction.connection, zone="UTC", now=transaction.now)
    figures("D2", orders=found.orders, of=50, half_within_s=found.half_s)
    assert found.orders == 50
    assert (found.half_s, found.most_s) == (5.0, 5.0)


async def test_hours_and_days_are_those_of_the_zone(database):
    now = await database.roughly_now()
    paid = (now - timedelta(days=40)).replace(hour=15, minute=30)
    await write(database, [1.0] * 30, paid=paid)
    for _ in range(20):
        await count(database)
    async with database.read() as transaction:
        there = await waiting(transaction.connection, zone="Asia/Shanghai", now=transaction.now)
        here = await waiting(transaction.connection, zone="UTC", now=transaction.now)
    assert [bar.number for bar in there.hours if bar.orders] == [23]
    assert [bar.number for bar in here.hours if bar.orders] == [15]
    assert [bar.number for bar in here.days if bar.orders] == [paid.day]
    assert not here.enough, "thirty top-ups are not enough for a chart"


async def test_what_is_older_than_three_months_is_forgotten(database):
    now = await database.roughly_now()
    await write(database, [1.0] * 5, paid=now - timedelta(days=91))
    for _ in range(20):
        await count(database)
    database.clock_offset += timedelta(days=3)
    for _ in range(3):
        await count(database)
    async with database.read() as transaction:
        assert (await waiting(transaction.connection, zone="UTC", now=transaction.now)).orders == 0
        rows = await (await transaction.connection.execute("SELECT count(*) FROM care.waits")).fetchone()
    assert rows == (0,)


async def test_a_rush_is_looked_up_anew_every_five_minutes_only(helped):
    database = helped.shop.database
    now = await database.roughly_now()
    assert await helped.care.rush("UTC") is None
    quick, slow = now - timedelta(days=20, hours=5), now - timedelta(days=20)
    await write(database, [1.0] * 300, paid=quick)
    await write(database, [100.0] * 25, paid=slow)
    for _ in range(20):
        await count(database)
    assert await helped.care.rush("UTC") is None, "looked up a moment ago"
    await helped.shop.later(minutes=6)
    told = await helped.care.rush("UTC")
    at = (await database.roughly_now()).hour
    assert told == ((120.0, 1.0) if at == slow.hour else None)


async def test_what_was_looked_up_before_a_clock_was_set_back_is_looked_up_anew(helped):
    database = helped.shop.database
    await helped.shop.later(hours=2)
    assert await helped.care.rush("UTC") is None
    await helped.shop.later(hours=-2)
    slow = await database.roughly_now() - timedelta(days=20)
    await write(database, [1.0] * 300, paid=slow - timedelta(hours=5))
    await write(database, [100.0] * 25, paid=slow)
    for _ in range(20):
        await count(database)
    told = await helped.care.rush("UTC")
    at = (await database.roughly_now()).hour
    assert told == ((120.0, 1.0) if at == slow.hour else None)
