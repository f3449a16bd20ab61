"""The stock of shops, for those who look after it: each is one transaction, and in the trail."""

from topup.kernel.errors import NotFound
from topup.platform.database import Connection, Database
from topup.shops.queries import directory, newest
from topup.shops.stock import operations
from topup.shops.stock.movements import OUTSIDE, Moved, Movement
from topup.shops.stock.queries import Count, Item, level
from topup.work import trail


class Stock:
    """The stock of this installation's shops. `lanes`: of the installation."""

    def __init__(self, *, database: Database, lanes: int) -> None:
        self._database = database
        self._lanes = lanes

    async def add_item(self, item: Item, *, by: str) -> None:
        """Something that shops may have from now on. Raises those of `operations.add_item`."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await operations.add_item(connection, item, now)
            facts = {"kind": item.kind, **trail.change(None, {"kind": item.kind})}
            await trail.write(connection, actor=by, action="stock.item_added", subject=item.sku, facts=facts, now=now)

    async def move(self, movement: Movement, *, allowed_by: str = "") -> Moved:
        """Move pieces, once; `allowed_by` is the second person, of what takes two. Raises those of `operations.move`,
        and NotFound shop_unknown.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await _known(connection, {movement.source, movement.target} - OUTSIDE)
            moved = await operations.move(connection, movement, now, lanes=self._lanes)
            if moved.is_new:
                facts: dict[str, object] = {
                    "sku": movement.sku,
                    "from": movement.source,
                    "to": movement.target,
                    "quantity": movement.quantity,
                    "reason": movement.reason,
                }
                if movement.reference:
                    facts["reference"] = movement.reference
                if allowed_by:
                    facts["allowed_by"] = allowed_by
                facts |= await _levels(connection, movement)
                action = f"stock.{movement.act}"
                await trail.write(connection, actor=movement.by, action=action, subject=moved.id, facts=facts, now=now)
            return moved

    async def count(self, counted: Count) -> Count:
        """Write down a count, once. Raises those of `operations.count`, and NotFound shop_unknown."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await _known(connection, {counted.place})
            found = await operations.count(connection, counted, now, lanes=self._lanes)
            if found.at == now:
                said = trail.change({"quantity": found.expected}, {"quantity": found.counted})
                facts = {"sku": found.sku, "expected": found.expected, "counted": found.counted, **said}
                await trail.write(
                    connection, actor=counted.by, action="stock.counted", subject=found.place, facts=facts, now=now
                )
            return found


async def _levels(connection: Connection, movement: Movement) -> dict[str, object]:
    """What each shop of a movement had before it, and has after."""
    after = {
        place: await level(connection, place, movement.sku)
        for place in sorted({movement.source, movement.target} - OUTSIDE)
    }
    more = {place: movement.quantity if place == movement.target else -movement.quantity for place in after}
    return trail.change({place: left - more[place] for place, left in after.items()}, after)


async def _known(connection: Connection, places: set[str]) -> None:
    found = await directory(connection, await newest(connection))
    for place in sorted(places):
        if found.place(place) is None:
            raise NotFound("shop_unknown", shop=place)
