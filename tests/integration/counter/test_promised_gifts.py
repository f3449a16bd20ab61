"""Gifts that come with an offer, at the counter: seen on the price, handed over in one step, found again another day,
on the receipt, and asked back with the money.
"""

import re
from functools import partial

import httpx
import pytest

from tests.integration.counter.test_selling import path_to, settled
from tests.integration.counter.test_tending import on_paper
from tests.support.gifts import in_shop, stocked, wrong
from tests.support.selling_offers import a_number_with_a_parcel, a_number_with_gifts, giving, giving_by_post
from tests.support.simulators import until
from tests.support.subscribers import front_at
from topup.kernel.ids import new_id
from topup.shops.displays import Displays, new_secret
from topup.shops.queries import Directories
from topup.shops.stock import gifts
from topup.shops.stock.gifts import GiftKey

pytestmark = pytest.mark.xdist_group("browser")
GIFT = {"sku": "mug"}


@pytest.fixture
async def shelf(site, shop):
    """How many mugs the clerk's shop has, and how many are held: three more than there were."""
    async with front_at(site) as front:
        await giving(front.database)
        await stocked(front.database, 3, place=shop)

        async def there() -> tuple[int, int]:
            return await in_shop(front.database, place=shop)

        yield there
        assert await wrong(front.database) == []


@pytest.fixture
async def promised(clerk, shelf):
    """Sells what a gift comes with: the path of the sale, and of its order."""

    async def sold() -> tuple[str, str]:
        sale = await clerk.quotes(a_number_with_gifts())
        assert (await clerk.takes(sale)).status_code == 303
        order = re.search(r"ord_[0-9a-z]{26}", await settled(clerk, sale))[0]
        return sale, f"/counter/orders/{order}"

    return sold


@pytest.fixture
async def sold(promised):
    return await promised()


async def test_the_gift_is_on_the_price_and_one_step_hands_it_over(clerk, shelf):
    had, held = await shelf()
    sale = await clerk.quotes(a_number_with_gifts())
    page = await clerk.sees(sale)
    assert "Comes with it" in page
    assert "from this shop&#39;s stock, by " in page
    early = await clerk.posts(f"{sale}/gift", **GIFT)
    assert early.status_code == 404, "there is no order yet"
    await clerk.takes(sale)
    page = await settled(clerk, sale)
    assert "Hand over: Mug × 1" in page
    assert page.count("autofocus") == 1, "the step that is left is the one that Enter takes"
    assert await shelf() == (had, held + 1)
    order = re.search(r"ord_[0-9a-z]{26}", page)[0]
    assert "Gift, to be fetched by" in " ".join((await on_paper(clerk, f"/counter/orders/{order}")).split())
    for _ in range(2):
        assert path_to(await clerk.posts(f"{sale}/gift", **GIFT)) == sale
    page = await clerk.sees(sale)
    assert "Hand over:" not in page
    assert "<b>Mug × 1</b> · handed over" in page
    assert await shelf() == (had - 1, held)
    paper = await on_paper(clerk, f"/counter/orders/{order}")
    assert "Mug × 1" in paper
    assert "fetched" not in paper


async def test_another_day_it_is_found_by_its_order_and_waits_in_its_shop_alone(site, staff, till_number, clerk, sold):
    _, path = sold
    other = await staff()
    async with site.transaction() as transaction:
        places = (await Directories().current(transaction.connection)).places
    elsewhere = next(one.id for one in places if one.kind != "kiosk" and one.id != clerk.till.rpartition("-")[0])
    assert (await other.opens(shop=elsewhere, number=till_number())).status_code == 303
    page = await other.sees(path)
    assert "Hand over:" not in page
    assert "Waits at " in page
    refused = await other.posts(f"{path}/gift/hand-over", **GIFT)
    assert (refused.status_code, "kept at another shop" in refused.text) == (409, True)
    wish = {"item": "mug", "reason": "One more", "form": new_id("event", 0)}
    assert "already" in (await clerk.posts(f"{path}/gift", **wish)).text, "no second one by the way"
    assert await clerk.finds(path.rpartition("/")[2]) == path
    assert "Hand over: Mug × 1" in await clerk.sees(path)
    assert path_to(await clerk.posts(f"{path}/gift/hand-over", **GIFT)) == path
    assert "handed over" in await clerk.sees(path)
    assert (await clerk.posts(f"{path}/gift/hand-over", sku="cup")).status_code == 404


