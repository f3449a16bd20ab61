"""G1 and G6: a key takes effect once, gives the same answer for ever, and is refused to any other item."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from tests.support.ledger import (
    NOW,
    SPEC,
    balances,
    credit,
    debit,
    do,
    do_one,
    expire,
    fresh_key,
    fresh_line,
    hold,
    release,
    settle,
    transfer,
)
from topup.ledger import Posted, PostingRefused, post_batcher
from topup.ledger.queries import transfers_under


async def every_kind(database):
    """One posted item of each kind, and its answer."""
    line = fresh_line()
    until = NOW + timedelta(days=1)
    opened = await do_one(database, credit(line, 1000, bucket=replace(SPEC, usable_until=until)))
    await do(database, credit(line, 500, bucket=replace(SPEC, kind="bonus", priority=1)))
    held, other = [await do_one(database, hold(line, 10)) for _ in range(2)]
    items = [
        transfer(),
        credit(line, 7),
        debit(line, 510),
        hold(line, 9),
        settle(held.hold_id, 4),
        release(other.hold_id),
    ]
    posted = [(item, NOW, await do_one(database, item)) for item in items]
    expiring = expire(opened.legs[0].credit)
    return [*posted, (expiring, until, await do_one(database, expiring, now=until))]


async def test_the_same_item_again_gives_the_stored_answer(database):
    for item, now, answer in await every_kind(database):
        assert isinstance(answer, Posted), item
        again = await do_one(database, item, now=now + timedelta(days=3))
        assert again == structs.replace(answer, replayed=True), item


async def test_a_key_belongs_to_one_item_of_one_kind(database):
    posted = await every_kind(database)
    tried = 0
    for owner, now, _ in posted:
        for other, _, _ in posted:
            if other is owner:
                continue
            answer = await do_one(database, replace(other, key=owner.key), now=now)
            assert isinstance(answer, PostingRefused), (owner, other)
            assert answer.code == "key_reused", (owner, other)
            tried += 1
    print(f"G6 pairs of kinds={tried} taken for the other=0")


async def test_an_empty_expiry_binds_its_key_too(database):
    line = fresh_line()
    until = NOW + timedelta(days=1)
    opened = await do_one(database, credit(line, 5, bucket=replace(SPEC, usable_until=until)))
    await do(database, debit(line, 5))
    closing = expire(opened.legs[0].credit)
    answer = await do_one(database, closing, now=until)
    assert answer.legs == ()
    assert await do_one(database, closing, now=until) == structs.replace(answer, replayed=True)
    refused = await do_one(database, transfer(key=closing.key))
    assert refused.code == "key_reused"


async def test_a_key_given_twice_in_one_call_takes_effect_once(database):
    line = fresh_line()
    await do(database, credit(line, 100))
    twice = credit(line, 5)
    held = hold(line, 3)
    taken = debit(line, 2)
    items = [twice, held, taken, twice, replace(twice, amount=6), held, taken, transfer(key=held.key)]
    answers = await do(database, *items)
    assert [getattr(answer, "code", None) or answer.replayed for answer in answers] == [
        False, False, False, True, "key_reused", True, True, "key_reused",
    ]  # fmt: skip
    assert answers[5].hold_id == answers[1].hold_id
    assert await balances(database, line) == [(103, 3)]


async def test_the_same_key_in_another_lane_is_another_key(database):
    key = fresh_key()
    answers = await do(database, *[transfer(lane=lane, key=key) for lane in (1, 2)])
    assert [answer.replayed for answer in answers] == [False, False]


@pytest.mark.parametrize("round_", range(3))
async def test_racing_callers_of_one_key_credit_once(database, round_):
    """G1: many keys, each asked for by several callers at once over several connections."""
    line = fresh_line()
    keys, callers = 40, 6
    items = [credit(line, 100 + n, key=f"race:{round_}:{n}") for n in range(keys)]
    batchers = [post_batcher(database) for _ in range(3)]

    async def one(number, item):
        return await batchers[number % 3].submit(item)

    answers = await asyncio.gather(*[one(n, item) for n in range(callers) for item in items])
    for batcher in batchers:
        await batcher.aclose()
    first = [answer for answer in answers if not answer.replayed]
    assert len(first) == keys
    for item in items:
        assert len({answer.legs for answer in answers if answer.key == item.key}) == 1
    async with database.read() as transaction:
        rows = await transfers_under(transaction.connection, lane=items[0].lane, prefix=f"race:{round_}:")
    duplicates = len(rows) - keys
    print(
        f"G1 round={round_} keys={keys} callers={callers} duplicates={duplicates} (95 % bound {3 / keys / callers:.4f})"
    )
    assert duplicates == 0
    assert await balances(database, line) == [(sum(item.amount for item in items), 0)]


async def test_racing_bodies_of_one_key_leave_one_winner(database):
    """G6: callers with other amounts under one key: one is posted, and every other is told."""
    line = fresh_line()
    batchers = [post_batcher(database) for _ in range(4)]
    wins = refusals = 0
    for _ in range(25):
        key = fresh_key()
        items = [credit(line, amount, key=key) for amount in (1, 2, 3, 4)]
        pairs = zip(batchers, items, strict=True)
        answers = await asyncio.gather(*[b.submit(item) for b, item in pairs], return_exceptions=True)
        won = [answer for answer in answers if isinstance(answer, Posted)]
        lost = [answer for answer in answers if isinstance(answer, PostingRefused) and answer.code == "key_reused"]
        assert (len(won), len(lost)) == (1, 3)
        wins, refusals = wins + len(won), refusals + len(lost)
    for batcher in batchers:
        await batcher.aclose()
    print(f"G6 races=25 posted={wins} refused={refusals} answers per key=1")
