"""Two batches that write of the same orders at the same moment, each in its own order."""

import asyncio

import psycopg
import pytest

from tests.support.desk import LANES
from tests.support.selling_offers import ONCE, TIERS, faults, ordered, publish_with, quoted, states
from tests.support.selling_offers import paid as pay
from tests.support.simulators import until
from topup.kernel.ids import lane_of
from topup.offers.counting import CampaignKey
from topup.offers.records import locked
from topup.orders.paying import Started, started
from topup.payments import queries as paid
from topup.payments.states import PaymentState

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
async def waiting(database_url):
    """How many transactions wait for a lock."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:

        async def count() -> int:
            (number,) = await (await connection.execute(WAITING)).fetchone()
            return number

        yield count


async def test_what_gateways_answered_never_waits_in_a_circle(shop, database, waiting):
    """Each batch has the first one's payment while it waits for the one in the middle, which somebody holds; were that
    taken in the batches' own order, each would then wait for what the other has.
    """
    begun = [await shop.paying(await shop.ordered(amount=amount)) for amount in (1000, 3000, 5000)]
    places = [(lane_of(payment.id), str(payment.id)) for payment in begun]

    async def answered(order: list[int]) -> list[str]:
        async with database.transaction() as transaction:
            known = await paid.payments(transaction.connection, places)
            ends = (PaymentState.PAID, PaymentState.DECLINED, PaymentState.CLOSED)
            items = [Started(known[places[index][1]], None, end, None) for index, end in zip(order, ends, strict=True)]
            return [view.status for view in await started(transaction.connection, items, transaction.now)]

    async with database.transaction() as holding:
        await holding.connection.execute("SELECT 1 FROM payments.payments WHERE id = %s FOR UPDATE", (places[1][1],))
        batches = [asyncio.create_task(answered(order)) for order in ([0, 1, 2], [2, 1, 0])]
        await until(waiting, lambda number: number == 2)
    first, second = await asyncio.gather(*batches)
    # What the earlier one wrote stands where nothing may follow it, and the later one shows it.
    assert sorted([first, second]) == [["paid", "declined", "closed"], ["paid", "declined", "paid"]]


async def test_offers_that_follow_their_orders_never_wait_in_a_circle(shop, database, waiting):
    """Somebody has the campaign that comes first and asks for the one that comes last, as whoever holds both for an
    order does; the orders that are followed are for the last one paid and for the first one cancelled.
    """
    await publish_with(database, ONCE, TIERS)
    prices = {"once": await quoted(shop, "ONCE", amount=4000), "tiers": await quoted(shop)}
    campaigns = [CampaignKey("qingfeng", name) for name in prices]
    first, last = sorted(campaigns, key=lambda one: (one.lane(LANES), one.carrier_id, one.campaign_id))
    cancelled, settled = [await ordered(shop, prices[one.campaign_id]) for one in (first, last)]
    await pay(shop, settled)
    await shop.desk.cancel(order_id=cancelled.id)
    async with database.transaction() as holding:
        await locked(holding.connection, [first], lanes=LANES)
        following = asyncio.create_task(shop.desk.promising.follow())
        await until(waiting, lambda number: number == 1)
        await locked(holding.connection, [last], lanes=LANES)
    assert await following == 2
    assert await states(database) == {first.campaign_id: ["released"], last.campaign_id: ["settled"]}
    assert await faults(database) == []
