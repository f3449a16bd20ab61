"""A repeated event is harmless (G8): many copies, at once, to several processes on one database."""

import asyncio
from datetime import timedelta

from tests.simulation.shop import not_as_it_is
from tests.simulation.world import Back, End, Event
from topup.kernel.money import Money

DESKS = 3
COPIES = 20
EACH = 4


async def copies_of(events, desks) -> None:
    """Every event many times, spread over the desks, all under way together."""

    async def tell(event, desk):
        receive = desk.receive_carrier_event if event.from_carrier else desk.receive_event
        name = {"carrier": event.sender} if event.from_carrier else {"method": event.sender}
        status, _, _ = await receive(headers={}, body=event.body, **name)
        assert status == 200

    await asyncio.gather(*(tell(event, desks[copy % len(desks)]) for event in events for copy in range(COPIES)))
    for desk in desks:
        await desk.post_room.settled()


async def test_the_same_news_many_times_at_once_has_one_effect(here, figures):
    desks = [here.desk, *(here.new_desk() for _ in range(DESKS - 1))]
    world = here.world
    gateway = world.gateways["sandbox"]
    try:
        for number in range(EACH):
            for text, amount in (
                (f"138002{number:05}", Money(5000, "CNY")),
                (f"+6581234{number:03}", Money(1000, "SGD")),
            ):
                payment = await here.pay(await here.order(text, amount))
                gateway.pay(world.payments[payment.id])
        # The same money in another event, too: gateways do that when they resend.
        again = [Event(one.sender, world.number("evt"), one.facts) for one in world.events]
        world.events += again
        told = list(world.events)
        await copies_of(told, desks)
        assert (
            sorted(order["state"] for order in here.books().orders.values())
            == ["delivered"] * EACH + ["delivering"] * EACH
        )

        world.carrier.ends.extend([End.ACCEPTED] * EACH)
        await here.sweep("deliver")
        topups = list(world.carrier.topups.values())
        for topup, ending in zip(topups, ["done", "refused"] * EACH, strict=False):
            world.carrier.finish(topup, ending)
        gateway.backs.extend([Back.PENDING] * EACH)
        told += world.events[len(told) :]
        await copies_of(world.events[-len(topups) :], desks)
        await here.sweep("refund")
        for refund in list(gateway.refunds.values()):
            gateway.finish(refund, Back.DONE)
        fresh = world.events[len(told) :]
        await copies_of(fresh, desks)
        told += fresh

        books = here.books()
        assert [*books.wrong(), *books.items] == []
        assert len(books.captures) == 2 * EACH
        assert len(books.refunds) == EACH // 2
        assert len(books.receipts) == 2 * EACH - EACH // 2
        await here.later(timedelta(seconds=3))
        assert await here.sweep("inbox") == 0
        assert not_as_it_is(world, books) == []
        effects = len(books.captures) + len(books.refunds) + len(topups)
        figures("G8", events_sent=len(told) * COPIES, facts=effects, effects=effects, desks=DESKS)
    finally:
        for desk in desks[1:]:
            await desk.aclose()
