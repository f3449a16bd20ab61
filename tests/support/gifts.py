"""A shop that has mugs to give, and what became of them."""

from topup.kernel.ids import new_id
from topup.people.postal import PostalAddress
from topup.shops.stock import addresses, gifts, operations, queries
from topup.shops.stock.invariants import misheld, unequal
from topup.shops.stock.movements import received
from topup.shops.stock.queries import Item

HALL, OTHER, CLERK = "tianhe-hall", "panyu-shop", "stf_clerk"
MUG_ITEM = Item("mug", "gift", {"zh_Hans": "马克杯", "zh_Hant": "馬克杯", "en": "Mug"})


async def stocked(database, pieces: int, *, place: str = HALL) -> None:
    """So many more mugs in a shop."""
    async with database.transaction() as transaction:
        await operations.add_item(transaction.connection, MUG_ITEM, transaction.now)
    await moves(database, received(new_id("event", 0), "mug", place, pieces, by=CLERK))


async def moves(database, movement) -> None:
    async with database.transaction() as transaction:
        await operations.move(transaction.connection, movement, transaction.now, lanes=16)


async def in_shop(database, *, place: str = HALL) -> tuple[int, int]:
    """How many mugs a shop has, and how many of them are held."""
    async with database.read() as transaction:
        found = await queries.levels(transaction.connection, place)
    return next(((one.quantity, one.held) for one in found if one.item.sku == "mug"), (0, 0))


async def became(database, order) -> list[str]:
    """The states of an order's gifts."""
    async with database.read() as transaction:
        return [one.state.value for one in await gifts.of_order(transaction.connection, order.id)]


async def wrong(database) -> list[object]:
    """What is wrong with the books of stock."""
    async with database.read() as transaction:
        return [*await unequal(transaction.connection), *await misheld(transaction.connection)]


HOME = PostalAddress("陈小明", ("天河路 1 号", "3 楼"), "510620", "中国", "13800138000")
WORK = PostalAddress("Ada Chen", ("1 Queen's Road",), "", "Hong Kong")


async def sent_to(database, keys, order) -> list[PostalAddress]:
    """Where an order's gifts are sent, as far as that is stored."""
    async with database.read() as transaction:
        return list((await addresses.of_orders(transaction.connection, keys, [order.id])).values())
