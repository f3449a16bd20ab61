"""A drawer between its float and its count: money put in and out with a reason, one keeper, a hand-over.

The ledger agrees with the drawer to the minor unit after each step.
"""

import asyncio

import pytest

from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.payments.cash import drawer, postings
from topup.payments.cash.drawer import CHANGE, EXPENSE, SAFE, Movement
from topup.payments.cash.tills import Tendered
from topup.payments.ports import Scene
from topup.work.queries import open_items
from topup.work.trail import entries

TILL, ANN, BOB = "counter-1", new_id("staff", 0), new_id("staff", 0)


def yuan(amount_minor) -> Money:
    return Money(amount_minor, "CNY")


@pytest.fixture
async def till(voucher_shop):
    """A shop whose till Ann keeps, opened with 200 yuan."""
    await voucher_shop.desk.cash.open(till=TILL, float_=yuan(20000), by=ANN, shop="hall")
    return voucher_shop


async def moves(shop, why, amount, *, form="f1", by=ANN, reason="Because"):
    await shop.desk.cash.move(till=TILL, movement=Movement(form, why, yuan(amount), reason, by))


async def in_drawer(shop) -> int:
    """What the ledger says is there."""
    return -(await shop.house()).get((postings.drawer(TILL), "CNY"), 0)


async def sells(shop, amount=5000, *, by=ANN, till=TILL):
    order = await shop.ordered(amount=amount)
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))
    await shop.desk.pay(payment_id=payment_id, order_id=order.id, method="cash", locale="zh_Hans", scene=Scene.COUNTER)
    return await shop.desk.cash.take(Tendered(payment_id, till, yuan(amount), by, only_keeper=True))


async def refused(code, work):
    with pytest.raises(Problem) as refusal:
        await work
    assert refusal.value.code == code


async def test_what_is_put_in_and_taken_out_is_in_the_ledger_and_in_the_report(till):
    await moves(till, CHANGE, 10000, form="a")
    await moves(till, SAFE, 5000, form="b")
    await moves(till, EXPENSE, 1230, form="c", reason="Paper rolls")
    await sells(till)
    assert await in_drawer(till) == 20000 + 10000 - 5000 - 1230 + 5000
    house = await till.house()
    assert house[postings.EXPENSES, "CNY"] == -1230
    async with till.database.read() as transaction:
        session = await drawer.kept_by(transaction.connection, ANN)
        said = await drawer.figures(transaction.connection, session)
    assert (said.sales, said.sold_minor, said.change_minor) == (1, 5000, 10000)
    assert (said.safe_minor, said.expense_minor) == (5000, 1230)
    assert said.expected_minor(session) == await in_drawer(till)


async def test_a_form_that_is_sent_twice_moves_once_and_another_sum_under_it_is_refused(till):
    for _ in range(2):
        await moves(till, SAFE, 5000)
    await refused("form_reused", moves(till, SAFE, 6000))
    assert await in_drawer(till) == 15000


async def test_nothing_moves_without_a_reason(till):
    await refused("till_reason", moves(till, SAFE, 100, reason=""))
    await refused("till_amount", moves(till, SAFE, 0))
    await refused("till_of_another", moves(till, SAFE, 100, by=BOB))
    assert await in_drawer(till) == 20000


@pytest.mark.parametrize("why", [SAFE, EXPENSE])
async def test_no_more_goes_out_than_there_is_and_the_refusal_says_no_sum(till, why):
    await sells(till)
    with pytest.raises(Problem) as refusal:
        await moves(till, why, 25001)
    assert (refusal.value.code, refusal.value.parameters) == ("till_holds_less", {})
    assert await in_drawer(till) == 25000
    await moves(till, why, 25000, form="all")
    await moves(till, why, 25000, form="all")
    assert await in_drawer(till) == 0, "the same form again is told the same, and moves nothing"


async def test_of_two_who_take_out_what_is_there_once_one_is_refused(till):
    tries = (moves(till, SAFE, 15000, form=form) for form in "ab")
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert [getattr(one, "code", None) for one in found if one] == ["till_holds_less"]
    assert await in_drawer(till) == 5000


