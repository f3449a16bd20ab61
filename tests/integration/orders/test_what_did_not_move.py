"""An order that is not where its lock said it was: nothing that would go with its next state takes hold."""

from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import pytest

from topup.kernel.outcome import Accepted, Done, Reason, Refused
from topup.orders import queries
from topup.orders.concluding import Heard
from topup.orders.operations import NotMoved
from topup.orders.refunding import RefundHeard
from topup.orders.settlement import Told
from topup.orders.states import OrderState
from topup.payments import queries as paid
from topup.payments.states import RefundState

FOREIGN = "+6581234500"
BOOKS = (
    "SELECT 'capture', reference, disposition FROM payments.captures UNION ALL"
    " SELECT 'payment', id, state FROM payments.payments UNION ALL SELECT 'refund', id, state FROM payments.refunds"
    " UNION ALL SELECT 'attempt', id, state FROM fulfilment.attempts UNION ALL SELECT 'order', id, state"
    " FROM orders.orders UNION ALL SELECT 'receipt', order_id, '' FROM orders.receipts"
    " UNION ALL SELECT 'transfer', key, purpose FROM ledger.transfers"
    " UNION ALL SELECT 'news', key, '' FROM notifications.messages"
)


@pytest.fixture
def lying(monkeypatch, database_url):
    """Has the order's row say `really`, and its lock what it said before, while something is written about it."""

    @asynccontextmanager
    async def lie(order, *, really: OrderState):
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
            cursor = await owner.execute("SELECT state FROM orders.orders WHERE id = %s", (order.id,))
            (said,) = await cursor.fetchone()
            await owner.execute("UPDATE orders.orders SET state = %s WHERE id = %s", (really.value, order.id))
            locked = queries.locked

            async def stale(connection, places):
                orders = await locked(connection, places)
                return {id_: replace(one, state=OrderState(said)) for id_, one in orders.items()}

            monkeypatch.setattr(queries, "locked", stale)
            before = await (await owner.execute(BOOKS)).fetchall()
            with pytest.raises(NotMoved):
                yield
            assert await (await owner.execute(BOOKS)).fetchall() == before

    return lie


async def paid_abroad(shop):
    order = await shop.ordered(number=FOREIGN, amount=1000, currency="SGD", contact="payer@example.com")
    await shop.tells(shop.paid(await shop.paying(order)))
    return order


async def test_nothing_is_captured_or_credited(shop, lying):
    order = await shop.ordered()
    payment = await shop.paying(order)
    async with lying(order, really=OrderState.NEEDS_PERSON):
        await shop.desk.hear_payment(Told(shop.paid(payment), "scripted"))


async def test_nothing_is_called_delivered(shop, lying):
    shop.carrier.answers = [Accepted("taken in")]
    order = await paid_abroad(shop)
    await shop.desk.outside.deliver()
    async with lying(order, really=OrderState.REFUNDED):
        (attempt,) = shop.carrier.submissions
        await shop.desk.hear_delivery(Heard(attempt, Done("done"), "external_demo"))


async def test_nothing_is_called_refunded(shop, lying):
    shop.carrier.answers = [Refused(Reason.USER, "suspended")]
    shop.gateway.refund_answers = [Accepted("taken in")]
    order = await paid_abroad(shop)
    await shop.run()
    async with lying(order, really=OrderState.DELIVERED):
        (refund,) = shop.gateway.refunds
        await shop.desk.hear_refund(RefundHeard(refund, Done("back"), "scripted"))


async def test_no_money_is_called_back_that_was_back_before(shop, monkeypatch, database_url):
    shop.carrier.answers = [Refused(Reason.USER, "suspended")]
    shop.gateway.refund_answers = [Accepted("taken in")]
    await paid_abroad(shop)
    await shop.run()
    (refund,) = shop.gateway.refunds
    refunds = paid.refunds

    async def stale(connection, places):
        return {
            id_: replace(one, state=RefundState.ACCEPTED) for id_, one in (await refunds(connection, places)).items()
        }

    monkeypatch.setattr(paid, "refunds", stale)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        await owner.execute("UPDATE payments.refunds SET state = 'refunded'")
        before = await (await owner.execute(BOOKS)).fetchall()
        with pytest.raises(NotMoved):
            await shop.desk.hear_refund(RefundHeard(refund, Done("back"), "scripted"))
        assert await (await owner.execute(BOOKS)).fetchall() == before


async def test_nor_left_to_a_person(shop, lying):
    shop.carrier.answers = [Refused(Reason.USER, "suspended")]
    shop.gateway.refund_answers = [Accepted("taken in")]
    order = await paid_abroad(shop)
    await shop.run()
    async with lying(order, really=OrderState.DELIVERED):
        (refund,) = shop.gateway.refunds
        await shop.desk.hear_refund(RefundHeard(refund, Refused(Reason.USER, "account closed"), "scripted"))
