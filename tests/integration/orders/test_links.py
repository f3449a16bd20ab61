"""Links that open a prepared top-up: found by nobody, read by nobody, dead when they should be."""

import secrets
from datetime import timedelta

import pytest

from tests.support.desk import LANES
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.operations import LineStatus, open_lines, set_status
from topup.lines.queries import lines_now
from topup.orders import links
from topup.orders.links import BY_COMMAND, LONGEST, MOST_OF_SUBSCRIBER, LinkWanted
from topup.orders.past import Wanted, found
from topup.orders.searching import read_search

NUMBER = parse_msisdn("13800138000")
FOREIGN = parse_msisdn("+6581234500")
OWNER, NEIGHBOUR = new_id("subscriber", 0), new_id("subscriber", 1)
FIFTY = Money(5000, "CNY")
WEEK = timedelta(days=7)


def wanted(maker=BY_COMMAND, number=NUMBER, *, product=None, amount=FIFTY, lasts=WEEK, label="") -> LinkWanted:
    return LinkWanted(maker, number, product, amount, lasts, label)


async def owned(shop):
    """The line of NUMBER, in OWNER's account."""
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        [line] = (await open_lines(connection, [(NUMBER, "qingfeng", "Asia/Shanghai")], now, lanes=LANES)).values()
        await owners.bind(connection, subscriber_id=OWNER, line=line, now=now)
    return line


async def leads(shop, link_id: str) -> bool:
    try:
        await shop.desk.links.open(link_id=link_id)
    except NotFound as problem:
        # Nothing beside the code: the reason is nobody's to know.
        return (problem.code, dict(problem.parameters)) != ("link_over", {})
    return True


async def through(shop, link, **who):
    """An order made by whoever opened it."""
    quote = await shop.desk.quote(
        number=link.number.e164, product=None, amount=link.amount, payment_method=None, link=link.id, hides_number=True
    )
    return await shop.desk.order(
        order_id=OrderId(new_id("order", lane_of(quote.id))),
        quote_id=quote.id,
        contact=None,
        confirmations=frozenset(),
        locale="en",
        channel="link",
        **who,
    )


async def test_it_gives_back_what_was_prepared(shop):
    made = await shop.desk.links.make(wanted(label="  Shop window\n3 "))
    link = await shop.desk.links.open(link_id=made.id)
    assert (link.number, link.amount, link.product, link.label) == (NUMBER, FIFTY, None, "Shop window 3")
    assert link.expires_at - link.created_at == WEEK


async def test_the_same_id_is_the_same_link(shop):
    link_id = shop.desk.links.new_id()
    first = await shop.desk.links.make(wanted(), link_id=link_id)
    again = await shop.desk.links.make(wanted(amount=Money(100, "CNY")), link_id=link_id)
    assert (first.id, first.amount) == (again.id, again.amount)


async def test_no_number_is_in_its_address_or_readable_where_it_is_kept(shop):
    made = [await shop.desk.links.make(wanted()) for _ in range(40)]
    async with shop.database.read() as transaction:
        rows = await (await transaction.connection.execute("SELECT l::text FROM orders.links l")).fetchall()
    kept = "\n".join(row for (row,) in rows)
    assert NUMBER.e164[3:] not in kept
    assert NUMBER.e164.encode().hex() not in kept
    assert len({lane_of(link.id) for link in made}) > 1, "not even the lane says anything of the number"
    assert "5000" not in repr(made[0])


async def test_what_is_over_is_as_if_it_had_never_been(shop, figures):
    revoked, ended, open_ = [await shop.desk.links.make(wanted()) for _ in range(3)]
    await shop.desk.links.revoke(link_id=revoked.id)
    guesses = [new_id("link", secrets.randbelow(LANES)) for _ in range(200)]
    tried = [revoked.id, "", "lnk_", "x" * 500, open_.id[:-1] + "z" * (open_.id[-1] != "z"), *guesses]
    assert [await leads(shop, one) for one in tried] == [False] * len(tried)
    assert await leads(shop, open_.id)
    await shop.later(days=7)
    assert not await leads(shop, ended.id)
    figures.never("Links", of=len(tried), strangers_links_found=0)


async def test_a_number_that_was_given_on_is_led_to_no_more(shop):
    line = await owned(shop)
    made = await shop.desk.links.make(wanted())
    assert await leads(shop, made.id)
    async with shop.database.transaction() as transaction:
        await set_status(transaction.connection, line, LineStatus.CLOSED, transaction.now)
    assert not await leads(shop, made.id)
    async with shop.database.transaction() as transaction:
        wish = [(NUMBER, "qingfeng", "Asia/Shanghai")]
        await open_lines(transaction.connection, wish, transaction.now, lanes=LANES)
        assert (await lines_now(transaction.connection, [NUMBER.e164]))[NUMBER.e164].ref != line
    assert not await leads(shop, made.id), "its next holder asked nobody"


