"""Gifts that are sent by post: chosen wherever one tops up, held like those of a counter, and handed over at none."""

import asyncio
from itertools import count

import pytest

from tests.support.desk import LANES
from tests.support.gifts import CLERK, HALL, OTHER, became, in_shop, stocked, wrong
from tests.support.selling_offers import MUG, SENT_MUG, faults, ordered, paid, publish_with, quoted, states
from topup.kernel.errors import Conflict
from topup.shops.stock.gifts import GiftKey
from topup.shops.stock.handing_over import HandingOver

_numbers = count(13800139100)


def another() -> str:
    """A number of its own: nobody asks about a second top-up of it."""
    return str(next(_numbers))


@pytest.fixture
async def two_to_send(shop):
    await publish_with(shop.database, SENT_MUG)
    await stocked(shop.database, 2, place=OTHER)


@pytest.mark.usefixtures("two_to_send")
@pytest.mark.parametrize("channel", ["web", "link", "api", "cli", "counter"])
async def test_every_channel_has_it_out_of_the_stock_of_the_place_it_names(shop, channel):
    quote = await quoted(shop, number=another(), **({"at": HALL} if channel == "counter" else {"channel": channel}))
    assert [(one.sku, one.shop, one.is_sent) for one in quote.gifts] == [("mug", OTHER, True)]
    assert quote.held == ()


async def test_where_that_place_has_none_nobody_has_it_whatever_other_shops_have(shop):
    await publish_with(shop.database, SENT_MUG)
    await stocked(shop.database, 3)
    for where in ({"at": HALL}, {"channel": "web"}):
        quote = await quoted(shop, number=another(), **where)
        assert (quote.gifts, [one.reason for one in quote.held]) == ((), ["no_gift"])


async def test_one_thing_is_handed_over_or_sent_and_not_both(shop):
    await publish_with(shop.database, MUG.replace('id = "mug"', 'id = "fetched"'), SENT_MUG.replace("15", "16"))
    await stocked(shop.database, 1)
    await stocked(shop.database, 1, place=OTHER)
    quote = await quoted(shop, at=HALL)
    assert [(one.shop, one.is_sent, one.quantity) for one in quote.gifts] == [(OTHER, True, 1)]
    await ordered(shop, quote)
    [gift] = (await quoted(shop, at=HALL, number=another())).gifts
    assert (gift.shop, gift.is_sent) == (HALL, False), "the last to be sent is held"


@pytest.mark.usefixtures("two_to_send")
async def test_it_is_held_with_the_order_promised_when_it_is_paid_and_handed_over_at_no_counter(shop):
    order = await ordered(shop, await quoted(shop))
    assert (await in_shop(shop.database, place=OTHER), await became(shop.database, order)) == ((2, 1), ["held"])
    await paid(shop, order)
    await shop.run()
    assert (await in_shop(shop.database, place=OTHER), await became(shop.database, order)) == ((2, 1), ["promised"])
    with pytest.raises(Conflict, match="gift_is_sent"):
        await HandingOver(database=shop.database, lanes=LANES).hand_over(
            GiftKey(order.id, "mug"), place=OTHER, by=CLERK
        )
    assert await wrong(shop.database) == await faults(shop.database) == await shop.listed() == []


@pytest.mark.usefixtures("two_to_send")
async def test_what_is_not_paid_lets_go_of_it(shop):
    order = await ordered(shop, await quoted(shop))
    await shop.desk.cancel(order_id=order.id)
    await shop.run()
    assert (await in_shop(shop.database, place=OTHER), await became(shop.database, order)) == ((2, 0), ["released"])


async def test_of_twenty_payers_that_want_the_last_piece_one_gets_it(shop):
    await publish_with(shop.database, SENT_MUG)
    await stocked(shop.database, 1, place=OTHER)
    quotes = [await quoted(shop, number=another()) for _ in range(20)]
    assert all(quote.gifts for quote in quotes), "a price promises nothing"
    said = await asyncio.gather(*(ordered(shop, quote) for quote in quotes), return_exceptions=True)
    refused = [one for one in said if isinstance(one, Conflict)]
    assert len(refused) == len(said) - 1 == 19
    assert {(one.code, one.parameters["reason"]) for one in refused} == {("offer_gone", "no_gift")}
    assert await in_shop(shop.database, place=OTHER) == (1, 1)
    assert (await states(shop.database))["mug"].count("held") == 1, "the campaign is let go with its gift"
    assert await wrong(shop.database) == await faults(shop.database) == []
