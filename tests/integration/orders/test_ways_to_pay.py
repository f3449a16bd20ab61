"""The ways to pay a quote, for as long as its price holds."""

import psycopg
import pytest

from topup.kernel.errors import Problem
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money


async def quoted(shop, amount=5000):
    return await shop.desk.quote(number="13800138000", product=None, amount=Money(amount, "CNY"), payment_method=None)


async def refusal_of(work) -> str:
    with pytest.raises(Problem) as caught:
        await work
    return caught.value.code


async def ordering(shop, quote):
    return await shop.desk.order(
        order_id=OrderId(new_id("order", lane_of(quote.id))),
        quote_id=quote.id,
        contact=None,
        confirmations=frozenset({"duplicate", "large_amount"}),
        locale="en",
        channel="test",
    )


async def ways(shop, quote) -> list[str]:
    return [view.method for view in await shop.desk.methods(quote_id=quote.id)]


async def both_refusals(shop, quote) -> tuple[str, str]:
    return await refusal_of(ways(shop, quote)), await refusal_of(ordering(shop, quote))


async def test_an_expired_quote_is_refused_as_ordering_with_it_is(shop):
    quote = await quoted(shop)
    assert await ways(shop, quote) == ["scripted"]
    await shop.later(minutes=15)
    assert await both_refusals(shop, quote) == ("quote_expired", "quote_expired")
    assert (await shop.desk.get_quote(quote_id=quote.id)).expired


async def test_an_order_holds_the_price_of_its_quote_until_it_expires_itself(shop):
    quote = await quoted(shop)
    await shop.later(minutes=14)
    order = await ordering(shop, quote)
    await shop.later(minutes=10)
    assert await ways(shop, quote) == ["scripted"]
    await shop.tells(shop.paid(await shop.paying(order)))
    assert await refusal_of(ways(shop, quote)) == "quote_expired"


async def test_but_no_longer(shop):
    quote = await quoted(shop)
    await ordering(shop, quote)
    await shop.later(minutes=15)
    assert await refusal_of(ways(shop, quote)) == "quote_expired"


async def test_one_that_nobody_gave_is_unknown(shop):
    assert await refusal_of(shop.desk.methods(quote_id=new_id("quote", 3))) == "quote_unknown"
    assert await refusal_of(shop.desk.methods(quote_id="quo_nonsense")) == "quote_unknown"


@pytest.fixture
async def swapped(shop, database_url):
    """Puts the body of a cheaper quote, with its good signature, in the place of a dear one."""

    async def swap(dear, cheap):
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            await connection.execute(
                "UPDATE orders.quotes d SET body = c.body, kid = c.kid, signature = c.signature"
                " FROM orders.quotes c WHERE d.id = %s AND c.id = %s",
                (dear.id, cheap.id),
            )

    return swap


async def test_an_edited_one_is_refused_as_ordering_with_it_is(shop, swapped):
    dear, cheap = await quoted(shop), await quoted(shop, 1000)
    await swapped(dear, cheap)
    assert await both_refusals(shop, dear) == ("quote_altered", "quote_altered")


async def test_one_edited_after_it_was_ordered_credits_nothing(shop, swapped):
    """What was paid waits, and a person is told."""
    dear, cheap = await quoted(shop), await quoted(shop, 1000)
    order = await ordering(shop, cheap)
    payment = await shop.paying(order)
    await swapped(cheap, dear)
    await shop.tells(shop.paid(payment))
    assert (await shop.order(order)).status == "awaiting_payment"
    assert await shop.house() == {}
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT kind, evidence ->> 'reason' FROM work.items")
        assert await cursor.fetchall() == [("event_parked", "quote_altered")]
