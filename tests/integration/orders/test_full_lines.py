"""A line that may not hold what was paid for: the payment is kept, goes back, and its payer is told why."""

import pytest

from tests.support.tariffs import CREDIT_CAP, publish_changed
from topup.kernel.money import MAXIMUM_AMOUNT
from topup.ledger import BucketSpec, Credit, post
from topup.lines.queries import lines_now

from .test_an_order_lives import states

NUMBER = "+8613800138000"


@pytest.fixture
async def capped(shop, tmp_path):
    """A shop whose carrier lets a line have 100.00 of credit, and refuses what is more."""
    await publish_changed(shop.database, tmp_path, "qingfeng", extra=CREDIT_CAP.format(at_cap="refuse"))
    return shop


async def told(shop) -> list[str]:
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT template FROM notifications.messages ORDER BY created_at")
        return [template for (template,) in await cursor.fetchall()]


async def test_what_was_ordered_while_it_fitted_and_does_not_any_more_goes_back(capped):
    first = await capped.ordered(amount=6000)
    second = await capped.ordered(amount=6000, contact="payer@example.com")
    await capped.tells(capped.paid(await capped.paying(first)))
    payment = await capped.paying(second)
    await capped.tells(capped.paid(payment))
    assert (await capped.order(first)).status == "delivered"
    full = await capped.order(second)
    assert states(full) == ["quoted", "awaiting_payment", "paid", "refunding"]
    assert full.timeline[-1].cause == "cap_exceeded"
    assert await told(capped) == ["full"]
    await capped.run()
    back = await capped.order(second)
    assert back.status == "refunded"
    assert [(made.status, made.refunded) for made in back.payments] == [("refunded", payment.amount)]
    assert await told(capped) == ["full", "refunded"]
    assert await capped.listed() == []
    assert await capped.main_balance() == 6000
    assert (await capped.house()).get(("suspense", "CNY")) is None


async def test_of_two_that_are_settled_together_the_one_that_fits_is_credited(capped):
    payments = [await capped.paying(await capped.ordered(amount=6000)) for _ in range(2)]
    facts = [capped.paid(payment) for payment in payments]
    for fact in facts:
        await capped.tells(fact, settle=False)
    await capped.quiet()
    await capped.run()
    found = [await capped.desk.get_order(order_id=await of(capped, payment)) for payment in payments]
    assert sorted(order.status for order in found) == ["delivered", "refunded"]
    assert await capped.main_balance() == 6000
    assert await capped.listed() == []


async def test_the_same_news_again_changes_nothing(capped):
    await capped.tells(capped.paid(await capped.paying(await capped.ordered(amount=6000))))
    order = await capped.ordered(amount=6000)
    fact = capped.paid(await capped.paying(order))
    for _ in range(3):
        await capped.tells(fact)
        await capped.run()
    assert (await capped.order(order)).status == "refunded"
    assert [len(of_one) for of_one in capped.gateway.refunds.values()] == [1]


async def test_a_balance_as_large_as_it_can_be_takes_no_more(shop):
    await shop.tells(shop.paid(await shop.paying(await shop.ordered(amount=5000))))
    async with shop.database.transaction() as transaction:
        line = (await lines_now(transaction.connection, [NUMBER]))[NUMBER].ref
        most = Credit(
            lane=line.lane,
            key="most",
            from_code="adjustments",
            line_id=line.id,
            bucket=BucketSpec(rule={"id": "why_never_ends"}),
            asset="CNY",
            amount=MAXIMUM_AMOUNT - 5000,
            purpose="other",
            reference="other",
        )
        await post(transaction.connection, [most], transaction.now)
    order = await shop.ordered(amount=5000)
    await shop.tells(shop.paid(await shop.paying(order)))
    assert (await shop.order(order)).timeline[-1].cause == "balance_limit"
    await shop.run()
    assert (await shop.order(order)).status == "refunded"
    assert await shop.listed() == []


async def of(shop, payment) -> str:
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT order_id FROM payments.payments WHERE id = %s", (payment.id,)
        )
        return (await cursor.fetchone())[0]
