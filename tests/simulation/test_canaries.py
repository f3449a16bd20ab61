"""No personal data, reference or secret where it does not belong (G28): canaries are sent through a whole life of
orders, with everything that can go wrong, and every place that keeps or shows something is searched for them.
"""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY, generate_latest

from tests.simulation.world import Back, End, Event, Fault
from tests.support.canaries import stored
from topup.kernel.errors import Problem
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.ledger import Transfer, post
from topup.payments.ports import PaymentFact, PaymentStanding

NUMBER = "13764208531"
FOREIGN = "+6581977342"
ADDRESS = "zhen.zhu.canary@mail.example"
REFERENCE = "GATEWAYCANARY7Q2XK"
CANARIES = {
    "number": [NUMBER, "4208531", "137 6420", "137-6420"],
    "foreign number": ["6581977342", "1977342"],
    "address": ["zhen.zhu.canary", "mail.example"],
    "reference": [REFERENCE],
}
# Where a canary is meant to be stored, as schema.table.column: nothing can be delivered, returned or proven without it.
_NUMBERS_LIVE_IN = {
    "orders.quotes.body",
    "orders.orders.msisdn",
    "orders.receipts.body",
    "lines.numbers.msisdn",
    "fulfilment.attempts.msisdn",
}
HOMES = {
    "number": _NUMBERS_LIVE_IN,
    "foreign number": _NUMBERS_LIVE_IN,
    "address": set(),
    "reference": {
        "payments.captures.reference",
        "payments.refunds.reference",
        "payments.inbox.facts",
        "ledger.transfers.key",
        "orders.receipts.body",
        "work.items.evidence",
    },
}


class Journey:
    """A life of orders whose number, address and references are canaries."""

    def __init__(self, here) -> None:
        self.here = here
        self.problems: list[Problem] = []
        self.references = iter(f"{REFERENCE}{number}" for number in range(1000))

    async def order(self, number: str, amount: Money):
        desk = self.here.desk
        quote = await desk.quote(number=number, product=None, amount=amount, payment_method=None)
        order = await desk.order(
            order_id=OrderId(new_id("order", lane_of(quote.id))),
            quote_id=quote.id,
            contact=ADDRESS,
            confirmations=frozenset({"duplicate", "large_amount"}),
            locale="en",
            channel="test",
        )
        payment = await desk.pay(
            payment_id=PaymentId(new_id("payment", order_lane(order))), order_id=order.id, method="sandbox", locale="en"
        )
        return order, self.here.world.payments[payment.id]

    async def paid(self, number: str, amount: Money, **changes):
        order, payment = await self.order(number, amount)
        gateway = self.here.world.gateways["sandbox"]
        gateway.pay(payment)
        payment.charges[-1].reference = next(self.references)
        event = self.here.world.events[-1]
        event.facts = (gateway.paid(payment, payment.charges[-1]),)
        await self.here.tell(event)
        return order, payment

    async def fails(self, work) -> None:
        with pytest.raises(Problem) as caught:
            await work
        self.problems.append(caught.value)


def order_lane(order) -> int:
    return lane_of(order.id)


async def everything_goes_wrong(here, journey: Journey) -> None:
    """Delivered, refused, unknown, reversed, refunded, poisoned, forged, and asked for in every wrong way."""
    desk, world = here.desk, here.world
    gateway = world.gateways["sandbox"]
    order, payment = await journey.paid(NUMBER, Money(5000, "CNY"))
    await desk.receipt(order_id=order.id)
    await desk.balance(number=NUMBER)
    world.carrier.ends.extend([End.DONE, End.REFUSED_USER, End.DONE])
    gateway.backs.extend([Back.REFUSED, Back.DONE])
    for fault in (Fault.NONE, Fault.NONE, Fault.LOST_ANSWER):
        await journey.paid(FOREIGN, Money(1000, "SGD"))
        world.faults.append(fault)
        await here.sweep("deliver")
    await here.sweep("refund")
    world.carrier.finish(next(iter(world.carrier.topups.values())), "reversed")
    await here.tell_all()
    await poisoned(here, payment)
    await refused_by_the_ledger(here, journey)
    await desk.receive_event(method="sandbox", headers={}, body=f"{NUMBER} {ADDRESS} {REFERENCE}".encode())
    await journey.fails(desk.quote(number=f"{NUMBER}99", product=None, amount=None, payment_method=None))
    await journey.fails(desk.quote(number=f"x{NUMBER}", product=None, amount=None, payment_method=None))
    await journey.fails(desk.quote(number=NUMBER, product=ADDRESS, amount=None, payment_method=None))
    await journey.fails(desk.quote(number=NUMBER, product=None, amount=Money(5000, "CNY"), payment_method=ADDRESS))
    await journey.fails(desk.cancel(order_id=order.id))
    await journey.fails(desk.get_order(order_id=NUMBER))
    await journey.fails(desk.shared_order(token=NUMBER))
    await here.later(timedelta(minutes=20))
    await here.run()


