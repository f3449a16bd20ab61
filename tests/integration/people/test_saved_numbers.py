"""Numbers somebody saved: sealed, bounded, renamed, removed and taken back; and known to be somebody else's by now."""

import asyncio
import json
from datetime import timedelta

import pytest

from topup.care.personal import leaving
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.lines.holders import same_holders
from topup.lines.operations import LineStatus, port_number, set_status
from topup.lines.queries import lines_now
from topup.people import tasks
from topup.people.subscribers import accounts, saved
from topup.people.subscribers.entering import REST

ME, OTHER = "13811110001", "13811110002"
GRANDMA = parse_msisdn("13822220001")


async def doing(front, who, work, *arguments, **named):
    """One of the operations, as the account `who`, in a transaction of its own."""
    async with front.database.transaction() as transaction:
        whose = await accounts.account(transaction.connection, front.keyring, subscriber_id=who.id)
        if work not in {saved.saved_by, saved.rename, saved.saved_number, saved.records}:
            named["now"] = transaction.now
        return await work(transaction.connection, whose, *arguments, **named)


async def names(front, who) -> list[tuple[str, str]]:
    return [(one.number.e164, one.name) for one in await doing(front, who, saved.saved_by)]


async def same(front, e164, since) -> bool:
    async with front.database.read() as transaction:
        return bool(await same_holders(transaction.connection, [(e164, since)], transaction.now))


async def test_a_number_is_saved_once_renamed_removed_and_taken_back(front):
    me = await front.somebody(ME)
    saved_id = await doing(front, me, saved.save, number=GRANDMA, name="  Grandma\n ")
    assert await doing(front, me, saved.save, number=GRANDMA, name="奶奶") == saved_id
    assert await names(front, me) == [(GRANDMA.e164, "奶奶")]
    await doing(front, me, saved.rename, saved_id=saved_id, name="x" * 100)
    assert await names(front, me) == [(GRANDMA.e164, "x" * saved.LONGEST_NAME)]
    await doing(front, me, saved.remove, saved_id=saved_id)
    assert await names(front, me) == []
    await doing(front, me, saved.take_back, saved_id=saved_id)
    assert len(await names(front, me)) == 1


async def test_what_was_removed_is_gone_after_a_day(front):
    me = await front.somebody(ME)
    saved_id = await doing(front, me, saved.save, number=GRANDMA, name="Grandma")
    await doing(front, me, saved.remove, saved_id=saved_id)
    front.later(saved.UNDO + timedelta(minutes=1))
    with pytest.raises(NotFound, match="saved_unknown"):
        await doing(front, me, saved.take_back, saved_id=saved_id)
    [sweep] = tasks.sweeps(front.database)
    await sweep.run()
    assert await front.rows("SELECT id FROM people.saved_numbers") == []


async def test_nobody_sees_or_changes_what_another_saved(front):
    me, other = await front.somebody(ME), await front.somebody(OTHER)
    saved_id = await doing(front, me, saved.save, number=GRANDMA, name="Grandma")
    assert await names(front, other) == []
    tries = [
        (saved.rename, {"name": "x"}),
        (saved.mean, {}),
        (saved.remove, {}),
        (saved.take_back, {}),
        (saved.saved_number, {}),
    ]
    for work, more in tries:
        with pytest.raises(NotFound, match="saved_unknown"):
            await doing(front, other, work, saved_id=saved_id, **more)
    assert await names(front, me) == [(GRANDMA.e164, "Grandma")]


async def test_there_are_never_more_than_thirty_also_when_many_are_saved_at_once(front):
    me = await front.somebody(ME)
    numbers = [parse_msisdn(f"1383333{n:04}") for n in range(saved.MOST + 6)]
    made = await asyncio.gather(
        *(doing(front, me, saved.save, number=number, name="") for number in numbers), return_exceptions=True
    )
    assert len(await names(front, me)) == saved.MOST
    assert [type(one) for one in made].count(Conflict) == 6
    first = next(one for one in made if isinstance(one, str))
    await doing(front, me, saved.remove, saved_id=first)
    await doing(front, me, saved.save, number=GRANDMA, name="")
    with pytest.raises(Conflict, match="saved_too_many"):
        await doing(front, me, saved.take_back, saved_id=first)


async def test_they_are_sealed_taken_along_and_erased(front):
    me = await front.somebody(ME)
    await doing(front, me, saved.save, number=GRANDMA, name="Grandma")
    [(stored,)] = await front.rows("SELECT s::text FROM people.saved_numbers s")
    assert GRANDMA.e164.encode().hex() not in stored
    assert b"Grandma".hex() not in stored
    held = await leaving(database=front.database, keyring=front.keyring).held(subscriber_id=me.id)
    assert [(one["number"], one["name"]) for one in held["saved_numbers"]] == [(GRANDMA.e164, "Grandma")]
    json.dumps(held)
    await front.erase(me)
    assert await front.rows("SELECT id FROM people.saved_numbers") == []


async def test_a_number_of_ours_that_its_line_lost_is_not_offered_silently(front):
    await front.open_line(GRANDMA)
    since = await front.now()
    front.later(REST * 4)
    assert await same(front, GRANDMA.e164, since), "the line of then still has it, however long ago that was"
    async with front.database.transaction() as transaction:
        line = (await lines_now(transaction.connection, [GRANDMA.e164]))[GRANDMA.e164]
        await set_status(transaction.connection, line.ref, LineStatus.CLOSED, transaction.now)
    assert not await same(front, GRANDMA.e164, since)
    await front.open_line(GRANDMA)
    assert not await same(front, GRANDMA.e164, since), "a recycled number is a new line"
    assert await same(front, GRANDMA.e164, await front.now())


async def test_a_number_that_took_its_holder_to_another_carrier_is_still_theirs_for_a_while(front):
    await front.open_line(GRANDMA)
    since = await front.now()
    front.later(timedelta(days=1))
    async with front.database.transaction() as transaction:
        await port_number(transaction.connection, GRANDMA, "shanlan", transaction.now, range_carrier_id="qingfeng")
    assert await same(front, GRANDMA.e164, since)
    front.later(REST)
    assert not await same(front, GRANDMA.e164, since)


async def test_a_number_of_another_carrier_is_asked_about_once_it_may_have_rested_long_enough(front):
    number = parse_msisdn("+6581234500")
    since = await front.now()
    front.later(REST - timedelta(hours=1))
    assert await same(front, number.e164, since)
    front.later(timedelta(hours=1))
    assert not await same(front, number.e164, since)
    me = await front.somebody(ME)
    saved_id = await doing(front, me, saved.save, number=number, name="")
    front.later(REST)
    await doing(front, me, saved.mean, saved_id=saved_id)
    [one] = await doing(front, me, saved.saved_by)
    assert await same(front, number.e164, one.meant_at), "they said just now that it is still theirs"
