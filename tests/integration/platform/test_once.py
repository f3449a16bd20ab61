"""Work under callers' keys in one transaction: the same answer to the same request, no trace of what was refused."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest

from topup.kernel.errors import Conflict, Invalid, Problem
from topup.kernel.ids import new_id
from topup.platform.batching import Batcher
from topup.platform.database import Database
from topup.platform.key_rows import KeyedRequest, Stored
from topup.platform.once import Asked, Going, Key, Once
from topup.platform.request_keys import LEASE_S, RequestKeys

LANES = 16


@dataclass(frozen=True)
class Begun:
    """Work that goes on after its transaction."""

    resource: str


class Works:
    """A batcher of one kind of work, which writes down what it made; several may stand for several processes."""

    def __init__(self, database: Database, made: Counter[str]) -> None:
        self.made = made
        self.wants: str | None = None
        self.meanwhile = None
        once = Once[str, str | Begun](self._work, lanes=LANES, going=Begun)
        self.batcher = Batcher(database, "test.once", once)

    async def _work(self, connection, items, _now):
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        await connection.execute("INSERT INTO made SELECT * FROM unnest(%b::text[])", (list(items),))
        results: list[str | Begun | Problem] = []
        for item in items:
            self.made[item] += 1
            refusal = Conflict("confirmation_needed") if self.wants == "refuse" else None
            results.append(refusal or (Begun(item) if self.wants == "go on" else item))
        return results

    async def ask(self, key="k-1", content=b"{}"):
        request = KeyedRequest("guest", "POST /orders", key, content, new_id("order", 3))
        asked = Asked(lambda resource: resource, request.resource, Key(request, lambda made: (201, str(made).encode())))
        return await self.batcher.submit(asked)


@pytest.fixture
async def works(database):
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as owner:
        await owner.execute("CREATE TABLE made (resource text)")
        await owner.execute("GRANT SELECT, INSERT ON made TO topup_app")
    made: Counter[str] = Counter()
    both = [Works(database, made) for _ in range(2)]
    yield both
    for each in both:
        await each.batcher.aclose()


async def committed(database) -> list[str]:
    async with database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT resource FROM made")
        return [resource for (resource,) in await cursor.fetchall()]


async def test_the_answer_is_given_again_and_the_work_not_done_again(works, database):
    here, there = works
    made = await here.ask()
    assert await here.ask() == Stored(201, made.encode())
    assert await there.ask() == Stored(201, made.encode())
    assert await committed(database) == [made]


async def test_another_body_under_the_key_is_refused(works):
    await works[0].ask()
    with pytest.raises(Invalid, match="key_reused"):
        await works[0].ask(content=b"{other}")


async def test_what_is_refused_leaves_its_key_free(works):
    works[0].wants = "refuse"
    with pytest.raises(Conflict, match="confirmation_needed"):
        await works[0].ask()
    works[0].wants = None
    assert isinstance(await works[0].ask(content=b"{confirmed}"), str)


async def test_a_key_taken_meanwhile_undoes_the_work_and_gives_the_others_answer(works, database):
    here, there = works

    async def overtake():
        there.first = await there.ask()

    here.meanwhile = overtake
    assert await here.ask() == Stored(201, there.first.encode())
    assert await committed(database) == [there.first], "what was worked for nothing took hold"


async def test_work_that_goes_on_holds_its_key_until_it_is_finished(works, database):
    here, there = works
    here.wants = there.wants = "go on"
    going = await here.ask()
    assert isinstance(going, Going)
    assert going.result == Begun(going.claim.resource)
    with pytest.raises(Conflict, match="request_running"):
        await there.ask()
    database.clock_offset += timedelta(seconds=LEASE_S)
    again = await there.ask()
    assert again.result == going.result, "the same work under the same id"


async def test_two_who_find_dead_work_at_once_do_not_both_go_on(works, database):
    here, there = works
    here.wants = there.wants = "go on"
    for number in range(12):
        key = f"dead-{number}"
        dead = await here.ask(key)
        database.clock_offset += timedelta(seconds=LEASE_S)
        both = await asyncio.gather(here.ask(key), there.ask(key), return_exceptions=True)
        assert sorted(type(said).__name__ for said in both) == ["Conflict", "Going"], both
        assert {said.result for said in both if isinstance(said, Going)} == {dead.result}


async def test_work_that_went_on_in_vain_can_be_begun_again_at_once(works, database):
    keys = RequestKeys(database=database, lanes=LANES)
    works[0].wants = "go on"
    going = await works[0].ask()

    async def fail(_claim):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await keys.finish(claim=going.claim, work=fail)
    assert (await works[0].ask()).result == going.result
    await keys.aclose()


async def test_work_taken_over_and_refused_frees_its_key(works, database):
    works[0].wants = "go on"
    going = await works[0].ask()
    database.clock_offset += timedelta(seconds=LEASE_S)
    works[0].wants = "refuse"
    with pytest.raises(Conflict, match="confirmation_needed"):
        await works[0].ask()
    works[0].wants = None
    assert await works[0].ask() != going.claim.resource


async def test_many_callers_of_few_keys_do_each_work_once(works, database):
    """G6: two processes' batchers, every key asked for by many at once, some with another body."""
    outcomes: Counter[str] = Counter()
    bodies: dict[str, set[bytes]] = {}

    async def caller(number: int) -> None:
        key, content = f"k-{number % 8}", b"{}" if number % 5 else b"{other}"
        while True:
            try:
                said = await works[number % 2].ask(key, content)
            except Conflict:
                outcomes["running"] += 1
                continue
            except Invalid:
                outcomes["reused"] += 1
                return
            bodies.setdefault(key, set()).add(said.body if isinstance(said, Stored) else said.encode())
            outcomes["said"] += 1
            return

    await asyncio.gather(*(caller(number) for number in range(480)))
    assert {len(said) for said in bodies.values()} == {1}
    assert len(await committed(database)) == len(bodies) == 8
    assert outcomes["said"] + outcomes["reused"] == 480
