"""No double delivery on a timeout (G3): the simulated carrier in its own process, over its own wire."""

from datetime import timedelta

import pytest

from tests.simulation.shop import LANES, not_as_it_is
from tests.simulation.world import Fault
from topup.catalogue.queries import CatalogueCache
from topup.kernel.money import Money
from topup.orders.desk import Desk
from topup.orders.reading import Parts
from topup.platform.keys import KeyRing
from topup.plugins.carriers.external_demo import ExternalDemo
from topup_simulators.carrier.endings import Ending

EACH = 2
# What the caller cannot know at once; and whether the number is credited in the end.
SILENT = {
    Ending.SILENT_DONE: True,
    Ending.SILENT_UNDONE: False,
    Ending.BROKEN_DONE: True,
    Ending.HANGS_UP_DONE: True,
    Ending.HANGS_UP_UNDONE: False,
    Ending.UNLISTED_DONE: True,
    Ending.UNLISTED_UNDONE: False,
    Ending.GARBAGE: True,
    Ending.DUPLICATE: True,
    Ending.BADLY_SIGNED: True,
}


@pytest.fixture
async def over_the_wire(here, carrier, http_client):
    """The installation, delivering through the simulated carrier's process."""
    await here.desk.aclose()
    parts = Parts(
        database=here.database,
        catalogue=CatalogueCache(),
        keys=KeyRing(here._keys),
        lanes=LANES,
        gateways=here.world.gateways,
        carriers={"external_demo": ExternalDemo(carrier.settings.model_copy(update={"timeout_s": 1.0}), http_client)},
        public_url="http://127.0.0.1:9",
    )
    here.desk = Desk(parts)
    return here


@pytest.mark.timeout(240)
@pytest.mark.xdist_group("carrier")
async def test_what_is_unknown_is_asked_about_and_credited_at_most_once(over_the_wire, carrier, figures):
    here = over_the_wire
    credited = {}
    for ending, done in SILENT.items():
        for copy in range(EACH):
            number = f"+658{ending.value:02}{copy:03}{ending.value:02}"
            order = await here.order(number, Money(1000, "SGD"))
            payment = await here.pay(order)
            here.world.gateways["sandbox"].pay(here.world.payments[payment.id])
            await here.tell(here.world.events[-1])
            credited[order.id] = (number, done)
    for _ in range(6):
        await here.run()
        await here.later(timedelta(seconds=70))
    await here.run()
    books = here.books()
    unknown = {step["order_id"] for steps in books.history.values() for step in steps if step["state"] == "unresolved"}
    doubles = 0
    for order_id, (number, done) in credited.items():
        deliveries = (await carrier.control("deliveries", msisdn=number))["deliveries"]
        times = sum(delivery["delivered"] for delivery in deliveries)
        doubles += max(0, times - 1)
        assert times == done, number
        assert books.orders[order_id]["state"] == ("delivered" if done else "refunded"), number
        assert all(delivery["submissions"] == 1 for delivery in deliveries), number
    assert doubles == 0
    assert books.wrong() == []
    figures.never("G3", double_deliveries=doubles, endings=len(SILENT), of=len(unknown))


@pytest.mark.parametrize("asked_after_s", [6, 29, 31, 61])
async def test_a_request_that_arrives_after_we_gave_up_waiting_is_not_sent_again(here, asked_after_s):
    """The carrier does not have it yet when we ask; half a minute later it has."""
    payment = await here.pay(await here.order("+6581234500", Money(1000, "SGD")))
    here.world.gateways["sandbox"].pay(here.world.payments[payment.id])
    await here.tell(here.world.events[-1])
    here.world.faults.append(Fault.LATE_REQUEST)
    await here.sweep("deliver")
    await here.later(timedelta(seconds=asked_after_s))
    await here.sweep("deliver")
    await here.heal()
    books = here.books()
    assert [order["state"] for order in books.orders.values()] == ["delivered"]
    assert len(here.world.carrier.topups) == 1
    assert [*here.world.violations, *books.wrong(), *books.unfinished(), *not_as_it_is(here.world, books)] == []


def test_every_ending_that_leaves_the_caller_without_an_answer_is_tried():
    """A new way to misbehave must be added above, or here with the reason why it leaves nothing unknown."""
    told = {
        *(Ending.NOT_FOUND, Ending.SUSPENDED, Ending.FLOAT_OUT, Ending.PRODUCT, Ending.THROTTLED),
        *(Ending.CALLED_BACK, Ending.ASK_ME, Ending.REVERSED, Ending.REFUSED_LATER, Ending.NEVER_FINAL),
    }
    assert {*SILENT, *told} == set(Ending)
