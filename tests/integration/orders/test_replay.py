"""A stored event told once more: what it settled stays, and what could not be settled then may be now."""

from dataclasses import replace

import pytest

from tests.support.desk import LANES
from topup.fulfilment.ports import CarrierFact
from topup.kernel.errors import NotFound
from topup.kernel.ids import lane_of, new_id
from topup.kernel.outcome import Accepted, Done
from topup.payments import inbox
from topup.payments.inbox import StoredEvent
from topup.payments.ports import PaymentStanding


async def test_what_was_settled_stays_as_it_is(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    await shop.tells(shop.paid(payment), event_id="evt-1")
    before = await shop.house()
    [told] = await shop.desk.post_room.replay("evt-1", lanes=LANES)
    assert (told.method, told.obstacle, told.settled_at is not None) == ("scripted", "", True)
    assert [fact.standing for fact in told.facts] == [PaymentStanding.PAID]
    assert await shop.house() == before
    assert (await shop.order(order)).status == "delivered"


async def test_what_a_dead_process_left_is_settled_now(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    stored = StoredEvent((lane_of(payment.id), "scripted", "evt-2"), b"sealed", (shop.paid(payment),))
    async with shop.database.transaction() as transaction:
        await inbox.store(transaction.connection, [stored], transaction.now)
    [told] = await shop.desk.post_room.replay("evt-2", lanes=LANES)
    assert (told.obstacle, told.settled_at) == ("", None)
    assert (await shop.order(order)).status == "delivered"
    [again] = await shop.desk.post_room.replay("evt-2", lanes=LANES)
    assert again.settled_at is not None


async def test_one_that_cannot_be_settled_says_why(shop):
    order = await shop.ordered()
    payment = await shop.paying(order)
    stored = StoredEvent((lane_of(payment.id), "another", "evt-3"), b"sealed", (shop.paid(payment),))
    async with shop.database.transaction() as transaction:
        await inbox.store(transaction.connection, [stored], transaction.now)
    [told] = await shop.desk.post_room.replay("evt-3", lanes=LANES)
    assert told.obstacle == "payment_unknown"
    assert (await shop.order(order)).status == "awaiting_payment"


async def test_an_event_that_never_came_is_unknown(shop):
    with pytest.raises(NotFound, match="event_unknown"):
        await shop.desk.post_room.replay("evt-never", lanes=LANES)


async def test_a_carriers_event_that_was_parked_is_settled_now_and_once(shop, monkeypatch):
    """It could not be settled when it came; a person has it told again, and another time by mistake."""
    shop.carrier.answers = [Accepted("c-1")]
    order = await shop.ordered(number="+6581234500", amount=1000, currency="SGD")
    await shop.tells(shop.paid(await shop.paying(order)))
    await shop.run()
    [fulfilment] = shop.carrier.submissions

    async def poisoned(_heard):
        raise RuntimeError

    body = shop.carrier.event(CarrierFact(fulfilment, Done("c-1")), event_id="evt-c")
    with monkeypatch.context() as patch:
        room = shop.desk.post_room
        patch.setattr(room, "_ears", replace(room._ears, delivery=poisoned))
        await shop.desk.receive_carrier_event(carrier="external_demo", headers={}, body=body)
        await shop.quiet()
    assert await shop.listed() == ["event_parked"]
    assert (await shop.order(order)).status == "delivering"
    [told] = await shop.desk.post_room.replay("evt-c", lanes=LANES)
    assert (told.method, told.obstacle) == ("external_demo", "")
    assert told.facts == (CarrierFact(fulfilment, Done("c-1")),)
    assert (await shop.order(order)).status == "delivered"
    before = await shop.house()
    [again] = await shop.desk.post_room.replay("evt-c", lanes=LANES)
    assert (again.obstacle, await shop.house()) == ("", before)


async def test_a_carriers_event_about_nothing_known_says_so_again(shop):
    body = shop.carrier.event(CarrierFact(new_id("fulfilment", 1), Done("c-2")), event_id="evt-d")
    await shop.desk.receive_carrier_event(carrier="external_demo", headers={}, body=body)
    await shop.quiet()
    [told] = await shop.desk.post_room.replay("evt-d", lanes=LANES)
    assert told.obstacle == "fulfilment_unknown"
