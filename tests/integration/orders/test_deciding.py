"""What two people decide about orders: settled as the outside's own word would be, in the ledger too."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.support.desk import FOREIGN_NUMBER
from topup.fulfilment.ports import CarrierFact
from topup.kernel.errors import Conflict, Invalid, Problem
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Reason, Refused, Reversed, Unknown
from topup.orders.giving_back import kept_payment, kind
from topup.payments.ports import BillLine, PaymentAnswer
from topup.people.permissions import Role, allowed
from topup.work.approvals import Approvals, Wish


@dataclass(frozen=True)
class Actor:
    """Somebody of a role."""

    id: str
    role: Role

    def may(self, permission: str) -> bool:
        return allowed(self.role, permission)


ASKS, DECIDES = Actor(new_id("staff", 0), Role.SUPPORT), Actor(new_id("staff", 0), Role.FINANCE)


@pytest.fixture
def approvals(shop):
    return Approvals(database=shop.database, kinds=[*shop.desk.deciding.kinds(), kind()])


async def decided(approvals, name, subject, **facts):
    asked = await approvals.request(ASKS, Wish(name, subject, facts, "Because"))
    return await approvals.approve(DECIDES, asked.id, note="")


@pytest.fixture
async def delivered(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    await shop.tells(shop.paid(payment))
    return order, payment


async def test_money_goes_back_in_parts_and_never_more_than_came(shop, approvals, delivered):
    order, payment = delivered
    had = await shop.main_balance()
    before = await shop.house()
    paid = payment.amount.amount_minor
    async with shop.database.read() as transaction:
        assert await kept_payment(transaction.connection, order.id) == payment.id
    for bad in ("0", "-1", "x"):
        with pytest.raises(Invalid, match="amount_unreadable"):
            await approvals.request(ASKS, Wish("refund", payment.id, {"amount": bad}, "Because"))
    given = await decided(approvals, "refund", payment.id, amount="10.00")
    await shop.run()
    with pytest.raises(Conflict, match="refund_too_much"):
        await decided(approvals, "refund", payment.id, amount=payment.amount.to_major())
    await decided(approvals, "refund", payment.id)
    await shop.run()
    for nothing_left in ("0.01", "", " "):
        with pytest.raises(Conflict, match="refund_too_much"):
            await approvals.request(ASKS, Wish("refund", payment.id, {"amount": nothing_left}, "Because"))
    after = await shop.house()
    assert given.outcome["refund"].startswith("ref_")
    assert after.get(("suspense", "CNY")) is None
    moved = {key: after.get(key, 0) - before.get(key, 0) for key in {*before, *after}}
    assert {key[0]: value for key, value in moved.items() if value} == {"goodwill": -paid, "clearing:scripted": paid}
    sent = [request for of in shop.gateway.refunds.values() for request in of]
    assert sum(request.amount.amount_minor for request in sent) == paid
    assert await shop.main_balance() == had, "the credit stays"
    assert (await shop.order(order)).status == "delivered"
    print(f"given back {paid} of {paid} in {len(sent)} refunds, over-refunded 0")


async def test_the_payer_sees_what_is_given_back_from_the_decision_until_it_is_there(shop, approvals, delivered):
    order, payment = delivered
    part = Money(1000, "CNY")
    asked = await approvals.request(ASKS, Wish("refund", payment.id, {"amount": "10.00"}, "Because"))
    before = await shop.order(order)
    assert (before.next_step, before.payments[0].given_back) == ("delivered", ()), "it may yet be declined"
    await approvals.approve(DECIDES, asked.id, note="")
    seen = []
    for _ in range(2):
        view, receipt = await shop.order(order), await shop.desk.receipt(order_id=order.id)
        (given,) = view.payments[0].given_back
        assert (view.status, given.amount, receipt.given_back) == ("delivered", part, (given,))
        causes = [entry.cause for entry in view.timeline[len(before.timeline) :]]
        seen.append((view.next_step, view.final, given.standing, causes, receipt.refunded.amount_minor))
        await shop.run()
    assert seen == [
        ("delivered_refunding", False, "going_back", ["given_back"], 0),
        ("delivered_refunded", True, "went_back", ["given_back", "given_back_arrived"], 1000),
    ]


@pytest.mark.parametrize("amount", ["30.00", "48.00"])
async def test_of_approvals_at_once_no_more_goes_back_than_came(shop, approvals, delivered, amount):
    """One by asked, one by one approved by many at once: the second does not fit any more."""
    _, payment = delivered
    first = await approvals.request(ASKS, Wish("refund", payment.id, {"amount": amount}, "Because"))

    async def tried() -> str:
        try:
            return (await approvals.approve(DECIDES, first.id, note="")).state.value
        except Problem as problem:
            return problem.code

    assert Counter(await asyncio.gather(*(tried() for _ in range(6)))) == {"approved": 1, "approval_decided": 5}
    with pytest.raises(Conflict, match="refund_too_much"):
        await approvals.request(ASKS, Wish("refund", payment.id, {"amount": amount}, "Because"))
    await shop.run()
    assert len(shop.gateway.refunds) == 1
    assert (await shop.house()).get(("suspense", "CNY")) is None


async def test_nothing_goes_back_of_an_order_that_was_not_delivered(shop, approvals):
    payment = await shop.paying(await shop.ordered())
    with pytest.raises(Conflict, match="refund_not_of_delivered"):
        await approvals.request(ASKS, Wish("refund", payment.id, {}, "Because"))


async def test_a_refund_made_by_hand_closes_the_order(shop, approvals, delivered):
    order, payment = delivered
    shop.gateway.refund_answers = [Refused(Reason.CONFIGURATION, "closed")]
    given = await decided(approvals, "refund", payment.id, amount="5.00")
    await shop.run()
    assert await shop.listed() == ["refund_unresolved"]
    (told,) = (await shop.order(order)).payments[0].given_back
    assert told.standing == "with_person"
    refund = given.outcome["refund"]
    await decided(approvals, "refund_done", refund, reference="by-hand-1")
    assert (await shop.house()).get(("suspense", "CNY")) is None
    with pytest.raises(Conflict, match="settled_meanwhile"):
        await approvals.request(ASKS, Wish("refund_done", refund, {"reference": "by-hand-2"}, "Because"))


@pytest.fixture
async def unheard_of(shop):
    """A payment of which the gateway says nothing, until a person is asked."""
    order = await shop.ordered()
    payment = await shop.paying(order)
    shop.gateway.close_answers = [Unknown("silent")] * 60
    shop.gateway.query_answers = [PaymentAnswer((), Unknown("silent"))] * 60
    while "payment_unresolved" not in await shop.listed():
        await shop.later(hours=3)
        await shop.run()
    return order, payment


async def recorded(shop, approvals, payment, *, reference, long_ago=True):
    at = payment.created_at if long_ago else datetime.now(UTC) + shop.database.clock_offset
    return await decided(
        approvals,
        "payment_paid",
        payment.id,
        reference=reference,
        amount=payment.amount.to_major(),
        paid_at=at.isoformat(),
    )


@pytest.mark.parametrize("by", ["event", "bill"])
async def test_a_mistyped_reference_gives_nothing_away(shop, approvals, unheard_of, figures, by):
    """The gateway's own word of the same money comes later, under the reference it really has."""
    order, payment = unheard_of
    await recorded(shop, approvals, payment, reference="ch_typo")
    assert (await shop.order(order)).status == "delivered"
    fact = shop.paid(payment, reference="pi_real", at=payment.created_at)
    if by == "bill":
        shop.gateway.lines = [BillLine("payment", payment.id, "pi_real", payment.amount, fact.paid_at)]
        assert await shop.desk.bills.read_day(method="scripted", day=fact.paid_at.date()) == 1
        assert await shop.desk.bills.read_day(method="scripted", day=fact.paid_at.date()) == 0
    else:
        await shop.tells(fact)
    await shop.run()
    assert shop.gateway.refunds == {}
    assert (await shop.house())[("clearing:scripted", "CNY")] == -payment.amount.amount_minor
    await decided(approvals, "refund", payment.id, amount="1.00")
    await shop.run()
    [[request]] = shop.gateway.refunds.values()
    assert request.reference == "pi_real"
    figures("G10", told_by=by, mistyped=1, given_away=0)


