"""Orders paid by WeChat Pay from end to end: the desk, the plugin, and its simulator in a process of its own."""

import secrets

import pytest

from tests.support.desk import open_shop
from tests.support.simulators import until
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.orders.paying import Presented
from topup.payments.ports import Scene
from topup.plugins.payments.wechatpay import Wechatpay
from topup_simulators.payments.magic import Magic


@pytest.fixture
async def shop(database, data_dir, wechatpay, http_client, listener):
    """A desk whose one gateway is WeChat Pay; what it is told goes to the listener, and from there as a test hands it
    on.
    """
    listener.answers = [(204, b"")]
    gateway = Wechatpay(wechatpay.settings, http_client)
    async with open_shop(database, data_dir, gateway, public_url=listener.url.removesuffix("/events")) as shop:
        yield shop


def a_code(ending):
    """A payment code that nobody used."""
    return f"13{secrets.randbelow(10**15):015}{ending}"


async def paying(shop, order, scene=Scene.PHONE, code="0"):
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))
    presented = Presented(
        payer_address="203.0.113.7", wallet_user="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", payment_code=a_code(code)
    )
    return await shop.desk.pay(
        payment_id=payment_id,
        order_id=order.id,
        method="wechatpay",
        locale="zh_Hans",
        scene=scene,
        presented=presented,
    )


async def pays(wechatpay, payment, outcome="pay"):
    answer = await wechatpay.control(f"payments/{payment.id}", {"outcome": outcome})
    assert answer["code"] == "OK", answer


async def hand_on(shop, listener, number):
    """Give the desk the first notices that were heard; they are acknowledged as WeChat Pay wants."""
    for headers, body in await listener.hear(number):
        status, _, answer = await shop.desk.receive_event(method="wechatpay", headers=headers, body=body)
        assert (status, answer) == (204, b"")
    await shop.quiet()


SCENES = {Scene.PHONE: "redirect", Scene.DESKTOP: "qr", Scene.SCREEN: "qr", Scene.WALLET: "wallet"}


@pytest.mark.parametrize("scene", SCENES)
async def test_paid_in_each_scene_and_delivered(shop, wechatpay, listener, scene):
    order = await shop.ordered()
    payment = await paying(shop, order, scene)
    assert payment.action.type == SCENES[scene]
    await pays(wechatpay, payment)
    await hand_on(shop, listener, 1)
    assert (await shop.order(order)).status == "delivered"
    assert await shop.main_balance() == 5000


async def test_a_payment_code_is_paid_at_once(shop):
    order = await shop.ordered()
    await paying(shop, order, Scene.COUNTER)
    await shop.quiet()
    assert (await shop.order(order)).status == "delivered"
    assert await shop.main_balance() == 5000


async def test_a_payment_code_whose_answer_was_lost_is_found_by_asking(shop):
    order = await shop.ordered()
    with pytest.raises(Exception, match="gateway_unavailable"):
        await paying(shop, order, Scene.COUNTER, code="4")
    await shop.later(seconds=6)
    await shop.run()
    assert (await shop.order(order)).status == "delivered"
    assert await shop.main_balance() == 5000


async def test_a_payment_code_whose_payer_enters_the_password_is_found_by_asking(shop, wechatpay):
    order = await shop.ordered()
    payment = await paying(shop, order, Scene.COUNTER, code="1")
    assert payment.action.type == "wait"
    await pays(wechatpay, payment)
    await shop.later(seconds=6)
    await shop.run()
    assert (await shop.order(order)).status == "delivered"


async def test_a_payment_code_that_nobody_confirmed_is_reversed_when_its_time_is_over(shop, wechatpay):
    order = await shop.ordered()
    payment = await paying(shop, order, Scene.COUNTER, code="1")
    await shop.later(minutes=20)
    await shop.run()
    assert (await shop.order(order)).status == "expired"
    assert (await wechatpay.control(f"payments/{payment.id}", {"outcome": "pay"}))["code"] == "ALREADY_FINAL"


@pytest.mark.parametrize("ending", ["2", "3"])
async def test_a_refused_payment_code_leaves_the_order_to_be_paid_another_way(shop, wechatpay, listener, ending):
    order = await shop.ordered()
    await paying(shop, order, Scene.COUNTER, code=ending)
    await shop.quiet()
    assert (await shop.order(order)).status == "awaiting_payment"
    await pays(wechatpay, await paying(shop, order, Scene.SCREEN))
    await hand_on(shop, listener, 1)
    assert (await shop.order(order)).status == "delivered"


