"""A price for one's own line says what the line would have, and what still fits; to everybody else it says neither."""

from datetime import timedelta

import pytest

from tests.support.desk import LANES
from tests.support.tariffs import CREDIT_CAP, publish_changed
from topup.kernel.errors import Conflict
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.operations import open_lines

NUMBER = "13800138000"
OWNER, NEIGHBOUR = new_id("subscriber", 0), new_id("subscriber", 1)


async def owned(shop) -> None:
    """The line is in OWNER's account."""
    async with shop.database.transaction() as transaction:
        wanted = [(parse_msisdn(NUMBER), "qingfeng", "Asia/Shanghai")]
        [line] = (await open_lines(transaction.connection, wanted, transaction.now, lanes=LANES)).values()
        await owners.bind(transaction.connection, subscriber_id=OWNER, line=line, now=transaction.now)


async def topped_up(shop, amount: int) -> None:
    order = await shop.ordered(amount=amount)
    await shop.tells(shop.paid(await shop.paying(order)))


def quoted(shop, amount: int = 5000, *, sees: bool = False):
    return shop.desk.quote(
        number=NUMBER, product=None, amount=Money(amount, "CNY"), payment_method=None, sees_balance=sees
    )


def ordered(shop, quote, **who):
    return shop.desk.order(
        order_id=OrderId(new_id("order", lane_of(quote.id))),
        quote_id=quote.id,
        contact=None,
        confirmations=frozenset(),
        locale="en",
        channel="test",
        **who,
    )


async def test_the_owner_sees_the_credit_there_is_and_would_be_and_nobody_else_does(shop):
    await owned(shop)
    await topped_up(shop, 3000)
    quote = await quoted(shop)
    seen = await shop.desk.get_quote(quote_id=quote.id, subscriber_id=OWNER)
    assert (seen.credit_before, seen.credit_after) == (Money(3000, "CNY"), Money(8000, "CNY"))
    for who in (None, NEIGHBOUR):
        plain = await shop.desk.get_quote(quote_id=quote.id, subscriber_id=who)
        assert (plain.credit_before, plain.credit_after) == (None, None)
        assert {grant.basis for grant in plain.grants}.isdisjoint({"present", "given"})


async def test_only_the_owner_is_told_that_no_more_fits(shop, tmp_path):
    await publish_changed(shop.database, tmp_path, "qingfeng", extra=CREDIT_CAP.format(at_cap="refuse"))
    await owned(shop)
    quote = await quoted(shop, 6000)
    await topped_up(shop, 9000)
    with pytest.raises(Conflict) as refusal:
        await shop.desk.get_quote(quote_id=quote.id, subscriber_id=OWNER)
    assert (refusal.value.code, refusal.value.parameters["room"]) == ("line_nearly_full", "10.00 CNY")
    for who in (None, NEIGHBOUR):
        assert (await shop.desk.get_quote(quote_id=quote.id, subscriber_id=who)).total == Money(6000, "CNY")


async def test_whose_line_it_is_is_asked_of_the_line_as_it_is_now(shop):
    assert not await shop.desk.has_line(subscriber_id=OWNER, number=NUMBER)
    await owned(shop)
    assert await shop.desk.has_line(subscriber_id=OWNER, number=NUMBER)
    assert not await shop.desk.has_line(subscriber_id=NEIGHBOUR, number=NUMBER)
    assert not await shop.desk.has_line(subscriber_id=OWNER, number="13800138001")


async def test_an_owner_hears_nothing_of_what_others_ordered_and_have_not_paid(shop):
    """Unlike staff, who see all orders."""
    await owned(shop)
    await shop.ordered(payer="another")
    await shop.later(minutes=1)
    quote = await quoted(shop)
    with pytest.raises(Conflict) as refusal:
        await ordered(shop, quote, sees_balance=True, payer="staff")
    assert refusal.value.parameters["confirmations"] == ["duplicate"]
    made = await ordered(shop, quote, sees_balance=True, payer="me", payer_id=OWNER)
    assert made.status == "awaiting_payment"
    assert timedelta(0) < made.expires_at - made.created_at
