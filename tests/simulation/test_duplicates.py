"""A duplicate is asked about (G30): the same number and amount within minutes, from any channel, however fast."""

import asyncio
from datetime import timedelta

import pytest

from topup.kernel.errors import Problem
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money

NUMBERS = 24
CNY_50 = Money(5000, "CNY")


async def order(desk, number: str, channel: str, amount: Money = CNY_50) -> str:
    """The order's state, or the confirmations that are asked for."""
    quote = await desk.quote(number=number, product=None, amount=amount, payment_method=None)
    return await order_of(desk, quote, channel)


async def order_of(desk, quote, channel: str) -> str:
    try:
        made = await desk.order(
            order_id=OrderId(new_id("order", lane_of(quote.id))),
            quote_id=quote.id,
            contact=None,
            confirmations=frozenset(),
            locale="en",
            channel=channel,
            payer="one and the same",
        )
    except Problem as problem:
        return f"{problem.code}: {problem.parameters['confirmations']}"
    return made.status


ASKED = "confirmation_needed: ['duplicate']"


@pytest.mark.timeout(120)
async def test_two_channels_at_once_never_make_two_orders_in_silence(here, figures):
    """Two processes and two channels each, all four at once for every number, with and without a line."""
    other = here.new_desk()
    desks = [(here.desk, "web"), (other, "api"), (here.desk, "cli"), (other, "web")]
    numbers = [f"138006{number:05}" for number in range(NUMBERS)]
    answers = []
    try:
        # Both processes are warm: their first transactions would otherwise open connections one after the other.
        await asyncio.gather(*(order(desk, f"1380070000{index}", "web") for index, (desk, _) in enumerate(desks[:2])))
        for number in numbers:
            if numbers.index(number) % 2:
                await opened(here, number)
            quotes = [
                await desk.quote(number=number, product=None, amount=CNY_50, payment_method=None) for desk, _ in desks
            ]
            answers += await asyncio.gather(
                *(order_of(desk, quote, channel) for quote, (desk, channel) in zip(quotes, desks, strict=True))
            )
    finally:
        await other.aclose()
    silent = 0
    for index, number in enumerate(numbers):
        of_number = sorted(answers[index * 4 : index * 4 + 4])
        silent += of_number.count("awaiting_payment") - 1
        assert of_number == ["awaiting_payment", *[ASKED] * 3], number
    assert silent == 0
    figures.never("G30", silent_duplicates=silent, races=NUMBERS, of=3 * NUMBERS)


async def opened(here, number: str) -> None:
    """The number gets its line by a first top-up of another amount."""
    payment = await here.pay(await here.order(number, Money(1000, "CNY")))
    here.world.gateways["sandbox"].pay(here.world.payments[payment.id])
    await here.tell(here.world.events[-1])


async def test_the_line_that_the_first_one_opened_does_not_hide_it(here):
    """The first top-up opens the number's line: the second finds the first all the same."""
    payment = await here.pay(await here.order("13800138009", CNY_50))
    here.world.gateways["sandbox"].pay(here.world.payments[payment.id])
    await here.tell(here.world.events[-1])
    assert await order(here.desk, "13800138009", "web") == ASKED


@pytest.mark.parametrize(
    "spelling", ["13800138009", "+86 138 0013 8009", "１３８００１３８００９", "0086-138-0013-8009"]
)
async def test_another_spelling_is_the_same_number(here, spelling):
    await here.order("13800138009", CNY_50)
    assert await order(here.desk, spelling, "web") == ASKED


async def test_after_the_window_or_for_another_amount_nobody_is_asked(here):
    await here.order("13800138009", CNY_50)
    assert await order(here.desk, "13800138009", "web", Money(5001, "CNY")) == "awaiting_payment"
    await here.later(timedelta(minutes=9, seconds=50))
    assert await order(here.desk, "13800138009", "web") == ASKED
    await here.later(timedelta(seconds=11))
    assert await order(here.desk, "13800138009", "web") == "awaiting_payment"


async def test_what_was_called_off_is_no_duplicate(here):
    first = await here.order("13800138009", CNY_50)
    await here.desk.cancel(order_id=first.id)
    assert await order(here.desk, "13800138009", "web") == "awaiting_payment"


async def test_a_called_off_order_whose_payment_came_all_the_same_is_one(here):
    first = await here.order("13800138009", CNY_50)
    payment = await here.pay(first)
    here.world.gateways["sandbox"].pay(here.world.payments[payment.id])
    await here.desk.cancel(order_id=first.id)
    await here.tell(here.world.events[-1])
    assert await order(here.desk, "13800138009", "web") == ASKED
