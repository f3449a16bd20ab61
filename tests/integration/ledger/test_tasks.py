"""What time does: buckets end at their instant, what may roll over does, holds give back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.ledger import SPEC, balances, credit, debit, do, do_one, fresh_line, hold, settle
from topup.ledger import AtEnd, Roll
from topup.ledger.audit import audit
from topup.ledger.queries import buckets, house_balances
from topup.ledger.tasks import BATCH, ROLLED, expire_buckets, release_holds


async def clock(database):
    async with database.read() as transaction:
        return transaction.now


async def sound(database) -> bool:
    async with database.read() as transaction:
        report = await audit(transaction.connection)
    assert report.sound, report.faults
    return True


async def kinds(database, line):
    async with database.read() as transaction:
        found = await buckets(transaction.connection, [line])
    return [(bucket.kind, bucket.balance, bucket.usable_until) for bucket in found.get(line, [])]


async def test_a_bucket_is_forfeited_at_its_end_and_not_before(database):
    line, now = fresh_line(), await clock(database)
    ended = replace(SPEC, usable_until=now - timedelta(seconds=1))
    await do(database, credit(line, 40, bucket=ended), now=now - timedelta(days=1))
    await do(database, credit(line, 7, bucket=replace(SPEC, usable_until=now + timedelta(hours=1))))
    assert await expire_buckets(database) == 1
    assert await balances(database, line) == [(7, 0)]
    async with database.read() as transaction:
        assert (await house_balances(transaction.connection))["expired", "CNY"] == 40
    assert await expire_buckets(database) == 0
    assert await sound(database)


async def test_what_is_promised_outlives_the_end_until_its_hold_is_closed(database):
    line, now = fresh_line(), await clock(database)
    before = now - timedelta(days=1)
    spec = replace(SPEC, usable_until=now - timedelta(seconds=1))
    await do(database, credit(line, 40, bucket=spec), now=before)
    held = await do_one(database, hold(line, 15, expires_at=now + timedelta(days=1)), now=before)
    assert await expire_buckets(database) == 1
    assert await balances(database, line) == [(15, 15)]
    assert await expire_buckets(database) == 0, "nothing of it can go"
    await do(database, settle(held.hold_id, 10))
    assert await expire_buckets(database) == 1
    assert await balances(database, line) == []
    assert await sound(database)


@pytest.mark.parametrize(("cap", "moved"), [(None, 40), (25, 25), (40, 40)])
async def test_what_may_roll_over_does_once_and_the_rest_is_forfeited(database, cap, moved):
    line, now = fresh_line(), await clock(database)
    end = now - timedelta(seconds=1)
    spec = replace(SPEC, usable_until=end, at_end=AtEnd.ROLL_OVER, roll=Roll(days=30, zone="Asia/Shanghai", cap=cap))
    await do(database, credit(line, 50, asset="DATA", bucket=spec), now=now - timedelta(days=2))
    await do(database, debit(line, 10, asset="DATA"), now=now - timedelta(days=2))
    await expire_buckets(database)
    assert await kinds(database, line) == [(ROLLED, moved, end + timedelta(days=30))]
    async with database.read() as transaction:
        assert (await house_balances(transaction.connection)).get(("expired", "DATA"), 0) == 40 - moved
    assert await expire_buckets(database) == 0
    assert await sound(database)


async def test_two_who_expire_the_same_buckets_do_it_once(database):
    now = await clock(database)
    lines = [fresh_line(lane) for lane in range(8)]
    spec = replace(
        SPEC, usable_until=now - timedelta(seconds=1), at_end=AtEnd.ROLL_OVER, roll=Roll(days=3, zone="UTC", cap=5)
    )
    await do(
        database,
        *[credit(line, 9, bucket=spec, lane=lane) for lane, line in enumerate(lines)],
        now=now - timedelta(days=1),
    )
    await asyncio.gather(*[expire_buckets(database) for _ in range(4)])
    for line in lines:
        assert [(kind, balance) for kind, balance, _ in await kinds(database, line)] == [(ROLLED, 5)]
    assert await sound(database)


async def test_a_hold_that_nobody_closed_gives_back_what_it_promised(database):
    line, now = fresh_line(), await clock(database)
    await do(database, credit(line, 40))
    later = hold(line, 4, expires_at=now + timedelta(days=1))
    await do(database, hold(line, 30, expires_at=now - timedelta(seconds=1)), later)
    assert await release_holds(database) == 1
    assert await balances(database, line) == [(40, 4)]
    assert await release_holds(database) == 0
    assert await sound(database)


async def test_many_are_taken_in_portions(database):
    now = await clock(database)
    lines = [fresh_line() for _ in range(BATCH + 20)]
    spec = replace(SPEC, usable_until=now - timedelta(seconds=1))
    await do(database, *[credit(line, 1, bucket=spec) for line in lines], now=now - timedelta(days=1))
    assert [await expire_buckets(database) for _ in range(3)] == [BATCH, 20, 0]
