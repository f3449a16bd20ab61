"""Delivery through another carrier, and money on its way back, on a real database."""

from tests.support.approving import Anybody
from topup.fulfilment.ports import CarrierFact
from topup.kernel.outcome import Accepted, Done, NotSent, Reason, Refused, Reversed, Throttled, Unknown
from topup.orders.following_up import FollowingUp
from topup.orders.health import going_back
from topup.payments.ports import RefundFact

FOREIGN = "+6581234500"


def states(view) -> list[str]:
    return [entry.state for entry in view.timeline]


class TestThroughAnotherCarrier:
    async def ordered_and_paid(self, shop):
        order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
        await shop.tells(shop.paid(await shop.paying(order)))
        return order

    async def submissions(self, shop):
        return [len(of) for of in shop.carrier.submissions.values()]

    async def test_delivered_at_once(self, shop):
        order = await self.ordered_and_paid(shop)
        assert (await shop.order(order)).status == "delivering"
        await shop.run()
        assert (await shop.order(order)).status == "delivered"
        assert (await shop.house())["payable:external_demo", "SGD"] == 1000
        assert (await shop.house()).get(("suspense", "SGD")) is None

    async def test_refused_goes_back(self, shop):
        shop.carrier.answers = [Refused(Reason.USER, "suspended")]
        order = await self.ordered_and_paid(shop)
        await shop.run()
        assert states(await shop.order(order))[-2:] == ["refunding", "refunded"]
        assert await shop.house() == {}

    async def test_unknown_is_asked_about_and_never_sent_again(self, shop):
        shop.carrier.answers = [Unknown("timeout")]
        order = await self.ordered_and_paid(shop)
        await shop.run()
        assert (await shop.order(order)).status == "unresolved"
        for _ in range(5):
            await shop.later(minutes=70)
            await shop.desk.outside.deliver()
        shop.carrier.query_answers = [Done("after all")]
        await shop.later(minutes=70)
        await shop.run()
        assert (await shop.order(order)).status == "delivered"
        assert await self.submissions(shop) == [1]

    async def test_unanswered_past_the_horizon_is_for_a_person(self, shop):
        shop.carrier.answers = [Unknown("timeout")]
        order = await self.ordered_and_paid(shop)
        for _ in range(40):
            await shop.later(minutes=70)
            await shop.desk.outside.deliver()
        assert (await shop.order(order)).status == "needs_person"
        await shop.carrier_tells(CarrierFact(next(iter(shop.carrier.submissions)), Done("at last")))
        assert (await shop.order(order)).status == "delivered"
        assert await self.submissions(shop) == [1]

    async def test_absence_is_believed_only_after_a_while_and_then_sent_under_a_new_number(self, shop):
        shop.carrier.answers = [Unknown("timeout")]
        order = await self.ordered_and_paid(shop)
        await shop.run()
        shop.carrier.query_answers = [Refused(Reason.ABSENT, "never had it")]
        await shop.later(seconds=6)
        await shop.run()
        assert (await shop.order(order)).status == "unresolved"
        shop.carrier.query_answers = [Refused(Reason.ABSENT, "never had it")]
        await shop.later(seconds=61)
        await shop.run()
        assert (await shop.order(order)).status == "delivered"
        assert await self.submissions(shop) == [1, 1]

    async def test_not_sent_is_tried_again_and_then_goes_back(self, shop):
        shop.carrier.answers = [NotSent("refused"), Throttled(3)]
        order = await self.ordered_and_paid(shop)
        for _ in range(3):
            await shop.run()
            await shop.later(seconds=30)
        await shop.run()
        assert (await shop.order(order)).status == "delivered"
        shop.carrier.answers = [NotSent("refused")] * 20
        other = await self.ordered_and_paid(shop)
        for _ in range(10):
            await shop.run()
            await shop.later(minutes=20)
        await shop.run()
        assert (await shop.order(other)).status == "refunded"

    async def test_having_it_asked_about_does_not_press_a_carrier_that_put_us_off(self, shop):
        shop.carrier.answers = [Throttled(3600)]
        order = await self.ordered_and_paid(shop)
        await shop.run()
        assert await FollowingUp(shop.database).ask_again(Anybody("stf_one"), order.id) == 0
        await shop.run()
        assert (await self.submissions(shop), shop.carrier.queries) == ([1], 0)
        await shop.later(hours=1)
        await shop.run()
        assert (await shop.order(order)).status == "delivered"

    async def test_what_was_submitted_is_asked_about_at_once(self, shop):
        shop.carrier.answers = [Unknown("timeout")]
        order = await self.ordered_and_paid(shop)
        await shop.run()
        shop.carrier.query_answers = [Done("done")]
        assert await FollowingUp(shop.database).ask_again(Anybody("stf_one"), order.id) == 1
        await shop.run()
        assert ((await shop.order(order)).status, await self.submissions(shop)) == ("delivered", [1])

    async def test_nor_does_it_press_a_gateway_that_put_a_refund_off_but_asks_about_one_it_took_in(self, shop):
        shop.carrier.answers = [Refused(Reason.USER, "suspended")]
        shop.gateway.refund_answers = [Throttled(3600), Accepted("taken in")]
        order = await self.ordered_and_paid(shop)
        await shop.run()
        asking = FollowingUp(shop.database)
        assert await asking.ask_again(Anybody("stf_one"), order.id) == 0
        await shop.run()
        assert [len(of) for of in shop.gateway.refunds.values()] == [1]
        await shop.later(hours=1)
        await shop.run()
        assert [len(of) for of in shop.gateway.refunds.values()] == [2]
        assert await asking.ask_again(Anybody("stf_one"), order.id) == 1
        await shop.run()
        assert (await shop.order(order)).status == "refunded"

    async def test_what_is_going_back_is_told_until_payers_have_it_and_while_a_person_decides(self, shop):
        shop.carrier.answers = [Refused(Reason.USER, "suspended")] * 2
        shop.gateway.refund_answers = [Refused(Reason.USER, "account closed"), Done("back")]
        for _ in range(2):
            await self.ordered_and_paid(shop)
            await shop.run()
        async with shop.database.read() as transaction:
            assert await going_back(transaction.connection) == {"SGD": 1000}

    async def test_reversed_after_success_takes_the_entries_back_and_refunds(self, shop):
        order = await self.ordered_and_paid(shop)
        await shop.run()
        await shop.carrier_tells(CarrierFact(next(iter(shop.carrier.submissions)), Reversed("taken back")))
        await shop.run()
        seen = await shop.order(order)
        assert states(seen)[-3:] == ["delivered", "refunding", "refunded"]
        receipt = await shop.desk.receipt(order_id=order.id)
        assert (receipt.stands, receipt.refunded_at) == (False, seen.timeline[-1].at)
        assert await shop.house() == {}

    async def test_accepted_is_asked_about_until_it_is_final(self, shop):
        shop.carrier.answers = [Accepted("taken in")]
        shop.carrier.query_answers = [Accepted("taken in"), Done("done")]
        order = await self.ordered_and_paid(shop)
        await shop.run()
        assert (await shop.order(order)).status == "delivering"
        for _ in range(2):
            await shop.later(seconds=30)
            await shop.run()
        assert (await shop.order(order)).status == "delivered"

    async def test_a_success_after_the_refund_is_a_persons_matter(self, shop):
        shop.carrier.answers = [Refused(Reason.USER, "suspended")]
        order = await self.ordered_and_paid(shop)
        await shop.run()
        await shop.carrier_tells(CarrierFact(next(iter(shop.carrier.submissions)), Done("surprise")))
        assert (await shop.order(order)).status == "refunded"
        async with shop.database.read() as transaction:
            cursor = await transaction.connection.execute("SELECT kind FROM work.items")
            assert [kind for (kind,) in await cursor.fetchall()] == ["carrier_contradicts_itself"]


