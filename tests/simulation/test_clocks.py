"""Clocks may jump (G14): ours, the database's, the gateway's. What expires is decided by the database's time alone."""

import time
from datetime import timedelta
from itertools import product

import pytest

from topup.kernel.errors import Problem
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money

CNY_50 = Money(5000, "CNY")
TEN_MINUTES = timedelta(minutes=10)
SKEWS = [timedelta(0), TEN_MINUTES, -TEN_MINUTES]
A_SECOND = timedelta(seconds=1)


@pytest.fixture
def wall(monkeypatch):
    """This machine's wall clock, to be put wrong: `wall(skew)`."""
    seconds, nanoseconds = time.time, time.time_ns

    def put(skew: timedelta) -> None:
        monkeypatch.setattr(time, "time", lambda: seconds() + skew.total_seconds())
        monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + int(skew.total_seconds() * 1e9))

    return put


async def quoted(here, number):
    return await here.desk.quote(number=number, product=None, amount=CNY_50, payment_method=None)


async def ordered_of(here, quote):
    return await here.desk.order(
        order_id=OrderId(new_id("order", lane_of(quote.id))),
        quote_id=quote.id,
        contact=None,
        confirmations=frozenset({"duplicate"}),
        locale="en",
        channel="test",
    )


async def ordering(here, quote) -> str:
    """The state of the order that was made, or the code of the refusal."""
    try:
        return (await ordered_of(here, quote)).status
    except Problem as problem:
        return problem.code


async def state_of(here, order) -> str:
    return (await here.desk.get_order(order_id=order.id)).status


@pytest.mark.timeout(120)
async def test_our_wall_clock_decides_nothing(here, wall, figures):
    """Wrong when the order is made, and otherwise wrong afterwards: it jumps by up to twenty minutes."""
    wrong = []
    jumps = list(product(SKEWS, SKEWS))
    for number, (skew, later_skew) in enumerate(jumps):
        wall(skew)
        numbers = [f"138001{number}{each:04}" for each in range(4)]
        early, late = await quoted(here, numbers[0]), await quoted(here, numbers[1])
        unpaid, in_time = await here.order(numbers[2], CNY_50), await here.order(numbers[3], CNY_50)
        payment = await here.pay(in_time)
        wall(later_skew)
        await here.later(timedelta(minutes=15) - 3 * A_SECOND)
        await here.sweep("expire")
        seen = [await state_of(here, unpaid), await ordering(here, early)]
        here.world.gateways["sandbox"].pay(here.world.payments[payment.id])
        await here.later(4 * A_SECOND)
        await here.sweep("expire")
        seen += [await state_of(here, unpaid), await state_of(here, in_time), await ordering(here, late)]
        await here.tell(here.world.events[-1])
        seen.append(await state_of(here, in_time))
        right = ["awaiting_payment", "awaiting_payment", "expired", "expired", "quote_expired", "delivered"]
        wrong += [(skew, later_skew, one) for one, other in zip(seen, right, strict=True) if one != other]
    assert wrong == []
    figures.never("G14", wrong_expiries=len(wrong), clock="ours", jumps=len(jumps), of=6 * len(jumps))


@pytest.mark.parametrize("jump", [TEN_MINUTES, -TEN_MINUTES], ids=str)
async def test_the_databases_clock_jumps_and_comes_back(here, figures, jump):
    """After a failover, for a while. What expires by the time of then is expired, nothing else; no money is lost."""
    order = await here.order("13800138001", CNY_50)
    payment = await here.pay(order)
    quote = await quoted(here, "13800138002")
    await here.later(timedelta(minutes=2))
    await here.later(jump)
    await here.sweep("expire")
    assert await state_of(here, order) == "awaiting_payment"
    assert not isinstance(await ordered_of(here, quote), Problem)
    here.world.gateways["sandbox"].pay(here.world.payments[payment.id])
    await here.later(-jump)
    await here.sweep("expire")
    await here.tell(here.world.events[-1])
    assert await state_of(here, order) == "delivered"
    await here.heal()
    books = here.books()
    assert [*books.wrong(), *books.unfinished()] == []
    figures("G14", wrong_expiries=0, clock="the database's", jump_s=int(jump.total_seconds()))


@pytest.mark.parametrize("skew", SKEWS, ids=str)
async def test_the_gateways_clock_is_believed_only_about_what_expired(here, figures, skew):
    """Heard of while the order waits, money is kept whatever its time; heard of later, its time decides."""
    gateway = here.world.gateways["sandbox"]
    waiting, expired = await here.order("13800138001", CNY_50), await here.order("13800138002", CNY_50)
    for order in (waiting, expired):
        payment = await here.pay(order)
        gateway.pay(here.world.payments[payment.id])
    first, second = (here.world.payments[payment.id].charges[0] for payment in here.payments)
    here.world.events.clear()
    for charge, payment in ((first, here.payments[0]), (second, here.payments[1])):
        charge.paid_at += skew
        gateway._tell(gateway.paid(here.world.payments[payment.id], charge))
    await here.tell(here.world.events[0])
    await here.later(timedelta(minutes=16))
    await here.sweep("expire")
    await here.tell(here.world.events[1])
    assert await state_of(here, waiting) == "delivered"
    assert await state_of(here, expired) == "delivered"
    assert here.books().wrong() == []
    figures("G14", wrong_expiries=0, clock="the gateway's", skew_s=int(skew.total_seconds()))
