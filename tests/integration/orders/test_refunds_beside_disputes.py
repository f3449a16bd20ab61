"""Refunds that people record beside what banks took of the same money: never more goes back than came, and the ledger,
the refunds and the provider's bill say the same.
"""

from dataclasses import dataclass

import pytest

from tests.support.desk import FOREIGN_NUMBER
from topup.fulfilment.ports import CarrierFact
from topup.kernel.errors import Conflict
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Reason, Refused
from topup.payments.ports import DisputeFact, DisputeStanding
from topup.people.permissions import Role, allowed
from topup.work.approvals import Approvals, Wish

OPEN, WON, LOST = DisputeStanding.OPEN, DisputeStanding.WON, DisputeStanding.LOST


@dataclass(frozen=True)
class Actor:
    """Somebody of a role."""

    id: str
    role: Role

    def may(self, permission: str) -> bool:
        return allowed(self.role, permission)


ASKS, DECIDES = Actor(new_id("staff", 0), Role.SUPPORT), Actor(new_id("staff", 0), Role.FINANCE)


class Failed:
    """A paid order that its carrier failed: all of its money is to go back, 10 dollars."""

    def __init__(self, shop) -> None:
        self.shop = shop
        self.approvals = Approvals(database=shop.database, kinds=shop.desk.deciding.kinds())

    async def begins(self):
        self.order = await self.shop.ordered(number=FOREIGN_NUMBER, currency="SGD", amount=1000)
        self.payment = await self.shop.paying(self.order)
        self.shop.carrier.answers = [Accepted("c-1")]
        await self.shop.tells(self.shop.paid(self.payment, reference="pi_1"))
        await self.shop.desk.outside.deliver()
        self.paid = self.payment.amount.amount_minor
        return self

    async def fails(self):
        [(attempt,)] = await self.rows("SELECT id FROM fulfilment.attempts")
        await self.shop.carrier_tells(CarrierFact(attempt, Refused(Reason.USER, "no_such_number")))

    async def objects(self, standing, minor, *, currency="SGD", dispute="dp_1"):
        money = Money(minor, currency)
        await self.shop.tells(DisputeFact(self.payment.id, dispute, standing, money, None, "pi_1"))

    async def refund(self):
        [found] = await self.rows("SELECT id, state, taken_minor FROM payments.refunds")
        return found

    async def evidence(self):
        [(evidence,)] = await self.rows("SELECT evidence FROM work.items WHERE kind = 'refund_unresolved'")
        return evidence

    async def asked(self):
        identifier, _, _ = await self.refund()
        return await self.approvals.request(ASKS, Wish("refund_done", identifier, {"reference": "hand-1"}, "Sent"))

    async def recorded(self):
        """Two people say that it was sent by hand."""
        return await self.approvals.approve(DECIDES, (await self.asked()).id, note="")

    async def rows(self, sql):
        async with self.shop.database.read() as transaction:
            return await (await transaction.connection.execute(sql)).fetchall()


@pytest.fixture
async def failed(shop):
    return await Failed(shop).begins()


async def test_what_the_bank_took_of_a_refund_that_people_record_is_posted_apart_from_what_they_sent(failed):
    """Of ten dollars that are to go back the bank took three: seven are sent by hand, and no more leave our account."""
    taken = 300
    await failed.objects(LOST, taken)
    await failed.fails()
    await failed.shop.run()
    assert (await failed.refund())[1] == "needs_person"
    assert (await failed.evidence())["remains_minor"] == failed.paid - taken
    decided = await failed.recorded()
    assert (decided.facts["amount_minor"], decided.facts["taken_minor"]) == (failed.paid - taken, taken)
    # `disputes` has what the payer's bank gave back; the bill takes it from `clearing`, and both are even.
    assert await failed.shop.house() == {("clearing:scripted", "SGD"): -taken, ("disputes", "SGD"): taken}
    assert (await failed.refund())[1:] == ("refunded", taken)
    view = await failed.shop.order(failed.order)
    assert (view.status, view.payments[-1].refunded) == ("refunded", failed.payment.amount)


async def test_whoever_sends_it_by_hand_is_told_when_a_bank_leaves_less(failed):
    """The gateway refused it, and a person was asked before the payer's bank decided."""
    failed.shop.gateway.refund_answers = [Refused(Reason.CONFIGURATION, "closed")]
    await failed.fails()
    await failed.shop.run()
    assert (await failed.evidence())["remains_minor"] is None
    asked = await failed.asked()
    await failed.objects(OPEN, 400)
    with pytest.raises(Conflict, match="refund_disputed"):
        await failed.approvals.approve(DECIDES, asked.id, note="")
    await failed.objects(LOST, 400)
    assert (await failed.evidence())["remains_minor"] == failed.paid - 400
    with pytest.raises(Conflict, match="settled_meanwhile"):
        await failed.approvals.approve(DECIDES, asked.id, note="")
    await failed.approvals.reject(DECIDES, asked.id, note="It is less now")
    await failed.recorded()
    assert (await failed.refund())[1:] == ("refunded", 400)


async def test_what_the_bank_took_whole_is_not_recorded_as_sent(failed):
    failed.shop.gateway.refund_answers = [Refused(Reason.CONFIGURATION, "closed")]
    await failed.fails()
    await failed.shop.run()
    await failed.objects(LOST, failed.paid)
    assert (await failed.evidence())["remains_minor"] == 0
    await failed.recorded()
    assert (await failed.refund())[1:] == ("taken_back", failed.paid)
    assert await failed.shop.house() == {("clearing:scripted", "SGD"): -failed.paid, ("disputes", "SGD"): failed.paid}


async def test_of_what_a_bank_took_in_another_currency_people_work_out_the_rest(failed):
    await failed.objects(LOST, 300, currency="USD")
    await failed.fails()
    await failed.shop.run()
    assert (await failed.evidence())["remains_minor"] is None
    assert (await failed.recorded()).facts["amount_minor"] == failed.paid
