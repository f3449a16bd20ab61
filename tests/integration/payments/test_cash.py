"""Cash over a counter: taken once, change or a slip, handed back once, and a blind count that ties with the ledger."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.billing import bill_around
from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, RefundId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.cash import postings
from topup.payments.cash.drawer import CHANGE, SAFE, Movement
from topup.payments.cash.tills import Tendered
from topup.payments.ports import PaymentStanding, RefundRequest, Scene
from topup.payments.states import RefundState
from topup.work.approvals import Wish
from topup.work.queries import open_items

TILL = "counter-1"


def yuan(amount_minor) -> Money:
    return Money(amount_minor, "CNY")


@dataclass
class Counter:
    """A clerk at a till that is open with 200 yuan."""

    shop: object

    @property
    def cash(self):
        return self.shop.desk.cash

    async def begins(self, amount=5000, payment_id=None):
        order = await self.shop.ordered(amount=amount)
        payment_id = payment_id or PaymentId(new_id("payment", lane_of(order.id)))
        await self.shop.desk.pay(
            payment_id=payment_id, order_id=order.id, method="cash", locale="zh_Hans", scene=Scene.COUNTER
        )
        return order, payment_id

    async def takes(self, payment_id, tendered=5000, *, till=TILL, **how):
        return await self.cash.take(Tendered(payment_id, till, yuan(tendered), "clerk", **how))

    async def drawer(self) -> int:
        """What the ledger says is in the drawer."""
        return -(await self.shop.house()).get((postings.drawer(TILL), "CNY"), 0)

    async def status(self, order) -> str:
        return (await self.shop.order(order)).status

    async def refunded(self, order, payment_id, amount=5000) -> str:
        """A refund of the kept money was asked for, and the jobs have run; gives its number."""
        async with self.shop.database.transaction() as transaction:
            [capture] = (await paid.captures(transaction.connection, [(lane_of(payment_id), payment_id)]))[payment_id]
            [refund] = await payments.request_refunds(
                transaction.connection, [(capture, amount, "test")], transaction.now
            )
        await self.shop.run()
        return refund.id


@pytest.fixture
async def counter(voucher_shop) -> Counter:
    found = Counter(voucher_shop)
    await found.cash.open(till=TILL, float_=yuan(20000), by="clerk")
    return found


async def test_money_on_the_counter_pays_and_the_change_is_told(counter):
    order, payment_id = await counter.begins()
    assert await counter.status(order) == "awaiting_payment"
    taken = await counter.takes(payment_id, 10000)
    assert (taken.change, taken.slip) == (yuan(5000), yuan(0))
    assert await counter.status(order) == "delivered"
    assert await counter.drawer() == 25000
    assert ("clearing:cash", "CNY") not in await counter.shop.house()


async def test_without_change_the_rest_is_a_voucher(counter):
    order, payment_id = await counter.begins()
    taken = await counter.takes(payment_id, 10000, no_change=True)
    assert (taken.change, taken.slip) == (yuan(0), yuan(5000))
    assert await counter.drawer() == 30000
    assert (await counter.shop.house())[("vouchers", "CNY")] == 5000
    [slip] = await counter.shop.desk.credit_slips(order_id=order.id)
    assert (await counter.shop.redeems(await counter.shop.ordered(), slip.pin)).status == "paid"


async def test_the_same_again_at_once_is_taken_once(counter, figures):
    order, payment_id = await counter.begins()
    said = await asyncio.gather(*(counter.takes(payment_id, 10000, no_change=True) for _ in range(8)))
    assert len(set(said)) == 1
    assert await counter.drawer() == 30000
    assert await counter.status(order) == "delivered"
    with pytest.raises(Problem, match="cash_taken_otherwise"):
        await counter.takes(payment_id, 5000)
    figures.never("G8", of=8, cash_taken_twice=0)


@pytest.mark.parametrize("tendered", [0, 1, 4999])
async def test_too_little_is_not_taken(counter, tendered):
    _, payment_id = await counter.begins()
    with pytest.raises(Problem, match="cash_too_little"):
        await counter.takes(payment_id, tendered)
    assert await counter.drawer() == 20000


async def test_another_currency_is_not_taken(counter):
    _, payment_id = await counter.begins()
    with pytest.raises(Problem, match="currency_wrong"):
        await counter.cash.take(Tendered(payment_id, TILL, Money(5000, "USD"), "clerk"))


async def test_nothing_is_taken_for_what_was_never_begun_or_at_a_till_nobody_keeps(counter):
    _, payment_id = await counter.begins()
    for wrong, code in ((new_id("payment", 3), "payment_unknown"), ("nonsense", "payment_unknown")):
        with pytest.raises(Problem, match=code):
            await counter.takes(wrong)
    with pytest.raises(Problem, match="till_not_open"):
        await counter.takes(payment_id, till="counter-2")
    with pytest.raises(Problem, match="till_open"):
        await counter.cash.open(till=TILL, float_=yuan(0), by="another")


async def test_nothing_is_taken_for_a_cancelled_order(counter):
    order, payment_id = await counter.begins()
    await counter.shop.desk.cancel(order_id=order.id)
    await counter.shop.run()
    with pytest.raises(Problem, match="cash_payment_closed"):
        await counter.takes(payment_id)
    assert await counter.drawer() == 20000


async def test_cash_taken_as_the_order_was_cancelled_goes_back(counter):
    """G10: the clerk was quicker than the gateway was told."""
    order, payment_id = await counter.begins()
    await counter.shop.desk.cancel(order_id=order.id)
    await counter.shop.later(seconds=1)
    await counter.takes(payment_id)
    await counter.shop.run()
    assert "cash_to_pay_back" in await counter.shop.listed()
    house = await counter.shop.house()
    assert house[("suspense", "CNY")] == 5000


async def test_a_taking_nobody_heard_of_is_found_by_asking_and_stands_in_the_bill(counter):
    """G2: the process ended right after the money was taken."""
    order, payment_id = await counter.begins()

    async def deaf(told):
        raise ConnectionError

    hears, counter.cash._hear_payment = counter.cash._hear_payment, deaf
    with pytest.raises(ConnectionError):
        await counter.takes(payment_id)
    counter.cash._hear_payment = hears
    assert await counter.status(order) == "awaiting_payment"
    [line] = await bill_around(counter.shop.cash)
    assert (line.our_id, line.amount) == (payment_id, yuan(5000))
    await counter.shop.later(seconds=6)
    await counter.shop.run()
    assert await counter.status(order) == "delivered"


async def test_a_refund_waits_until_somebody_hands_it_back(counter, figures):
    order, payment_id = await counter.begins()
    await counter.takes(payment_id)
    refund_id = await counter.refunded(order, payment_id)
    assert await counter.shop.listed() == ["cash_to_pay_back"]
    assert isinstance(await counter.shop.cash.query_refund(refund_id, payment_id), Accepted)
    said = await asyncio.gather(*(counter.cash.pay_back(refund_id=refund_id, till=TILL, by="clerk") for _ in range(6)))
    assert {back.amount_minor for back in said} == {5000}
    assert await counter.drawer() == 20000
    [payment] = (await counter.shop.order(order)).payments
    assert payment.status == "refunded"
    assert ("clearing:cash", "CNY") not in await counter.shop.house()
    figures.never("G16", of=6, cash_handed_back_twice=0)


async def test_two_who_are_to_get_back_what_is_there_once_never_both_do(counter):
    refunds = []
    for _ in range(2):
        order, payment_id = await counter.begins()
        await counter.takes(payment_id)
        refunds.append(await counter.refunded(order, payment_id))
    await counter.cash.move(till=TILL, movement=Movement("f1", SAFE, yuan(24000), "Notes", "clerk"))
    assert await counter.drawer() == 6000

    def hands_back(refund_id):
        return counter.cash.pay_back(refund_id=refund_id, till=TILL, by="clerk")

    async def still_waiting():
        async with counter.shop.database.read() as transaction:
            return [item.subject for item in await open_items(transaction.connection)]

    said = await asyncio.gather(*map(hands_back, refunds), return_exceptions=True)
    [refusal] = [one for one in said if isinstance(one, Problem)]
    assert (refusal.code, refusal.parameters) == ("till_cannot_pay_back", {}), (
        "and no sum: who counts is not to learn it"
    )
    assert await counter.drawer() == 1000
    left = refunds[said.index(refusal)]
    assert await still_waiting() == [left]
    await counter.cash.move(till=TILL, movement=Movement("f2", CHANGE, yuan(4000), "To hand back", "clerk"))
    await hands_back(left)
    await hands_back(left)
    assert await counter.drawer() == 0
    assert await still_waiting() == []


async def test_never_more_is_promised_back_than_was_taken(counter):
    order, payment_id = await counter.begins()
    await counter.takes(payment_id)
    refunds = [
        RefundRequest(RefundId(new_id("refund", lane_of(order.id))), payment_id, "x", yuan(1500), "test")
        for _ in range(5)
    ]
    said = await asyncio.gather(*map(counter.shop.cash.refund, refunds))
    assert sum(isinstance(one, Accepted) for one in said) == 3
    assert said.count(Refused(Reason.CONFIGURATION, "over_refund")) == 2


async def test_a_closed_payment_stays_closed(counter):
    order = await counter.shop.ordered()
    payment_id = PaymentId(new_id("payment", lane_of(order.id)))
    assert isinstance(await counter.shop.cash.close(payment_id), Done)
    [fact] = (await counter.shop.cash.query(payment_id)).facts
    assert fact.standing is PaymentStanding.CLOSED
    _, other = await counter.begins()
    await counter.takes(other)
    assert await counter.shop.cash.close(other) == Refused(Reason.USER, "paid")


@pytest.mark.parametrize("off", [0, -300, 700])
async def test_a_blind_count_tells_nobody_what_should_be_there_but_the_work_list(counter, off):
    _, payment_id = await counter.begins()
    await counter.takes(payment_id, 10000)
    session, _ = await counter.cash.close(till=TILL, counted=yuan(25000 + off), by="other")
    assert not hasattr(session, "difference_minor")
    assert await counter.shop.listed() == (["till_difference"] if off else [])
    house = await counter.shop.house()
    assert (postings.drawer(TILL), "CNY") not in house
    assert house.get(("cash_differences", "CNY"), 0) == off
    with pytest.raises(Problem, match="till_not_open"):
        await counter.takes(payment_id, 10000)
    await counter.cash.open(till=TILL, float_=yuan(0), by="clerk")


async def test_a_count_and_takings_at_once_never_lose_a_note(counter):
    """Whatever was taken before the count is expected in it, and nothing is taken after it."""
    begun = [await counter.begins() for _ in range(6)]
    *said, _ = await asyncio.gather(
        *(counter.takes(payment_id) for _, payment_id in begun),
        counter.cash.close(till=TILL, counted=yuan(0), by="other"),
        return_exceptions=True,
    )
    taken = sum(not isinstance(one, BaseException) for one in said)
    house = await counter.shop.house()
    assert house.get(("cash_differences", "CNY"), 0) == -(20000 + taken * 5000)
    assert (postings.drawer(TILL), "CNY") not in house


@given(st.integers(0, 10**9), st.integers(0, 10**9))
@settings(max_examples=200, deadline=None)
def test_a_drawer_is_empty_in_the_books_after_every_count(expected, counted):
    entries = postings.closed("til_x", 3, TILL, "CNY", counted=counted, difference=counted - expected)
    drawer = -expected
    for entry in entries:
        drawer += entry.amount if entry.credit_code == postings.drawer(TILL) else -entry.amount
    assert drawer == 0


async def test_what_nobody_collects_is_handed_back_once_whoever_is_asked(counter):
    """After weeks somebody else is asked about it as well; only the till ends it, so that nobody gets it twice."""
    order, payment_id = await counter.begins()
    await counter.takes(payment_id)
    refund_id = await counter.refunded(order, payment_id)
    await counter.shop.later(days=20)
    await counter.shop.run()
    assert await counter.shop.listed() == ["cash_to_pay_back"], "who bought at a kiosk has time to come back"
    await counter.shop.later(days=11)
    await counter.shop.run()
    assert "refund_unresolved" in await counter.shop.listed()
    [_, _, _, _, done] = counter.shop.desk.deciding.kinds()
    async with counter.shop.database.read() as transaction:
        wish = Wish("refund_done", refund_id, {"reference": "SEPA-1"}, "Sent by bank")
        with pytest.raises(Problem, match="refund_handed_over_elsewhere"):
            await done.prepare(transaction.connection, wish, transaction.now)
    await counter.cash.pay_back(refund_id=refund_id, till=TILL, by="clerk")
    assert await counter.drawer() == 20000
    assert ("clearing:cash", "CNY") not in await counter.shop.house()
    async with counter.shop.database.read() as transaction:
        assert await open_items(transaction.connection) == []


async def test_what_was_given_back_another_way_is_not_handed_out(counter):
    order, payment_id = await counter.begins()
    await counter.takes(payment_id)
    refund_id = await counter.refunded(order, payment_id)
    async with counter.shop.database.transaction() as transaction:
        place = (lane_of(refund_id), refund_id)
        await payments.advance_refunds(transaction.connection, [(place, RefundState.REFUNDED, None)], transaction.now)
    with pytest.raises(Problem, match="refund_settled"):
        await counter.cash.pay_back(refund_id=refund_id, till=TILL, by="clerk")
    assert await counter.drawer() == 25000
