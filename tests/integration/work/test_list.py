"""The list of what a person must decide."""

import asyncio

from topup.kernel.ids import new_id
from topup.platform.database import Database
from topup.work import queries
from topup.work.operations import Decision, list_for_person


def decision(kind: str = "refund_unresolved", lane: int = 3) -> Decision:
    return Decision(lane, kind, new_id("refund", lane), {"tries": 7, "code": "SYSTEM_ERROR"})


async def listed(database: Database, decisions: list[Decision]) -> None:
    async with database.transaction() as transaction:
        await list_for_person(transaction.connection, decisions, transaction.now)


async def test_a_decision_is_listed_once_however_often_and_from_wherever_it_is_asked_for(database: Database) -> None:
    decisions = [decision() for _ in range(5)]
    await asyncio.gather(*(listed(database, decisions[::step]) for step in (1, -1, 1, -1)))
    async with database.read() as transaction:
        items = await queries.open_items(transaction.connection)
        assert await queries.open_counts(transaction.connection) == {"refund_unresolved": 5}
    assert {item.subject for item in items} == {item.subject for item in decisions}
    assert items[0].evidence == {"tries": 7, "code": "SYSTEM_ERROR"}


async def test_a_decided_thing_does_not_come_back(database: Database) -> None:
    wanted = [decision()]
    await listed(database, wanted)
    async with database.transaction() as transaction:
        await transaction.connection.execute("UPDATE work.items SET state = 'decided', decided_at = now()")
    await listed(database, wanted)
    async with database.read() as transaction:
        assert await queries.open_items(transaction.connection) == []


async def test_the_list_is_read_in_pages_oldest_first(database: Database) -> None:
    for _ in range(3):
        await listed(database, [decision(), decision("mismatched_payment")])
    seen, last = [], None
    async with database.read() as transaction:
        while page := await queries.open_items(transaction.connection, after=last, limit=4):
            assert len(page) <= 4
            seen += page
            last = page[-1]
    assert len({item.id for item in seen}) == 6
    assert [item.created_at for item in seen] == sorted(item.created_at for item in seen)


async def test_nothing_to_list_is_nothing_done(database: Database) -> None:
    await listed(database, [])
    async with database.read() as transaction:
        assert await queries.open_items(transaction.connection) == []


async def test_whether_one_is_open_is_asked_by_what_it_is_about(database: Database) -> None:
    one = decision()
    await listed(database, [one])
    async with database.transaction() as transaction:
        connection = transaction.connection
        assert await queries.is_open(connection, one.lane, one.kind, one.subject)
        assert not await queries.is_open(connection, one.lane, "mismatched_payment", one.subject)
        assert not await queries.is_open(connection, one.lane + 1, one.kind, one.subject)
        await connection.execute("UPDATE work.items SET state = 'decided', decided_at = now()")
        assert not await queries.is_open(connection, one.lane, one.kind, one.subject)
