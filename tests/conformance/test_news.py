"""What every provider's news come to in our books (G2, G3, G8, G9): a whole house is paid over each provider's wire.

A new provider is held to it by existing: the tests run over the registry.
"""

import asyncio
import itertools
import os
from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.registry import GATEWAYS
from tests.simulation.books import Books
from topup.kernel.outcome import Accepted, Done, Unknown
from topup.orders.settlement import Told
from topup.payments.ports import Capability, PaymentStanding, PayPage
from topup_simulators.payments.magic import Magic

every_gateway = pytest.mark.parametrize("plug", GATEWAYS.values(), ids=lambda plug: plug.name)
SOAK = bool(os.environ.get("TOPUP_SOAK"))
ORDERS = 60 if SOAK else 20
COPIES = 128
TROUBLE = [
    Magic.START_BROKEN,
    Magic.QUERY_BADLY_SIGNED,
    Magic.QUERY_THROTTLED,
    Magic.QUERY_BROKEN,
    Magic.CLOSED_THEN_PAID,
    Magic.PAID_THEN_CLOSED,
    Magic.NOTIFIED_AGAIN,
    Magic.NEVER_NOTIFIED,
    Magic.FORGED_FIRST,
]
"""Payments that are paid, and whose start, answers or events go wrong."""


def states(books: Books) -> set[str]:
    return {order["state"] for order in books.orders.values()}


@every_gateway
async def test_g2_paid_in_silence_and_found_by_asking(plug, house, figures):
    await asyncio.gather(*(house.bought(outcome="silent") for _ in range(ORDERS)))
    assert "delivered" not in states(house.books())
    passed = timedelta(0)
    while states(house.books()) != {"delivered"}:
        passed += timedelta(seconds=1)
        assert passed <= timedelta(seconds=30), "paid orders were lost"
        await house.later(timedelta(seconds=1))
        await house.desk.outside.ask()
        await house.desk.outside.deliver()
    assert house.street.heard == []
    assert house.books().wrong() == []
    figures.never("G2", provider=plug.name, found_by="query", lost=0, resolved_in_s_max=passed.seconds, of=ORDERS)


@every_gateway
async def test_g2_paid_in_silence_unanswered_and_found_on_the_bill(plug, house, figures):
    if Capability.BILL not in plug.capabilities:
        pytest.skip("no bill")
    await asyncio.gather(*(house.bought(5000 + Magic.QUERY_BROKEN, "silent") for _ in range(ORDERS)))
    for _ in range(3):
        await house.later(timedelta(seconds=20))
        await house.desk.outside.ask()
    assert "delivered" not in states(house.books())
    books = await house.settle()
    assert states(books) == {"delivered"}
    assert [*books.wrong(), *books.unfinished()] == []
    figures.never("G2", provider=plug.name, found_by="bill", lost=0, of=ORDERS)


@every_gateway
async def test_g2_told_by_its_events(plug, house, figures):
    began = datetime.now(UTC)
    bought = await asyncio.gather(*(house.bought() for _ in range(ORDERS)))
    for _, payment in bought:
        await house.street.until(house.says(payment.id))
    await house.desk.post_room.settled()
    await house.desk.outside.deliver()
    took_s = (datetime.now(UTC) - began).total_seconds()
    assert states(house.books()) == {"delivered"}
    assert house.books().wrong() == []
    figures.never("G2", provider=plug.name, found_by="event", lost=0, resolved_in_s_max=round(took_s, 1), of=ORDERS)


