"""How much one person may decide alone: one table, by what it is about, by role, and where need be by currency.

What is not in the table takes two people, whatever the amount.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from topup.kernel.money import exponent
from topup.platform.database import Connection

DAY: Final = timedelta(hours=24)
"""Amounts are added up over so long, up to now: no midnight at which a day's worth could be done twice."""

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('alone:' || %s, 0))"
_SPENT: Final = """
SELECT coalesce(sum(abs((facts ->> 'amount_minor')::bigint)), 0) FROM work.approvals
WHERE requested_by = %(by)s AND state = 'alone' AND kind = ANY (%(kinds)s) AND facts ->> 'currency' = %(currency)s
    AND decided_at > %(since)s
"""


@dataclass(frozen=True, slots=True)
class Alone:
    """What one person may decide alone: each time, and in DAY altogether; in minor units."""

    each_minor: int
    daily_minor: int

    @classmethod
    def of(cls, row: tuple[Decimal, Decimal], currency: str) -> "Alone":
        """Of a row in major units."""
        each, daily = (int(major.scaleb(exponent(currency))) for major in row)
        return cls(each, daily)


class Limits:
    """The table, as settings have it: `refund.support` or `refund.support.IDR` to amounts in major units."""

    def __init__(self, table: Mapping[str, tuple[Decimal, Decimal]] | None = None) -> None:
        self._table = table or {}

    def of(self, limit: str, role: str, currency: str) -> Alone | None:
        """What somebody of this role may decide alone; None: nothing."""
        row = self.row(limit, role, currency)
        return None if row is None else Alone.of(row, currency)

    def row(self, limit: str, role: str, currency: str = "") -> tuple[Decimal, Decimal] | None:
        """The same in major units: each time, and in DAY."""
        name = f"{limit}.{role}"
        return self._table.get(f"{name}.{currency}", self._table.get(name))


async def alone_with(connection: Connection, by: str) -> None:
    """Have others of the same person wait until the caller's transaction ends, so that two at once are not both the
    last that fits.
    """
    await connection.execute(_LOCK, [by])


async def is_within(
    connection: Connection, alone: Alone, *, by: str, kinds: list[str], facts: Mapping[str, Any], now: datetime
) -> bool:
    """Whether the amount of these facts may be decided alone, after what the same person decided so in DAY."""
    amount_minor = abs(int(facts["amount_minor"]))
    if amount_minor > alone.each_minor:
        return False
    await alone_with(connection, by)
    said = {"by": by, "kinds": kinds, "currency": facts["currency"], "since": now - DAY}
    row = await (await connection.execute(_SPENT, said)).fetchone()
    return int(row[0] if row else 0) + amount_minor <= alone.daily_minor
