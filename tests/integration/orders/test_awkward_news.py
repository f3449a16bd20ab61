"""News that comes in awkward company: nothing of it may be lost, and nothing may be asked about for ever."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from prometheus_client import REGISTRY
from psycopg.types.json import Jsonb

from topup.fulfilment.ports import CarrierFact
from topup.kernel.errors import Problem
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, NotSent, Reason, Refused, Throttled, Unknown
from topup.orders.refunding import RefundHeard
from topup.payments.ports import BillLine, PaymentAnswer, PaymentFact, PaymentStanding, RefundFact

FOREIGN = "+6581234500"


async def left_to_do(shop) -> dict[str, int]:
    """What some sweep will take up again, by table."""
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT 'payments', count(*) FROM payments.payments WHERE ask_at IS NOT NULL"
            " UNION ALL SELECT 'refunds', count(*) FROM payments.refunds WHERE act_at IS NOT NULL"
            " UNION ALL SELECT 'attempts', count(*) FROM fulfilment.attempts WHERE act_at IS NOT NULL"
            " UNION ALL SELECT 'events', count(*) FROM payments.inbox WHERE settled_at IS NULL"
            " UNION ALL SELECT 'callbacks', count(*) FROM fulfilment.inbox WHERE settled_at IS NULL"
        )
        return {name: count for name, count in await cursor.fetchall() if count}


async def work_items(shop) -> list[str]:
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT kind FROM work.items ORDER BY kind")
        return [kind for (kind,) in await cursor.fetchall()]


def process_dies_after_acknowledging(shop) -> None:
    shop.desk.post_room._begin = lambda work: work.close()


class TestEvents:
    async def test_one_that_says_nothing_we_know_does_not_stay_open(self, shop):
        assert (await shop.tells())[0] == 200
        assert (await shop.carrier_tells())[0] == 200
        await shop.later(seconds=3)
        await shop.desk.post_room.sweep()
        assert await left_to_do(shop) == {}

    async def test_however_many_of_those_come_the_sweep_reaches_the_others(self, shop):
        payment = await shop.paying(order := await shop.ordered())
        process_dies_after_acknowledging(shop)
        for _ in range(5):
            await shop.tells()
        await shop.tells(shop.paid(payment))
        await shop.later(seconds=3)
        for _ in range(3):
            await shop.desk.post_room.sweep(limit=2)
        assert (await shop.order(order)).status == "delivered"

    async def test_one_that_cannot_be_read_is_put_aside_and_hides_no_other(self, shop, database_url):
        payment = await shop.paying(order := await shop.ordered())
        abroad = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
        await shop.tells(shop.paid(await shop.paying(abroad)))
        shop.carrier.answers = [Accepted("taken in")]
        await shop.desk.outside.deliver()
        unreadable = [
            ("payments", {"not": "facts"}),
            ("payments", [{"about": payment.id, "said": "paid upside down"}]),
            ("payments", [{"about": payment.id, "said": "paid", "reference": "r", "amount_minor": 10**30}]),
            ("payments", [{"about": payment.id, "said": "paid", "amount_minor": 1, "currency": "?"}]),
            ("payments", [{"about": order.id, "said": "paid"}]),
            ("fulfilment", [{"about": "somebody", "said": "done", "reference": ""}]),
            ("fulfilment", [{"about": abroad.id, "said": "refused:by chance", "reference": ""}]),
        ]
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
            for number, (room, facts) in enumerate(unreadable):
                await owner.execute(
                    f"INSERT INTO {room}.inbox (lane, source, event_id, received_at, raw, facts)"
                    " VALUES (3, 'scripted', %s, now() - interval '1 h', '', %s)",
                    (f"bad-{number}", Jsonb(facts)),
                )
        process_dies_after_acknowledging(shop)
        await shop.tells(shop.paid(payment))
        await shop.carrier_tells(CarrierFact(next(iter(shop.carrier.submissions)), Done("done")))
        await shop.later(seconds=3)
        parked = {"place": "event:scripted"}
        before = REGISTRY.get_sample_value("topup_items_parked_total", parked) or 0
        for _ in range(4):
            await shop.desk.post_room.sweep(limit=2)
        assert [(await shop.order(one)).status for one in (order, abroad)] == ["delivered", "delivered"]
        assert await work_items(shop) == ["event_parked"] * len(unreadable)
        assert REGISTRY.get_sample_value("topup_items_parked_total", parked) == before + len(unreadable)
        assert await shop.desk.post_room.sweep() == 0

    async def test_one_about_a_thing_of_another_kind_is_refused(self, shop):
        order = await shop.ordered()
        paid = PaymentFact(order.id, PaymentStanding.PAID, "r", Money(5000, "CNY"), datetime.now(UTC))
        assert (await shop.tells(paid))[0] == 400
        assert (await shop.tells(RefundFact((await shop.paying(order)).id, Done("back"))))[0] == 400
        assert (await shop.carrier_tells(CarrierFact(order.id, Done("done"))))[0] == 400
        assert await left_to_do(shop) == {"payments": 1}

    async def test_one_with_two_facts_is_settled_only_when_both_are(self, shop):
        """The process dies between the first fact and the second: the sweep takes the event up again."""
        order = await shop.ordered()
        payment = await shop.paying(order)
        hear, heard = shop.desk.post_room._ears.payment, []

        async def dies_at_the_second(told):
            heard.append(told)
            if len(heard) == 2:
                raise Problem("the process is gone")
            return await hear(told)

        object.__setattr__(shop.desk.post_room._ears, "payment", dies_at_the_second)
        shop.desk.post_room._park = never_reached
        await shop.tells(shop.paid(payment), shop.paid(payment))
        object.__setattr__(shop.desk.post_room._ears, "payment", hear)
        await shop.later(seconds=3)
        await shop.run()
        (shown,) = (await shop.order(order)).payments
        assert (shown.status, shown.refunded) == ("paid", payment.amount)


async def never_reached(*_args, **_named):
    """What a dead process does."""


class TestBills:
    async def test_a_line_about_nothing_we_know_does_not_hide_the_next(self, shop):
        order = await shop.ordered()
        payment = await shop.paying(order)
        fact = shop.paid(payment)
        strange = BillLine("payment", new_id("payment", 3), "strange", Money(1, "CNY"), fact.paid_at)
        ours = BillLine("payment", payment.id, fact.reference, payment.amount, fact.paid_at)
        shop.gateway.lines = [strange, ours]
        await shop.desk.bills.read()
        assert (await shop.order(order)).status == "delivered"
        assert await work_items(shop) == ["bill_line_unknown"]
        await shop.desk.bills.read()
        assert await work_items(shop) == ["bill_line_unknown"]


class TestQuestions:
    async def test_a_payment_settled_while_it_is_asked_about_is_asked_about_no_more(self, shop):
        order = await shop.ordered()
        payment = await shop.paying(order)
        query = shop.gateway.query

        async def overtaken(payment_id):
            """The payer pays and the event is settled while the answer `waiting` is on its way."""
            shop.gateway.query = query
            await shop.tells(shop.paid(payment))
            return PaymentAnswer((shop.said(payment, PaymentStanding.WAITING),))

        shop.gateway.query = overtaken
        await shop.later(seconds=6)
        await shop.desk.outside.ask()
        assert (await shop.order(order)).status == "delivered"
        assert await left_to_do(shop) == {}

    async def test_a_declined_payment_that_cannot_be_closed_is_let_go(self, shop):
        order = await shop.ordered()
        payment = await shop.paying(order)
        declined = shop.said(payment, PaymentStanding.DECLINED)
        await shop.tells(declined)
        shop.gateway.standing[payment.id] = [declined]
        await shop.later(minutes=16)
        shop.gateway.close_answers = [Unknown("unlisted")] * 3
        await shop.run()
        assert (await shop.order(order)).status == "expired"
        assert await left_to_do(shop) == {}

    async def test_a_declined_payment_whose_gateway_falls_silent_ends_with_a_person(self, shop):
        order = await shop.ordered()
        payment = await shop.paying(order)
        await shop.tells(shop.said(payment, PaymentStanding.DECLINED))
        for _ in range(40):
            shop.gateway.close_answers = [Unknown("silence")] * 3
            shop.gateway.query_answers = [PaymentAnswer((), Unknown("silence"))] * 3
            await shop.later(minutes=70)
            await shop.desk.expire()
            await shop.desk.outside.ask()
        assert await work_items(shop) == ["payment_unresolved"]
        assert await left_to_do(shop) == {}

    async def test_a_carrier_that_is_not_plugged_in_any_more_ends_with_a_person(self, shop):
        order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
        await shop.tells(shop.paid(await shop.paying(order)))
        shop.desk.outside._carriers = {}
        shop.desk._conclude._operation.__self__._limits = {}
        for _ in range(40):
            await shop.desk.outside.deliver()
            await shop.later(minutes=70)
        assert (await shop.order(order)).status == "needs_person"
        assert await work_items(shop) == ["delivery_unresolved"]


class TestRefunds:
    async def refunding(self, shop):
        shop.carrier.answers = [Refused(Reason.USER, "suspended")]
        shop.gateway.refund_answers = [Accepted("taken in")]
        order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
        await shop.tells(shop.paid(await shop.paying(order)))
        await shop.run()
        return order

    async def test_two_answers_at_once_are_both_heard(self, shop):
        """A query's `unknown` and the event `done` in one flush: the event stays open until it had its effect."""
        order = await self.refunding(shop)
        (refund_id,) = shop.gateway.refunds
        process_dies_after_acknowledging(shop)
        await shop.tells(RefundFact(refund_id, Done("back")), event_id="done")
        heard = [
            RefundHeard(refund_id, Unknown("timeout"), "scripted"),
            RefundHeard(refund_id, Done("back"), "scripted", event=(lane_of(refund_id), "scripted", "done")),
        ]
        refunding = shop.desk._refunded._operation
        async with shop.database.transaction() as transaction:
            await refunding(transaction.connection, heard, transaction.now)
        await shop.later(seconds=3)
        await shop.desk.post_room.sweep()
        assert (await shop.order(order)).status == "refunded"

    async def test_accepted_and_then_denied_ends_with_a_person(self, shop):
        order = await self.refunding(shop)
        for _ in range(40):
            shop.gateway.refund_query_answers = [Refused(Reason.ABSENT, "never had it")] * 3
            await shop.desk.outside.refund()
            await shop.later(minutes=70)
        assert (await shop.order(order)).status == "needs_person"
        assert [len(of) for of in shop.gateway.refunds.values()] == [1]
        assert await left_to_do(shop) == {}

    @pytest.mark.parametrize(
        ("sent", "asked"),
        [
            (NotSent("refused"), None),
            (Throttled(30), None),
            (Unknown("timeout"), Refused(Reason.ABSENT, "never had it")),
        ],
        ids=["not sent", "throttled", "absent"],
    )
    async def test_one_that_does_not_get_through_for_a_day_is_listed_once_and_tried_on(self, shop, sent, asked):
        shop.carrier.answers = [Refused(Reason.USER, "suspended")]
        order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
        await shop.tells(shop.paid(await shop.paying(order)))
        await shop.desk.outside.deliver()
        listed, tries = [], []
        for _ in range(2 * 26):
            shop.gateway.refund_answers = [sent]
            shop.gateway.refund_query_answers = [asked] if asked else []
            await shop.desk.outside.refund()
            listed.append(await work_items(shop))
            tries.append(sum(len(of) for of in shop.gateway.refunds.values()))
            await shop.later(minutes=61)
        assert listed[20] == []
        assert listed[-1] == ["refund_delayed"]
        assert tries[-1] > tries[-10], "it is tried on"
        assert (await shop.order(order)).status == "refunding"
        shop.gateway.refund_answers = shop.gateway.refund_query_answers = []
        await shop.run()
        assert (await shop.order(order)).status == "refunded"
        assert len(shop.gateway.refunds) == 1
        assert await work_items(shop) == ["refund_delayed"]


