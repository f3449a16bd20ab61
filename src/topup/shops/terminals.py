"""The card terminals of shops: which stand where, so that a slip is entered for one that is there.

Promise: a terminal is at one place at a time, no shop takes it from another, and each change is in the audit trail. A
shop that has named its terminals takes slips of those alone; one that has named none takes any.
"""

import re
from dataclasses import dataclass
from typing import Final

from psycopg.rows import args_row

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.platform.database import Connection, Database
from topup.work import trail

MOST_OF_A_SHOP: Final = 99
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_OF_SHOP: Final = "SELECT name, shop, till FROM shops.terminals WHERE shop = %s ORDER BY name LIMIT %s"
_PLACED: Final = """
INSERT INTO shops.terminals AS t (name, shop, till, placed_by, placed_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET till = excluded.till, placed_by = excluded.placed_by, placed_at = excluded.placed_at
    WHERE t.shop = excluded.shop RETURNING t.name
"""
_LOCKED: Final = "SELECT name, shop, till FROM shops.terminals WHERE name = %s FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal, the shop it stands in, and the till it belongs to; empty where several tills share it."""

    name: str
    shop: str
    till: str


class Terminals:
    """The card terminals of this installation's shops."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def of_shop(self, shop: str, *, till: str = "") -> list[Terminal]:
        """The terminals of a shop; those of the till first, then those that belong to none, then the others."""
        async with (
            self._database.read() as transaction,
            transaction.connection.cursor(row_factory=args_row(Terminal)) as cursor,
        ):
            await cursor.execute(_OF_SHOP, (shop, MOST_OF_A_SHOP))
            found = await cursor.fetchall()
        return sorted(found, key=lambda one: (one.till != till, bool(one.till), one.name))

    async def check(self, name: str, *, shop: str) -> None:
        """Raises Invalid terminal_not_here where the shop has named its terminals, and this is none of them."""
        known = {one.name for one in await self.of_shop(shop)}
        if known and name not in known:
            raise Invalid("terminal_not_here", terminals=", ".join(sorted(known)))

    async def place(self, terminal: Terminal, *, by: str) -> None:
        """Name a terminal, or say at which till of its shop it stands by now; in the trail.

        Raises Invalid terminal_unreadable; Conflict terminal_elsewhere (with the `shop` it stands in) until it is
        removed there.
        """
        if _NAME.fullmatch(terminal.name) is None:
            raise Invalid("terminal_unreadable")
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            before = await _standing(connection, terminal.name)
            values = (terminal.name, terminal.shop, terminal.till, by, now)
            if await (await connection.execute(_PLACED, values)).fetchone() is None:
                stands = await _standing(connection, terminal.name)
                raise Conflict("terminal_elsewhere", shop=stands.shop if stands else "")
            facts = {"before": _said(before), "after": _said(terminal)}
            await trail.write(
                connection, actor=by, action="terminal.placed", subject=terminal.name, facts=facts, now=now
            )

    async def remove(self, name: str, *, by: str) -> None:
        """It stands nowhere any more; in the trail. What was entered of it stays. Raises NotFound terminal_unknown."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            before = await _standing(connection, name)
            if before is None:
                raise NotFound("terminal_unknown")
            await connection.execute("DELETE FROM shops.terminals WHERE name = %s", (name,))
            facts = {"before": _said(before), "after": None}
            await trail.write(connection, actor=by, action="terminal.removed", subject=name, facts=facts, now=now)


async def _standing(connection: Connection, name: str) -> Terminal | None:
    row = await (await connection.execute(_LOCKED, (name,))).fetchone()
    return Terminal(*row) if row else None


def _said(stands: Terminal | None) -> str | None:
    return (stands.till or stands.shop) if stands else None
