"""Reads: balances, pages of transfers, what is due."""

from dataclasses import replace
from datetime import timedelta

from tests.support.ledger import LANE, NOW, SPEC, credit, debit, do, fresh_line, hold, release
from topup.ledger.queries import buckets, buckets_due, holds_due, transfers_of_line, transfers_under


async def test_buckets_tell_what_is_there_promised_and_usable_and_why_it_ends(database):
    line, other, unknown = fresh_line(), fresh_line(9), fresh_line()
    ends = NOW + timedelta(days=7)
    rule = {"id": "validity_days", "days": 7}
    await do(
        database,
        credit(line, 10),
        credit(line, 20, bucket=replace(SPEC, kind="bonus", usable_until=ends, rule=rule)),
        credit(other, 5, lane=9),
        hold(line, 4),
    )
    async with database.read() as transaction:
        found = await buckets(transaction.connection, [line, other, unknown, line])
    assert set(found) == {line, other}
    bonus, main = found[line]
    assert (bonus.kind, bonus.balance, bonus.held, bonus.available) == ("bonus", 20, 4, 16)
    assert (bonus.usable_until, dict(bonus.rule)) == (ends, rule)
    assert bonus.is_usable(NOW)
    assert not bonus.is_usable(ends)
    assert (main.kind, main.usable_until, main.is_usable(ends)) == ("main", None, True)


async def test_a_line_s_transfers_come_in_pages_newest_first(database):
    line = fresh_line()
    await do(database, *[credit(line, 1 + n) for n in range(7)], credit(fresh_line(), 99), debit(line, 3))
    pages, before = [], None
    async with database.read() as transaction:
        while page := await transfers_of_line(transaction.connection, lane=LANE, line_id=line, before=before, limit=3):
            pages.append([row.amount for row in page])
            before = page[-1].sequence
    assert pages == [[3, 7, 6], [5, 4, 3], [2, 1]]


async def test_what_was_posted_under_an_order_s_keys_comes_oldest_first(database):
    line = fresh_line()
    await do(database, credit(line, 5, key="ord_a:grant:0"), credit(line, 6, key="ord_b:grant:0"))
    await do(database, debit(line, 2, key="ord_a:fee"))
    async with database.read() as transaction:
        rows = await transfers_under(transaction.connection, lane=LANE, prefix="ord_a:")
        assert await transfers_under(transaction.connection, lane=4, prefix="ord_a:") == []
    assert [(row.amount, row.line_id, row.purpose) for row in rows] == [(5, line, "test"), (2, line, "test")]


async def test_what_is_due_is_found_once_its_time_has_come(database):
    line = fresh_line()
    ends = NOW + timedelta(days=1)
    await do(database, credit(line, 5, bucket=replace(SPEC, usable_until=ends)), credit(line, 5))
    [held] = await do(database, hold(line, 5, expires_at=ends))
    async with database.read() as transaction:
        before = ends - timedelta(microseconds=1)
        assert await holds_due(transaction.connection, now=before) == []
        assert [due.id for due in await holds_due(transaction.connection, now=ends)] == [held.hold_id]
        assert await buckets_due(transaction.connection, now=ends) == [], "all of it is promised"
    await do(database, release(held.hold_id))
    async with database.read() as transaction:
        assert await buckets_due(transaction.connection, now=before) == []
        assert [due.lane for due in await buckets_due(transaction.connection, now=ends)] == [LANE]
