"""One order, several attempts to pay it: the first is closed once another has paid, and who paid twice is told."""

from topup.kernel.money import Money
from topup.orders.wording import second_payment
from topup.payments.ports import PaymentStanding


async def two_ways(shop):
    order = await shop.ordered()
    return order, await shop.paying(order), await shop.paying(order)


async def test_when_one_has_paid_the_other_is_closed_at_once_and_then_the_order_is_at_its_end(shop):
    order, first, second = await two_ways(shop)
    await shop.tells(shop.paid(second))
    found = await shop.order(order)
    assert (found.status, found.final) == ("delivered", False), "the first page is open still"
    await shop.run()
    assert shop.gateway.closed == [first.id], "without waiting for the time of the next question"
    found = await shop.order(order)
    assert found.final
    assert [payment.status for payment in found.payments] == ["closed", "paid"]


async def test_paid_meanwhile_it_goes_back_by_itself_and_the_payer_is_told(shop):
    order, first, second = await two_ways(shop)
    fact = shop.paid(first)
    shop.gateway.standing[first.id] = [fact]
    await shop.tells(shop.paid(second))
    await shop.run()
    found = await shop.order(order)
    assert (found.status, found.final, second_payment(found)) == ("delivered", True, "went_back")
    assert [(payment.status, payment.refunded) for payment in found.payments] == [
        ("refunded", Money(5000, "CNY")), ("paid", Money(0, "CNY")),
    ]  # fmt: skip


async def test_an_attempt_that_ended_unpaid_is_told_and_leaves_the_order_payable(shop):
    order = await shop.ordered()
    first = await shop.paying(order)
    await shop.tells(shop.said(first, PaymentStanding.CLOSED))
    found = await shop.order(order)
    assert (found.status, found.next_step, found.final) == ("awaiting_payment", "payment_closed", False)
    second = await shop.paying(order)
    assert (await shop.order(order)).next_step == "payment_pending"
    await shop.tells(shop.paid(second))
    found = await shop.order(order)
    assert (found.status, found.final) == ("delivered", True)


async def test_what_another_order_waits_for_stays_open(shop):
    order, _, second = await two_ways(shop)
    other = await shop.ordered(number="13900139000")
    theirs = await shop.paying(other)
    await shop.tells(shop.paid(second))
    await shop.run()
    assert theirs.id not in shop.gateway.closed
    assert (await shop.order(other)).payments[0].status == "pending"
    assert (await shop.order(order)).final
