"""Orders paid by Alipay from end to end: the desk, the plugin, and Alipay's simulator in a process of its own."""

import pytest

from tests.support.billing import bill_around
from tests.support.desk import open_shop
from tests.support.simulators import until
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.orders.paying import Presented
from topup.payments.ports import Scene
from topup.plugins.payments.alipay import Alipay
from topup_simulators.payments.magic import Magic

CODE = "2812345678901234"


@pytest.fixture
async def shop(database, data_dir, alipay, http_client, listener):
    """A desk whose one gateway is Alipay; its notices go to the listener, and on only where a test hands them on."""
    gateway = Alipay(alipay.settings, http_client)
    async with open_shop(database, data_dir, gateway, public_url=listener.url.removesuffix("/events")) as shop:
        yield shop


async def paying(shop, order, scene=Scene.PHONE, **presented):
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))
    return await shop.desk.pay(
        payment_id=payment_id,
        order_id=order.id,
        method="alipay",
        locale="zh_Hans",
        scene=scene,
        presented=Presented(**presented),
    )


async def pays(alipay, payment, outcome="pay"):
    """The payer does this on the page that the payment leads to."""
    form = payment.action.url.partition("?")[2]
    answer = await alipay.control(f"payments/{payment.id}", {"outcome": outcome, "form": form})
    assert answer["code"] == "OK", answer


async def hand_on(shop, listener, number):
    """Give the desk the first notices that were heard; they are acknowledged as Alipay wants."""
    for headers, body in await listener.hear(number):
        status, _, answer = await shop.desk.receive_event(method="alipay", headers=headers, body=body)
        assert (status, answer) == (200, b"success")
    await shop.quiet()


@pytest.mark.parametrize("scene", [Scene.PHONE, Scene.DESKTOP, Scene.SCREEN])
async def test_paid_on_its_page_or_by_its_qr_code_and_delivered(shop, alipay, listener, scene):
    order = await shop.ordered()
    payment = await paying(shop, order, scene)
    assert payment.action.type == ("qr" if scene is Scene.SCREEN else "redirect")
    await pays(alipay, payment)
    await hand_on(shop, listener, 1)
    assert (await shop.order(order)).status == "delivered"
    assert await shop.main_balance() == 5000


async def test_a_payment_code_is_paid_at_once_and_its_notice_changes_nothing(shop, listener):
    order = await shop.ordered()
    await paying(shop, order, Scene.COUNTER, payment_code=f"{CODE}00")
    await shop.quiet()
    assert (await shop.order(order)).status == "delivered"
    await hand_on(shop, listener, 1)
    assert await shop.main_balance() == 5000


async def test_a_payment_code_whose_answer_was_lost_is_found_by_asking(shop):
    order = await shop.ordered()
    with pytest.raises(Exception, match="gateway_unavailable"):
        await paying(shop, order, Scene.COUNTER, payment_code=f"{CODE}04")
    await shop.later(seconds=6)
    await shop.run()
    assert (await shop.order(order)).status == "delivered"


async def test_a_payment_code_that_nobody_confirmed_is_cancelled_when_its_time_is_over(shop, alipay):
    order = await shop.ordered()
    payment = await paying(shop, order, Scene.COUNTER, payment_code=f"{CODE}01")
    assert payment.action.type == "wait"
    await shop.later(minutes=20)
    await shop.run()
    assert (await shop.order(order)).status == "expired"
    assert (await alipay.counts(payment.id))["cancel"] == (1, 1)


async def test_without_any_notice_a_query_finds_the_payment(shop, alipay):
    order = await shop.ordered()
    await pays(alipay, await paying(shop, order), "silent")
    await shop.later(seconds=6)
    await shop.run()
    assert (await shop.order(order)).status == "delivered"


async def test_a_wrong_amount_goes_back_by_itself_and_the_refunds_notice_is_understood(shop, alipay, listener):
    order = await shop.ordered(amount=5000 + Magic.WRONG_AMOUNT)
    payment = await paying(shop, order)
    await pays(alipay, payment)
    await hand_on(shop, listener, 1)
    await shop.run()
    [found] = (await shop.order(order)).payments
    assert found.refunded == Money(5094, "CNY")
    await hand_on(shop, listener, 2)
    lines = [line for line in await bill_around(shop.gateway) if line.reference and line.amount == Money(5094, "CNY")]
    assert {"payment", "refund"} <= {line.kind for line in lines}


async def called_off_while_paid(shop, alipay, order):
    """Called off by a clock that is five seconds behind: Alipay tells whole seconds, and the payment is to be later."""
    payment = await paying(shop, order)
    await pays(alipay, payment, "late")
    await shop.later(seconds=-5)
    await shop.desk.cancel(order_id=order.id)
    return payment


async def test_paid_after_it_was_called_off_goes_back(shop, alipay, listener):
    order = await shop.ordered()
    payment = await called_off_while_paid(shop, alipay, order)
    await hand_on(shop, listener, 1)
    await until(lambda: _refunded(shop, order), lambda money: money == payment.amount)


async def _refunded(shop, order):
    await shop.later(seconds=10)
    await shop.run()
    return (await shop.order(order)).payments[0].refunded


async def test_a_refund_whose_answer_was_lost_is_made_once(shop, alipay):
    order = await shop.ordered(amount=5000 + Magic.REFUND_HANGS_UP_DONE)
    payment = await called_off_while_paid(shop, alipay, order)
    await until(lambda: _refunded(shop, order), lambda money: money == payment.amount)
    refunds = [call for call in (await alipay.control("calls"))["calls"] if call["kind"] == "refund"]
    assert refunds
    assert max(call["effected"] for call in refunds) == 1
