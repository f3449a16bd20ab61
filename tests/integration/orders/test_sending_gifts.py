"""Gifts that leave by post: out of the stock once, told to their payer once, and never after the money went back."""

import asyncio
from datetime import timedelta
from itertools import count

import pytest

from tests.integration.orders.test_deciding import decided
from tests.integration.orders.test_following import mends, owner, spoils
from tests.integration.orders.test_offers_interrupted import Died, deadly
from tests.support.canaries import logs, stored
from tests.support.desk import FOREIGN_NUMBER, LANES
from tests.support.gifts import HOME, OTHER, WORK, became, in_shop, sent_to, stocked, wrong
from tests.support.households import Households
from tests.support.locks import somebody_waits
from tests.support.selling_offers import MUG, SENT_MUG, ordered, paid, publish_with, quoted
from tests.support.simulators import until
from topup.care.reminders.orders import OrdersHearing
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.notifications.templates import render
from topup.orders import giving_back
from topup.orders import parcels as orders_parcels
from topup.orders.giving_back import kind
from topup.shops.stock import parcels
from topup.shops.stock.gifts import GiftKey
from topup.shops.stock.handing_over import HandingOver
from topup.shops.stock.parcels import Standing
from topup.work import trail
from topup.work.approvals import Approvals

__all__ = ["deadly", "logs", "owner"]
_numbers = count(13800139500)
PACKER = "stf_packer"


@pytest.fixture(autouse=True)
async def _two_to_send(shop):
    await publish_with(shop.database, SENT_MUG)
    await stocked(shop.database, 2, place=OTHER)


def key(order) -> GiftKey:
    return GiftKey(order.id, "mug")


async def bought(shop, *, addressed=True, contact=None, payer_id=None):
    """An order that was paid and arrived, whose gift is to be sent."""
    quote = await quoted(shop, number=str(next(_numbers)), payer_id=payer_id)
    order = await paid(shop, await ordered(shop, quote, contact=contact, payer_id=payer_id))
    await shop.run()
    if addressed:
        await shop.desk.sending.give_address(order_id=order.id, subscriber_id=None, address=HOME)
    return order


async def sends(shop, order, tracking="SF 123") -> None:
    await shop.desk.sending.send(key(order), by=PACKER, tracking=tracking)


async def money_back(shop, order) -> None:
    await decided(Approvals(database=shop.database, kinds=[kind()]), "refund", order.payments[0].id)
    await shop.run()


async def deeds(shop, order) -> list[tuple[str, dict]]:
    async with shop.database.read() as transaction:
        found = await trail.entries(transaction.connection, subject=order.id, action="stock.")
    return [(one.action, dict(one.facts)) for one in reversed(found)]


async def told(shop, template: str) -> list[str]:
    """The messages of a template that were written, in English."""
    async with shop.database.read() as transaction:
        sql = "SELECT parameters FROM notifications.messages WHERE template = %s ORDER BY id"
        rows = await (await transaction.connection.execute(sql, [template])).fetchall()
    return ["\n".join(render(template, parameters, "en")) for (parameters,) in rows]


async def standing(shop, one: Standing, **which) -> list[str]:
    async with shop.database.read() as transaction:
        return [gift.key.order_id for gift in await parcels.listed(transaction.connection, one, **which)]


async def test_it_leaves_the_stock_once_and_its_payer_hears_of_it_once(shop):
    order = await bought(shop, contact="me@mail.example")
    for _ in range(2):
        await sends(shop, order)
    assert (await in_shop(shop.database, place=OTHER), await became(shop.database, order)) == ((1, 0), ["handed_over"])
    [(action, facts)] = await deeds(shop, order)
    assert (action, facts["before"], facts["after"]) == (
        "stock.gift_sent",
        {"state": "promised", "left": 2},
        {"state": "handed_over", "left": 1, "tracking": "SF 123"},
    )
    [mail] = await told(shop, "gift_sent")
    assert "Mug × 1" in mail
    assert "The courier calls it SF 123." in mail
    for text in HOME.label[:2]:
        assert text not in mail
        assert text not in str(facts)
    [gift] = (await shop.desk.sending.parcels(order_id=order.id, subscriber_id=None)).gifts
    assert gift.tracking == "SF 123"
    assert await sent_to(shop.database, shop.keys, order) == [HOME], "for a while, for who asks what became of it"
    with pytest.raises(Conflict, match="gift_not_to_send"):
        await shop.desk.sending.give_address(order_id=order.id, subscriber_id=None, address=HOME)
    assert await wrong(shop.database) == []


