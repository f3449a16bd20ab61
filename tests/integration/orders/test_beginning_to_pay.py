"""A gateway that does not take a payment in, and the same payment once more."""

import pytest

from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.outcome import NotSent, Throttled, Unknown
from topup.orders.paying import MOST_ATTEMPTS
from topup.payments.ports import Action, PaymentStanding

NOT_TAKEN_IN = [NotSent("refused"), Throttled(30), Unknown("timeout")]


def number_for(order) -> PaymentId:
    return PaymentId(new_id("payment", lane_of(order.id)))


async def not_begun(shop, outcome, order, payment_id) -> None:
    shop.gateway.start_answers = [outcome]
    with pytest.raises(Problem, match="gateway_unavailable"):
        await shop.paying(order, payment_id)


async def payments_of(shop, order) -> dict[str, str]:
    return {payment.id: payment.status for payment in (await shop.order(order)).payments}


@pytest.mark.parametrize("outcome", NOT_TAKEN_IN, ids=lambda outcome: type(outcome).__name__)
async def test_the_same_payment_may_be_started_again(shop, outcome):
    order = await shop.ordered()
    number = number_for(order)
    await not_begun(shop, outcome, order, number)
    assert await payments_of(shop, order) == {number: "starting"}
    # Asked about meanwhile, as whatever is not known to be started: that changes nothing.
    await shop.later(seconds=6)
    await shop.run()
    again = await shop.paying(order, number)
    assert (again.id, again.status, again.action is None) == (number, "pending", False)
    assert [request.payment_id for request in shop.gateway.starts[number]] == [number] * 2
    await shop.tells(shop.paid(again))
    assert (await shop.order(order)).status == "delivered"
    assert await payments_of(shop, order) == {number: "paid"}


async def test_the_last_attempt_that_is_allowed_may_be_started_again(shop):
    order = await shop.ordered()
    for _ in range(MOST_ATTEMPTS - 1):
        await shop.paying(order)
    number = number_for(order)
    await not_begun(shop, NotSent("refused"), order, number)
    assert (await shop.paying(order, number)).status == "pending"
    with pytest.raises(Problem, match="too_many_payments"):
        await shop.paying(order)


async def test_an_order_whose_payment_never_started_expires_and_takes_no_other_start(shop):
    order = await shop.ordered()
    number = number_for(order)
    await not_begun(shop, NotSent("refused"), order, number)
    await shop.later(minutes=16)
    await shop.run()
    assert (await shop.order(order)).status == "expired"
    assert await payments_of(shop, order) == {number: "closed"}
    assert shop.gateway.closed == [number]
    assert (await shop.paying(order, number)).status == "closed"
    assert len(shop.gateway.starts[number]) == 1


async def test_nor_is_it_started_after_the_order_was_called_off_and_before_it_is_closed(shop):
    order = await shop.ordered()
    number = number_for(order)
    await not_begun(shop, NotSent("refused"), order, number)
    assert (await shop.desk.cancel(order_id=order.id)).status == "cancelled"
    with pytest.raises(Problem, match="order_not_payable"):
        await shop.paying(order, number)
    assert len(shop.gateway.starts[number]) == 1
    await shop.run()
    assert await payments_of(shop, order) == {number: "closed"}


async def test_what_became_of_it_while_it_was_started_is_shown(shop):
    """The order is called off and its payments are closed while the gateway takes its time to answer."""
    order = await shop.ordered()

    async def slow(request):
        await shop.desk.cancel(order_id=order.id)
        await shop.run()
        return Action("redirect", "http://127.0.0.1:1/pay")

    shop.gateway.start = slow
    shown = await shop.paying(order)
    assert (shown.status, shown.action) == ("closed", None)


async def test_a_gateway_that_already_knows_of_it_does_not_take_the_start_away(shop):
    """It says `waiting` before it has answered the start: the payer still learns where to pay."""
    order = await shop.ordered()
    start = shop.gateway.start

    async def overtaken(request):
        (payment,) = (await shop.order(order)).payments
        await shop.tells(shop.said(payment, PaymentStanding.WAITING))
        return await start(request)

    shop.gateway.start = overtaken
    assert (await shop.paying(order)).action is not None
    (shown,) = (await shop.order(order)).payments
    assert (shown.status, shown.action is None) == ("pending", False)
