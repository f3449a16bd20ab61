"""What a price lacks because an order that is not paid yet holds it: it is said, and whose own order that is."""

from tests.support.selling_offers import (
    ONCE,
    OWN_CODES,
    TIERS,
    WELCOME,
    made_codes,
    ordered,
    publish_with,
    quoted,
)
from topup.kernel.money import Money
from topup.offers import queries

SUBSCRIBER, ANOTHER = "sub_one", "sub_two"


async def test_a_price_tells_its_payer_which_of_their_own_orders_holds_what_it_lacks(shop):
    await publish_with(shop.database, WELCOME, ONCE)
    first = await quoted(shop, "ONCE", payer_id=SUBSCRIBER)
    order = await ordered(shop, first, payer_id=SUBSCRIBER)
    again = await quoted(shop, "ONCE", payer_id=SUBSCRIBER, number="13900139000")

    async def told(subscriber_id):
        seen = await shop.desk.get_quote(quote_id=again.id, subscriber_id=subscriber_id)
        return [(one.reason, one.held_by) for one in (*seen.codes, *seen.held)]

    assert await told(SUBSCRIBER) == [("code_held", order.id), ("person_held", order.id)]
    assert await told(ANOTHER) == await told(None) == [("code_held", None), ("person_held", None)]
    assert again.codes[0].said["en"].startswith("An order that is not paid yet holds this code. It is free again by ")
    await shop.desk.cancel(order_id=order.id)
    assert await told(SUBSCRIBER) == [("code_held", None), ("person_held", None)], "there is nothing to pay or cancel"
    await shop.run()
    free = await quoted(shop, "ONCE", payer_id=SUBSCRIBER, number="13900139000")
    assert (free.total, free.held) == (Money(8900, "CNY"), ())


async def test_what_would_not_count_anyway_is_not_said_to_be_held(shop):
    await publish_with(shop.database, WELCOME, TIERS)
    await ordered(shop, await quoted(shop, amount=5000))
    assert [one.campaign for one in (await quoted(shop, amount=5000)).held] == ["welcome"]
    assert (await quoted(shop, amount=10000)).held == (), "the other of the group takes off more there"


async def test_the_codes_of_a_price_are_looked_up_at_once(shop, monkeypatch):
    await publish_with(shop.database, OWN_CODES, ONCE)
    made, asked, codes = await made_codes(shop, 3), [], queries.codes

    async def counted(connection, typed, now, **facts):
        asked.append(len(typed))
        return await codes(connection, typed, now, **facts)

    monkeypatch.setattr(queries, "codes", counted)
    quote = await quoted(shop, *made, "ONCE", "MEMBER-NEVER")
    assert (asked, [one.applied for one in quote.codes].count(True)) == ([5], 1)
    assert [one.reason for one in quote.codes][-1] == "code_unknown"