async def test_where_it_goes_stands_in_no_log_and_nowhere_that_is_kept_unsealed(shop, logs):
    order = await bought(shop, contact="me@mail.example", addressed=False)
    await shop.desk.sending.give_address(order_id=order.id, subscriber_id=None, address=WORK)
    assert await shop.desk.sending.look(key(order), by=PACKER) == WORK
    await sends(shop, order)
    await money_back(shop, order)
    told = [("the log", logs.getvalue()), *stored(shop.database.url)]
    assert [place for place, text in told if order.id in text], "something is looked through"
    assert [place for place, text in told for said in (WORK.name, *WORK.lines) if said in text] == []


async def test_what_cannot_be_sent_is_refused_and_moves_nothing(shop):
    order = await bought(shop, addressed=False)
    with pytest.raises(Conflict, match="gift_without_address"):
        await sends(shop, order)
    with pytest.raises(NotFound, match="gift_unknown"):
        await shop.desk.sending.send(GiftKey(order.id, "cup"), by=PACKER)
    with pytest.raises(NotFound, match="order_unknown"):
        await shop.desk.sending.send(GiftKey("ord_nobodys", "mug"), by=PACKER)
    await shop.desk.sending.give_address(order_id=order.id, subscriber_id=None, address=HOME)
    for tracking in ("x" * 61, "SF\x07", "SF \N{GRINNING FACE}"):
        with pytest.raises(Invalid, match="gift_tracking"):
            await sends(shop, order, tracking)
    await publish_with(shop.database, MUG, version_of="# once more\n")
    fetched = await paid(shop, await ordered(shop, await quoted(shop, at=OTHER, number=str(next(_numbers)))))
    await shop.run()
    with pytest.raises(Conflict, match="gift_not_sent"):
        await sends(shop, fetched)
    assert (await in_shop(shop.database, place=OTHER), await deeds(shop, order)) == ((2, 2), [])


async def test_nothing_is_sent_before_the_top_up_arrived(shop):
    await publish_with(shop.database, SENT_MUG, carrier="lion-island")
    quote = await quoted(shop, number=FOREIGN_NUMBER, currency="SGD", amount=5000)
    order = await paid(shop, await ordered(shop, quote))
    await shop.desk.sending.give_address(order_id=order.id, subscriber_id=None, address=HOME)
    with pytest.raises(Conflict, match="gift_not_yet"):
        await sends(shop, order)
    assert await in_shop(shop.database, place=OTHER) == (2, 1)
    await shop.run()
    await sends(shop, order)
    assert await in_shop(shop.database, place=OTHER) == (1, 0)


@pytest.mark.parametrize("brought", [True, False])
async def test_what_was_sent_is_asked_back_with_the_money(shop, brought):
    order = await bought(shop)
    await sends(shop, order)
    await money_back(shop, order)
    assert (await became(shop.database, order), await standing(shop, Standing.ASKED_BACK)) == (
        ["asked_back"],
        [order.id],
    )
    back = HandingOver(database=shop.database, lanes=LANES)
    await (back.take_back if brought else back.leave)(key(order), place=OTHER, by=PACKER)
    assert await became(shop.database, order) == ["returned" if brought else "kept"]
    assert await in_shop(shop.database, place=OTHER) == (2 if brought else 1, 0)
    assert await shop.listed() == ([] if brought else ["gift_not_returned"])
    assert await wrong(shop.database) == []


async def test_nothing_is_sent_once_the_money_goes_back_though_the_gift_does_not_know_yet(shop):
    order = await bought(shop)
    await decided(Approvals(database=shop.database, kinds=[kind()]), "refund", order.payments[0].id)
    assert await became(shop.database, order) == ["promised"]
    with pytest.raises(Conflict, match="gift_money_back"):
        await sends(shop, order)
    await shop.run()
    assert (await became(shop.database, order), await in_shop(shop.database, place=OTHER)) == (["released"], (2, 0))
    assert await sent_to(shop.database, shop.keys, order) == []


