"""Answers that come seldom, or from the wrong one: what each does to the money."""

import pytest

from topup.fulfilment.ports import CarrierFact
from topup.kernel.errors import Problem
from topup.kernel.ids import lane_of
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Reversed, Unknown
from topup.ledger import Transfer, post
from topup.lines.operations import open_lines
from topup.orders.completion import LedgerRefused
from topup.orders.concluding import Collided, Heard
from topup.orders.refunding import RefundHeard
from topup.orders.settlement import Told
from topup.payments.ports import BillLine, Capability, RefundFact

FOREIGN = "+6581234500"
SUSPENSE = ("suspense", "SGD")


def states(view) -> list[str]:
    return [entry.state for entry in view.timeline]


async def paid_abroad(shop, *answers, contact=None):
    """An order paid for delivery by another carrier, which answers the submission and then the questions so."""
    shop.carrier.answers = [*answers[:1]]
    shop.carrier.query_answers = [*answers[1:]]
    order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD", contact=contact)
    await shop.tells(shop.paid(await shop.paying(order)))
    await shop.desk.outside.deliver()
    return order


def attempt_of(shop) -> str:
    (attempt,) = shop.carrier.submissions
    return attempt


async def past_the_horizon(shop) -> None:
    for _ in range(30):
        await shop.later(minutes=61)
        await shop.desk.outside.deliver()


async def refunded(shop, order) -> None:
    """Once everything ran the payer has it all back, once, and we have nothing of it."""
    await shop.run()
    assert (await shop.order(order)).status == "refunded"
    assert [request.amount for of in shop.gateway.refunds.values() for request in of] == [Money(1000, "SGD")]
    assert await shop.house() == {}


async def delivered(shop, order) -> None:
    """The carrier is owed what was paid, once, and nothing goes back."""
    await shop.run()
    assert (await shop.order(order)).status == "delivered"
    assert shop.gateway.refunds == {}
    assert await shop.house() == {("clearing:scripted", "SGD"): -1000, ("payable:external_demo", "SGD"): 1000}