async def test_money_that_came_twice_goes_back_once_where_people_recorded_one(shop, approvals, unheard_of):
    """In whichever order the gateway names what is real."""
    order, payment = unheard_of
    await recorded(shop, approvals, payment, reference="pi_one")
    for reference in ("pi_two", "pi_one", "pi_two", "pi_one"):
        await shop.tells(shop.paid(payment, reference=reference, at=payment.created_at))
    await shop.run()
    [[request]] = shop.gateway.refunds.values()
    assert request.reference == "pi_one"
    assert (await shop.order(order)).status == "delivered"
    assert (await shop.house()).get(("suspense", "CNY")) is None
    assert (await shop.house())[("clearing:scripted", "CNY")] == -payment.amount.amount_minor


async def test_nothing_is_sent_back_by_a_reference_that_only_people_named(shop, approvals, unheard_of):
    _, payment = unheard_of
    await recorded(shop, approvals, payment, reference="pi_of_somebody", long_ago=False)
    await shop.run()
    assert shop.gateway.refunds == {}, "it came late and goes back; by what they typed it might go to another payer"
    for _ in range(10):
        await shop.later(hours=3)
        await shop.run()
    assert shop.gateway.refunds == {}
    assert "refund_unresolved" in await shop.listed()


async def test_the_reference_of_another_payment_is_refused(shop, approvals, unheard_of):
    _, payment = unheard_of
    other = await shop.paying(await shop.ordered())
    await shop.tells(shop.paid(other, reference="pi_other"))
    with pytest.raises(Conflict, match="reference_of_other_payment"):
        await recorded(shop, approvals, payment, reference="pi_other")


@pytest.mark.parametrize("given", ["", "4.00"])
async def test_a_carriers_reversal_after_money_was_given_back_gives_back_the_rest(shop, approvals, given, figures):
    order = await shop.ordered(number=FOREIGN_NUMBER, currency="SGD", amount=1000)
    payment = await shop.paying(order)
    await shop.tells(shop.paid(payment))
    await shop.run()
    assert (await shop.order(order)).status == "delivered"
    await decided(approvals, "refund", payment.id, amount=given)
    await shop.run()
    [attempt] = shop.carrier.submissions
    await shop.carrier_tells(CarrierFact(attempt, Reversed("r-1")))
    await shop.run()
    assert (await shop.order(order)).status == "refunded"
    assert await shop.house() == {}, "no cost of ours is left, nor any money of the payer's"
    sent = sum(request.amount.amount_minor for of in shop.gateway.refunds.values() for request in of)
    assert sent == payment.amount.amount_minor
    assert await shop.listed() == []
    figures("G16", reversed_after_goodwill=given or "all", over_refund=0)
