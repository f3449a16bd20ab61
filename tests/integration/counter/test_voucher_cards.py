"""Voucher cards at the counter: one that can be sold is offered for its price, any other only named."""

from datetime import timedelta

import pytest

from tests.integration.counter.test_selling import in_drawer
from tests.support.vouchers import agreed
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.payments.vouchers.desk import VoucherDesk
from topup.payments.vouchers.operations import Wanted, exported, make
from topup.platform.installation import installation
from topup.shops.stock import operations as stock
from topup.shops.stock.movements import received
from topup.shops.stock.queries import Item

pytestmark = pytest.mark.xdist_group("browser")
FACE = Money(3000, "CNY")


@pytest.fixture
async def desk(site) -> VoucherDesk:
    async with site.transaction() as transaction:
        lanes = (await installation(transaction.connection)).lanes
    return VoucherDesk(database=site.house.store.database, keys=site.house.store.keyring, lanes=lanes)


@pytest.fixture
async def cards(site, desk):
    """Makes cards that are printed and not sold yet; gives the batch's id and their serial numbers."""

    async def made(kind="batch"):
        async with site.transaction() as transaction:
            until = transaction.now + timedelta(days=30)
        printed = []
        wanted = Wanted(FACE, 2, until, "stf_maker", kind=kind)
        if kind != "batch":
            async with site.transaction() as transaction:
                keys, lanes = site.house.store.keyring, site.house.store.installation.lanes
                batch, printed = await make(transaction.connection, wanted, transaction.now, keys=keys, lanes=lanes)
                await exported(transaction.connection, batch_id=batch.id, now=transaction.now)
            return batch.id, [one.serial for one in printed]
        identifier = await site.within(agreed(site.house.store.database, wanted))
        await site.within(desk.make(lambda _, found: printed.extend(found), batch_id=identifier, by="stf_maker"))
        return identifier, [one.serial for one in printed]

    return made


@pytest.fixture
async def in_stock(site, shop, desk):
    """A card and a gift that the shop has: their codes."""
    skus = {kind: f"{kind}-{new_id('event', 0)[-6:]}" for kind in ("card", "gift")}
    async with site.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        lanes = (await installation(connection)).lanes
        for kind, sku in skus.items():
            await stock.add_item(connection, Item(sku, kind, {"zh_Hans": sku, "zh_Hant": sku, "en": sku}), now)
            await stock.move(connection, received(sku, sku, shop, 9, by="stf_x"), now, lanes=lanes)
    return skus


async def looks(clerk, serial: str) -> str:
    answer = await clerk.posts("/counter/cards", serial=serial.lower())
    assert answer.status_code == 200, answer.text
    return answer.text


async def sells(clerk, serial: str, sku: str, form: str = ""):
    return await clerk.posts("/counter/cards/sell", serial=serial, item=sku, form=form or new_id("event", 0))


async def test_a_card_is_offered_for_its_price_until_it_is_sold(clerk, cards, in_stock):
    _, [serial, _] = await cards()
    page = await looks(clerk, serial)
    assert "CN¥30.00 is in the drawer" in page
    assert "Sold: CN¥30.00" in (await sells(clerk, serial, in_stock["card"])).text
    page = await looks(clerk, serial)
    assert "This card cannot be sold. State: pays already." in page
    assert "is in the drawer" not in page
    assert (await sells(clerk, serial, in_stock["card"])).status_code == 409


USED = """
UPDATE payments.vouchers SET state = 'redeemed', payment_id = 'pay_of_another', state_since = now() WHERE serial = %s
"""


@pytest.mark.parametrize("became", ["blocked", "blocked with its batch", "used", "expired", "a slip"])
@pytest.mark.usefixtures("in_stock")
async def test_what_cannot_be_sold_is_said_in_one_sentence_and_not_offered(site, clerk, desk, cards, became):
    batch, [serial, *_] = await cards(kind="slip" if became == "a slip" else "batch")
    if became == "blocked":
        await site.within(desk.block_one(serial=serial, by="stf_x"))
    elif became == "blocked with its batch":
        await site.within(desk.block(batch_id=batch, by="stf_x"))
    async with site.transaction() as transaction:
        if became == "used":
            await transaction.connection.execute(USED, [serial])
        elif became == "expired":
            expired = "UPDATE payments.voucher_batches SET state = 'expired' WHERE id = %s"
            await transaction.connection.execute(expired, [batch])
    page = await looks(clerk, serial)
    assert "This card cannot be sold. State:" in page
    assert "is in the drawer" not in page


async def test_a_card_is_sold_as_a_card_and_as_nothing_else(clerk, cards, in_stock):
    _, [serial, _] = await cards()
    for sku in (in_stock["gift"], "no-such"):
        assert (await sells(clerk, serial, sku)).status_code == 404
    assert "is in the drawer" in await looks(clerk, serial)


async def test_no_card_is_sold_into_a_drawer_that_is_full_and_what_was_sold_is_told_again(
    site, clerk, cards, in_stock, ceiling
):
    _, [first, second] = await cards()
    for serial in (first, second):
        assert "is in the drawer" in await looks(clerk, serial)
    await ceiling("200")
    form = new_id("event", 0)
    assert "Sold: CN¥30.00" in (await sells(clerk, first, in_stock["card"], form)).text, "the sale that fills it"
    refused = await sells(clerk, second, in_stock["card"])
    assert refused.status_code == 409
    assert "holds as much as it should" in refused.text
    assert "Sold: CN¥30.00" in (await sells(clerk, first, in_stock["card"], form)).text
    assert await in_drawer(site, clerk.till) == 23000
    await ceiling("")
    assert "Sold: CN¥30.00" in (await sells(clerk, second, in_stock["card"])).text
