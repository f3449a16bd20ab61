"""Whoever is slow to answer keeps nobody else waiting."""

import asyncio

from topup.fulfilment.operations import LEASE
from topup.kernel.outcome import Done, Reason, Refused
from topup.orders import outside
from topup.orders.calls import Calls

FOREIGN = "+6581234500"
OTHER = "+6581234511"


async def test_a_carrier_that_does_not_answer_holds_up_no_other_delivery(shop):
    answered = asyncio.Event()

    async def submit(delivery):
        if delivery.msisdn == FOREIGN:
            await answered.wait()
        return Done("c-1")

    shop.carrier.submit = submit
    slow = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
    await shop.tells(shop.paid(await shop.paying(slow)))
    assert await shop.desk.outside.deliver(patience_s=0.01) == 1
    quick = await shop.ordered(number=OTHER, amount=1000, currency="SGD")
    await shop.tells(shop.paid(await shop.paying(quick)))
    await shop.desk.outside.deliver(patience_s=10)
    assert (await shop.order(quick)).status == "delivered"
    assert (await shop.order(slow)).status == "delivering"
    answered.set()
    view = await shop.desk.wait_for_change(order_id=slow.id, seen="delivering", timeout_s=30)
    assert view.status == "delivered"


async def test_no_more_is_taken_than_can_be_called_about(shop):
    answered = asyncio.Event()

    async def submit(delivery):
        await answered.wait()
        return Done("c-1")

    shop.carrier.submit = submit
    shop.desk.outside._delivering = Calls(most=1)
    for number in (FOREIGN, OTHER):
        order = await shop.ordered(number=number, amount=1000, currency="SGD")
        await shop.tells(shop.paid(await shop.paying(order)))
    assert await shop.desk.outside.deliver(patience_s=0.01) == 1
    assert await shop.desk.outside.deliver(patience_s=0.01) == 0
    answered.set()
    await shop.desk.outside.aclose()
    await shop.desk.outside.deliver()
    assert (await shop.order(order)).status == "delivered"


async def test_a_process_that_was_held_up_does_not_submit_what_another_may_have_taken_for_dead(shop, monkeypatch):
    order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
    await shop.tells(shop.paid(await shop.paying(order)))
    times = iter([0.0])
    monkeypatch.setattr(outside, "monotonic", lambda: next(times, LEASE.total_seconds()))
    await shop.desk.outside.deliver()
    assert shop.carrier.submissions == {}
    monkeypatch.undo()
    shop.carrier.query_answers = [Refused(Reason.ABSENT, "never heard of it")]
    await shop.later(minutes=2)
    await shop.run()
    assert (await shop.order(order)).status == "delivered"
    assert [len(of) for of in shop.carrier.submissions.values()] == [1]
