"""Calling off what was paid: as long as nothing was sent to its carrier; never both delivered and refunded."""

import asyncio

import pytest

from tests.support.desk import FOREIGN_NUMBER
from topup.fulfilment.ports import CarrierFact
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.outcome import Accepted, Done, NotSent, Unknown
from topup.platform import batching

RACES = 40


async def paid(shop, **how):
    order = await shop.ordered(number=FOREIGN_NUMBER, amount=1000, currency="SGD", **how)
    await shop.tells(shop.paid(await shop.paying(order)))
    return order


async def refunds_of(shop):
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT reason, state FROM payments.refunds")
        return await cursor.fetchall()


async def test_what_was_not_sent_goes_back_once(shop):
    order = await paid(shop)
    called = await shop.desk.call_off(order_id=order.id)
    assert (called.status, called.timeline[-1].cause) == ("refunding", "cancelled_by_payer")
    assert (await shop.desk.call_off(order_id=order.id)).status == "refunding", "pressed twice"
    await shop.run()
    assert (await shop.order(order)).status == "refunded"
    assert await refunds_of(shop) == [("cancelled_by_payer", "refunded")]
    assert not shop.carrier.submissions
    assert await shop.house() == {}


async def test_what_could_not_be_sent_so_far_may_still_be_called_off(shop):
    shop.carrier.answers = [NotSent("no route")]
    order = await paid(shop)
    await shop.desk.outside.deliver()
    assert (await shop.order(order)).status == "delivering"
    assert (await shop.desk.call_off(order_id=order.id)).status == "refunding"
    await shop.later(hours=2)
    await shop.run()
    assert (await shop.order(order)).status == "refunded"
    assert [len(of) for of in shop.carrier.submissions.values()] == [1], "and it is never sent again"


@pytest.mark.parametrize(("answer", "status"), [(Accepted("c1"), "delivering"), (Unknown("timeout"), "unresolved")])
async def test_what_was_sent_is_not_called_off(shop, answer, status):
    shop.carrier.answers = [answer]
    order = await paid(shop)
    await shop.desk.outside.deliver()
    with pytest.raises(Conflict, match="too_late_to_cancel"):
        await shop.desk.call_off(order_id=order.id)
    assert (await shop.order(order)).status == status
    assert await refunds_of(shop) == []


async def test_neither_is_what_was_delivered_or_never_paid(shop):
    delivered = await shop.ordered()
    await shop.tells(shop.paid(await shop.paying(delivered)))
    unpaid = await shop.ordered(number="13900139000")
    for order in (delivered, unpaid):
        with pytest.raises(Conflict, match="too_late_to_cancel"):
            await shop.desk.call_off(order_id=order.id)
    assert await refunds_of(shop) == []


async def test_an_order_that_is_none_is_not_called_off(shop):
    with pytest.raises(NotFound):
        await shop.desk.call_off(order_id="ord_00000000000000000000000000")


async def a_little_later(run, turns):
    """So many turns of the event loop later: by number and not by time."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return await run()


async def test_calling_off_while_it_is_sent_is_one_or_the_other(shop, figures):
    """The sweep that submits and the payer who calls off, at the same moment."""
    both = sent = back = 0
    for race in range(RACES):
        order = await paid(shop)
        before = len(shop.carrier.submissions)
        answers = await asyncio.gather(
            shop.desk.call_off(order_id=order.id),
            a_little_later(shop.desk.outside.deliver, race),
            return_exceptions=True,
        )
        assert not [one for one in answers if isinstance(one, Exception) and not isinstance(one, Conflict)]
        await shop.run()
        submitted = len(shop.carrier.submissions) > before
        status = (await shop.order(order)).status
        assert status in {"delivered", "refunded"}
        both += submitted and status == "refunded"
        sent += status == "delivered"
        back += status == "refunded"
    figures.never("G29", delivered_and_refunded=both, sent=sent, called_off=back, of=RACES)
    assert both == 0


class Died(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("label", ["orders.call_off.before_commit", "orders.call_off.after_commit"])
async def test_a_death_on_the_way_is_made_good_by_doing_it_again(shop, monkeypatch, label):
    order = await paid(shop)

    def point(passed):
        if passed == label:
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(batching, "crash_point", point)
        calling = asyncio.ensure_future(shop.desk.call_off(order_id=order.id))
        done, _ = await asyncio.wait([calling], timeout=2)
        for one in done:
            one.exception()
        calling.cancel()
    await shop.run()
    final = (await shop.order(order)).status
    assert final in {"refunded", "delivered"}
    assert len(await refunds_of(shop)) == (final == "refunded")


async def test_a_late_success_of_what_was_called_off_is_for_a_person(shop):
    """It cannot be, but if a carrier ever says so, nobody hides it."""
    order = await paid(shop)
    await shop.desk.call_off(order_id=order.id)
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT id FROM fulfilment.attempts")
        [(attempt,)] = await cursor.fetchall()
    await shop.carrier_tells(CarrierFact(attempt, Done("out of nowhere")))
    assert await shop.listed() == ["carrier_contradicts_itself"]
    assert (await shop.order(order)).status == "refunding"