async def poisoned(here, payment) -> None:
    """What the database and the ledger refuse: their errors repeat whole rows."""
    for reference, amount in ((f"{REFERENCE} with spaces", 5000), (f"{REFERENCE}-zero", 0)):
        money = Money(amount, "CNY")
        fact = PaymentFact(payment.id, PaymentStanding.PAID, reference, money, here.world.clock())
        event = Event("sandbox", here.world.number("evt"), (fact,))
        here.world.events.append(event)
        await here.tell(event)


async def refused_by_the_ledger(here, journey: Journey) -> None:
    """A key of the ledger that is taken: the settlement must not commit, and says so in the log."""
    _, payment = await journey.order(NUMBER, Money(1000, "CNY"))
    reference = next(journey.references)
    taken = Transfer(
        lane=lane_of(payment.id),
        key=f"{payment.id}:capture:{reference}",
        purpose="capture",
        reference="",
        debit_code="clearing:sandbox",
        credit_code="suspense",
        asset="CNY",
        amount=1,
    )
    async with here.database.transaction() as transaction:
        await post(transaction.connection, [taken], transaction.now)
    fact = PaymentFact(payment.id, PaymentStanding.PAID, reference, Money(1000, "CNY"), here.world.clock())
    here.world.events.append(Event("sandbox", here.world.number("evt"), (fact,)))
    await here.tell(here.world.events[-1])


def found_in(text: str) -> set[str]:
    return {kind for kind, shapes in CANARIES.items() if any(shape in text for shape in shapes)}


@pytest.mark.timeout(120)
async def test_canaries_are_found_only_where_they_live(here, logs, database_url, data_dir, figures):
    journey = Journey(here)
    requests = []
    start = here.world.gateways["sandbox"].start

    async def noting(request):
        requests.append(request)
        return await start(request)

    here.world.gateways["sandbox"].start = noting
    await everything_goes_wrong(here, journey)
    written = logs.getvalue()
    secrets = [file.read_bytes() for file in data_dir.rglob("*") if file.suffix in {".private", ".secret"}]
    leaks = [f"log: {kind} in {line[:300]}" for line in written.splitlines() for kind in found_in(line)]
    leaks += [f"metrics: {kind}" for kind in found_in(generate_latest(REGISTRY).decode())]
    for problem in journey.problems:
        leaks += [f"problem {problem.code}: {kind}" for kind in found_in(f"{problem} {problem.parameters}")]
    for request in requests:
        shown = f"{request.description} {request.return_url} {request.notify_url}"
        leaks += [f"what the gateway is sent: {kind}" for kind in found_in(shown)]
    rows = stored(database_url)
    for place, value in rows:
        leaks += [f"{place}: {kind}" for kind in found_in(value) if place not in HOMES[kind]]
        leaks += [f"{place}: a secret key" for secret in secrets if secret.hex() in value]
    leaks += ["log: a secret key" for secret in secrets if secret.hex() in written]
    assert leaks == []
    # The search would have found them: they are where they live, and the log did speak of it all.
    homes = {kind: {place for place, value in rows if kind in found_in(value)} for kind in CANARIES}
    assert all(homes[kind] >= {"orders.orders.msisdn"} for kind in ("number", "foreign number"))
    assert "payments.captures.reference" in homes["reference"]
    unsaid = [
        word for word in ("event_parked", "item_parked", "LedgerRefused", "CheckViolation") if word not in written
    ]
    assert unsaid == []
    assert len(secrets) >= 3
    figures(
        "G28", leaked=0, canaries=len(CANARIES) + len(secrets), log_lines=written.count("\n"), stored_values=len(rows)
    )
