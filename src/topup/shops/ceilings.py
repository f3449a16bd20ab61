"""How much cash a drawer of a shop should hold at most: above it some is brought to the safe before more is taken."""

from typing import Final

from topup.kernel.errors import Invalid
from topup.kernel.money import Money
from topup.platform.database import Connection, Database
from topup.work import trail

_OF: Final = "SELECT most_minor FROM shops.drawer_ceilings WHERE shop = %s AND currency = %s"
_SET: Final = """
INSERT INTO shops.drawer_ceilings (shop, currency, most_minor) VALUES (%s, %s, %s)
ON CONFLICT (shop, currency) DO UPDATE SET most_minor = excluded.most_minor
"""


class Ceilings:
    """The ceilings of this installation's shops."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def of(self, shop: str, currency: str) -> Money | None:
        """The most a drawer of the shop should hold; None where nobody said."""
        async with self._database.read() as transaction:
            return await _of(transaction.connection, shop, currency)

    async def say(self, shop: str, most: Money, *, by: str) -> None:
        """Say it, in the trail; of nothing there is none any more. Raises Invalid till_amount."""
        if most.amount_minor < 0:
            raise Invalid("till_amount")
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            before = await _of(connection, shop, most.currency)
            await connection.execute(_SET, (shop, most.currency, most.amount_minor))
            said = trail.change(_said(before), _said(most))
            facts = {"currency": most.currency, **said}
            await trail.write(connection, actor=by, action="counter.ceiling", subject=shop, facts=facts, now=now)


def _said(most: Money | None) -> dict[str, object] | None:
    return {"most_minor": most.amount_minor} if most and most.amount_minor else None


async def _of(connection: Connection, shop: str, currency: str) -> Money | None:
    row = await (await connection.execute(_OF, (shop, currency))).fetchone()
    return Money(row[0], currency) if row and row[0] else None