class TestCarriers:
    @pytest.mark.parametrize("first", [Accepted("taken in"), Unknown("timeout")])
    async def test_one_that_takes_back_what_it_never_confirmed(self, shop, first):
        order = await paid_abroad(shop, first)
        await shop.carrier_tells(CarrierFact(attempt_of(shop), Reversed("taken back")))
        await refunded(shop, order)
        assert await shop.listed() == []

    async def test_one_that_takes_back_at_once(self, shop):
        await refunded(shop, await paid_abroad(shop, Reversed("taken back")))

    async def test_one_that_takes_back_twice_gives_back_once(self, shop):
        order = await paid_abroad(shop, Done("done"))
        for word in ("taken back", "taken back again"):
            await shop.carrier_tells(CarrierFact(attempt_of(shop), Reversed(word)))
        await refunded(shop, order)

    @pytest.mark.parametrize("last", [Reversed("taken back"), Refused(Reason.USER, "suspended")])
    async def test_one_that_says_no_when_a_person_had_it_already(self, shop, last):
        order = await paid_abroad(shop, Unknown("timeout"))
        await past_the_horizon(shop)
        assert (await shop.order(order)).status == "needs_person"
        await shop.carrier_tells(CarrierFact(attempt_of(shop), last))
        await refunded(shop, order)

    async def test_one_that_says_yes_when_a_person_had_it_already(self, shop):
        order = await paid_abroad(shop, Unknown("timeout"))
        await past_the_horizon(shop)
        await shop.carrier_tells(CarrierFact(attempt_of(shop), Done("done")))
        await delivered(shop, order)

    async def test_one_that_denies_what_it_confirmed(self, shop):
        """Nothing moves: whether the credit is there is for a person to find out."""
        order = await paid_abroad(shop, Done("done"))
        await shop.carrier_tells(CarrierFact(attempt_of(shop), Refused(Reason.USER, "suspended")))
        await delivered(shop, order)
        assert await shop.listed() == ["carrier_contradicts_itself"]

    async def test_one_that_confirms_what_it_refused_after_the_money_was_promised_back(self, shop):
        order = await paid_abroad(shop, Refused(Reason.USER, "suspended"))
        await shop.carrier_tells(CarrierFact(attempt_of(shop), Done("after all")))
        await refunded(shop, order)
        assert await shop.listed() == ["carrier_contradicts_itself"]

    async def test_one_that_is_silent_and_then_has_it_under_way(self, shop):
        order = await paid_abroad(shop, Unknown("timeout"), Accepted("taken in"), Done("done"))
        assert (await shop.order(order)).status == "unresolved"
        await shop.later(minutes=1)
        await shop.desk.outside.deliver()
        after = await shop.order(order)
        assert (after.status, after.timeline[-1].cause) == ("delivering", "carrier_answered")
        await shop.later(minutes=1)
        await delivered(shop, order)

    async def test_three_attempts_that_never_arrived_are_enough(self, shop):
        order = await paid_abroad(shop, Unknown("timeout"))
        for _ in range(3):
            shop.carrier.answers = [Unknown("timeout")]
            shop.carrier.query_answers = [Refused(Reason.ABSENT, "never had it")]
            await shop.later(seconds=61)
            await shop.desk.outside.deliver()
            await shop.desk.outside.deliver()
        assert [len(of) for of in shop.carrier.submissions.values()] == [1, 1, 1]
        await refunded(shop, order)

    async def test_another_one_speaks_of_what_it_never_had(self, shop):
        order = await paid_abroad(shop, Accepted("taken in"))
        with pytest.raises(Problem, match="fulfilment_unknown"):
            await shop.desk.hear_delivery(Heard(attempt_of(shop), Done("done"), "another"))
        assert (await shop.order(order)).status == "delivering"
        assert (await shop.house())[SUSPENSE] == 1000

    async def test_the_number_went_to_another_one_after_it_was_paid(self, shop):
        order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
        await shop.tells(shop.paid(await shop.paying(order)))
        async with shop.database.transaction() as transaction:
            moved = [(Msisdn(FOREIGN, "SG"), "qingfeng", "Asia/Shanghai")]
            await open_lines(transaction.connection, moved, transaction.now, lanes=16)
        await shop.desk.outside.deliver()
        assert shop.carrier.submissions == {}
        await refunded(shop, order)

    async def test_two_answers_at_once_are_judged_one_after_the_other(self, shop):
        """Done and taken back in one flush: the second's event stays open, and the sweep tells it again."""
        order = await paid_abroad(shop, Accepted("taken in"))
        attempt, lane = attempt_of(shop), lane_of(attempt_of(shop))
        shop.desk.post_room._begin = lambda work: work.close()
        heard = []
        for outcome in (Done("done"), Reversed("taken back")):
            said = CarrierFact(attempt, outcome)
            body = shop.carrier.event(said, event_id=outcome.reference)
            await shop.desk.receive_carrier_event(carrier="external_demo", headers={}, body=body)
            event = (lane, "external_demo", outcome.reference)
            heard.append(Heard(attempt, outcome, "external_demo", event=event))
        conclude = shop.desk._conclude._operation
        async with shop.database.transaction() as transaction:
            first, second = await conclude(transaction.connection, heard, transaction.now)
        assert first.state == "delivered"
        assert isinstance(second, Collided)
        assert (await shop.order(order)).status == "delivered"
        await shop.later(seconds=3)
        assert await shop.desk.post_room.sweep() == 1
        await refunded(shop, order)
        assert states(await shop.order(order))[-3:] == ["delivered", "refunding", "refunded"]


