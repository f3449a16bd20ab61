"""What happens to lines by itself. Any number of processes may run it: each takes lines that nobody else works on."""

import time
from datetime import datetime
from typing import Final

from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.lines.living import look_after
from topup.lines.plans import tasks as plans
from topup.lines.ports import Listener
from topup.lines.reminding import REMINDED, Reminding
from topup.lines.rules import rulings
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing

LINES: Final = 500
"""Looked after in one transaction, all of one lane: the ledger's lane is ours for as long as that takes."""
ADOPTED: Final = 5_000
_REMIND_EVERY_S: Final = 5.0
ADOPT_EVERY_S: Final = 900.0
"""Lines that live by older rules than published, or were opened without any, are sought after a publication, and this
often in case somebody had one in hand just then."""

_BEFORE_LIVING = crash_label("lines.before_live")
_LIVED = crash_label("lines.lived")
_BEFORE_ADOPTING = crash_label("lines.before_adopt")
_ADOPTED = crash_label("lines.adopted")

_LANES_DUE: Final = """
SELECT w.lane FROM unnest(%s::smallint[]) AS w (lane)
WHERE EXISTS (SELECT FROM lines.lines AS l WHERE l.lane = w.lane AND l.next_at <= %s)
"""
_ADOPT: Final = """
UPDATE lines.lines AS l SET next_at = %(now)s
FROM (
    SELECT lane, id FROM lines.lines
    WHERE lane = %(lane)s AND carrier_id = %(carrier)s AND rules <> %(rules)s AND status <> 'closed'
        AND next_at > %(now)s IS NOT FALSE
    LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
) AS found
WHERE l.lane = found.lane AND l.id = found.id
"""


class LifeCycles:
    """Lets lines live by what their carriers published."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, lanes: int) -> None:
        self._database = database
        self._catalogue = catalogue
        self._lanes = list(range(lanes))
        self._adopted: tuple[int, float] = (-1, 0.0)
        """The newest publication by whose rules all lines were found to live, and when that was (monotonic)."""

    async def live(self) -> int:
        """Let happen what is due, a portion of each lane; how many lines were looked at."""
        async with self._database.read() as transaction:
            snapshot = await self._catalogue.current(transaction.connection)
            adopting = self._adopted[0] != snapshot.sequence or time.monotonic() > self._adopted[1] + ADOPT_EVERY_S
            cursor = await transaction.connection.execute(_LANES_DUE, (self._lanes, transaction.now))
            due = [lane for (lane,) in await cursor.fetchall()]
        adopted = await self._adopt(snapshot) if adopting else 0
        looked_at = [await self._look_after(lane, snapshot) for lane in due]
        # A portion that is full has more behind it.
        full = adopted > 0 or any(count >= LINES for count in looked_at)
        return max(sum(looked_at), LINES if full else 0)

    async def _look_after(self, lane: int, snapshot: Snapshot) -> int:
        async with self._database.transaction() as transaction:
            found = await look_after(transaction.connection, transaction.now, lane=lane, snapshot=snapshot, limit=LINES)
            if found:
                crash_point(_BEFORE_LIVING)
        if found:
            crash_point(_LIVED)
        return found

    async def _adopt(self, snapshot: Snapshot) -> int:
        """Have lines looked at whose carrier published other rules since; how many."""
        ruled = [(carrier, ruling.mark) for carrier, ruling in rulings(snapshot).items() if ruling.lives]
        count = 0
        for lane in self._lanes if ruled else ():
            async with self._database.transaction() as transaction:
                adopted = 0
                for carrier, mark in ruled:
                    adopted += await _adopt(transaction.connection, transaction.now, lane, carrier, mark)
                if adopted:
                    crash_point(_BEFORE_ADOPTING)
            if adopted:
                crash_point(_ADOPTED)
            count += adopted
        if count == 0:
            self._adopted = snapshot.sequence, time.monotonic()
        return count


async def _adopt(connection: Connection, now: datetime, lane: int, carrier: str, mark: int) -> int:
    parameters = {"now": now, "lane": lane, "carrier": carrier, "rules": mark, "limit": ADOPTED}
    return (await connection.execute(_ADOPT, parameters)).rowcount


def sweeps(*, database: Database, catalogue: CatalogueCache, lanes: int) -> list[Sweep]:
    """The sweeps of lines and of their plans."""
    life = LifeCycles(database=database, catalogue=catalogue, lanes=lanes)
    return [
        Sweep("lines.live", 1.0, life.live, batch=LINES),
        *plans.sweeps(database=database, catalogue=catalogue, lanes=lanes),
    ]


def reminders(
    *, database: Database, catalogue: CatalogueCache, keyring: KeyRing, lanes: int, by_sms: bool, listener: Listener
) -> list[Sweep]:
    """The sweep of what lines are to be told, by SMS where somebody sends them, and of who listens."""
    reminding = Reminding(
        database=database, catalogue=catalogue, keyring=keyring, lanes=lanes, by_sms=by_sms, listener=listener
    )
    return [Sweep("lines.remind", _REMIND_EVERY_S, reminding.remind, batch=REMINDED)]
