"""What leads to an order from elsewhere, executed once: codes to pay by, links that prepare one, an owner's price."""

from contextlib import suppress
from datetime import timedelta

from tests.support.desk import OWN_NUMBER, Shop
from tests.support.selling_offers import ONCE, WELCOME, ordered, paid, publish_with, quoted
from topup.kernel.errors import NotFound
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.queries import lines_now
from topup.orders import links
from topup.orders.elsewhere import new_code
from topup.orders.links import BY_COMMAND, LinkWanted

FIFTY = Money(5000, "CNY")


async def orders_paid_elsewhere(shop: Shop):
    """A code is shown, typed rightly and wrongly, and forgotten."""
    desk = shop.desk
    order = await shop.ordered()
    code = await desk.elsewhere.code(order_id=order.id)
    await desk.elsewhere.code(order_id=order.id)
    await desk.elsewhere.find(text=code.code, payer="key:1", address="192.0.2.1")
    with suppress(NotFound):
        await desk.elsewhere.find(text=new_code(1, lanes=16), payer="key:1", address="192.0.2.1")
    await desk.cancel(order_id=order.id)
    for sweep in desk.elsewhere.sweeps():
        await sweep.run()


async def links_that_prepare_an_order(shop: Shop):
    """One of a shop and one of a subscriber: made, listed, opened, stopped, and forgotten."""
    desk, who, number = shop.desk, new_id("subscriber", 2), parse_msisdn(OWN_NUMBER)
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        [line] = [found.ref for found in (await lines_now(connection, [number.e164])).values()]
        await owners.bind(connection, subscriber_id=who, line=line, now=now)
    for maker in (BY_COMMAND, who):
        link = await desk.make_link(LinkWanted(maker, number, None, FIFTY, timedelta(days=7)))
        opened = await desk.links.open(link_id=link.id)
        quote = await desk.quote(
            number=number.e164, product=None, amount=opened.amount, payment_method=None, link=link.id, hides_number=True
        )
        seen = await desk.get_quote(quote_id=quote.id, subscriber_id=who)
        assert (seen.hides_number, seen.credit_after is not None) == (True, True)
        assert await desk.links.of(maker=maker)
        await desk.links.revoke(link_id=link.id)
    assert await desk.links.of(maker=None)
    async with shop.database.transaction() as transaction:
        assert await links.made_by(transaction.connection, who, keys=shop.keys)
        await links.drop(transaction.connection, who)
        await owners.unbind(transaction.connection, subscriber_id=who, line=line)
    for sweep in desk.links.sweeps():
        await sweep.run()


async def orders_with_offers(shop: Shop):
    """A first top-up with a coupon is asked for, ordered and paid; another is called off."""
    await publish_with(shop.database, ONCE, WELCOME)
    who = new_id("subscriber", 2)
    for number in ("13700137001", "13700137002"):
        quote = await quoted(shop, "ONCE", "WRONG", number=number, payer_id=who)
        order = await ordered(shop, quote, payer_id=who)
        if number.endswith("1"):
            await shop.desk.cancel(order_id=order.id)
        else:
            await paid(shop, order)
        await shop.run()
    assert await shop.desk.coupons(quote_id=quote.id) == ("ONCE",)
