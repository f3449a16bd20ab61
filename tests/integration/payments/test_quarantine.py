"""Events that did not verify: a bounded look at who knocks."""

import asyncio

from topup.payments.inbox import quarantine

SLOTS = 1000
PATIENCE_S = 20


async def put_aside(transaction, reason: str) -> None:
    await quarantine(transaction.connection, method="scripted", reason=reason, raw=b"?", now=transaction.now)


async def kept(database) -> list[str]:
    async with database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT reason FROM payments.quarantine ORDER BY reason")
        return [reason for (reason,) in await cursor.fetchall()]


async def test_of_two_at_once_both_are_kept_and_neither_waits(database):
    async with database.transaction() as first, database.transaction() as second:
        await put_aside(first, "one")
        async with asyncio.timeout(PATIENCE_S):
            await put_aside(second, "another")
    assert await kept(database) == ["another", "one"]


async def test_a_new_one_takes_the_place_of_the_oldest(database):
    reasons = [f"{number:04}" for number in range(SLOTS + 3)]
    async with database.transaction() as transaction:
        for reason in reasons:
            await put_aside(transaction, reason)
    assert await kept(database) == reasons[3:]
