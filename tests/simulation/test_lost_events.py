"""No paid order is lost (G2): every event of the gateway is dropped, and the orders are found all the same."""

from datetime import timedelta

import pytest

from tests.simulation.shop import not_as_it_is
from tests.simulation.world import Fault
from topup.kernel.money import Money

ORDERS = 40
STEP = timedelta(seconds=1)
CNY_50 = Money(5000, "CNY")


async def paid_in_silence(here, number: int):
    """An order that was paid at the gateway, which says nothing of it."""
    order = await here.order(f"138001{number:05}", CNY_50)
    payment = await here.pay(order)
    here.world.gateways["sandbox"].pay(here.world.payments[payment.id])
    return order


async def seconds_until_delivered(here, orders, sweep: str, every: timedelta, longest: timedelta) -> list[int]:
    """How long each order took, in simulated seconds, with one sweep running again and again."""
    waiting = {order.id for order in orders}
    took, passed = [], timedelta(0)
    while waiting and passed < longest:
        await here.later(every)
        passed += every
        await here.sweep(sweep)
        states = {id_: order["state"] for id_, order in here.books().orders.items()}
        done = {id_ for id_ in waiting if states[id_] == "delivered"}
        took += [int(passed.total_seconds())] * len(done)
        waiting -= done
    assert not waiting, f"{len(waiting)} paid orders were lost"
    return sorted(took)


async def test_the_gateway_is_asked(here, figures):
    orders = [await paid_in_silence(here, number) for number in range(ORDERS)]
    took = await seconds_until_delivered(here, orders, "ask", STEP, timedelta(seconds=30))
    assert took[-1] <= 10
    figures.never(
        "G2", found_by="query", lost=0, resolved_in_s_p50=took[ORDERS // 2], resolved_in_s_max=took[-1], of=ORDERS
    )


async def test_when_its_answers_are_lost_too_the_bill_tells(here, figures):
    orders = [await paid_in_silence(here, number) for number in range(ORDERS)]
    here.world.faults.extend([Fault.LOST_ANSWER] * 10_000)
    for _ in range(3):
        await here.later(timedelta(seconds=20))
        await here.sweep("ask")
    took = await seconds_until_delivered(here, orders, "bills", timedelta(seconds=900), timedelta(hours=1))
    assert took[-1] <= 900
    figures.never("G2", found_by="bill", lost=0, resolved_in_s_max=took[-1] + 60, of=ORDERS)


async def test_a_bill_that_cannot_be_had_is_read_the_next_time(here):
    orders = [await paid_in_silence(here, number) for number in range(3)]
    here.world.gateways["sandbox"].bill_fails = 3
    assert len(await seconds_until_delivered(here, orders, "bills", timedelta(seconds=900), timedelta(hours=2))) == 3


@pytest.mark.parametrize("silent_for", [timedelta(0), timedelta(hours=20)])
async def test_money_paid_twice_without_a_word_comes_back(here, silent_for):
    order = await paid_in_silence(here, 1)
    (payment,) = here.world.payments.values()
    here.world.gateways["sandbox"].pay(payment)
    await here.later(silent_for)
    await here.heal()
    assert here.books().orders[order.id]["state"] == "delivered"
    assert not_as_it_is(here.world, here.books()) == []
