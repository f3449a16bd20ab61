"""What is particular to vouchers and cash among the ways to pay: scenes, closing for ever, late PINs, and time."""

import asyncio
import time

import pytest

from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.payments.ports import (
    PaymentRequest,
    PaymentStanding,
    Scene,
    Unfit,
)

OWN = ("voucher", "cash")
FIFTY = Money(5000, "CNY")


@pytest.fixture(params=OWN)
def own(request, voucher_shop):
    return {"voucher": voucher_shop.vouchers, "cash": voucher_shop.cash}[request.param]


async def test_what_never_began_is_absent_and_closes_for_ever(own):
    payment_id = PaymentId(new_id("payment", 1))
    [fact] = (await own.query(payment_id)).facts
    assert fact.standing is PaymentStanding.ABSENT
    first, second = await asyncio.gather(own.close(payment_id), own.close(payment_id))
    assert first == second
    [fact] = (await own.query(payment_id)).facts
    assert fact.standing is PaymentStanding.CLOSED


async def test_it_is_offered_only_where_somebody_can_pay(own):
    offered = {scene for scene in Scene if own.unfit(FIFTY, scene) is None}
    assert offered == ({Scene.COUNTER, Scene.SCREEN} if own.name == "cash" else set(Scene) - {Scene.UNATTENDED})
    assert own.unfit(FIFTY, Scene.UNATTENDED) is (Unfit.COUNTER if own.name == "cash" else Unfit.SCENE)


async def test_cash_is_not_begun_from_afar(voucher_shop):
    order = await voucher_shop.ordered()
    with pytest.raises(Problem, match="method_at_counter"):
        await voucher_shop.desk.pay(
            payment_id=PaymentId(new_id("payment", lane_of(order.id))),
            order_id=order.id,
            method="cash",
            locale="en",
            scene=Scene.PHONE,
        )


async def test_a_pin_that_arrives_when_the_order_has_expired_is_kept_or_comes_back(voucher_shop, figures):
    """G10: the payment was begun in time, and its PIN redeemed after the order's end."""
    _, [card] = await voucher_shop.printed()
    order = await voucher_shop.ordered()
    start = voucher_shop.vouchers.start

    async def late(request):
        await voucher_shop.later(hours=3)
        await voucher_shop.desk.expire()
        return await start(request)

    voucher_shop.vouchers.start = late
    payment = await voucher_shop.redeems(order, card.pin)
    voucher_shop.vouchers.start = start
    await voucher_shop.run()
    [payment] = (await voucher_shop.order(order)).payments
    assert payment.status == "refunded"
    [slip] = await voucher_shop.desk.credit_slips(order_id=order.id)
    assert slip.slip.amount == FIFTY
    house = await voucher_shop.house()
    assert ("suspense", "CNY") not in house
    assert ("clearing:voucher", "CNY") not in house
    figures("G10", method="voucher", stuck=0)


def auc(first, second) -> float:
    """The chance that one of the first takes longer than one of the second."""
    return sum(a > b for a in first for b in second) / (len(first) * len(second))


async def test_unknown_and_used_pins_take_the_same_time(voucher_shop, figures):
    """As G25: what is not told in words must not be told by the clock."""
    _, [card] = await voucher_shop.printed()
    await voucher_shop.redeems(await voucher_shop.ordered(), card.pin)
    took = {"unknown": [], "used": []}
    for n in range(120):
        for kind, pin in (("unknown", "000000000000000000"), ("used", card.pin)):
            request = PaymentRequest(
                PaymentId(new_id("payment", 3)), FIFTY, "", "", "", None, "en", payment_code=pin, payer=f"{kind}{n}"
            )
            began = time.perf_counter()
            said = await voucher_shop.vouchers.start(request)
            took[kind].append(time.perf_counter() - began)
            assert said.code == "voucher_refused"
    found = auc(took["unknown"], took["used"])
    figures("G19", unknown_or_used_auc=f"{found:.2f}")
    assert 0.25 < found < 0.75
