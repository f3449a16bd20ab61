"""What is promised of campaigns: held, used, let go, given back; never more than there is, whoever asks at once.

Random steps against a model: test_any_promises.py.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.support import code_batches
from tests.support.offers import NAMES, book
from tests.support.promises import FAR, LANES, OTHER, SPRING, TODAY, Promises, wanted
from topup.catalogue.campaigns import Campaign, Coupon, Limits
from topup.offers import operations, queries
from topup.offers.answers import Reason
from topup.offers.counting import word_scope
from topup.offers.facts import Code, Uses
from topup.offers.operations import NeverReserved, ReservationDiffers, key_of
from topup.offers.queries import Holder, Known, Typed
from topup.platform import crash
from topup.platform.database import Database
from topup.platform.keys import KeyRing


@pytest.fixture
def promises(database) -> Promises:
    return Promises(database)


async def test_what_is_held_is_used_when_paid_and_given_back_with_the_money(promises):
    one = wanted()
    assert await promises.reserve(one) == [None]
    assert await promises.uses() == Uses(total=1, today=1, off_minor=500)
    assert await promises.settle(one) == []
    assert await promises.uses() == Uses(total=1, today=1, off_minor=500)
    assert await promises.give_back(one) == 1
    assert await promises.uses() == Uses()
    assert await promises.faults() == []


async def test_each_step_is_taken_once_however_often_it_is_asked(promises):
    one = wanted(limits=Limits(total=1))
    for _ in range(2):
        assert await promises.reserve(one) == [None]
    for _ in range(2):
        assert await promises.settle(one) == []
    assert await promises.reserve(one) == [None]
    assert await promises.release(one) == 0
    assert (await promises.uses()).total == 1
    assert [await promises.give_back(one), await promises.give_back(one)] == [1, 0]
    assert await promises.uses() == Uses()
    assert await promises.faults() == []


@pytest.mark.parametrize(
    ("limits", "facts", "reason"),
    [
        (Limits(total=1), {}, Reason.USED_UP),
        (Limits(per_day=1), {}, Reason.USED_UP_TODAY),
        (Limits(per_person=1), {"persons": ("anna",)}, Reason.PERSON_HELD),
        (Limits(budget_minor=999), {}, Reason.BUDGET_USED_UP),
        (Limits(), {"code": word_scope("AB12"), "code_uses": 1}, Reason.CODE_HELD),
    ],
)
async def test_past_a_limit_there_is_none_and_what_is_let_go_is_there_again(promises, limits, facts, reason):
    first, second = (wanted(order, limits=limits, **facts) for order in ("first", "second"))
    assert await promises.reserve(first, second) == [None, reason]
    assert await promises.reserve(second) == [reason]
    assert await promises.release(first) == 1
    assert await promises.reserve(second) == [None]
    assert await promises.faults() == []


async def test_a_limit_of_a_day_or_a_person_is_not_anothers(promises):
    limits = Limits(per_day=1, per_person=1)
    assert await promises.reserve(wanted("a", limits=limits, persons=("anna", "line-1"))) == [None]
    tomorrow = TODAY + timedelta(days=1)
    assert await promises.reserve(wanted("b", limits=limits, persons=("bo", "line-1"), day=tomorrow)) == [
        Reason.PERSON_HELD
    ]
    assert await promises.reserve(wanted("c", limits=limits, persons=("bo", "line-2"), day=tomorrow)) == [None]
    assert (await promises.uses(day=tomorrow, persons=("anna", "nobody"))).person == 1
    assert (await promises.uses(campaign=OTHER)) == Uses()


async def test_the_limits_of_the_newest_version_count_for_what_comes(promises):
    assert (
        await promises.reserve(wanted("a", limits=Limits(total=3)), wanted("b", limits=Limits(total=3))) == [None] * 2
    )
    assert await promises.reserve(wanted("c", limits=Limits(total=2))) == [Reason.USED_UP]
    assert await promises.reserve(wanted("c", limits=Limits())) == [None]


async def test_a_stopped_campaign_promises_nothing_more_and_keeps_what_it_promised(promises, database):
    one = wanted()
    await promises.reserve(one)
    async with database.transaction() as transaction:
        stop = operations.stop
        assert await stop(transaction.connection, SPRING, transaction.now, lanes=LANES)
        assert not await stop(transaction.connection, SPRING, transaction.now, lanes=LANES)
    assert await promises.reserve(wanted("other")) == [Reason.STOPPED]
    assert (await promises.uses()).stopped
    assert await promises.settle(one) == []
    async with database.transaction() as transaction:
        assert await operations.resume(transaction.connection, SPRING, lanes=LANES)
    assert await promises.reserve(wanted("other")) == [None]


async def test_what_is_held_too_long_lapses_and_what_is_used_does_not(promises, database):
    async with database.read() as transaction:
        soon = transaction.now + timedelta(minutes=20)
    late, paid, far = wanted("late", expires_at=soon), wanted("paid", expires_at=soon), wanted("far")
    await promises.reserve(late, paid, far)
    await promises.settle(paid)
    assert await promises.lapse() == 0
    database.clock_offset += timedelta(minutes=21)
    assert [await promises.lapse(), await promises.lapse()] == [1, 0]
    assert (await promises.uses()).total == 2
    assert await promises.faults() == []


async def test_who_asks_again_later_holds_longer(promises, database):
    async with database.read() as transaction:
        soon = transaction.now + timedelta(minutes=20)
    await promises.reserve(wanted(expires_at=soon))
    assert await promises.reserve(wanted(expires_at=FAR)) == [None]
    database.clock_offset += timedelta(minutes=21)
    assert await promises.lapse() == 0


async def test_who_holds_longer_in_the_very_moment_of_the_lapse_keeps_it(promises, database):
    async with database.read() as transaction:
        soon = transaction.now + timedelta(minutes=20)
    await promises.reserve(wanted(expires_at=soon))
    database.clock_offset += timedelta(minutes=21)
    async with database.transaction() as transaction:
        again = [wanted(expires_at=FAR)]
        await operations.reserve(transaction.connection, again, transaction.now, lanes=LANES)
        lapsing = asyncio.create_task(promises.lapse())
        await waits_for_a_lock(database, lapsing)
    assert await lapsing == 0
    assert (await promises.uses()).total == 1


async def waits_for_a_lock(database: Database, task: asyncio.Task) -> None:
    while not task.done():
        async with database.read() as transaction:
            cursor = await transaction.connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            row = await cursor.fetchone()
        if row and row[0]:
            return
    raise AssertionError("it did not wait")


async def test_a_price_that_was_promised_is_kept_when_its_payment_is_heard_of_late(promises):
    late, quick = (wanted(order, limits=Limits(total=1, budget_minor=500)) for order in ("late", "quick"))
    await promises.reserve(late)
    await promises.release(late)
    assert await promises.reserve(quick) == [None]
    assert await promises.settle(late) == [key_of(late)], "a person hears that it went beyond the limit"
    assert await promises.settle(late, quick) == []
    assert await promises.uses() == Uses(total=2, today=2, off_minor=1000)
    assert await promises.reserve(wanted("third", limits=Limits(total=2))) == [Reason.USED_UP]
    assert await promises.faults() == []


async def test_what_was_never_held_is_nobodys_to_settle(promises):
    with pytest.raises(NeverReserved):
        await promises.settle(wanted())


async def test_an_order_has_a_campaign_for_one_amount(promises):
    await promises.reserve(wanted(off_minor=500))
    with pytest.raises(ReservationDiffers):
        await promises.reserve(wanted(off_minor=600))
    await promises.release(wanted())
    assert await promises.reserve(wanted(off_minor=600)) == [None], "by another price, once the first is let go of"
    assert (await promises.uses()).off_minor == 600
    assert await promises.faults() == []


async def test_codes_made_one_by_one_are_known_by_their_marks_and_used_once(promises, database, tmp_path):
    keys = KeyRing(tmp_path / "keys")
    entry = book([Campaign("spring", NAMES, points=5, coupon=Coupon(prefix="MEMBER"))]).entries[0]
    async with database.transaction() as transaction:
        made = await code_batches.made(
            transaction.connection,
            SPRING,
            prefix="MEMBER",
            count=3,
            by="x",
            now=transaction.now,
            keys=keys,
            lanes=LANES,
        )
    assert len(set(made)) == 3
    assert all(text.startswith("MEMBER-") for text in made)

    async def looked_up(*texts: str) -> list[Known]:
        async with database.read() as transaction:
            typed = [Typed(text, "acme", entry) for text in texts]
            return await queries.codes(transaction.connection, typed, transaction.now, keys=keys, lanes=LANES)

    first, never = await looked_up(made[0], "MEMBER-NONE")
    assert (first.fact, never) == (Code(made[0], 0, made=True), Known(Code("MEMBER-NONE"), None))
    scope = first.scope
    assert scope is not None
    assert made[0] not in scope
    one = wanted(code=scope, code_uses=1)
    assert await promises.reserve(one, replace(one, order_id="other")) == [None, Reason.CODE_HELD]
    assert [(one.fact.uses, one.fact.held) for one in await looked_up(*made)] == [(1, 1), (0, 0), (0, 0)]
    [holder] = await held_by(database, scope)
    assert (holder.order_id, holder.until) == (one.order_id, one.expires_at)
    await promises.settle(one)
    assert await promises.reserve(replace(one, order_id="other")) == [Reason.CODE_USED_UP]
    assert [(one.fact.uses, one.fact.held) for one in await looked_up(made[0])] == [(1, 0)]
    assert await held_by(database, scope) == []
    async with database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT * FROM offers.codes, offers.counters")
        assert made[0] not in str(await cursor.fetchall())


async def held_by(database: Database, scope: str) -> list[Holder]:
    async with database.read() as transaction:
        found = await queries.holders(transaction.connection, [(SPRING, scope)], lanes=LANES)
    return found[SPRING, scope]


PLACES = 50


@pytest.mark.parametrize(
    ("limits", "facts", "there"),
    [
        (Limits(), {"code": word_scope("ONCE"), "code_uses": 1}, 1),
        (Limits(total=7), {}, 7),
        (Limits(budget_minor=4_999), {}, 9),
        (Limits(per_person=1), {"persons": ("anna",)}, 1),
    ],
    ids=["coupon", "quota", "budget", "person"],
)
async def test_from_fifty_places_at_once_no_more_is_promised_than_there_is(promises, figures, limits, facts, there):
    asked = [wanted(f"order-{place}", limits=limits, **facts) for place in range(PLACES)]
    answers = await asyncio.gather(*(promises.reserve(one) for one in asked))
    held = [one for one, [refusal] in zip(asked, answers, strict=True) if refusal is None]
    assert len(held) == there
    await asyncio.gather(*(promises.settle(one) for one in held for _ in range(2)))
    assert (await promises.uses()).total == there
    assert await promises.faults() == []
    figures.never("G20", overspent=len(held) - there, of=PLACES - there)


async def test_two_campaigns_asked_for_in_either_order_do_not_wait_for_each_other_for_ever(promises):
    pairs = [[wanted(f"o{number}"), wanted(f"o{number}", OTHER)] for number in range(20)]
    asked = (promises.reserve(*(pair if number % 2 else reversed(pair))) for number, pair in enumerate(pairs))
    assert await asyncio.gather(*asked) == [[None, None]] * 20
    assert await promises.faults() == []


class Died(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("label", ["offers.lapse.before_commit", "offers.lapse.after_commit"])
async def test_who_dies_while_holds_lapse_lets_go_of_them_once(promises, database, monkeypatch, label):
    await promises.reserve(wanted(expires_at=datetime.fromisoformat("2020-01-01T00:00:00Z")))

    def die(pid, sign):
        crash._Armed.label = None
        raise Died

    monkeypatch.setattr(crash.os, "kill", die)
    monkeypatch.setattr(crash._Armed, "label", label)
    monkeypatch.setattr(crash._Armed, "remaining", 1)
    with pytest.raises(Died):
        await promises.lapse()
    is_done = label.endswith("after_commit")
    assert (await promises.uses()).total == (0 if is_done else 1)
    assert await promises.lapse() == (0 if is_done else 1)
    assert await promises.faults() == []