class TestRefunds:
    async def refunding(self, shop):
        shop.carrier.answers = [Refused(Reason.USER, "suspended")]
        order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
        await shop.tells(shop.paid(await shop.paying(order)))
        return order

    async def test_an_unknown_refund_keeps_its_number(self, shop):
        shop.gateway.refund_answers = [Unknown("timeout")]
        shop.gateway.refund_query_answers = [Unknown("timeout"), Refused(Reason.ABSENT, "no such refund")]
        order = await self.refunding(shop)
        for _ in range(5):
            await shop.run()
            await shop.later(minutes=5)
        assert (await shop.order(order)).status == "refunded"
        assert [len(of) for of in shop.gateway.refunds.values()] == [2]

    async def test_accepted_is_not_refunded_yet(self, shop):
        shop.gateway.refund_answers = [Accepted("taken in")]
        shop.gateway.refund_query_answers = [Accepted("taken in")]
        order = await self.refunding(shop)
        await shop.run()
        assert (await shop.order(order)).status == "refunding"
        (refund_id,) = shop.gateway.refunds
        await shop.tells(RefundFact(refund_id, Done("back")))
        assert (await shop.order(order)).status == "refunded"

    async def test_a_refused_refund_is_a_persons_matter(self, shop):
        shop.gateway.refund_answers = [Refused(Reason.CONFIGURATION, "account frozen")]
        order = await self.refunding(shop)
        await shop.run()
        after = await shop.order(order)
        assert (after.status, after.who_must_act) == ("needs_person", "us")