async def test_money_that_goes_back_while_a_gift_is_sent_waits_and_asks_it_back(shop, monkeypatch):
    order, send, meanwhile = await bought(shop), orders_parcels.handing_over.send, []

    async def is_asked_back_meanwhile(*gift, **how):
        meanwhile.append(await waiting(shop, money_back(shop, order)))
        return await send(*gift, **how)

    with monkeypatch.context() as patch:
        patch.setattr(orders_parcels.handing_over, "send", is_asked_back_meanwhile)
        await sends(shop, order)
    await meanwhile[0]
    assert (await became(shop.database, order), await in_shop(shop.database, place=OTHER)) == (["asked_back"], (1, 0))
    assert len(await deeds(shop, order)) == 1
    assert await wrong(shop.database) == []


async def test_who_sends_while_the_money_goes_back_waits_and_sends_nothing(shop, monkeypatch):
    order, follow_money, meanwhile = await bought(shop), giving_back.operations.follow_money, []

    async def is_sent_meanwhile(*asked):
        meanwhile.append(await waiting(shop, sends(shop, order)))
        return await follow_money(*asked)

    with monkeypatch.context() as patch:
        patch.setattr(giving_back.operations, "follow_money", is_sent_meanwhile)
        await decided(Approvals(database=shop.database, kinds=[kind()]), "refund", order.payments[0].id)
    with pytest.raises(Conflict, match="gift_money_back"):
        await meanwhile[0]
    await shop.run()
    assert (await became(shop.database, order), await in_shop(shop.database, place=OTHER)) == (["released"], (2, 0))
    assert (await deeds(shop, order), await sent_to(shop.database, shop.keys, order)) == ([], [])
    assert await wrong(shop.database) == []


async def waiting(shop, doing) -> asyncio.Future:
    """It is begun, and waits for who has the order now."""
    begun = asyncio.ensure_future(doing)
    await until(lambda: somebody_waits(shop.database), lambda waits: waits or begun.done())
    assert not begun.done()
    return begun


async def test_who_packs_sees_who_waits_longest_first_and_each_look_is_in_the_trail(shop):
    await stocked(shop.database, 1, place=OTHER)
    late, early, asked = [await bought(shop, addressed=False) for _ in range(3)]
    for order in (early, late):
        await shop.desk.sending.give_address(order_id=order.id, subscriber_id=None, address=HOME)
        await shop.later(minutes=1)
    assert await standing(shop, Standing.TO_SEND) == [early.id, late.id]
    assert await standing(shop, Standing.TO_SEND, place=OTHER) == [early.id, late.id]
    assert await standing(shop, Standing.TO_SEND, place="elsewhere") == []
    assert await standing(shop, Standing.TO_SEND, page=2) == []
    assert await standing(shop, Standing.ADDRESS_WANTED) == [asked.id]
    async with shop.database.read() as transaction:
        connection = transaction.connection
        counts = await parcels.counts(connection)
        assert await parcels.places(connection) == [OTHER]
    assert counts == {Standing.TO_SEND: 2, Standing.ADDRESS_WANTED: 1, Standing.ASKED_BACK: 0}
    assert await shop.desk.sending.look(key(early), by=PACKER) == HOME
    assert await deeds(shop, early) == [("stock.gift_address_shown", {"sku": "mug", "shop": OTHER})]
    with pytest.raises(Conflict, match="gift_without_address"):
        await shop.desk.sending.look(key(asked), by=PACKER)
    await sends(shop, early)
    assert (await standing(shop, Standing.SENT), await standing(shop, Standing.TO_SEND)) == ([early.id], [late.id])


async def test_who_did_not_say_where_to_is_reminded_once(shop):
    order, said = await bought(shop, addressed=False, contact="me@mail.example"), await bought(shop)
    await shop.later(days=20)
    assert await shop.desk.sending.remind() == 0
    await shop.later(days=5)
    assert [await shop.desk.sending.remind() for _ in range(2)] == [1, 0]
    [mail] = await told(shop, "gift_wanted")
    assert "Mug × 1" in mail
    assert f"/orders/{order.id}" in mail
    assert await became(shop.database, said) == ["promised"]


async def test_who_has_just_paid_is_not_reminded(shop, monkeypatch):
    monkeypatch.setattr(orders_parcels, "REMINDED_BEFORE", timedelta(days=60))
    await bought(shop, addressed=False, contact="me@mail.example")
    assert await shop.desk.sending.remind() == 0
    await shop.later(hours=25)
    assert await shop.desk.sending.remind() == 1


