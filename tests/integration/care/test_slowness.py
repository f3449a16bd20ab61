"""Whether it is slow: told of top-ups just now and of automatic ones, where enough of them were measured."""

from datetime import UTC, datetime, timedelta

from tests.integration.care.test_waiting import write
from topup.care.slowness import Wait, runs_waited, slow_now
from topup.care.waiting import BOUNDS_S, FEWEST, count
from topup.kernel.ids import new_id

NOW = datetime(2026, 4, 20, 4, 30, tzinfo=UTC)  # half past twelve in Shanghai
MINUTES_2, MINUTES_5 = BOUNDS_S.index(120.0), BOUNDS_S.index(300.0)
ZONE = "Asia/Shanghai"


async def counted(database, table, *rows):
    async with database.transaction() as transaction:
        for at, place, many in rows:
            hour = at.replace(minute=0, second=0, microsecond=0)
            await transaction.connection.execute(f"INSERT INTO care.{table} VALUES (%s, %s, %s)", (hour, place, many))


async def slow(database, now=NOW):
    async with database.read() as transaction:
        return await slow_now(transaction.connection, now)


async def waited(database, now=NOW):
    async with database.read() as transaction:
        return await runs_waited(transaction.connection, zone=ZONE, now=now)


async def test_slow_is_what_takes_longer_than_usual_and_longer_than_anybody_minds(database):
    await counted(database, "waits", (NOW - timedelta(days=3), 1, 5_000))
    assert await slow(database) is None, "nothing was measured just now"
    await counted(database, "waits", (NOW, MINUTES_5, FEWEST - 1))
    assert await slow(database) is None, "too few"
    await counted(database, "waits", (NOW, len(BOUNDS_S), 30))
    told = await slow(database)
    assert (told.now, told.usual) == (Wait(None), Wait(2.0))
    assert await slow(database, NOW + timedelta(hours=2)) is None, "it is over"


async def test_what_is_unusual_and_still_quick_is_not_told(database):
    await counted(database, "waits", (NOW - timedelta(days=3), 0, 5_000), (NOW, BOUNDS_S.index(30.0), 50))
    assert await slow(database) is None


async def test_automatic_ones_are_told_by_the_days_of_the_zone(database):
    assert await waited(database) == type(await waited(database))(None, None, None)
    last_evening = datetime(2026, 3, 31, 12, tzinfo=UTC)  # eight in the evening there
    await counted(
        database,
        "automatic_waits",
        (NOW - timedelta(days=2), 3, 100),
        (last_evening, MINUTES_5, FEWEST),
        (last_evening - timedelta(days=1), len(BOUNDS_S), 50),
        (last_evening - timedelta(hours=3), len(BOUNDS_S), 50),
    )
    told = await waited(database)
    assert (told.today, told.lately, told.month_end) == (None, Wait(10.0), Wait(300.0))
    assert told.rushes
    yesterday = NOW.replace(hour=15, day=19)  # an hour before midnight there
    await counted(database, "automatic_waits", (yesterday, MINUTES_2, 50), (NOW, MINUTES_5, FEWEST))
    told = await waited(database)
    assert (told.today, told.month_end) == (Wait(300.0), Wait(300.0))
    assert not told.rushes, "a month's end is as slow as today"


async def test_a_run_is_measured_from_when_it_was_due_and_a_declined_one_is_not(database):
    """Two that were due three hours ago; the second one's card was declined the first time."""
    now = await database.roughly_now()
    due = now - timedelta(hours=3)
    await write(database, [5.0] * 2, paid=due + timedelta(seconds=95))
    async with database.transaction() as transaction:
        connection = transaction.connection
        rows = await (await connection.execute("SELECT lane, order_id FROM orders.history WHERE step = 1")).fetchall()
        for attempt, (lane, order) in enumerate(rows, 1):
            schedule = new_id("schedule", lane)
            await connection.execute(
                "INSERT INTO orders.schedules (lane, id, subscriber_id, msisdn, carrier_id, zone, currency, agreement,"
                " keeps, instrument_id, state, locale, created_at, since, state_since)"
                " VALUES (%s, %s, 'sub', '+8613800138000', 'x', 'UTC', 'CNY', '{}', false, 'i', 'active', 'en', now(),"
                " now(), now())",
                (lane, schedule),
            )
            await connection.execute(
                "INSERT INTO orders.schedule_runs (lane, id, schedule_id, cause, state, amount_minor, cost_minor,"
                " attempt, order_id, at, due_at) VALUES (%s, %s, %s, 'low:1', 'done', 1, 1, %s, %s, %s, %s)",
                (lane, new_id("run", lane), schedule, attempt, order, due, due),
            )
    for _ in range(20):
        await count(database)
    async with database.read() as transaction:
        rows = await (await transaction.connection.execute("SELECT class, runs FROM care.automatic_waits")).fetchall()
    assert rows == [(BOUNDS_S.index(120.0), 1)], "a hundred seconds, of the first one"


async def test_the_first_screen_reads_it_once_a_minute(helped):
    database = helped.shop.database
    now = await database.roughly_now()
    assert await helped.care.slow_now() is None
    await counted(database, "waits", (now - timedelta(days=9), 1, 5_000), (now, MINUTES_5, 100))
    assert await helped.care.slow_now() is None, "looked up a moment ago"
    await helped.shop.later(minutes=2)
    assert (await helped.care.slow_now()).now == Wait(300.0)
