"""The order of events does not matter (G9): every permutation of the news about one payment ends alike."""

import asyncio
from datetime import timedelta
from itertools import permutations

import pytest

from tests.simulation.world import Back, Event
from topup.kernel.money import Money
from topup.payments.ports import PaymentFact, PaymentStanding

NEWS = ("paid", "closed", "declined", "refunded", "bill line")
ALL = list(permutations(NEWS))


class History:
    """One order, and the news of it in one of the possible orders.

    Before any of it a wrong amount was paid by another attempt; its refund is on the way: `refunded` tells its end.
    """

    def __init__(self, here, order_of_news):
        self.here = here
        self.news = order_of_news

    async def begin(self, number: int) -> None:
        here, gateway = self.here, self.here.world.gateways["sandbox"]
        self.order = await here.order(f"138003{number:05}", Money(5000, "CNY"))
        assert not isinstance(self.order, Exception), self.order
        wrong, self.payment = await here.pay(self.order), await here.pay(self.order)
        gateway.pay(here.world.payments[wrong.id], Money(4999, "CNY"))
        self.mistake = here.world.payments[wrong.id].charges[0]
        await here.tell(here.world.events[-1])

    def pay(self) -> None:
        """The money really comes; what is heard of it is another matter."""
        gateway = self.here.world.gateways["sandbox"]
        gateway.pay(self.here.world.payments[self.payment.id])
        self.paid = self.here.world.events[-1]

    def happens(self, position: int) -> Event | None:
        """The event at this place in the order of news, or None where the bill is read."""
        world, gateway = self.here.world, self.here.world.gateways["sandbox"]
        what = self.news[position]
        if what == "bill line":
            gateway.on_the_bill.add(self.payment.id)
            return None
        if what == "refunded":
            (refund,) = [one for one in gateway.refunds.values() if one.charge is self.mistake]
            gateway.finish(refund, Back.DONE)
            return world.events[-1]
        if what == "paid":
            return self.paid
        event = Event(
            "sandbox", world.number("evt"), (PaymentFact(self.payment.id, PaymentStanding(what), "", None, None),)
        )
        world.events.append(event)
        return event

    def ended(self, books) -> tuple:
        """Everything a person or an auditor could see of the end, but for names and times."""
        order = books.orders[self.order.id]
        mine = [one["id"] for one in books.payments.values() if one["order_id"] == order["id"]]
        return (
            tuple((step["state"], step["cause"]) for step in books.history[order["id"]]),
            tuple(sorted(books.payments[one]["state"] for one in mine)),
            tuple(
                sorted(
                    (one["amount_minor"], one["disposition"], one["refunded_minor"])
                    for one in books.captures
                    if one["payment_id"] in mine
                )
            ),
            tuple(sorted((one["amount_minor"], one["state"]) for one in books.refunds if one["payment_id"] in mine)),
            tuple(
                sorted((one["purpose"], one["amount"]) for one in books.transfers if one["reference"] == order["id"])
            ),
        )


@pytest.mark.timeout(240)
@pytest.mark.parametrize("late", [False, True], ids=["paid in time", "paid late"])
async def test_every_permutation_ends_alike(here, figures, late):
    gateway = here.world.gateways["sandbox"]
    histories = [History(here, news) for news in ALL]
    gateway.backs.extend([Back.PENDING] * len(ALL))
    await asyncio.gather(*(history.begin(number) for number, history in enumerate(histories)))
    while await here.sweep("refund"):
        pass
    if late:
        await here.later(timedelta(minutes=16))
        while await here.sweep("expire"):
            pass
    gateway.on_the_bill = set()
    for history in histories:
        history.pay()
    for position in range(len(NEWS)):
        events = [event for history in histories if (event := history.happens(position)) is not None]
        await asyncio.gather(*(here.tell(event) for event in events))
        await here.sweep("bills")
    while await here.sweep("refund"):
        pass
    books = here.books()
    ends = {history.ended(books) for history in histories}
    assert len(ends) == 1, "\n".join(map(str, ends))
    ((path, *_),) = ends
    assert path[-1][0] == ("expired" if late else "delivered")
    assert books.wrong() == []
    figures("G9", news=len(NEWS), late=late, permutations=len(ALL), final_states=len(ends))