@pytest.mark.parametrize("brought", [True, False])
async def test_what_was_handed_over_is_asked_back_in_the_open(site, clerk, sold, shelf, brought):
    sale, path = sold
    await clerk.posts(f"{sale}/gift", **GIFT)
    had, held = await shelf()
    key = GiftKey(path.rpartition("/")[2], "mug")
    async with site.transaction() as transaction:
        await gifts.take_back(transaction.connection, [key], transaction.now)
    page = await clerk.sees(path)
    assert "Ask for it back: Mug × 1" in page
    answer = await clerk.posts(f"{path}/gift/{'returned' if brought else 'kept'}", **GIFT)
    assert path_to(answer) == path
    assert ("brought back" if brought else "kept by the customer") in await clerk.sees(path)
    assert await shelf() == (had + brought, held)
    again = await clerk.posts(f"{path}/gift/{'kept' if brought else 'returned'}", **GIFT)
    assert (again.status_code, "is not asked back" in again.text) == (409, True)


async def test_who_is_to_have_it_reads_of_it_on_the_display_and_on_the_order_and_a_stranger_does_not(
    site, clerk, shelf
):
    displays, held = Displays(database=site.house.store.database), new_secret()
    code = (await site.within(displays.arrive(held))).code
    await clerk.posts("/counter/drawer/display", display=code)
    headers = {"accept": "text/html", "accept-language": "en"}
    async with httpx.AsyncClient(
        base_url=site.url, trust_env=False, headers=headers, cookies={"topup_display": held}
    ) as customer:

        async def reads(path: str) -> str:
            return (await customer.get(path)).text

        sale = await clerk.quotes(a_number_with_gifts())
        await clerk.sees(sale)
        page = await reads("/counter/display")
        assert "Mug × 1" in page
        assert "Comes with it once it is paid: at " in page
        await clerk.takes(sale)
        order = re.search(r"ord_[0-9a-z]{26}", await settled(clerk, sale))[0]
        for path in ("/counter/display", f"/orders/{order}"):
            assert "Waits for you at " in await reads(path)
        assert re.search(r'href="/help/shops/[^"]+">Where the shop is', await reads(f"/orders/{order}"))
        await clerk.posts(f"{sale}/gift", **GIFT)
        for path in ("/counter/display", f"/orders/{order}"):
            page = await reads(path)
            assert "You have it." in page
            assert "Waits for you" not in page
        shared = re.search(r'href="(/s/[^"]+)"', page)[1]
        assert "Mug" not in await reads(shared)


async def test_what_is_sent_is_told_and_handed_over_at_no_counter(site, clerk):
    async with front_at(site) as front:
        await giving_by_post(front.database)
    sale = await clerk.quotes(a_number_with_a_parcel())
    assert "sent by post; the customer says where to by " in await clerk.sees(sale)
    assert (await clerk.takes(sale)).status_code == 303
    page = await settled(clerk, sale)
    assert "Hand over:" not in page
    await until(partial(clerk.sees, sale), lambda text: "<b>Mug × 1</b> · to be sent by post" in text)
    refused = await clerk.posts(f"{sale}/gift", **GIFT)
    assert refused.status_code == 409
    assert "This gift is sent by post." in refused.text
    order = re.search(r"ord_[0-9a-z]{26}", page)[0]
    paper = " ".join((await on_paper(clerk, f"/counter/orders/{order}")).split())
    assert "Gift by post, address by" in paper
    assert "Scan to say where to send your gift" in paper
