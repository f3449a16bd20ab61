"""A gift at the counter: with an order that arrived, by a supervisor's word, out of stock, on the receipt."""

import asyncio
import json

import pytest

from tests.integration.counter.test_tending import on_paper, sold
from topup.kernel.errors import Conflict
from topup.kernel.ids import new_id
from topup.people.permissions import Role
from topup.platform.installation import installation
from topup.shops.stock import queries
from topup.shops.stock.desk import Stock
from topup.shops.stock.movements import given, received
from topup.shops.stock.queries import Item

__all__ = ["sold"]
pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
async def mugs(site, shop) -> str:
    """Something the shop has two of."""
    sku = f"mug-{new_id('movement', 0)[-8:]}"
    async with site.transaction() as transaction:
        installed = await installation(transaction.connection)
    stock = Stock(database=site.house.store.database, lanes=installed.lanes)
    await site.within(stock.add_item(Item(sku, "gift", {"zh_Hans": "马克杯", "en": "Mug"}), by="cli"))
    await site.within(stock.move(received(f"in-{sku}", sku, shop, 2, by="cli")))
    return sku


async def left(site, clerk, sku) -> int:
    async with site.transaction() as transaction:
        return await queries.level(transaction.connection, clerk.till.rpartition("-")[0], sku)


async def test_a_gift_leaves_the_stock_once_and_stands_on_the_receipt(site, staff, clerk, sold, mugs):
    path, _ = sold
    supervisor = await staff(Role.SUPERVISOR)
    assert "Mug" in await clerk.sees(f"{path}/gift")
    wish = {"item": mugs, "reason": "Autumn campaign", "form": new_id("event", 0)}
    by = {"login": supervisor.login, "code": await supervisor.code(ahead=1)}
    assert (await clerk.posts(f"{path}/gift", **wish)).status_code == 401
    assert (await clerk.posts(f"{path}/gift", **wish | {"reason": " "}, **by)).status_code == 422
    for _ in range(2):
        answer = await clerk.posts(f"{path}/gift", **wish, **by)
        assert answer.status_code == 303, "the same form gives once, and asks for no other code"
    assert await left(site, clerk, mugs) == 1
    assert "Handed over: Mug" in await clerk.sees(f"{path}/gift")
    assert "Mug × 1" in await on_paper(clerk, path)
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT actor, facts FROM work.trail WHERE action = 'stock.given' AND facts::jsonb ->> 'sku' = %s", [mugs]
        )
        [(actor, facts)] = await cursor.fetchall()
    assert (actor, json.loads(facts)["allowed_by"]) == (clerk.id, supervisor.id)


async def test_who_checks_tills_gives_alone_by_their_own_code_and_one_of_each_goes_with_an_order(  # noqa: PLR0917 - fixtures
    site, staff, shop, till_number, sold, mugs
):
    path, _ = sold
    supervisor = await staff(Role.SUPERVISOR)
    await supervisor.opens(shop=shop, number=till_number())
    wish = {"item": mugs, "reason": "Autumn campaign", "form": new_id("event", 0)}
    assert (await supervisor.posts(f"{path}/gift", **wish)).status_code == 401
    assert await left(site, supervisor, mugs) == 2
    assert (await supervisor.posts(f"{path}/gift", **wish, code=await supervisor.code(ahead=1))).status_code == 303
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT actor, facts FROM work.trail WHERE action = 'stock.given' AND facts::jsonb ->> 'sku' = %s", [mugs]
        )
        [(actor, facts)] = await cursor.fetchall()
    assert actor == supervisor.id
    assert "allowed_by" not in facts, "nobody allowed it but themselves"
    again = await supervisor.posts(f"{path}/gift", **wish | {"form": new_id("event", 0)})
    assert again.status_code == 409
    assert "already been handed over with this order" in again.text
    assert await left(site, supervisor, mugs) == 1


async def test_of_two_who_give_the_same_with_an_order_at_once_one_does(site, shop, mugs):
    async with site.transaction() as transaction:
        installed = await installation(transaction.connection)
    stock, order = Stock(database=site.house.store.database, lanes=installed.lanes), new_id("order", 0)
    wishes = [given(f"gift:{order}:{number}", mugs, shop, 1, by="stf_1", reference=order) for number in range(2)]
    said = await asyncio.gather(*(site.within(stock.move(wish)) for wish in wishes), return_exceptions=True)
    assert [one.code for one in said if isinstance(one, Conflict)] == ["gift_given_already"]
    async with site.transaction() as transaction:
        assert await queries.level(transaction.connection, shop, mugs) == 1


async def test_nobody_gives_alone_what_is_no_gift_or_what_is_not_there(site, staff, clerk, sold, mugs):
    path, _ = sold
    other = await staff()
    wish = {"item": mugs, "reason": "For a friend", "form": new_id("event", 0)}
    by = {"login": other.login, "code": await other.code(ahead=1)}
    assert (await clerk.posts(f"{path}/gift", **wish, **by)).status_code == 403
    assert (await clerk.posts(f"{path}/gift", **wish | {"item": "no-such"}, **by)).status_code == 404
    assert await left(site, clerk, mugs) == 2


async def test_a_gift_goes_with_what_arrived_alone(clerk, elsewhere, mugs):
    _, order, _ = elsewhere
    wish = {"item": mugs, "reason": "Autumn campaign", "form": new_id("event", 0)}
    assert (await clerk.posts(f"/counter/orders/{order}/gift", **wish)).status_code == 409
