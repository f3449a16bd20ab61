"""Plans that renew by themselves. Any number of processes may run it: each takes lines that nobody else works on."""

import asyncio
from typing import Final

from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.lines.plans.renewing import renew
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Sweep

RENEWED: Final = 500
"""In one transaction, all of one lane: the ledger's lane is ours for as long as that takes."""
AT_ONCE: Final = 4
"""Lanes at once: none waits for another, and a night on which all plans renew is not one connection's work."""
_EVERY_S: Final = 1.0
_BEFORE_RENEWING = crash_label("plans.renew.before_commit")
_RENEWED = crash_label("plans.renew.after_commit")

_LANES_DUE: Final = """
SELECT w.lane FROM unnest(%s::smallint[]) AS w (lane)
WHERE EXISTS (SELECT FROM lines.plans AS p WHERE p.lane = w.lane AND p.next_at <= %s)
"""


class Renewals:
    """Lets plans renew by what their carriers published."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, lanes: int) -> None:
        self._database = database
        self._catalogue = catalogue
        self._lanes = list(range(lanes))
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> int:
        """Let happen what is due, a portion of each lane; how many plans were looked at."""
        async with self._database.read() as transaction:
            snapshot = await self._catalogue.current(transaction.connection)
            cursor = await transaction.connection.execute(_LANES_DUE, (self._lanes, transaction.now))
            due = [lane for (lane,) in await cursor.fetchall()]
        found = await asyncio.gather(*(self._in_turn(lane, snapshot) for lane in due))
        # A portion that is full has more behind it.
        return max([sum(found), *(RENEWED for count in found if count >= RENEWED)])

    async def _in_turn(self, lane: int, snapshot: Snapshot) -> int:
        async with self._at_once:
            return await self._renew(lane, snapshot)

    async def _renew(self, lane: int, snapshot: Snapshot) -> int:
        async with self._database.transaction() as transaction:
            found = await renew(transaction.connection, transaction.now, lane=lane, snapshot=snapshot, limit=RENEWED)
            if found:
                crash_point(_BEFORE_RENEWING)
        if found:
            crash_point(_RENEWED)
        return found


def sweeps(*, database: Database, catalogue: CatalogueCache, lanes: int) -> list[Sweep]:
    """The sweep of plans."""
    renewals = Renewals(database=database, catalogue=catalogue, lanes=lanes)
    return [Sweep("lines.plans", _EVERY_S, renewals.run, batch=RENEWED)]