@every_gateway
async def test_g3_whatever_goes_wrong_on_the_wire_it_is_delivered_once(plug, house, figures):
    """The answers and events of a payment are lost, spoilt and repeated, while everybody asks at once; so are the
    carrier's answers, where the line is another carrier's.
    """
    other = house.new_desk()
    bought = [await house.bought(5000 + trouble) for trouble in TROUBLE]
    # Through another carrier, whose amounts are fixed: there the carrier's answers are what is lost.
    bought += [await house.bought(1000, currency=other) for other in house.currencies[1:] for _ in range(5)]
    house.carrier.answers.extend([Unknown("timeout")] * len(bought))
    house.carrier.query_answers.extend([Unknown("timeout"), Accepted("c")] * len(bought))
    try:
        for _ in range(4):
            await house.later(timedelta(seconds=6))
            asked = (desk.outside.ask() for desk in (house.desk, other))
            delivered = (desk.outside.deliver() for desk in (house.desk, other))
            await asyncio.gather(*asked, house.desk.bills.read(), other.bills.read(), *delivered)
    finally:
        await other.aclose()
    house.carrier.query_answers[:] = [Done("c")] * 1000
    books = await house.settle()
    assert [*books.wrong(), *books.unfinished()] == []
    assert {order["id"]: order["state"] for order in books.orders.values()} == {
        order.id: "delivered" for order, _ in bought
    }
    sent = [len(submitted) for submitted in house.carrier.submissions.values()]
    assert sent == [1] * len(sent)
    granted = [one for one in books.transfers if one["purpose"] == "grant"]
    doubles = sum(number > 1 for number in sent) + len(books.receipts) - len(bought)
    assert doubles == 0
    of_carrier = sum(order["currency"] != "CNY" for order in books.orders.values())
    assert (len(granted), len(sent)) == (len(bought) - of_carrier, of_carrier)
    figures.never("G3", provider=plug.name, double_deliveries=doubles, of=len(bought))


@every_gateway
async def test_g8_one_event_in_many_copies_at_once_has_one_effect(plug, house, figures):
    house.street.open = False
    _, payment = await house.bought()
    (notice,) = await house.street.until(house.says(payment.id))
    other = house.new_desk()
    try:
        desks = itertools.cycle((house.desk, other))
        answers = await asyncio.gather(*(house.street.hand_on(notice, next(desks)) for _ in range(COPIES)))
        for desk in (house.desk, other):
            await desk.post_room.settled()
    finally:
        await other.aclose()
    assert set(answers) == {house.plugin.acknowledge()}
    await house.desk.outside.deliver()
    books = house.books()
    effects = len(books.captures)
    assert (effects, len(books.receipts), states(books)) == (1, 1, {"delivered"})
    assert [*books.wrong(), *books.items] == []
    assert books.open_events == 0
    figures("G8", provider=plug.name, copies=COPIES, effects=effects, receipts=len(books.receipts))


class AfterARefund:
    """One order and the news of it, told in one of the possible orders.

    Before any of it another attempt paid a wrong amount, and its refund was sent: `earlier` is what the provider tells
    of that, where it tells anything. `asked` is our question, `billed` the day's bill.
    """

    NEWS = ("earlier", "paid", "asked", "billed")
    EARLIER = "refunded"

    def __init__(self, house, news) -> None:
        self.house = house
        self.news = news
        self.earlier = []

    async def begin(self) -> None:
        """The wrong payment, told at once."""
        house = self.house
        self.order, self.wrong = await house.bought(5000 + Magic.WRONG_AMOUNT)
        self.payment = await house.begin(self.order)
        (notice,) = await house.street.until(house.says(self.wrong.id))
        await house.street.hand_on(notice)

    async def pay(self) -> None:
        """The money really comes; what is heard of it is another matter."""
        house = self.house
        await house.pay(self.payment, "late")
        (self.paid,) = await house.street.until(house.says(self.payment.id))
        (refund,) = (one["id"] for one in house.books().refunds if one["payment_id"] == self.wrong.id)
        self.tells = house.says_of_refund(refund)
        self.earlier = [notice for notice in house.street.heard if self.tells(notice)]

    async def hears(self) -> None:
        """What is told of others is told of this one too: it may still be on its way."""
        if not self.earlier:
            self.earlier = list(await self.house.street.until(self.tells))

    async def happens(self, position: int, billed: set[str]) -> None:
        what = self.news[position]
        if what == "paid":
            await self.house.street.hand_on(self.paid)
        elif what == "asked":
            await self.house.ask_about(self.payment.id)
        elif what == "billed":
            billed.add(self.payment.id)
        else:
            for notice in self.earlier:
                await self.house.street.hand_on(notice)

    def ended(self, books: Books) -> tuple:
        """Everything a person or an auditor could see of the end, but for names and times."""
        order = books.orders[self.order.id]
        mine = {one["id"] for one in books.payments.values() if one["order_id"] == order["id"]}
        captures = [one for one in books.captures if one["payment_id"] in mine]
        refunds = [one for one in books.refunds if one["payment_id"] in mine]
        transfers = [one for one in books.transfers if one["reference"] == order["id"]]
        return (
            tuple((step["state"], step["cause"]) for step in books.history[order["id"]]),
            tuple(sorted(books.payments[one]["state"] for one in mine)),
            tuple(sorted((one["amount_minor"], one["disposition"], one["refunded_minor"]) for one in captures)),
            tuple(sorted((one["amount_minor"], one["state"]) for one in refunds)),
            tuple(sorted((one["purpose"], one["amount"]) for one in transfers)),
        )


