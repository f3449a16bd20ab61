"""Batches of codes: made once, all or none of them good, blocked and over, and what became of them told."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.code_batches import Kept, approved
from tests.support.offers import NAMES, book
from tests.support.promises import LANES, OTHER, SPRING, Promises, wanted
from topup.catalogue.campaigns import Campaign, Coupon
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import new_id
from topup.offers import queries
from topup.offers.answers import Reason
from topup.offers.batches import blocking, making, operations
from topup.offers.batches import queries as batches
from topup.offers.batches.making import listed, make
from topup.offers.batches.queries import Batch, Made, Shares
from topup.offers.batches.states import BatchState
from topup.offers.queries import Known, Typed
from topup.platform.keys import KeyRing
from topup.work import trail

ENTRY = book([Campaign("spring", NAMES, points=5, coupon=Coupon(prefix="MEMBER"))]).entries[0]


class Press:
    """Where batches of SPRING are made."""

    def __init__(self, database, keys: KeyRing) -> None:
        self.database = database
        self.keys = keys
        self.promises = Promises(database)

    async def approved(self, count: int = 3, **facts) -> Batch:
        async with self.database.transaction() as transaction:
            said = {"prefix": "MEMBER", "count": count, "by": "stf_one", "now": transaction.now} | facts
            return await approved(transaction.connection, SPRING, lanes=LANES, **said)

    async def make(self, batch: Batch, kept: Kept | None = None) -> list[str]:
        kept = kept or Kept()
        facts = {"batch_id": batch.id, "by": "stf_two", "keep": kept.keep, "progress": kept.told}
        await make(self.database, self.keys, **facts)
        return kept.codes

    async def known(self, *texts: str) -> list[Known]:
        async with self.database.read() as transaction:
            typed = [Typed(text, "acme", ENTRY) for text in texts]
            return await queries.codes(transaction.connection, typed, transaction.now, keys=self.keys, lanes=LANES)

    async def wanted(self, code: str, order: str = "order"):
        [known] = await self.known(code)
        return wanted(order, code=known.scope, code_uses=1)

    async def shares(self, batch: Batch) -> Shares:
        async with self.database.read() as transaction:
            stands = await batches.batch_of(transaction.connection, batch.id)
            return (await batches.shares(transaction.connection, [stands], uses=1, lanes=LANES))[batch.id]

    async def state(self, batch: Batch) -> BatchState:
        async with self.database.read() as transaction:
            return (await batches.batch_of(transaction.connection, batch.id)).state

    async def block(self, batch: Batch, **facts) -> Batch:
        said = {"batch_id": batch.id, "reason": "Stolen", "by": "stf_two", "lanes": LANES} | facts
        return await blocking.block_batch(self.database, **said)

    async def block_code(self, text: str, campaign=SPRING) -> str:
        facts = {"text": text, "reason": "Stolen", "by": "stf_two", "lanes": LANES}
        return await blocking.block_code(self.database, self.keys, campaign, **facts)


@pytest.fixture
def press(database, tmp_path) -> Press:
    return Press(database, KeyRing(tmp_path / "keys"))


async def test_a_batch_is_made_once_in_parts_and_its_codes_are_nowhere_but_in_its_file(press, monkeypatch):
    monkeypatch.setattr("topup.offers.batches.making.AT_ONCE", 2)
    batch, kept = await press.approved(5), Kept()
    codes = await press.make(batch, kept)
    assert len(set(codes)) == 5
    assert all(code.startswith("MEMBER-") for code in codes)
    assert kept.progress == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert [one.fact.made for one in await press.known(*codes)] == [True] * 5
    assert await press.shares(batch) == Shares(left=5)
    with pytest.raises(Conflict, match="coupon_batch_stands"):
        await press.make(batch)
    async with press.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT * FROM offers.codes, offers.code_batches")
        rows = str(await cursor.fetchall())
        made = await batches.codes_made(transaction.connection, SPRING, lanes=LANES)
        [entry] = await trail.entries(transaction.connection, subject=batch.id, limit=10)
    assert not any(code in rows for code in codes)
    assert made.count == 5
    assert (entry.action, entry.actor, entry.facts["count"]) == ("offer.codes_made", "stf_two", 5)
    assert (entry.facts["before"], entry.facts["after"]) == ({"state": "approved"}, {"state": "made"})


async def test_none_is_good_where_the_file_could_not_be_written_and_it_can_be_made_anew(press):
    batch = await press.approved(3)
    lost = Kept(fails=OSError("full"))
    with pytest.raises(OSError, match="full"):
        await press.make(batch, lost)
    assert await press.state(batch) is BatchState.MAKING
    assert [one.scope for one in await press.known(*lost.codes)] == [None] * 3
    async with press.database.read() as transaction:
        assert await batches.codes_made(transaction.connection, SPRING, lanes=LANES) == Made(0, None)
    codes = await press.make(batch)
    assert [one.scope for one in await press.known(*lost.codes)] == [None] * 3, "what was in the lost file is no code"
    assert all(one.scope for one in await press.known(*codes))
    async with press.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM offers.codes")
        assert await cursor.fetchone() == (3,), "what was written for it is removed"


class Death(BaseException):
    """Nothing on the way may take it for a failure it knows."""


@pytest.mark.parametrize(
    ("label", "made"),
    [
        ("offers.coupons.part.before_commit", False),
        ("offers.coupons.part.after_commit", False),
        ("offers.coupons.made.before_commit", False),
        ("offers.coupons.made.after_commit", True),
    ],
)
async def test_wherever_the_making_dies_all_codes_are_good_or_none_and_it_can_be_made_anew(
    press, monkeypatch, label, made
):
    def dies(passed: str) -> None:
        if passed == label:
            raise Death

    batch, kept = await press.approved(3), Kept()
    with monkeypatch.context() as patched:
        patched.setattr(making, "crash_point", dies)
        with pytest.raises(Death):
            await press.make(batch, kept)
    assert [bool(one.scope) for one in await press.known(*kept.codes)] == [made] * len(kept.codes)
    if made:
        assert await press.state(batch) is BatchState.MADE
        return
    assert await press.state(batch) is BatchState.MAKING
    codes = await press.make(batch)
    assert all(one.scope for one in await press.known(*codes))
    assert await press.shares(batch) == Shares(left=3)


async def test_of_two_who_make_one_batch_at_once_one_has_its_codes(press):
    batch = await press.approved(50)
    kept = [Kept(), Kept()]
    answers = await asyncio.gather(*(press.make(batch, one) for one in kept), return_exceptions=True)
    done = [one for one in answers if not isinstance(one, BaseException)]
    assert len(done) == 1
    assert {one.code for one in answers if isinstance(one, Conflict)} <= {"coupon_batch_begun", "coupon_batch_stands"}
    assert all(one.scope for one in await press.known(*done[0]))
    assert await press.shares(batch) == Shares(left=50)


async def test_what_became_of_its_codes_is_told(press):
    batch, other = await press.approved(4), await press.approved(1)
    codes = await press.make(batch)
    await press.make(other)
    held, used, blocked = [await press.wanted(code, f"order-{place}") for place, code in enumerate(codes[:3])]
    assert await press.promises.reserve(held, used, blocked) == [None] * 3
    await press.promises.settle(used)
    await press.block_code(codes[2])
    assert await press.shares(batch) == Shares(redeemed=1, held=2, left=1)
    await press.promises.release(blocked)
    assert await press.shares(batch) == Shares(redeemed=1, held=1, blocked=1, left=1)
    assert await press.shares(other) == Shares(left=1)
    await press.promises.give_back(used)
    assert await press.shares(batch) == Shares(held=1, blocked=1, left=2)
    assert await press.promises.faults() == []


async def test_a_blocked_code_is_promised_to_nobody_and_what_was_promised_is_kept(press):
    batch = await press.approved(2)
    first, second = await press.make(batch)
    promised = await press.wanted(first)
    assert await press.promises.reserve(promised) == [None]
    assert await press.block_code(first.lower()) == batch.id
    assert [one.fact.is_blocked for one in await press.known(first, second)] == [True, False]
    with pytest.raises(Conflict, match="coupon_code_blocked"):
        await press.block_code(first)
    for campaign, text in ((SPRING, "MEMBER-NONE"), (OTHER, second)):
        with pytest.raises(NotFound, match="coupon_code_unknown"):
            await press.block_code(text, campaign)
    assert await press.promises.settle(promised) == []
    late = await press.wanted(second, "late")
    await press.block(batch)
    assert await press.promises.reserve(late) == [Reason.CODE_BLOCKED]
    with pytest.raises(Conflict, match="coupon_batch_stands"):
        await press.block(batch)
    with pytest.raises(Conflict, match="coupon_code_blocked"):
        await press.block_code(second)
    async with press.database.read() as transaction:
        told = await trail.entries(transaction.connection, subject=batch.id, limit=10)
    assert [one.action for one in told] == ["offer.codes_blocked", "offer.code_blocked", "offer.codes_made"]
    assert (told[0].facts["before"], told[0].facts["after"]) == ({"state": "made"}, {"state": "blocked"})
    assert told[1].facts["ends_with"] == first[-4:]
    assert first not in str([one.facts for one in told])


async def test_who_blocks_a_code_and_who_orders_with_it_come_one_after_the_other(press):
    codes = await press.make(await press.approved(12))
    orders = [await press.wanted(code, f"order-{place}") for place, code in enumerate(codes)]

    async def both(code, order):
        return await asyncio.gather(press.block_code(code), press.promises.reserve(order))

    answers = await asyncio.gather(*(both(code, order) for code, order in zip(codes, orders, strict=True)))
    assert {answer[1][0] for answer in answers} <= {None, Reason.CODE_BLOCKED}
    assert await press.promises.faults() == []
    late = [await press.wanted(code, f"late-{place}") for place, code in enumerate(codes)]
    assert {reason for order in late for reason in await press.promises.reserve(order)} == {Reason.CODE_BLOCKED}


async def test_of_many_orders_with_one_code_one_has_it_and_the_batch_tells_of_one(press):
    batch = await press.approved(1)
    [code] = await press.make(batch)
    orders = [await press.wanted(code, f"order-{place}") for place in range(20)]
    answers = await asyncio.gather(*(press.promises.reserve(order) for order in orders))
    assert sorted(answers, key=str) == sorted([[None], *[[Reason.CODE_HELD]] * 19], key=str)
    assert await press.shares(batch) == Shares(held=1)
    assert await press.promises.faults() == []


async def test_codes_end_with_their_last_day_and_a_batch_that_is_over_is_not_made(press):
    async with press.database.read() as transaction:
        soon = transaction.now + timedelta(hours=1)
    batch, late = [await press.approved(1, last_day=soon.date(), valid_until=soon) for _ in range(2)]
    [code] = await press.make(batch)
    order = await press.wanted(code)
    press.database.clock_offset += timedelta(hours=2)
    [known] = await press.known(code)
    assert known.fact.is_over
    assert await press.promises.reserve(order) == [Reason.CODE_OVER]
    with pytest.raises(Conflict, match="coupon_batch_over"):
        await press.make(late)
    with pytest.raises(Invalid, match="coupon_until"):
        await press.approved(1, last_day=soon.date(), valid_until=soon)


async def test_there_are_bounds(press):
    for count in (0, operations.MOST + 1):
        with pytest.raises(Invalid, match="coupon_count"):
            await press.approved(count)
    with pytest.raises(NotFound, match="coupon_batch_unknown"):
        await press.block(await press.approved(1), batch_id=new_id("coupons", 3))


async def test_the_file_has_a_line_for_each_code(press):
    batch = await press.approved(1)
    assert listed(batch, ["MEMBER-1"]) == b"code,carrier,campaign,last_day\r\nMEMBER-1,acme,spring,\r\n"
