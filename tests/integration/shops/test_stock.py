"""The stock of shops: never below nothing, the same key once, and a count that differs is a person's matter.

Random steps go against a model; the races that one thread cannot have go beside it.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.places import EXAMPLE
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.platform.database import Database
from topup.shops.files import read_directory
from topup.shops.operations import publish
from topup.shops.stock import movements, queries
from topup.shops.stock.desk import Stock
from topup.shops.stock.invariants import Unequal, unequal
from topup.shops.stock.movements import Act, Movement
from topup.shops.stock.operations import DIFFERENCE
from topup.shops.stock.queries import Count, Item
from topup.work import trail
from topup.work.queries import open_counts

CARD, MUG = Item("card-50", "card", {"zh_Hans": "50元充值卡"}), Item("mug", "gift", {"zh_Hans": "马克杯"})
CLERK = "stf_clerk"


@pytest.fixture
async def places(database) -> list[str]:
    async with database.transaction() as transaction:
        await publish(transaction.connection, read_directory(Path(EXAMPLE)), transaction.now)
        directory = read_directory(Path(EXAMPLE)).places
    return [place.id for place in directory]


@pytest.fixture
async def stock(database, places) -> Stock:
    made = Stock(database=database, lanes=16)
    for item in (CARD, MUG):
        await made.add_item(item, by=CLERK)
    return made


async def level(database, place: str, item: Item) -> int:
    async with database.read() as transaction:
        return await queries.level(transaction.connection, place, item.sku)


async def faults(database) -> list[Unequal]:
    async with database.read() as transaction:
        return await unequal(transaction.connection)


async def test_pieces_come_go_and_are_where_they_should_be(stock, database, places):
    hall, shop = places[:2]
    await stock.move(movements.received("a", CARD.sku, hall, 100, by=CLERK))
    await stock.move(movements.moved("b", CARD.sku, hall, shop, 30, by=CLERK))
    await stock.move(movements.sold("c", CARD.sku, shop, 1, by=CLERK, reference="ABCDEFGH-0000001"))
    await stock.move(movements.damaged("d", CARD.sku, shop, 2, by=CLERK, reason="wet"))
    await stock.move(movements.received("e", MUG.sku, hall, 5, by=CLERK))
    await stock.move(movements.given("f", MUG.sku, hall, 1, by=CLERK, reference="ord_1"))
    await stock.move(movements.returned("g", MUG.sku, hall, 1, by=CLERK, reason="broken handle"))
    assert [await level(database, place, CARD) for place in (hall, shop)] == [70, 27]
    assert await level(database, hall, MUG) == 5
    assert await faults(database) == []
    async with database.read() as transaction:
        newest, *_ = await queries.history(transaction.connection, shop)
        assert (newest.movement.act, newest.movement.reason) == (Act.DAMAGED, "wet")
        assert (await queries.handed_over(transaction.connection, "ABCDEFGH-0000001")).movement.source == shop
        entries = await trail.entries(transaction.connection, action="stock.")
    assert [entry.action for entry in entries][:2] == ["stock.returned", "stock.given"]


async def test_a_shop_never_has_less_than_nothing(stock, database, places):
    hall, shop = places[:2]
    await stock.move(movements.received("a", CARD.sku, hall, 2, by=CLERK))
    for movement in (
        movements.sold("b", CARD.sku, hall, 3, by=CLERK),
        movements.moved("c", CARD.sku, shop, hall, 1, by=CLERK),
        movements.damaged("d", MUG.sku, hall, 1, by=CLERK, reason="x"),
    ):
        with pytest.raises(Conflict, match="stock_short"):
            await stock.move(movement)
    assert await level(database, hall, CARD) == 2
    async with database.read() as transaction:
        assert len(await queries.history(transaction.connection, hall)) == 1, "what was refused left no trace"


async def test_the_same_key_moves_once_and_stands_for_nothing_else(stock, database, places):
    hall = places[0]
    movement = movements.received("a", CARD.sku, hall, 10, by=CLERK)
    first = await stock.move(movement)
    again = await stock.move(movement)
    assert (first.id, first.is_new, again.id, again.is_new) == (again.id, True, first.id, False)
    assert await level(database, hall, CARD) == 10
    with pytest.raises(Conflict, match="stock_key_reused"):
        await stock.move(movements.received("a", CARD.sku, hall, 11, by=CLERK))


async def test_a_card_is_handed_over_once(stock, places):
    hall = places[0]
    await stock.move(movements.received("a", CARD.sku, hall, 10, by=CLERK))
    await stock.move(movements.sold("b", CARD.sku, hall, 1, by=CLERK, reference="S-1"))
    with pytest.raises(Conflict, match="stock_card_sold"):
        await stock.move(movements.sold("c", CARD.sku, hall, 1, by=CLERK, reference="S-1"))


async def test_of_many_who_sell_the_last_pieces_at_once_each_piece_goes_once(stock, database, places):
    hall = places[0]
    await stock.move(movements.received("a", CARD.sku, hall, 3, by=CLERK))

    async def sell(number: int) -> bool:
        try:
            await stock.move(movements.sold(f"s{number}", CARD.sku, hall, 1, by=CLERK))
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(sell(number) for number in range(12)))) == 3
    assert await level(database, hall, CARD) == 0
    assert await faults(database) == []


async def test_shops_that_send_to_each_other_at_once_do_not_wait_for_ever(stock, database, places):
    hall, shop = places[:2]
    for place in (hall, shop):
        await stock.move(movements.received(f"a{place}", CARD.sku, place, 20, by=CLERK))
    pairs = [(hall, shop), (shop, hall)] * 8
    await asyncio.gather(
        *(stock.move(movements.moved(f"m{n}", CARD.sku, *pair, 1, by=CLERK)) for n, pair in enumerate(pairs))
    )
    assert [await level(database, place, CARD) for place in (hall, shop)] == [20, 20]


@pytest.mark.parametrize(("counted", "act"), [(8, Act.MISSING), (13, Act.FOUND)])
async def test_what_a_count_finds_otherwise_is_moved_and_a_person_hears_of_it(stock, database, places, counted, act):
    hall = places[0]
    await stock.move(movements.received("a", CARD.sku, hall, 10, by=CLERK))
    found = await stock.count(Count("k", hall, CARD.sku, counted, CLERK))
    assert (found.expected, found.difference) == (10, counted - 10)
    assert await stock.count(Count("k", hall, CARD.sku, counted, CLERK)) == found
    assert await level(database, hall, CARD) == counted
    async with database.read() as transaction:
        assert await open_counts(transaction.connection) == {DIFFERENCE: 1}
        newest, *_ = await queries.history(transaction.connection, hall)
    assert (newest.movement.act, newest.movement.quantity) == (act, abs(counted - 10))
    assert await faults(database) == []
    with pytest.raises(Conflict, match="stock_key_reused"):
        await stock.count(Count("k", hall, CARD.sku, 99, CLERK))


async def test_a_count_that_is_right_is_nobodys_matter(stock, database, places):
    hall = places[0]
    await stock.move(movements.received("a", CARD.sku, hall, 10, by=CLERK))
    assert (await stock.count(Count("k", hall, CARD.sku, 10, CLERK))).difference == 0
    async with database.read() as transaction:
        assert await open_counts(transaction.connection) == {}


@pytest.mark.parametrize(
    ("movement", "refused"),
    [
        (movements.received("k", "card-50", "nowhere", 1, by=CLERK), "shop_unknown"),
        (movements.received("k", "tea", "{hall}", 1, by=CLERK), "stock_item_unknown"),
        (movements.received("k", "card-50", "{hall}", 0, by=CLERK), "stock_quantity"),
        (movements.received("k", "card-50", "{hall}", 10**9, by=CLERK), "stock_quantity"),
        (movements.received("k k", "card-50", "{hall}", 1, by=CLERK), "stock_key"),
        (movements.damaged("k", "card-50", "{hall}", 1, by=CLERK, reason=" "), "stock_reason"),
        (movements.moved("k", "card-50", "{hall}", "{hall}", 1, by=CLERK), "stock_same_place"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(stock, places, movement, refused):
    source, target = (place.format(hall=places[0]) for place in (movement.source, movement.target))
    meant = Movement(
        movement.key, movement.act, movement.sku, source, target, movement.quantity, CLERK, reason=movement.reason
    )
    with pytest.raises((Invalid, NotFound), match=refused):
        await stock.move(meant)


@pytest.mark.parametrize(
    ("item", "refused"),
    [
        (Item("Card 50", "card", {"zh_Hans": "卡"}), "stock_sku"),
        (Item("tea", "drink", {"zh_Hans": "茶"}), "stock_kind"),
        (Item("tea", "gift", {"en": "Tea"}), "stock_name"),
        (Item("mug", "gift", {"zh_Hans": "另一个"}), "stock_item_there"),
    ],
)
async def test_an_item_has_a_code_a_kind_and_a_name(stock, item, refused):
    with pytest.raises((Invalid, Conflict), match=refused):
        await stock.add_item(item, by=CLERK)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["received", "sold", "given", "returned", "damaged", "moved", "moved back", "count"]),
        st.integers(1, 6),
        st.booleans(),
    ),
    max_size=14,
)


@dataclass
class Walk:
    """Random steps in two shops, against a model of what each has."""

    stock: Stock
    database: Database
    hall: str
    shop: str
    model: dict[str, int] = field(default_factory=dict)
    runs: Counter = field(default_factory=Counter)

    async def go(self, steps) -> None:
        self.runs["lists"] += 1
        for number, (act, quantity, twice) in enumerate(steps):
            key = f"{self.runs['lists']}.{number}"
            for again in (False, True)[: 1 + twice]:
                await self.step(key, act, quantity, again=again)
            assert {place: await level(self.database, place, CARD) for place in (self.hall, self.shop)} == self.model
        assert await faults(self.database) == []

    async def step(self, key: str, act: str, quantity: int, *, again: bool) -> None:
        self.runs["steps"] += 1
        if act == "count":
            await self.stock.count(Count(key, self.hall, CARD.sku, quantity, CLERK))
            self.model[self.hall] = quantity
            return
        movement = self.movement(key, act, quantity)
        short = self.model.get(movement.source, quantity) < quantity
        try:
            moved = await self.stock.move(movement)
        except Conflict:
            assert short
            self.runs["refused"] += 1
            return
        assert moved.is_new is not again
        if not again:
            assert not short
            for place, sign in ((movement.source, -1), (movement.target, 1)):
                if place in self.model:
                    self.model[place] += sign * quantity

    def movement(self, key: str, act: str, quantity: int) -> Movement:
        if act in {"moved", "moved back"}:
            pair = (self.hall, self.shop) if act == "moved" else (self.shop, self.hall)
            return movements.moved(key, CARD.sku, *pair, quantity, by=CLERK)
        reason = {"reason": "x"} if act == "damaged" else {}
        return getattr(movements, act)(key, CARD.sku, self.hall, quantity, by=CLERK, **reason)


async def test_whatever_happens_levels_are_sums_and_no_piece_is_lost(stock, database, places):
    walk = Walk(stock, database, *places[:2], model=dict.fromkeys(places[:2], 0))
    loop = asyncio.get_running_loop()

    @settings(max_examples=12, deadline=None)
    @given(STEPS)
    def any_steps(steps) -> None:
        asyncio.run_coroutine_threadsafe(walk.go(steps), loop).result(60)

    await asyncio.to_thread(any_steps)
    runs = walk.runs
    print(f"{runs['lists']} lists, {runs['steps']} steps, {runs['refused']} refused; levels that are no sums: 0")
