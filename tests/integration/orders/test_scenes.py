"""Where the payer is decides how a gateway is entered, what is offered, and how an attempt ends that nobody paid."""

import pytest

from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.orders.paying import Presented
from topup.payments.ports import Action, DisputeFact, DisputeStanding, PaymentFact, PaymentStanding, Scene, Unfit

CODE = "283456789012345678"


def number_for(order):
    return PaymentId(new_id("payment", lane_of(order.id)))


async def test_what_a_gateway_does_not_take_is_offered_last_with_the_reason(shop):
    order = await shop.ordered()
    shop.gateway.takes_not = {Scene.DESKTOP: Unfit.SCENE}
    (here,) = await shop.desk.methods(quote_id=order.quote_id, scene=Scene.DESKTOP)
    (there,) = await shop.desk.methods(quote_id=order.quote_id, scene=Scene.PHONE)
    assert (here.unavailable, there.unavailable) == ("method_not_for_device", None)


@pytest.mark.parametrize("why", Unfit)
async def test_paying_by_it_all_the_same_is_refused_and_nothing_is_written(shop, why):
    order = await shop.ordered()
    shop.gateway.takes_not = {Scene.WALLET: why}
    with pytest.raises(Problem, match=why.value):
        await shop.paying(order, scene=Scene.WALLET)
    assert (await shop.order(order)).payments == ()
    assert not shop.gateway.starts


async def test_what_the_payer_shows_reaches_the_gateway_and_is_not_kept(shop):
    order = await shop.ordered()
    presented = Presented(payer_address="192.0.2.7", payment_code=CODE, wallet_user="user-of-the-wallet")
    number = number_for(order)
    await shop.paying(order, number, scene=Scene.COUNTER, presented=presented)
    (request,) = shop.gateway.starts[number]
    assert (request.scene, request.payment_code, request.payer_address, request.wallet_user) == (
        Scene.COUNTER, CODE, "192.0.2.7", "user-of-the-wallet",
    )  # fmt: skip
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT p::text FROM payments.payments p")
        kept = str(await cursor.fetchall())
    assert CODE not in kept
    assert "192.0.2.7" not in kept
    assert CODE not in repr(request)


async def test_paid_at_once_by_a_payment_code_is_delivered(shop):
    order = await shop.ordered()
    number = number_for(order)

    async def known_at_once(request):
        return PaymentFact(number, PaymentStanding.PAID, "at-once", request.amount, order.created_at)

    shop.gateway.start = known_at_once
    await shop.paying(order, number, scene=Scene.COUNTER, presented=Presented(payment_code=CODE))
    await shop.run()
    shown = await shop.order(order)
    assert (shown.status, [payment.status for payment in shown.payments]) == ("delivered", ["paid"])


async def test_declined_at_once_another_attempt_is_open_to_the_payer(shop):
    order = await shop.ordered()
    number = number_for(order)

    async def declined(request):
        return PaymentFact(number, PaymentStanding.DECLINED, "", None, None)

    shop.gateway.start = declined
    await shop.paying(order, number, scene=Scene.COUNTER, presented=Presented(payment_code=CODE))
    shown = await shop.order(order)
    assert (shown.status, shown.payments[0].status) == ("awaiting_payment", "declined")
    del shop.gateway.start
    assert (await shop.paying(order)).action is not None


async def test_the_payer_is_told_to_wait_where_the_gateway_does_not_know_yet(shop):
    order = await shop.ordered()
    shop.gateway.start_answers = [Action("wait")]
    payment = await shop.paying(order, scene=Scene.COUNTER, presented=Presented(payment_code=CODE))
    assert (payment.status, payment.action) == ("pending", Action("wait"))


async def test_an_attempt_at_a_counter_is_cancelled_and_any_other_is_closed(shop):
    """The payer at a counter may be confirming: cancelling gives back what was paid meanwhile."""
    order = await shop.ordered()
    counter, browser = number_for(order), number_for(order)
    shop.gateway.start_answers = [Action("wait")]
    await shop.paying(order, counter, scene=Scene.COUNTER, presented=Presented(payment_code=CODE))
    await shop.paying(order, browser, scene=Scene.PHONE)
    await shop.later(minutes=16)
    await shop.run()
    assert (shop.gateway.cancelled, shop.gateway.closed) == ([counter], [browser])


async def test_a_payer_who_objects_at_the_bank_is_listed_for_a_person_once(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    await shop.tells(shop.paid(payment))
    dispute = DisputeFact(payment.id, "dp_1", DisputeStanding.OPEN, payment.amount, order.created_at)
    await shop.tells(dispute, event_id="objection")
    await shop.tells(dispute, event_id="objection")
    await shop.tells(dispute, event_id="the same again under another id")
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT subject, evidence ->> 'dispute' FROM work.items WHERE kind = 'dispute_open'"
        )
        assert await cursor.fetchall() == [(f"{payment.id}:dp_1", "dp_1")]
    assert (await shop.order(order)).status == "delivered"
