"""A poison message does not stop the others (G15): it is put aside and listed, and they have their effect."""

import asyncio
import time
from datetime import timedelta

import pytest

from tests.simulation.world import Event
from topup.fulfilment.ports import CarrierFact
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done
from topup.payments.ports import PaymentFact, PaymentStanding, RefundFact

GOOD = 40
CNY_50 = Money(5000, "CNY")


def poisons(payment, now) -> list[tuple]:
    """Facts that verified, and that cannot be written down."""
    paid = PaymentStanding.PAID
    return [
        (PaymentFact(payment.id, paid, "nothing", Money(0, "CNY"), now),),
        (PaymentFact(payment.id, paid, "less than nothing", Money(-5000, "CNY"), now),),
        (PaymentFact(payment.id, paid, "how-much", None, now),),
        (PaymentFact(payment.id, paid, "when", CNY_50, None),),
        (PaymentFact(payment.id, paid, "含 spaces\nand lines", CNY_50, now),),
        (PaymentFact(payment.id, paid, "x" * 500, CNY_50, now),),
        (PaymentFact(new_id("payment", 3), paid, "whose", CNY_50, now),),
        (RefundFact(new_id("refund", 3), Done("whose")),),
    ]


async def good_ones(here, count: int) -> list[Event]:
    gateway = here.world.gateways["sandbox"]
    before = len(here.world.events)
    for _ in range(count):
        payment = await here.pay(await here.order(f"138004{len(here.orders):05}", CNY_50))
        gateway.pay(here.world.payments[payment.id])
    return here.world.events[before:]


async def milliseconds_for(here, good: list[Event], bad: list[Event]) -> float:
    """Everything comes at once; how long until the last good one has had its effect."""
    began = time.monotonic()
    await asyncio.gather(*(here.tell(event) for event in [*bad[::2], *good, *bad[1::2]]))
    states = {order["id"]: order["state"] for order in here.books().orders.values()}
    assert [states[order.id] for order in here.orders[-len(good) :]] == ["delivered"] * len(good)
    return (time.monotonic() - began) * 1000


@pytest.mark.timeout(120)
async def test_the_good_among_the_bad_have_their_effect(here, figures):
    victim = await here.pay(await here.order("13800138000", CNY_50))
    undisturbed = await milliseconds_for(here, await good_ones(here, GOOD), [])
    good = await good_ones(here, GOOD)
    bad = [Event("sandbox", here.world.number("evt"), facts) for facts in poisons(victim, here.world.clock())]
    stray = CarrierFact(new_id("fulfilment", 3), Done("whose"))
    bad.append(Event("external_demo", here.world.number("cb"), (stray,), from_carrier=True))
    here.world.events += bad
    disturbed = await milliseconds_for(here, good, bad)
    books = here.books()
    assert books.wrong() == []
    assert {item["evidence"]["event"] for item in books.items} == {event.id for event in bad}
    assert {item["kind"] for item in books.items} == {"event_parked"}
    await here.later(timedelta(seconds=3))
    assert await here.sweep("inbox") == 0
    assert books.open_events == 0
    figures(
        "G15",
        good=GOOD,
        poisoned=len(bad),
        parked=len(books.items),
        good_ms_without=round(undisturbed),
        good_ms_with=round(disturbed),
    )


async def test_left_behind_by_a_dead_process_it_does_not_stop_the_sweep_either(here):
    (good,) = await good_ones(here, 1)
    victim = await here.pay(await here.order("13800138000", CNY_50))
    bad = [Event("sandbox", here.world.number("evt"), facts) for facts in poisons(victim, here.world.clock())]
    here.world.events += bad
    for event in [*bad[:4], good, *bad[4:]]:
        await here.tell(event, dies=True)
    await here.later(timedelta(seconds=3))
    for _ in range(5):
        await here.desk.post_room.sweep(limit=3)
    assert here.books().orders[here.orders[0].id]["state"] == "delivered"
    assert len(here.books().items) == len(bad)