async def test_however_many_try_at_once_two_are_told_that_it_is_too_much(till):
    """What each is told helps to find the sum that is to be counted blind: the third try takes a supervisor."""
    tries = (moves(till, SAFE, 20100 + n, form=f"t{n}") for n in range(8))
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(one.code for one in found) == ["till_asks_supervisor"] * 6 + ["till_holds_less"] * 2
    async with till.database.read() as transaction:
        session = await drawer.kept_by(transaction.connection, ANN)
        assert len(await entries(transaction.connection, subject=session.id, action=drawer.SHORT)) == 2
    await refused("till_asks_supervisor", moves(till, SAFE, 100, form="less"))
    await moves(till, CHANGE, 100, form="in")
    allowed = Movement("allowed", SAFE, yuan(100), "Because", ANN, BOB)
    await till.desk.cash.move(till=TILL, movement=allowed)
    assert await in_drawer(till) == 20000


async def test_what_was_booked_beside_the_sales_is_listed_the_newest_first(till):
    await moves(till, CHANGE, 10000, form="a", reason="Coins")
    await moves(till, SAFE, 5000, form="b", reason="Notes")
    async with till.database.read() as transaction:
        session = await drawer.kept_by(transaction.connection, ANN)
        found = await drawer.moves_of(transaction.connection, session)
    assert [(one.why, one.amount_minor, one.reason) for one in found] == [
        (SAFE, -5000, "Notes"),
        (CHANGE, 10000, "Coins"),
    ]


async def test_two_clerks_on_one_drawer_are_refused_and_one_clerk_on_two(till):
    cash = till.desk.cash
    await refused("till_open", cash.open(till=TILL, float_=yuan(0), by=BOB))
    await refused("till_kept_already", cash.open(till="counter-2", float_=yuan(0), by=ANN))
    await refused("till_of_another", sells(till, by=BOB))
    assert await in_drawer(till) == 20000
    opened = await asyncio.gather(
        *(cash.open(till=f"counter-{n}", float_=yuan(0), by=BOB) for n in (7, 8)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in opened) == ["Conflict", "Session"]


async def test_a_drawer_is_handed_over_with_a_count_and_what_is_missing_is_listed(till):
    ended, begun = await till.desk.cash.hand_over(till=TILL, counted=yuan(19900), given_by=ANN, taken_by=BOB)
    assert (ended.opened_by, begun.opened_by, begun.float_minor, begun.shop) == (ANN, BOB, 19900, "hall")
    assert await in_drawer(till) == 19900
    await refused("till_of_another", sells(till))
    await sells(till, amount=3000, by=BOB)
    async with till.database.read() as transaction:
        connection = transaction.connection
        [item] = [one for one in await open_items(connection) if one.kind == "till_difference"]
        assert await drawer.kept_by(connection, ANN) is None
        [kept] = await drawer.past_of(connection, ANN)
    assert item.subject == kept.session.id
    assert (kept.z_number, kept.counted_minor, kept.difference_minor) == (1, 19900, -100)


async def test_one_does_not_hand_over_to_oneself_nor_what_is_anothers(till):
    cash = till.desk.cash
    await refused("till_same_keeper", cash.hand_over(till=TILL, counted=yuan(1), given_by=ANN, taken_by=ANN))
    await refused("till_of_another", cash.hand_over(till=TILL, counted=yuan(1), given_by=BOB, taken_by=ANN))
    assert await in_drawer(till) == 20000


async def test_the_reports_of_a_till_are_numbered_without_gaps(till):
    numbers = []
    for _ in range(3):
        await till.desk.cash.close(till=TILL, counted=yuan(20000), by=ANN)
        async with till.database.read() as transaction:
            numbers.append((await drawer.past_of(transaction.connection, ANN))[0].z_number)
        await till.desk.cash.open(till=TILL, float_=yuan(20000), by=ANN)
    assert numbers == [1, 2, 3]