class AfterAClose(AfterARefund):
    """The same of a payment that the provider closed, said so, and let the payer pay all the same.

    `earlier` is what it tells of the close; where it tells nothing, what it answered then.
    """

    EARLIER = "closed"

    async def begin(self) -> None:
        house = self.house
        self.order = await house.ordered(5000 + Magic.CLOSED_IN_WORDS)
        self.payment = await house.begin(self.order)
        if isinstance(house.plugin, PayPage):  # else it is known already
            await house.open_page(self.payment)
        assert isinstance(await house.plugin.close(self.payment.id), Done)
        (self.answered,) = (await house.plugin.query(self.payment.id)).facts
        assert self.answered.standing is PaymentStanding.CLOSED

    async def pay(self) -> None:
        house = self.house
        await house.pay(self.payment, "late")
        (self.paid,) = await house.street.until(house.says(self.payment.id))
        self.tells = house.says(self.payment.id, PaymentStanding.CLOSED)
        self.earlier = [notice for notice in house.street.heard if self.tells(notice)]

    async def happens(self, position: int, billed: set[str]) -> None:
        if self.news[position] == "earlier" and not self.earlier:
            await self.house.desk.hear_payment(Told(self.answered, self.house.name))
        await super().happens(position, billed)


@every_gateway
@pytest.mark.parametrize("of", [AfterARefund, AfterAClose])
async def test_g9_every_order_of_the_news_ends_alike(plug, house, figures, monkeypatch, of):
    if of is AfterAClose and Capability.CLOSE not in plug.capabilities:
        pytest.skip("no close")
    house.street.open = False
    courses = [of(house, news) for news in itertools.permutations(of.NEWS)]
    await asyncio.gather(*(course.begin() for course in courses))
    await house.desk.post_room.settled()
    while await house.desk.outside.refund():
        await house.later(timedelta(seconds=1))
    await asyncio.gather(*(course.pay() for course in courses))
    if any(course.earlier for course in courses):
        await asyncio.gather(*(course.hears() for course in courses))
    shown: set[str] = set()
    lines = await house.days_bill()

    async def those_shown(_gateway, _day):
        yield [line for line in lines if line.our_id in shown]

    monkeypatch.setattr("topup.orders.bills._pages", those_shown)
    for position in range(len(of.NEWS)):
        await asyncio.gather(*(course.happens(position, shown) for course in courses))
        await house.desk.post_room.settled()
        await house.desk.bills.read_day(method=plug.name, day=house.began.date())
    for _ in range(4):
        await house.later(timedelta(seconds=70))
        await house.desk.outside.deliver()
        await house.desk.outside.refund()
    books = house.books()
    ends = {course.ended(books) for course in courses}
    assert len(ends) == 1, "\n".join(map(str, ends))
    ((path, *_),) = ends
    assert path[-1][0] == "delivered"
    assert books.wrong() == []
    told = {bool(course.earlier) for course in courses}
    assert len(told) == 1, "a provider tells of it, or does not"
    news = ",".join((of.EARLIER, *of.NEWS[1:]))
    figures("G9", provider=plug.name, news=news, permutations=len(courses), final_states=len(ends))
