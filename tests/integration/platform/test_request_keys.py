"""Idempotency keys against a real database: races, other bodies, dead work, refusals."""

import asyncio
import time
from collections import Counter
from datetime import timedelta

import pytest

from topup.kernel.errors import Conflict, Invalid, Unavailable
from topup.kernel.ids import new_id
from topup.platform.database import Database
from topup.platform.request_keys import (
    KEEP_DAYS,
    LEASE_S,
    Claim,
    KeyedRequest,
    RequestKeys,
    Stored,
    check_key,
    forget_old,
    store_answers,
)


def asking(
    key: str = "k-1", content: bytes = b"{}", principal: str = "guest", route: str = "POST /orders"
) -> KeyedRequest:
    return KeyedRequest(principal=principal, route=route, key=key, content=content, resource=new_id("order", 3))


@pytest.fixture
async def keys(database: Database):
    keys = RequestKeys(database=database, lanes=16)
    yield keys
    await keys.aclose()


async def answer(database: Database, claim: Claim, body: bytes = b"made", status: int = 201) -> None:
    async with database.transaction() as transaction:
        await store_answers(transaction.connection, [(claim, status, body)])


async def test_the_answer_is_given_again_to_the_same_request(keys, database):
    claim = await keys.claim(request=asking())
    await answer(database, claim)
    assert await keys.claim(request=asking()) == Stored(201, b"made")


async def test_another_body_under_the_key_is_refused_before_and_after_the_answer(keys, database):
    claim = await keys.claim(request=asking())
    with pytest.raises(Invalid, match="key_reused"):
        await keys.claim(request=asking(content=b"{other}"))
    await answer(database, claim)
    with pytest.raises(Invalid, match="key_reused"):
        await keys.claim(request=asking(content=b"{other}"))


async def test_a_key_belongs_to_its_principal_and_route(keys):
    first = await keys.claim(request=asking())
    assert isinstance(await keys.claim(request=asking(principal="key:other")), Claim)
    assert isinstance(await keys.claim(request=asking(route="POST /orders/{id}/payments")), Claim)
    assert isinstance(first, Claim)


async def test_work_under_way_is_not_begun_twice(keys):
    await keys.claim(request=asking())
    with pytest.raises(Conflict, match="request_running"):
        await keys.claim(request=asking())


@pytest.mark.parametrize("offset_s", [LEASE_S, -LEASE_S - 60], ids=["later", "after the clock went back"])
async def test_dead_work_is_taken_over_under_the_same_resource(keys, database, offset_s):
    dead = await keys.claim(request=asking())
    database.clock_offset += timedelta(seconds=offset_s)
    taken = await keys.claim(request=asking())
    assert isinstance(taken, Claim)
    assert taken.resource == dead.resource
    with pytest.raises(Conflict, match="request_running"):
        await keys.claim(request=asking())


async def test_two_who_find_dead_work_at_once_do_not_both_take_it_over(keys, database):
    others = RequestKeys(database=database, lanes=16)
    for number in range(12):
        await keys.claim(request=asking(f"dead-{number}"))
        database.clock_offset += timedelta(seconds=LEASE_S)
        asked = (each.claim(request=asking(f"dead-{number}")) for each in (keys, others))
        both = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(type(said).__name__ for said in both) == ["Claim", "Conflict"], both
    await others.aclose()


async def test_a_lease_lasts(keys, database):
    await keys.claim(request=asking())
    database.clock_offset += timedelta(seconds=LEASE_S - 5)
    with pytest.raises(Conflict, match="request_running"):
        await keys.claim(request=asking())


async def test_dead_work_is_not_taken_over_by_another_body(keys, database):
    await keys.claim(request=asking())
    database.clock_offset += timedelta(seconds=LEASE_S)
    with pytest.raises(Invalid, match="key_reused"):
        await keys.claim(request=asking(content=b"{other}"))


async def test_the_late_end_of_dead_work_does_not_free_its_successor(keys, database):
    dead = await keys.claim(request=asking())
    database.clock_offset += timedelta(seconds=LEASE_S)
    await keys.claim(request=asking())
    await keys.release(dead)
    with pytest.raises(Conflict, match="request_running"):
        await keys.claim(request=asking())


async def test_the_first_answer_stays(keys, database):
    claim = await keys.claim(request=asking())
    await answer(database, claim)
    await answer(database, claim, b"something else")
    assert await keys.claim(request=asking()) == Stored(201, b"made")