async def test_what_was_taken_in_and_then_denied_is_not_sent_again(shop):
    shop.carrier.answers = [Accepted("taken in")]
    order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
    await shop.tells(shop.paid(await shop.paying(order)))
    for _ in range(4):
        await shop.desk.outside.deliver()
        await shop.later(minutes=20)
        shop.carrier.query_answers = [Refused(Reason.ABSENT, "never had it")]
    assert [len(of) for of in shop.carrier.submissions.values()] == [1]
    await shop.carrier_tells(CarrierFact(next(iter(shop.carrier.submissions)), Done("after all")))
    assert (await shop.order(order)).status == "delivered"


async def test_a_quote_that_was_put_in_anothers_place_is_refused(shop, database_url):
    """The signature of a cheaper quote holds, but it is not this quote's."""
    dear, cheap = [
        await shop.desk.quote(number="13800138000", product=None, amount=Money(amount, "CNY"), payment_method=None)
        for amount in (5000, 1000)
    ]
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute(
            "UPDATE orders.quotes d SET body = c.body, kid = c.kid, signature = c.signature"
            " FROM orders.quotes c WHERE d.id = %s AND c.id = %s",
            (dear.id, cheap.id),
        )
    with pytest.raises(Problem, match="quote_altered"):
        await shop.desk.order(
            order_id=OrderId(new_id("order", lane_of(dear.id))),
            quote_id=dear.id,
            contact=None,
            confirmations=frozenset(),
            locale="en",
            channel="test",
        )


async def test_a_late_answer_of_the_submission_does_not_undo_what_was_learnt_since(shop):
    order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD")
    await shop.tells(shop.paid(await shop.paying(order)))
    submit = shop.carrier.submit

    async def overtaken(delivery):
        """The carrier's event comes before the answer of the submission, which is then lost."""
        shop.carrier.submit = submit
        await shop.carrier_tells(CarrierFact(delivery.fulfilment_id, Accepted("taken in")))
        shop.carrier.submissions[delivery.fulfilment_id].append(delivery)
        return Unknown("timeout")

    shop.carrier.submit = overtaken
    await shop.desk.outside.deliver()
    shop.carrier.query_answers = [Refused(Reason.ABSENT, "never had it")] * 2 + [Done("after all")]
    for _ in range(3):
        await shop.later(minutes=5)
        await shop.desk.outside.deliver()
    assert (await shop.order(order)).status == "delivered"
    assert sum(len(of) for of in shop.carrier.submissions.values()) == 1
    assert timedelta(0) <= shop.carrier.limits.absence_proves_after
