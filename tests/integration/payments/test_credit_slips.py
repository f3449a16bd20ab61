"""Money of a voucher goes back as another voucher, whose PIN its owner sees once."""

import asyncio
import contextlib

from tests.support.billing import bill_around
from topup.kernel.ids import PaymentId, RefundId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Reason, Refused
from topup.orders.settlement import Told
from topup.payments.ports import PaymentFact, PaymentStanding, RefundRequest
from topup.payments.vouchers import slips


async def shown(shop, *payments):
    async with shop.database.transaction() as transaction:
        return await slips.show(transaction.connection, list(payments), transaction.now, keys=shop.keys)


async def redeemed_but_surplus(shop):
    """Two payments of one order under way: the other one is heard first."""
    _, [card] = await shop.printed()
    order = await shop.ordered()
    scripted = await shop.paying(order)
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))
    heard = shop.desk.hear_payment

    async def late(told: Told):
        if told.method == "voucher":
            await heard(Told(shop.paid(scripted), "scripted"))
        return await heard(told)

    shop.desk.hear_payment = late
    try:
        await shop.redeems(order, card.pin, payment_id=payment_id)
    finally:
        shop.desk.hear_payment = heard
    return card, order, payment_id


async def test_a_surplus_voucher_comes_back_as_a_slip(voucher_shop):
    _, order, payment_id = await redeemed_but_surplus(voucher_shop)
    await voucher_shop.run()
    payment = next(one for one in (await voucher_shop.order(order)).payments if one.id == payment_id)
    assert payment.status == "refunded"
    [slip] = await shown(voucher_shop, payment_id)
    assert slip.slip.amount == Money(5000, "CNY")
    assert slip.pin not in repr(slip)
    house = await voucher_shop.house()
    assert ("suspense", "CNY") not in house
    assert ("clearing:voucher", "CNY") not in house
    assert house[("vouchers", "CNY")] == 5000
    assert (await voucher_shop.redeems(await voucher_shop.ordered(), slip.pin)).status == "paid"
    assert await voucher_shop.main_balance() == 2 * 5000


async def test_its_pin_is_shown_for_ten_minutes_and_then_never_more(voucher_shop):
    _, _, payment_id = await redeemed_but_surplus(voucher_shop)
    await voucher_shop.run()
    [first] = await shown(voucher_shop, payment_id)
    await voucher_shop.later(minutes=9)
    [again] = await shown(voucher_shop, payment_id)
    assert first.pin == again.pin is not None
    await voucher_shop.later(minutes=2)
    [gone] = await shown(voucher_shop, payment_id)
    assert gone.pin is None
    async with voucher_shop.database.read() as transaction:
        [stored] = await slips.slips_of(transaction.connection, [payment_id])
    assert stored.pin is None


async def test_what_was_shown_is_forgotten_though_nobody_looks_again(voucher_shop):
    _, _, payment_id = await redeemed_but_surplus(voucher_shop)
    await voucher_shop.run()
    await voucher_shop.change(lambda c, now: slips.forget_pins(c, 10, now))
    await shown(voucher_shop, payment_id)
    await voucher_shop.later(minutes=11)
    assert await voucher_shop.change(lambda c, now: slips.forget_pins(c, 10, now)) == 1


async def test_one_refund_many_times_at_once_gives_one_slip(voucher_shop, figures):
    _, [card] = await voucher_shop.printed()
    order = await voucher_shop.ordered()
    payment = await voucher_shop.redeems(order, card.pin)
    refund = RefundRequest(
        RefundId(new_id("refund", lane_of(order.id))), payment.id, card.serial, Money(5000, "CNY"), "test"
    )
    said = await asyncio.gather(*(voucher_shop.vouchers.refund(refund) for _ in range(8)))
    assert len(set(said)) == 1
    assert isinstance(said[0], Done)
    assert await voucher_shop.vouchers.query_refund(refund.refund_id, payment.id) == said[0]
    assert (await voucher_shop.house())[("vouchers", "CNY")] == 5000
    figures.never("G16", of=8, second_slips=0)


async def test_parts_never_come_to_more_than_was_paid(voucher_shop, figures):
    _, [card] = await voucher_shop.printed()
    order = await voucher_shop.ordered()
    payment = await voucher_shop.redeems(order, card.pin)
    refunds = [
        RefundRequest(
            RefundId(new_id("refund", lane_of(order.id))), payment.id, card.serial, Money(1500, "CNY"), "test"
        )
        for _ in range(6)
    ]
    said = await asyncio.gather(*map(voucher_shop.vouchers.refund, refunds))
    assert sum(isinstance(one, Done) for one in said) == 3
    assert [one for one in said if not isinstance(one, Done)] == [Refused(Reason.CONFIGURATION, "over_refund")] * 3
    figures.never("G16", of=6, over_refunds=0)


async def test_what_never_paid_gives_no_slip(voucher_shop):
    order = await voucher_shop.ordered()
    unpaid = PaymentId(new_id("payment", lane_of(order.id)))
    refund = RefundRequest(RefundId(new_id("refund", lane_of(order.id))), unpaid, "x", Money(1, "CNY"), "test")
    assert await voucher_shop.vouchers.refund(refund) == Refused(Reason.CONFIGURATION, "not_paid")
    assert await voucher_shop.vouchers.query_refund(refund.refund_id, unpaid) == Refused(Reason.ABSENT, "absent")


async def test_a_redemption_nobody_heard_of_is_found_by_the_bill(voucher_shop):
    """G2: the process ended between the PIN and the settlement; asking finds it, and so would the bill."""
    _, [card] = await voucher_shop.printed()
    order = await voucher_shop.ordered()
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))

    async def deaf(told):
        raise ConnectionError

    heard, voucher_shop.desk.hear_payment = voucher_shop.desk.hear_payment, deaf
    with contextlib.suppress(ConnectionError):
        await voucher_shop.redeems(order, card.pin, payment_id=payment_id)
    voucher_shop.desk.hear_payment = heard
    assert (await voucher_shop.order(order)).status == "awaiting_payment"
    [line] = await bill_around(voucher_shop.vouchers)
    assert (line.our_id, line.amount) == (payment_id, Money(5000, "CNY"))
    await voucher_shop.later(seconds=6)
    await voucher_shop.run()
    assert (await voucher_shop.order(order)).status == "delivered"


async def test_a_closed_payment_takes_no_pin_any_more(voucher_shop):
    _, [card] = await voucher_shop.printed()
    order = await voucher_shop.ordered()
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))
    assert isinstance(await voucher_shop.vouchers.close(payment_id), Done)
    [fact] = (await voucher_shop.vouchers.query(payment_id)).facts
    assert fact == PaymentFact(payment_id, PaymentStanding.CLOSED, "", None, None)
    late = await voucher_shop.redeems(order, card.pin, payment_id=payment_id)
    assert late.status == "declined"
    other = await voucher_shop.redeems(order, card.pin)
    assert other.status == "paid"
    assert await voucher_shop.vouchers.close(other.id) == Refused(Reason.USER, "paid")