async def test_an_answer_of_work_rolled_back_is_no_answer(keys, database):
    claim = await keys.claim(request=asking())

    async def failing_work() -> None:
        async with database.transaction() as transaction:
            await store_answers(transaction.connection, [(claim, 201, b"made")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing_work()
    with pytest.raises(Conflict, match="request_running"):
        await keys.claim(request=asking())


async def refuse(_claim: Claim) -> str:
    raise Conflict("confirmation_needed", confirmations=["duplicate"])


async def fail(_claim: Claim) -> str:
    raise Unavailable("database_lost")


async def break_down(_claim: Claim) -> str:
    raise ZeroDivisionError


async def test_a_refusal_does_not_bind_the_key(keys):
    with pytest.raises(Conflict, match="confirmation_needed"):
        await keys.run(request=asking(), work=refuse)
    assert isinstance(await keys.claim(request=asking(content=b"{confirmed}")), Claim)


@pytest.mark.parametrize(("work", "error"), [(fail, Unavailable), (break_down, ZeroDivisionError)])
async def test_work_of_unknown_end_is_repeated_under_the_same_resource(keys, work, error):
    seen: list[str] = []

    async def watched(claim: Claim) -> str:
        seen.append(claim.resource)
        return await work(claim)

    for _ in range(2):
        with pytest.raises(error):
            await keys.run(request=asking(), work=watched)
    assert seen[0] == seen[1]
    with pytest.raises(Invalid, match="key_reused"):
        await keys.claim(request=asking(content=b"{other}"))


async def test_an_answer_that_was_committed_survives_letting_go(keys, database):
    async def commit_and_lose_the_connection(claim: Claim) -> str:
        await answer(database, claim)
        raise Unavailable("database_lost")

    with pytest.raises(Unavailable):
        await keys.run(request=asking(), work=commit_and_lose_the_connection)
    assert await keys.claim(request=asking()) == Stored(201, b"made")


async def test_many_callers_of_few_keys_begin_each_work_once(database):
    """G6 below HTTP: two processes' batchers, every key asked for by many at once, some with another body."""
    processes = [RequestKeys(database=database, lanes=16) for _ in range(2)]
    begun: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()

    async def caller(number: int) -> None:
        key = f"k-{number % 8}"

        async def work(claim: Claim) -> bytes:
            begun[key] += 1
            await answer(database, claim, claim.resource.encode())
            return claim.resource.encode()

        content = b"{other}" if number % 5 == 4 else b"{}"
        try:
            done = await processes[number % 2].run(request=asking(key, content), work=work)
        except (Conflict, Invalid) as problem:
            outcomes[problem.code] += 1
        else:
            outcomes["replayed" if isinstance(done, Stored) else "worked"] += 1

    for _ in range(4):
        await asyncio.gather(*(caller(number) for number in range(160)))
    for process in processes:
        await process.aclose()
    print(f"G6 callers={sum(outcomes.values())} keys=8 outcomes={dict(outcomes)} begun per key={set(begun.values())}")
    assert set(begun.values()) == {1}
    assert outcomes["worked"] == 8
    assert outcomes["key_reused"] > 0
    assert outcomes["replayed"] > 0


async def test_old_keys_are_forgotten_and_young_ones_kept(keys, database):
    old = await keys.claim(request=asking("old"))
    await answer(database, old)
    database.clock_offset += timedelta(days=KEEP_DAYS, seconds=1)
    young = await keys.claim(request=asking("young"))
    await answer(database, young)
    async with database.transaction() as transaction:
        assert await forget_old(transaction.connection, now=transaction.now) == 1
    assert isinstance(await keys.claim(request=asking("old")), Claim)
    assert isinstance(await keys.claim(request=asking("young")), Stored)


@pytest.mark.parametrize("text", ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "x" * 255, '"quoted"'])
def test_keys_are_taken_as_sent(text):
    assert check_key(text) == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "key_missing"),
        ("", "key_missing"),
        ("x" * 256, "key_unreadable"),
        ("a\tb", "key_unreadable"),
        ("键", "key_unreadable"),
    ],
)
def test_other_keys_are_refused(text, code):
    with pytest.raises(Invalid, match=code):
        check_key(text)


class Lossy:
    """A batcher whose connection is lost at the next item: before it took hold, or after."""

    def __init__(self, batcher) -> None:
        self.batcher = batcher
        self.lost: list[str] = []

    async def submit(self, item):
        loss = self.lost.pop(0) if self.lost else None
        if loss != "before":
            answer = await self.batcher.submit(item)
        if loss:
            raise Unavailable("database_lost")
        return answer

    async def aclose(self) -> None:
        await self.batcher.aclose()


@pytest.fixture
async def lossy_keys(keys):
    keys._batcher = Lossy(keys._batcher)
    return keys


async def lost(_claim: Claim) -> None:
    raise Unavailable("database_lost")


async def test_a_key_that_could_not_be_let_go_is_let_go_when_the_database_is_back(lossy_keys):
    first: list[str] = []

    async def loses_the_database(claim: Claim) -> None:
        first.append(claim.resource)
        lossy_keys._batcher.lost = ["before"]
        await lost(claim)

    with pytest.raises(Unavailable):
        await lossy_keys.run(request=asking(), work=loses_the_database)
    again = await lossy_keys.claim(request=asking())
    assert again.resource == first[0]


async def test_a_claim_nobody_heard_of_binds_nobody(lossy_keys):
    lossy_keys._batcher.lost = ["after"]
    with pytest.raises(Unavailable):
        await lossy_keys.claim(request=asking())
    assert isinstance(await lossy_keys.claim(request=asking()), Claim)


async def test_what_could_not_be_let_go_in_time_is_left_to_its_lease(lossy_keys, monkeypatch):
    lossy_keys._batcher.lost = ["after"]
    with pytest.raises(Unavailable):
        await lossy_keys.claim(request=asking())
    elapsed = time.monotonic() + LEASE_S
    monkeypatch.setattr("topup.platform.request_keys.time.monotonic", lambda: elapsed)
    with pytest.raises(Conflict, match="request_running"):
        await lossy_keys.claim(request=asking())


async def test_debts_wait_until_the_database_is_really_back(lossy_keys):
    lossy_keys._batcher.lost = ["after", "before", "before"]
    for _ in range(2):
        with pytest.raises(Unavailable):
            await lossy_keys.claim(request=asking())
    assert isinstance(await lossy_keys.claim(request=asking()), Claim)
