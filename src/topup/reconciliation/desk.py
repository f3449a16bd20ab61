"""The desk of reconciliation: keeps each bill that is read, and holds it against the books."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from topup.fulfilment.ports import Carrier
from topup.kernel.errors import NotFound
from topup.orders.carrier_bills import billing_carriers
from topup.payments.ports import BillClock, BillLine, Gateway
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.reconciliation.comparing import FeeTerms, compare
from topup.reconciliation.listing import put_on_list
from topup.reconciliation.parties import party_of
from topup.reconciliation.posting import post_bill
from topup.reconciliation.storing import Day, locked, reading
from topup.reconciliation.writing_off import take_back

LOOK_AGAIN: Final = timedelta(hours=1)
"""A day with open differences is compared again so often: our books may have learned what they lacked."""
WRITTEN_OFF_AGAIN: Final = timedelta(days=1)
"""A day of which something was written off is compared again so often: what was given up may have come."""
WRITTEN_OFF_FOR: Final = timedelta(days=31)
"""For so long after it was written off."""
_PORTION: Final = 20

_DUE: Final = """
SELECT b.method, b.day, b.begins, b.ends FROM reconciliation.bills AS b
WHERE b.compared_at IS NULL
    OR b.compared_at < %(before)s AND (
        b.waiting > 0
        OR EXISTS (
            SELECT FROM reconciliation.differences AS d
            WHERE d.method = b.method AND d.day = b.day AND d.resolved_at IS NULL AND d.decided_at IS NULL
        )
    )
    OR b.compared_at < %(day_before)s AND EXISTS (
        SELECT FROM reconciliation.differences AS d
        WHERE d.method = b.method AND d.day = b.day AND d.resolved_at IS NULL AND d.written_off <> 0
            AND d.decided_at > %(lately)s
    )
ORDER BY b.compared_at NULLS FIRST, b.day, b.method LIMIT %(limit)s
"""
_ONE: Final = "SELECT method, day, begins, ends FROM reconciliation.bills WHERE method = %s AND day = %s"

_BEFORE_COMPARING = crash_label("reconciliation.before_compare")
_COMPARED = crash_label("reconciliation.compared")

Take = Callable[[Sequence[BillLine]], Awaitable[None]]


class Reconciliation:
    """One process's desk. `terms` are the fees agreed with providers, by method."""

    def __init__(
        self,
        *,
        database: Database,
        gateways: Mapping[str, Gateway],
        carriers: Mapping[str, Carrier] | None = None,
        terms: Mapping[str, FeeTerms] | None = None,
    ) -> None:
        self._database = database
        self._givers: Mapping[str, object] = {**gateways, **billing_carriers(carriers or {})}
        self._terms = {} if terms is None else terms

    @asynccontextmanager
    async def keeping(self, method: str, day: date) -> AsyncIterator[Take]:
        """Takes the pages of a bill while it is read, and keeps it at the end of the block. Of a day that is not over
        by the provider's clock nothing is kept: it will be read again. Raises Unavailable.
        """
        wanted = Day.of(method, day, self.zone(method))
        async with self._database.read() as transaction:
            now = transaction.now
        if now < wanted.ends:
            yield _pass_over
            return
        async with reading(self._database, wanted) as begun:
            yield begun.add

    def zone(self, method: str) -> tzinfo:
        """The clock a provider's days are told by: UTC where its plugin says nothing else."""
        giver = self._givers.get(method)
        return giver.bill_zone if isinstance(giver, BillClock) else UTC

    def yesterday(self, method: str, now: datetime) -> date:
        """The last day that is over by the provider's clock."""
        return now.astimezone(self.zone(method)).date() - timedelta(days=1)

    async def is_idle(self, *, method: str, day: date) -> bool:
        """Whether by our books nothing can have happened with a provider on one of its days."""
        wanted = Day.of(method, day, self.zone(method))
        async with self._database.read() as transaction:
            return await party_of(method).is_idle(transaction.connection, begins=wanted.begins, ends=wanted.ends)

    async def compare_due(self, limit: int = _PORTION) -> int:
        """Hold every bill against the books that was read anew, or whose differences, open or written off, may be gone;
        how many.
        """
        async with self._database.read() as transaction:
            now = transaction.now
            said = {
                "before": now - LOOK_AGAIN,
                "day_before": now - WRITTEN_OFF_AGAIN,
                "lately": now - WRITTEN_OFF_FOR,
                "limit": limit,
            }
            due = [Day(*row) for row in await (await transaction.connection.execute(_DUE, said)).fetchall()]
        for day in due:
            await self._compare(day)
        return len(due)

    async def compare(self, *, method: str, day: date) -> None:
        """Hold the stored bill of a day against the books now. Raises NotFound bill_not_read."""
        async with self._database.read() as transaction:
            found = await _stored(transaction.connection, method, day)
        await self._compare(found)

    async def _compare(self, day: Day) -> None:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await locked(connection, day)
            await compare(connection, day, now, terms=self._terms.get(day.method))
            await put_on_list(connection, day, now)
            await take_back(connection, day, now)
            await post_bill(connection, day, now)
            crash_point(_BEFORE_COMPARING)
        crash_point(_COMPARED)


async def _stored(connection: Connection, method: str, day: date) -> Day:
    row = await (await connection.execute(_ONE, (method, day))).fetchone()
    if row is None:
        raise NotFound("bill_not_read", method=method, day=day.isoformat())
    return Day(*row)


async def _pass_over(page: Sequence[BillLine]) -> None:
    """Of a day that is not over."""