class TestRefunds:
    async def under_way(self, shop, contact=None):
        shop.gateway.refund_answers = [Accepted("taken in")]
        order = await paid_abroad(shop, Refused(Reason.USER, "suspended"), contact=contact)
        await shop.desk.outside.refund()
        (refund_id,) = shop.gateway.refunds
        return order, refund_id

    async def test_another_gateways_word_is_not_taken(self, shop):
        order, refund_id = await self.under_way(shop)
        with pytest.raises(Problem, match="refund_unknown"):
            await shop.desk.hear_refund(RefundHeard(refund_id, Done("back"), "another"))
        assert (await shop.order(order)).status == "refunding"
        assert (await shop.house())[SUSPENSE] == 1000

    @pytest.mark.parametrize("later", [Done("once more"), Refused(Reason.USER, "account closed"), Accepted("again")])
    async def test_what_is_said_of_one_that_is_back_changes_nothing(self, shop, later):
        order, refund_id = await self.under_way(shop)
        await shop.tells(RefundFact(refund_id, Done("back")))
        await shop.tells(RefundFact(refund_id, later))
        await refunded(shop, order)
        assert await shop.listed() == []

    async def test_one_that_a_person_had_may_still_come_back(self, shop):
        order, refund_id = await self.under_way(shop)
        await shop.tells(RefundFact(refund_id, Refused(Reason.USER, "account closed")))
        assert (await shop.order(order)).status == "needs_person"
        await shop.tells(RefundFact(refund_id, Refused(Reason.USER, "account closed")))
        assert await shop.listed() == ["refund_unresolved"]
        await shop.tells(RefundFact(refund_id, Done("back")))
        await refunded(shop, order)

    async def test_one_that_the_gateway_denied_may_be_back_all_the_same(self, shop):
        shop.gateway.refund_answers = [Unknown("timeout")]
        shop.gateway.refund_query_answers = [Refused(Reason.ABSENT, "never had it")]
        order = await paid_abroad(shop, Refused(Reason.USER, "suspended"))
        await shop.desk.outside.refund()
        await shop.later(minutes=1)
        await shop.desk.outside.refund()
        (refund_id,) = shop.gateway.refunds
        await shop.tells(RefundFact(refund_id, Done("back")))
        await refunded(shop, order)

    async def test_surplus_that_cannot_go_back_leaves_the_order_as_it_is(self, shop):
        order = await shop.ordered()
        payment = await shop.paying(order)
        shop.gateway.refund_answers = [Refused(Reason.USER, "account closed")]
        await shop.tells(shop.paid(payment), shop.paid(payment))
        await shop.run()
        after = await shop.order(order)
        assert (after.status, after.payments[0].status, after.final) == ("delivered", "needs_person", False)
        assert await shop.listed() == ["refund_unresolved"]
        assert (await shop.house())["suspense", "CNY"] == 5000

    @pytest.mark.parametrize("surplus", [Done("back"), Refused(Reason.USER, "account closed")])
    async def test_surplus_says_nothing_of_the_money_that_was_kept(self, shop, surplus):
        shop.carrier.answers = [Refused(Reason.USER, "suspended")]
        order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
        payment = await shop.paying(order)
        shop.gateway.refund_answers = [Accepted("taken in")] * 2
        await shop.tells(shop.paid(payment, reference="kept"), shop.paid(payment, reference="surplus"))
        await shop.run()
        refunds = {of[0].reference: refund_id for refund_id, of in shop.gateway.refunds.items()}
        await shop.tells(RefundFact(refunds["surplus"], surplus))
        assert (await shop.order(order)).status == "refunding"
        await shop.tells(RefundFact(refunds["kept"], Done("back")))
        assert (await shop.order(order)).status == "refunded"

    @pytest.mark.parametrize("cannot", ["unplugged", "incapable"])
    async def test_a_gateway_that_cannot_give_back_leaves_it_to_a_person(self, shop, cannot):
        order = await paid_abroad(shop, Refused(Reason.USER, "suspended"))
        if cannot == "unplugged":
            shop.desk.outside._gateways = {}
        else:
            shop.gateway.capabilities -= {Capability.REFUND}
        for _ in range(40):
            await shop.desk.outside.refund()
            await shop.later(minutes=61)
        assert (await shop.order(order)).status == "needs_person"
        assert await shop.listed() == ["refund_unresolved"]
        assert (await shop.house())[SUSPENSE] == 1000

    async def test_the_payer_is_told_of_what_went_back(self, shop):
        _, refund_id = await self.under_way(shop, contact="payer@example.com")
        await shop.tells(RefundFact(refund_id, Done("back")))
        async with shop.database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT template, parameters::text FROM notifications.messages ORDER BY created_at"
            )
            (failed, _), (news, said) = await cursor.fetchall()
        assert (failed, news) == ("failed", "refunded")
        assert "1000" in said


class TestPayments:
    async def test_one_whose_gateway_is_gone_ends_with_a_person(self, shop):
        await shop.paying(await shop.ordered())
        shop.desk.outside._gateways = {}
        for _ in range(40):
            await shop.desk.expire()
            await shop.desk.outside.ask()
            await shop.later(minutes=61)
        assert await shop.listed() == ["payment_unresolved"]

    async def test_one_that_the_ledger_refuses_takes_no_hold_at_all(self, shop):
        """Something stands under its key: nothing of the order moves, and a person looks."""
        order = await shop.ordered()
        payment = await shop.paying(order)
        async with shop.database.transaction() as transaction:
            stranger = Transfer(
                lane=lane_of(payment.id),
                key=f"{payment.id}:capture:g-1",
                debit_code="issued",
                credit_code="fees",
                asset="CNY",
                amount=1,
                purpose="other",
                reference="other",
            )
            await post(transaction.connection, [stranger], transaction.now)
        before = await shop.house()
        fact = shop.paid(payment, reference="g-1")
        with pytest.raises(LedgerRefused):
            await shop.desk.hear_payment(Told(fact, "scripted"))
        await shop.tells(fact)
        assert (await shop.order(order)).status == "awaiting_payment"
        assert await shop.house() == before
        assert await shop.listed() == ["event_parked"]
        shop.gateway.lines = [BillLine("payment", payment.id, "g-1", payment.amount, fact.paid_at)]
        assert await shop.desk.bills.read() == 0
        assert await shop.listed() == ["bill_line_unknown", "event_parked"]
