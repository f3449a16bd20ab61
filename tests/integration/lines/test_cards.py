"""SIM cards and the lines they serve: one card a line, one line a card, whoever comes first."""

import asyncio
from dataclasses import replace

import pytest

from tests.support import cards
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import new_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines.cards import operations
from topup.lines.cards.operations import Giving, give
from topup.lines.cards.queries import (
    card_of_line,
    card_with_iccid,
    card_with_imsi,
    number_served,
    one_card,
    uses_of_line,
)
from topup.lines.cards.states import CardState, Given
from topup.lines.operations import LineStatus, open_lines, set_status

FIRST, SECOND = "+8613800138000", "+8613800138001"


@pytest.fixture
async def lines(database):
    """Two lines of one carrier, by their numbers."""
    async with database.transaction() as transaction:
        wanted = [(parse_msisdn(number), "qingfeng", "Asia/Shanghai") for number in (FIRST, SECOND)]
        return await open_lines(transaction.connection, wanted, transaction.now, lanes=16)


async def made(database, **what):
    async with database.transaction() as transaction:
        return await cards.blank(transaction, **what)


async def gives(database, giving):
    async with database.transaction() as transaction:
        return await give(transaction.connection, giving, transaction.now)


def giving(line, card_id, *, reason=Given.ISSUED, key=""):
    return Giving(line, card_id, reason, key or new_id("card_use", 0), "stf_1")


async def refused(database, wanted):
    with pytest.raises(Conflict) as caught:
        await gives(database, wanted)
    return caught.value.code


async def test_a_line_gets_a_card_and_another_in_its_place(database, lines):
    line = lines[FIRST]
    (old, old_iccid), (new, new_iccid) = await made(database), await made(database)
    await gives(database, giving(line, old))
    await gives(database, giving(line, new, reason=Given.LOST))
    async with database.read() as transaction:
        connection = transaction.connection
        found = await card_of_line(connection, line)
        assert (found.id, found.state, found.line) == (new, CardState.ACTIVE, line)
        assert await number_served(connection, found) == FIRST
        before = await card_with_iccid(connection, [old_iccid])
        assert (before.state, await number_served(connection, before)) == (CardState.REPLACED, None)
        assert (await card_with_imsi(connection, cards.imsi_of(new_iccid))).id == new
        uses = await uses_of_line(connection, line)
        assert [(one.card.id, one.reason, one.until) for one in uses] == [
            (new, Given.LOST, None),
            (old, Given.ISSUED, uses[0].since),
        ]


async def test_a_replaced_card_never_comes_back(database, lines):
    (old, _), (new, _) = await made(database), await made(database)
    await gives(database, giving(lines[FIRST], old))
    await gives(database, giving(lines[FIRST], new, reason=Given.DAMAGED))
    assert await refused(database, giving(lines[SECOND], old)) == "card_replaced"
    for act in (operations.block, operations.unblock):
        with pytest.raises(Conflict) as caught:
            async with database.transaction() as transaction:
                await act(transaction.connection, old, transaction.now)
        assert caught.value.code == "card_replaced"


async def test_the_same_again_under_its_key_gives_nothing_and_another_card_under_it_is_refused(database, lines):
    (first, _), (second, _) = await made(database), await made(database)
    wanted = giving(lines[FIRST], first, reason=Given.NEW_PHONE, key="form:1")
    assert await gives(database, wanted) == await gives(database, wanted)
    assert await refused(database, replace(wanted, card_id=second)) == "card_key_reused"
    async with database.read() as transaction:
        assert len(await uses_of_line(transaction.connection, lines[FIRST])) == 1
        assert (await one_card(transaction.connection, second)).state is CardState.BLANK


async def test_one_blank_card_for_two_lines_at_once_goes_to_one(database, lines):
    card_id, _ = await made(database)
    said = await asyncio.gather(
        *(gives(database, giving(line, card_id)) for line in lines.values()), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in said) == ["CardUse", "Conflict"]
    async with database.read() as transaction:
        having = [line for line in lines.values() if await card_of_line(transaction.connection, line)]
    assert len(having) == 1


async def test_two_cards_for_one_line_at_once_leave_it_with_one(database, lines):
    first, second = [(await made(database))[0] for _ in range(2)]
    await asyncio.gather(*(gives(database, giving(lines[FIRST], one)) for one in (first, second)))
    async with database.read() as transaction:
        found = [await one_card(transaction.connection, one) for one in (first, second)]
        uses = await uses_of_line(transaction.connection, lines[FIRST])
    assert sorted(one.state for one in found) == ["active", "replaced"]
    assert [use.until is None for use in uses] == [True, False]


async def test_a_card_of_another_carrier_or_for_a_line_that_ended_is_refused(database, lines):
    other, _ = await made(database, carrier_id="shanlan")
    card_id, _ = await made(database)
    assert await refused(database, giving(lines[FIRST], other)) == "card_of_another_carrier"
    async with database.transaction() as transaction:
        await set_status(transaction.connection, lines[FIRST], LineStatus.CLOSED, transaction.now)
    assert await refused(database, giving(lines[FIRST], card_id)) == "line_closed"
    with pytest.raises(NotFound):
        await gives(database, giving(lines[SECOND], new_id("card", 0)))


async def test_a_blocked_card_stays_its_lines_and_works_again_when_it_is_unblocked(database, lines):
    card_id, _ = await made(database)
    await gives(database, giving(lines[FIRST], card_id))
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        await operations.block(connection, card_id, now)
        assert (await card_of_line(connection, lines[FIRST])).state is CardState.BLOCKED
        await operations.unblock(connection, card_id, now)
        assert (await card_of_line(connection, lines[FIRST])).state is CardState.ACTIVE


async def test_a_blank_card_that_was_blocked_is_given_to_nobody(database, lines):
    card_id, _ = await made(database)
    async with database.transaction() as transaction:
        await operations.block(transaction.connection, card_id, transaction.now)
    assert await refused(database, giving(lines[FIRST], card_id)) == "card_not_blank"
    async with database.transaction() as transaction:
        await operations.unblock(transaction.connection, card_id, transaction.now)
    await gives(database, giving(lines[FIRST], card_id))
