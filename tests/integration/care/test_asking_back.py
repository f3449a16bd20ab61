"""What went to the wrong number (G29): cancelled before it arrives; afterwards a ticket, and no refund by itself."""

import asyncio

import pytest

from tests.support.desk import FOREIGN_NUMBER
from topup.care.states import Topic
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Unknown

BEFORE = ("unpaid", "waiting_to_be_sent")
SIXTY = 60
AFTER = ("delivered", "accepted", "unknown", "delivered_elsewhere")


async def made(helped, name):
    makers = {
        "unpaid": helped.unpaid,
        "delivered": helped.delivered,
        "waiting_to_be_sent": helped.waiting_to_be_sent,
        "accepted": lambda: helped.sent(Accepted("c1")),
        "unknown": lambda: helped.sent(Unknown("timeout")),
        "delivered_elsewhere": lambda: helped.sent(Done("c2")),
    }
    return await makers[name]()


async def refunded(helped):
    return (await helped.rows("SELECT count(*) FROM payments.refunds"))[0][0]


@pytest.mark.parametrize("topic", [Topic.WRONG_NUMBER, Topic.REFUND])
@pytest.mark.parametrize("name", BEFORE)
async def test_before_it_arrives_it_is_cancelled_at_once(helped, name, topic):
    order = await made(helped, name)
    done = await helped.care.request(helped.written(topic, order_id=order.id))
    assert done.ticket is None
    assert (done.outcome, done.order.status) in {("cancelled", "cancelled"), ("called_off", "refunding")}
    await helped.shop.run()
    assert (await helped.shop.order(order)).status in {"cancelled", "refunded"}
    assert await refunded(helped) == (name != "unpaid")
    assert await helped.shop.house() == {}


@pytest.mark.parametrize("topic", [Topic.WRONG_NUMBER, Topic.REFUND])
@pytest.mark.parametrize("name", AFTER)
async def test_after_it_was_sent_nothing_goes_back_by_itself(helped, name, topic):
    order = await made(helped, name)
    house = await helped.shop.house()
    done = await helped.care.request(helped.written(topic, order_id=order.id))
    assert done.outcome == "ticket"
    assert done.ticket.topic is topic
    assert done.ticket.evidence["order"] == order.id
    await helped.shop.run()
    assert await refunded(helped) == 0
    assert await helped.shop.house() == house
    assert f"ticket_{topic.value}" in await helped.shop.listed()


async def test_of_many_each_goes_back_that_had_not_arrived_and_no_other(helped, figures):
    """Sixty top-ups in all standings, each asked back as going to the wrong number."""
    back = wrong = kept = 0
    for turn in range(SIXTY):
        name = (*BEFORE, *AFTER)[turn % 6]
        helped.shop.carrier.answers = []
        order = await made(helped, name)
        done = await helped.care.request(helped.written(Topic.WRONG_NUMBER, order_id=order.id))
        await helped.shop.run()
        asked = await helped.rows(
            "SELECT count(*) FROM payments.refunds AS r JOIN payments.payments AS p ON p.lane = r.lane"
            " AND p.id = r.payment_id WHERE p.order_id = %s",
            order.id,
        )
        back += asked[0][0]
        wrong += asked[0][0] if name in AFTER else 0
        kept += done.ticket is not None
        assert (done.ticket is not None) == (name in AFTER)
    figures.never("G29", wrong_refunds=wrong, cancelled_or_called_off=SIXTY - kept, tickets=kept, of=SIXTY)
    assert (wrong, back, kept) == (0, 10, 40)


async def test_money_in_a_line_stays_there_when_it_is_asked_back(helped):
    order = await helped.delivered()
    before = await helped.shop.main_balance()
    for topic in (Topic.WRONG_NUMBER, Topic.REFUND):
        await helped.care.request(helped.written(topic, order_id=order.id))
    assert await helped.shop.main_balance() == before
    assert (await helped.shop.order(order)).status == "delivered"


async def test_of_one_order_and_one_wish_there_is_one_ticket(helped):
    order = await helped.delivered()
    wishes = [helped.written(Topic.WRONG_NUMBER, order_id=order.id, text=f"press {n}") for n in range(8)]
    done = await asyncio.gather(*(helped.care.request(wish) for wish in wishes))
    assert len({one.ticket.id for one in done}) == 1
    assert len(await helped.care.tickets_of(order.id)) == 1
    assert (await helped.shop.listed()).count("ticket_wrong_number") == 1


@pytest.mark.parametrize("end", ["cancelled", "expired", "refunded"])
async def test_where_there_is_nothing_to_ask_back_it_is_said(helped, end):
    shop = helped.shop
    if end == "refunded":
        order = await helped.sent(Refused(Reason.USER, "no such number"))
        await shop.run()
    else:
        order = await helped.unpaid()
    if end == "cancelled":
        await shop.desk.cancel(order_id=order.id)
    if end == "expired":
        await shop.later(days=2)
        await shop.run()
    assert (await shop.order(order)).status == end
    with pytest.raises(Conflict, match="nothing_to_recall"):
        await helped.care.request(helped.written(Topic.WRONG_NUMBER, order_id=order.id))
    assert await helped.care.tickets_of(order.id) == []


@pytest.mark.parametrize("wrong", [{"text": "  "}, {"text": "x" * 1001}, {"contact": "no address"}])
async def test_a_form_that_is_wrong_does_nothing(helped, wrong):
    order = await helped.waiting_to_be_sent()
    with pytest.raises(Invalid):
        await helped.care.request(helped.written(Topic.WRONG_NUMBER, order_id=order.id, **wrong))
    assert (await helped.shop.order(order)).status == "delivering"


async def test_asked_back_in_the_moment_it_is_paid_is_one_or_the_other(helped):
    shop = helped.shop
    for _ in range(6):
        order = await shop.ordered(number=FOREIGN_NUMBER, amount=1000, currency="SGD")
        payment = await shop.paying(order)
        wish = helped.written(Topic.WRONG_NUMBER, order_id=order.id)
        await asyncio.gather(shop.tells(shop.paid(payment)), helped.care.request(wish))
        await shop.run()
        status = (await shop.order(order)).status
        assert status in {"refunded", "delivered"}
        kept = await helped.rows("SELECT count(*) FROM payments.refunds WHERE payment_id = %s", payment.id)
        assert kept[0][0] == (status == "refunded")
