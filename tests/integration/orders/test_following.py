"""An order whose offers, points or gifts cannot be brought to where it is stops nobody else's (G15)."""

import psycopg
import pytest

from tests.integration.orders.test_offers_interrupted import Died, deadly
from tests.support.gifts import HALL, became, stocked
from tests.support.selling_offers import MUG, ONCE, TIERS, Customer, faults, ordered, paid, publish_with, quoted, states
from tests.support.selling_offers import POINTS as POINTS_RULES
from topup.kernel.errors import Unavailable
from topup.kernel.ids import new_id
from topup.orders import following

__all__ = ["deadly"]
GOOD = 4
TRIES = len(following.AGAIN)


@pytest.fixture
async def owner(database_url):
    """Who may change what the application may not."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection


async def put_off(shop) -> list[tuple[str, str, int]]:
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT order_id, what, tries FROM orders.put_off")
        return await cursor.fetchall()


async def listed(shop) -> list[tuple[str, str, str]]:
    """Kind, order and reason of what waits for a person."""
    async with shop.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT kind, subject, evidence ->> 'reason' FROM work.items WHERE state = 'open'"
        )
        return await cursor.fetchall()


async def spoils(owner, order) -> str:
    """Make a quote unreadable; as it was."""
    sql = "SELECT q.body, q.id FROM orders.quotes AS q JOIN orders.orders AS o ON o.quote_id = q.id WHERE o.id = %s"
    [(body, quote_id)] = await (await owner.execute(sql, (order.id,))).fetchall()
    await owner.execute("UPDATE orders.quotes SET body = 'spoilt' WHERE id = %s", (quote_id,))
    return body


async def mends(owner, order, body: str) -> None:
    sql = "UPDATE orders.quotes AS q SET body = %s FROM orders.orders AS o WHERE o.quote_id = q.id AND o.id = %s"
    await owner.execute(sql, (body, order.id))


async def comes_to_a_person(shop, follow, order, listed_as, reason) -> None:
    """Tried less and less often, however often it is swept; and with the last of these a person hears of it."""
    for number, pause in enumerate(following.AGAIN, 1):
        assert [(one, tries) for one, _, tries in await put_off(shop)] == [(order.id, number)]
        assert await listed(shop) == ([(listed_as, order.id, reason)] if number == TRIES else [])
        assert await follow() == 0, "it is not tried before its time"
        shop.database.clock_offset += pause
        if number < TRIES:
            assert await follow() == 1


async def test_offers_follow_all_orders_but_the_one_that_cannot_be_read(shop, owner):
    await publish_with(shop.database, ONCE, TIERS)
    bad = await ordered(shop, await quoted(shop, "ONCE"))
    good = [await ordered(shop, await quoted(shop)) for _ in range(GOOD)]
    for order in (bad, *good):
        await paid(shop, order)
    body = await spoils(owner, bad)
    follow = shop.desk.promising.follow
    assert await follow(1 + GOOD) == 1 + GOOD
    assert await states(shop.database) == {"once": ["held"], "tiers": ["held"] + ["settled"] * GOOD}
    await comes_to_a_person(shop, follow, bad, "offers_not_followed", "DecodeError")
    await mends(owner, bad, body)
    assert await follow() == 1
    assert await states(shop.database) == {"once": ["settled"], "tiers": ["settled"] * (GOOD + 1)}
    assert (await put_off(shop), await listed(shop), await faults(shop.database)) == ([], [], [])


async def test_points_follow_all_orders_but_the_one_whose_version_is_missing(shop, owner):
    await publish_with(shop.database, POINTS_RULES)
    bob, anna = Customer(shop, new_id("subscriber", 11)), Customer(shop, new_id("subscriber", 11))
    bad = await paid(shop, await bob.ordered(await bob.quoted()))
    for _ in range(GOOD):
        await paid(shop, await anna.ordered(await anna.quoted()))
    body = await spoils(owner, bad)
    version = '"catalogue_version":'
    assert version in body
    await mends(owner, bad, body.replace(version, f"{version}9"))
    # One that fails does not take the whole of a small batch for ever.
    follow = shop.desk.rewarding.follow
    assert [await follow(1) for _ in range(GOOD + 2)] == [1] * (GOOD + 1) + [0]
    assert (await anna.has(), await bob.has()) == ((100 * GOOD, 0, 0), (0, 0, 0))
    await comes_to_a_person(shop, follow, bad, "points_not_followed", "LookupError")
    await mends(owner, bad, body)
    assert await follow() == 1
    assert await bob.has() == (100, 0, 0)
    assert (await put_off(shop), await listed(shop), await faults(shop.database)) == ([], [], [])


async def test_gifts_follow_all_orders_but_the_one_for_which_none_was_held(shop, owner):
    await publish_with(shop.database, MUG)
    await stocked(shop.database, 3)
    bad, good = [await paid(shop, await ordered(shop, await quoted(shop, at=HALL))) for _ in range(2)]
    await owner.execute("DELETE FROM shops.gifts WHERE order_id = %s", (bad.id,))
    follow = shop.desk.promising.follow
    assert await follow() == 2
    assert await became(shop.database, good) == ["promised"]
    await comes_to_a_person(shop, follow, bad, "offers_not_followed", "NeverHeld")


async def test_what_comes_next_of_an_order_has_it_tried_at_once(shop, owner):
    await publish_with(shop.database, ONCE)
    order = await ordered(shop, await quoted(shop, "ONCE"))
    payment = await shop.paying(order)
    await shop.desk.cancel(order_id=order.id)
    body = await spoils(owner, order)
    assert await shop.desk.promising.follow() == 1
    await mends(owner, order, body)
    await shop.tells(shop.paid(payment, at=payment.created_at))
    assert await shop.desk.promising.follow() == 1
    assert await states(shop.database) == {"once": ["settled"]}
    assert await put_off(shop) == []


async def test_a_database_that_is_away_puts_no_order_off(shop, monkeypatch):
    await publish_with(shop.database, ONCE)
    await paid(shop, await ordered(shop, await quoted(shop, "ONCE")))

    async def lost(*_):
        raise Unavailable("database_lost")

    with monkeypatch.context() as patch:
        patch.setattr(shop.desk.promising._following, "_bring", lost)
        with pytest.raises(Unavailable):
            await shop.desk.promising.follow()
    assert await put_off(shop) == []
    assert await shop.desk.promising.follow() == 1


@pytest.mark.parametrize("label", ["offers.put_off.before_commit", "offers.put_off.after_commit"])
async def test_who_dies_while_an_order_is_put_off_loses_none(shop, owner, deadly, label):
    await publish_with(shop.database, ONCE)
    order = await paid(shop, await ordered(shop, await quoted(shop, "ONCE")))
    body = await spoils(owner, order)
    deadly(label)
    with pytest.raises(Died):
        await shop.desk.promising.follow()
    await mends(owner, order, body)
    shop.database.clock_offset += following.AGAIN[0]
    assert await shop.desk.promising.follow() == 1
    assert await states(shop.database) == {"once": ["settled"]}
    assert await put_off(shop) == []
