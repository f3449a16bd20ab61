"""Refunds never exceed what was paid, unknown ones included (G16), however many are asked for at once."""

import asyncio
from datetime import timedelta

import pytest

from tests.simulation.shop import not_as_it_is
from tests.simulation.world import Fault
from topup.kernel.money import Money
from topup.payments.operations import OverRefund, request_refunds
from topup.payments.queries import captures

PAID = 5000
PART = 700
WORKERS = 12


async def surplus(here, number: int):
    """A payment of an order that was paid already: its whole amount is promised back."""
    order = await here.order(f"138007{number:05}", Money(PAID, "CNY"))
    gateway = here.world.gateways["sandbox"]
    for payment in (await here.pay(order), await here.pay(order)):
        gateway.pay(here.world.payments[payment.id])
        await here.tell(here.world.events[-1])
    return order


async def test_many_at_once_promise_back_no_more_than_came(here, figures):
    """Each asks for a part of the money that is kept, in a transaction of its own; those that fit get it."""
    order = await surplus(here, 1)
    kept = next(one for one in here.books().captures if one["disposition"] == "kept")
    place = (kept["lane"], kept["payment_id"])
    async with here.database.read() as transaction:
        (capture,) = (await captures(transaction.connection, [place]))[kept["payment_id"]]

    async def ask() -> int:
        try:
            async with here.database.transaction() as transaction:
                await request_refunds(transaction.connection, [(capture, PART, "asked for")], transaction.now)
        except OverRefund:
            return 0
        return PART

    promised = sum(await asyncio.gather(*(ask() for _ in range(WORKERS))))
    assert promised == PAID // PART * PART
    assert here.books().orders[order.id]["state"] == "delivered"
    figures.never("G16", over_refund=0, promised=promised, paid=PAID, of=WORKERS)


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.NOT_SENT, Fault.THROTTLED])
async def test_an_unanswered_refund_goes_back_once_under_its_number(here, fault):
    for number in range(3):
        await surplus(here, number)
    desks = [here.desk, here.new_desk()]
    try:
        for _ in range(4):
            here.world.faults.extend([fault] * 12)
            await asyncio.gather(*(desk.outside.refund() for desk in desks))
            await here.later(timedelta(minutes=5))
    finally:
        await desks[1].aclose()
    await here.heal()
    books = here.books()
    assert [len(gateway.refunds) for gateway in here.world.gateways.values()] == [3, 0]
    assert here.world.violations == []
    assert [*books.wrong(), *books.unfinished(), *not_as_it_is(here.world, books)] == []