async def test_without_any_notice_a_query_finds_the_payment(shop, wechatpay):
    order = await shop.ordered()
    await pays(wechatpay, await paying(shop, order), "silent")
    await shop.later(seconds=6)
    await shop.run()
    assert (await shop.order(order)).status == "delivered"


async def test_a_repeated_notice_and_a_forged_one_change_nothing(shop, wechatpay, listener):
    order = await shop.ordered(amount=5000 + Magic.FORGED_FIRST)
    await pays(wechatpay, await paying(shop, order))
    forged, genuine = await listener.hear(2)
    status, _, _ = await shop.desk.receive_event(method="wechatpay", headers=forged[0], body=forged[1])
    assert status == 400
    await shop.quiet()
    assert (await shop.order(order)).status == "awaiting_payment"
    for _ in range(3):
        await shop.desk.receive_event(method="wechatpay", headers=genuine[0], body=genuine[1])
    await shop.quiet()
    assert (await shop.order(order)).status == "delivered"
    assert await shop.main_balance() == 5000 + Magic.FORGED_FIRST


async def test_a_wrong_amount_goes_back_by_itself_and_the_refunds_notice_is_understood(shop, wechatpay, listener):
    order = await shop.ordered(amount=5000 + Magic.WRONG_AMOUNT)
    payment = await paying(shop, order)
    await pays(wechatpay, payment)
    await hand_on(shop, listener, 1)
    await shop.run()
    await hand_on(shop, listener, 2)
    [found] = (await shop.order(order)).payments
    assert found.refunded == Money(5094, "CNY"), "the answer meant accepted, and the notice done"
    assert (await shop.order(order)).status == "awaiting_payment"


@pytest.fixture
async def seconds_late(wechatpay):
    """A payer who pays late does so two seconds after: the times of WeChat Pay are in whole seconds, and what was paid
    in the second in which an order was called off was paid in time.
    """
    await wechatpay.control("notifications", {"time_factor": 1.0})
    yield
    await wechatpay.control("notifications", {"time_factor": 0.1})


async def _refunded(shop, order):
    await shop.later(seconds=10)
    await shop.run()
    return (await shop.order(order)).payments[0].refunded


async def test_paid_after_it_was_called_off_goes_back(shop, wechatpay, listener, seconds_late):
    order = await shop.ordered()
    payment = await paying(shop, order)
    await pays(wechatpay, payment, "late")
    await shop.desk.cancel(order_id=order.id)
    await hand_on(shop, listener, 1)
    await until(lambda: _refunded(shop, order), lambda money: money == payment.amount)


@pytest.mark.parametrize("which", [Magic.REFUND_HANGS_UP_DONE, Magic.REFUND_HANGS_UP_UNDONE, Magic.REFUND_BROKEN])
async def test_a_refund_whose_answer_was_lost_is_made_once(shop, wechatpay, seconds_late, which):
    order = await shop.ordered(amount=5000 + which)
    payment = await paying(shop, order)
    await pays(wechatpay, payment, "late")
    await shop.desk.cancel(order_id=order.id)
    await until(lambda: _refunded(shop, order), lambda money: money == payment.amount)
    paid = (await shop.gateway.query(payment.id)).facts[0]
    lines = await shop.gateway.bill(paid.paid_at.astimezone(shop.gateway.bill_zone).date())
    assert [line.kind for line in lines if line.reference == paid.reference] == ["payment"]
    refunds = await wechatpay.control("calls")
    effected = [call["effected"] for call in refunds["calls"] if call["kind"] == "refund"]
    assert effected, "refunds were made"
    assert max(effected) == 1, "none of them twice"


async def test_a_refund_that_the_payers_card_does_not_take_is_work_for_a_person(
    shop, wechatpay, listener, seconds_late
):
    order = await shop.ordered(amount=5000 + Magic.REFUND_FAILS_LATER)
    payment = await paying(shop, order)
    await pays(wechatpay, payment, "late")
    await shop.desk.cancel(order_id=order.id)
    await hand_on(shop, listener, 1)
    await shop.run()
    await hand_on(shop, listener, 2)
    assert "refund_unresolved" in await shop.listed()