async def test_who_cannot_be_reminded_stops_nobody_and_is_looked_at_again(shop, owner, logs):
    """What its price promised cannot be read: once that is mended its payer is reminded too."""
    await stocked(shop.database, 1, place=OTHER)
    spoilt, *others = [await bought(shop, addressed=False, contact="me@mail.example") for _ in range(3)]
    body = await spoils(owner, spoilt)
    await shop.later(days=25)
    assert [await shop.desk.sending.remind() for _ in range(2)] == [3, 0]
    assert await mailed(shop) == sorted(one.id for one in others)
    [line] = [line for line in logs.getvalue().splitlines() if "gift_payer_not_reminded" in line]
    assert spoilt.id[:16] in line
    await mends(owner, spoilt, body)
    await shop.later(hours=1)
    assert [await shop.desk.sending.remind() for _ in range(2)] == [1, 0]
    assert await mailed(shop) == sorted(one.id for one in (spoilt, *others))


async def test_nobody_is_reminded_while_an_address_would_be_refused(shop, owner):
    """The money is on its way back: only if it is not after all is there something to say."""
    order = await bought(shop, addressed=False, contact="me@mail.example")
    await shop.later(days=25)
    await owner.execute("UPDATE orders.orders SET state = 'refunding' WHERE id = %s", (order.id,))
    with pytest.raises(Conflict, match="gift_not_to_send"):
        await shop.desk.sending.give_address(order_id=order.id, subscriber_id=None, address=HOME)
    assert [await shop.desk.sending.remind() for _ in range(2)] == [1, 0]
    assert await mailed(shop) == []
    await owner.execute("UPDATE orders.orders SET state = 'delivered' WHERE id = %s", (order.id,))
    await shop.later(hours=1)
    assert [await shop.desk.sending.remind() for _ in range(2)] == [1, 0]
    assert await mailed(shop) == [order.id]


async def mailed(shop) -> list[str]:
    """The orders whose payers were reminded by mail."""
    async with shop.database.read() as transaction:
        sql = "SELECT key FROM notifications.messages WHERE template = 'gift_wanted'"
        rows = await (await transaction.connection.execute(sql)).fetchall()
    return sorted(key.split(":")[0] for (key,) in rows)


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
@pytest.mark.parametrize("name", ["send", "look", "remind"])
async def test_who_dies_while_it_is_sent_looked_at_or_reminded_of_does_it_once(shop, deadly, name, point):
    order = await bought(shop, addressed=name != "remind", contact="me@mail.example")
    if name == "remind":
        await shop.later(days=25)

    async def does() -> None:
        if name == "send":
            await sends(shop, order)
        elif name == "look":
            assert await shop.desk.sending.look(key(order), by=PACKER) == HOME
        else:
            await shop.desk.sending.remind()

    deadly(f"parcels.{name}.{point}")
    with pytest.raises(Died):
        await does()
    await does()
    assert len(await told(shop, "gift_sent")) == int(name == "send")
    assert len(await told(shop, "gift_wanted")) == int(name == "remind")
    assert await in_shop(shop.database, place=OTHER) == ((1, 0) if name == "send" else (2, 1))


async def test_the_subscriber_who_ordered_is_told_in_the_app(shop):
    payer = await Households(shop.database, shop.keys).moves_in("+8613900139779", lane=9)
    hears = OrdersHearing(database=shop.database, keyring=shop.keys, lanes=LANES)
    order = await bought(shop, addressed=False, payer_id=payer)
    await shop.later(days=25)
    assert (await shop.desk.sending.remind(), await hears.others()) == (1, 1)
    await shop.desk.sending.give_address(order_id=order.id, subscriber_id=payer, address=HOME)
    await sends(shop, order, tracking="")
    assert (await hears.others(), await hears.others()) == (1, 0)
    async with shop.database.read() as transaction:
        sql = "SELECT template, parameters FROM notifications.notices WHERE reader = %s ORDER BY template"
        rows = await (await transaction.connection.execute(sql, [payer])).fetchall()
    said = {template: "\n".join(render(template, parameters, "en")) for template, parameters in rows}
    assert list(said) == ["gift_address", "gift_left"]
    assert all("Mug × 1" in text for text in said.values())
    assert "no tracking reference" in said["gift_left"]
