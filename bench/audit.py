"""How many transfers a second the whole audit replays, of what a ledger has: its chain, its balances, its promises.

As `topup audit` does it: on one snapshot and two connections.
"""

import time

from topup.ledger.audit import Audit
from topup.ledger.snapshots import snapshot
from topup.platform.database import Database


async def transfers_per_s(database: Database) -> float:
    """The rate of an audit of all that is there; what is measured must be sound."""
    started = time.perf_counter()
    async with snapshot(database) as connections:
        report = await Audit().run(connections)
    elapsed = time.perf_counter() - started
    assert report.sound, report.faults
    return report.transfers / elapsed
