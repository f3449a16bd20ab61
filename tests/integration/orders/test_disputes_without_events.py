"""Disputes that a bill alone tells of: their end is asked for, and what the order gave besides follows it."""

import pytest

from tests.support.gifts import HALL, became, stocked
from tests.support.selling_offers import MUG, Customer, faults, paid, publish_with, quoted
from tests.support.selling_offers import POINTS as POINTS_RULES
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Throttled, Unknown
from topup.payments.disputes import ASKED_EVERY
from topup.payments.ports import BillLine, DisputeFact, DisputeStanding

OPEN, WON, LOST = DisputeStanding.OPEN, DisputeStanding.WON, DisputeStanding.LOST
ALL = Money(10000, "CNY")
DISPUTE = "dp_1"


@pytest.fixture
async def anna(shop):
    await publish_with(shop.database, MUG, POINTS_RULES)
    await stocked(shop.database, 1)
    return Customer(shop, new_id("subscriber", 11))


async def disputed(anna):
    """An order with points and a gift, whose money the bank took: a line of the bill says so, and no event."""
    shop = anna.shop
    order = await paid(shop, await anna.ordered(await quoted(shop, at=HALL, payer_id=anna.id)))
    await shop.run()
    async with shop.database.read() as transaction:
        now = transaction.now
    shop.gateway.lines = [BillLine("dispute", order.payments[0].id, DISPUTE, ALL, now)]
    assert await shop.desk.bills.read() == 1
    await shop.run()
    return order


async def stands(anna, order) -> tuple[int, list[str]]:
    """The points there are, and what became of the gift."""
    return (await anna.has())[0], await became(anna.shop.database, order)


def told(order, standing) -> DisputeFact:
    return DisputeFact(order.payments[0].id, DISPUTE, standing, ALL, None)


@pytest.mark.parametrize(("end", "left"), [(LOST, (0, ["released"])), (WON, (100, ["promised"]))])
async def test_once_it_is_known_how_it_ended_points_and_gifts_follow(shop, anna, end, left):
    order = await disputed(anna)
    assert await stands(anna, order) == (100, ["promised"]), "the bank may give it again"
    shop.gateway.dispute_answers = [told(order, OPEN), Throttled(5), Unknown("silence"), told(order, end)]
    assert await shop.desk.disputes.ask() == 0, "it is not asked about before a day is over"
    for _ in range(3):
        shop.database.clock_offset += ASKED_EVERY
        await shop.run()
        assert await stands(anna, order) == (100, ["promised"])
    shop.database.clock_offset += ASKED_EVERY
    await shop.run()
    assert await stands(anna, order) == left
    assert (await shop.listed()).count(f"dispute_{end.value}") == 1
    shop.database.clock_offset += 2 * ASKED_EVERY
    assert await shop.desk.disputes.ask() == 0, "nobody is asked about what is over"
    assert (shop.gateway.dispute_answers, await faults(shop.database)) == ([], [])


async def test_a_provider_that_cannot_be_asked_or_tells_of_another_payment_holds_nothing_up(shop, anna, monkeypatch):
    order = await disputed(anna)
    other = await paid(shop, await shop.ordered())
    shop.gateway.dispute_answers = [told(other, LOST), "poison"]
    for _ in range(2):
        shop.database.clock_offset += ASKED_EVERY
        assert await shop.desk.disputes.ask() == 1
        assert await shop.listed() == ["dispute_open"]
    monkeypatch.setattr(shop.desk.disputes, "_gateways", {})
    shop.database.clock_offset += ASKED_EVERY
    assert await shop.desk.disputes.ask() == 1
    assert await stands(anna, order) == (100, ["promised"])