async def test_a_subscribers_link_ends_when_the_line_leaves_their_account(shop):
    line = await owned(shop)
    made = await shop.desk.links.make(wanted(OWNER))
    assert await leads(shop, made.id)
    async with shop.database.transaction() as transaction:
        await owners.unbind(transaction.connection, subscriber_id=OWNER, line=line)
    assert not await leads(shop, made.id)


async def test_who_leaves_takes_their_links_with_them(shop):
    await owned(shop)
    made = await shop.desk.links.make(wanted(OWNER))
    async with shop.database.transaction() as transaction:
        [kept] = await links.made_by(transaction.connection, OWNER, keys=shop.keys)
        assert kept.number == NUMBER
        await links.drop(transaction.connection, OWNER)
    assert not await leads(shop, made.id)
    assert await shop.desk.links.of(maker=OWNER) == []


async def test_nobody_sees_or_stops_anothers(shop):
    made = await shop.desk.links.make(wanted("key:1"))
    for work in (shop.desk.links.get, shop.desk.links.revoke):
        with pytest.raises(NotFound, match="link_unknown"):
            await work(link_id=made.id, maker="key:2")
        with pytest.raises(NotFound, match="link_unknown"):
            await work(link_id=new_id("link", 1), maker="key:1")
    assert await shop.desk.links.of(maker="key:2") == []
    own = await shop.desk.links.make(wanted(OWNER))
    assert [link.id for link in await shop.desk.links.of(maker=None)] == [made.id], "subscribers' are theirs alone"
    assert [link.id for link in await shop.desk.links.of(maker=OWNER)] == [own.id]
    assert (await shop.desk.links.revoke(link_id=made.id)).revoked_at is not None


async def test_there_are_bounds(shop):
    for _ in range(MOST_OF_SUBSCRIBER):
        last = await shop.desk.links.make(wanted(OWNER))
    with pytest.raises(Conflict, match="links_too_many"):
        await shop.desk.links.make(wanted(OWNER))
    await shop.desk.links.revoke(link_id=last.id, maker=OWNER)
    await shop.desk.links.make(wanted(OWNER))


@pytest.mark.parametrize(
    ("code", "wish"),
    [
        ("link_empty", {"number": None, "amount": None}),
        ("link_product_for_any", {"number": None, "amount": None, "product": "data-10gb-30d"}),
        ("link_lasts", {"lasts": LONGEST + timedelta(seconds=1)}),
        ("link_lasts", {"lasts": timedelta(0)}),
    ],
)
async def test_what_would_lead_nowhere_or_too_long_is_not_made(shop, code, wish):
    with pytest.raises(Invalid, match=code):
        await shop.desk.links.make(wanted(**wish))


async def test_the_order_is_its_openers_own_and_shows_the_number_masked_to_the_receipt(shop):
    link = await shop.desk.links.make(wanted())
    order = await through(shop, link, payer="stranger", payer_id=NEIGHBOUR)
    assert (order.link, order.hides_number) == (link.id, True)
    assert order.shown_number == NUMBER.masked()
    await shop.tells(shop.paid(await shop.paying(order)))
    delivered = await shop.order(order)
    assert (delivered.status, delivered.shown_number) == ("delivered", NUMBER.masked())
    receipt = await shop.desk.receipt(order_id=order.id)
    assert receipt.body.shown_number == NUMBER.masked()
    async with shop.database.read() as transaction:
        connection = transaction.connection
        row = await (await connection.execute("SELECT channel, payer_id FROM orders.orders")).fetchone()
        assert row == ("link", NEIGHBOUR)
        for digits in ("138", "0013", "13800138000"):
            asked = Wanted(search=read_search(digits), only_own=True)
            assert await found(connection, who=NEIGHBOUR, lines=(), wanted=asked, limit=9) == [], "not digit by digit"
        all_ = await found(connection, who=NEIGHBOUR, lines=(), wanted=Wanted(only_own=True), limit=9)
    assert [entry.place[1] for entry in all_] == [order.id]


async def test_what_ended_long_ago_is_removed_by_itself(shop):
    await shop.desk.links.make(wanted())
    [sweep] = shop.desk.links.sweeps()
    await shop.later(days=7)
    assert await sweep.run() == 0
    await shop.later(days=31)
    assert await sweep.run() == 1
