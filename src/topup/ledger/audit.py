"""The audit: every lane's transfers replayed from the first, beside the balances that are stored.

It finds a row that was edited, deleted, put in or put elsewhere, a balance that is not the sum of its transfers, an
asset that is not conserved, a promise without a hold; and, given signed heads, a chain whose end was cut off or written
anew. It reads one snapshot and can run beside a busy server.

It may also begin at points that were signed before, and replay only what came after. That proves less: of what came
before, only that the balances it led to are those that were seen when the points were signed.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from topup.ledger.faults import FAULTS_TOLD, Fault, FaultKind
from topup.ledger.invariants import STANDING, violations_of
from topup.ledger.points import Point
from topup.ledger.replay import LaneReplay
from topup.ledger.snapshots import linear
from topup.platform.database import Connection

__all__ = ["Audit", "AuditReport", "Fault", "FaultKind", "Progress", "audit"]

Progress = Callable[[int, int], None]
"""(done, total) transfers."""
Points = Mapping[int, Point]
"""By lane."""

Work = Callable[[Connection], Awaitable[None]]

_NOWHERE: Final[Points] = {}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit read, and what it found; `faults` are in order of lane and sequence, at most a hundred.

    `imbalance` has each asset's sum of all balances, which is zero in a sound ledger. `points` is where each lane
    ended: what may be signed, and begun at next time.
    """

    transfers: int
    lanes: int
    imbalance: dict[str, int]
    faults: tuple[Fault, ...]
    points: Points

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class Audit:
    """An audit that can be asked how far it came. `start` are the points to begin at, the first transfer where there is
    none; `signed` those that the chains must pass. Of an interrupted one that goes on, `faults` are what was found
    before, and `unfinished` the lanes in whose midst it was.
    """

    def __init__(
        self,
        *,
        start: Points = _NOWHERE,
        signed: Points = _NOWHERE,
        faults: Sequence[Fault] = (),
        unfinished: Collection[int] = (),
    ) -> None:
        self._start = start
        self._resumed = frozenset(unfinished)
        self._signed = signed
        self._earlier = tuple(faults)
        self._lanes: list[LaneReplay] = []
        self._found: list[Fault] = []
        self._done = 0

    async def run(
        self,
        connections: Sequence[Connection],
        *,
        progress: Progress | None = None,
        on_lane: Callable[[], None] | None = None,
    ) -> AuditReport:
        """Replay on connections that all see one snapshot (`snapshots.snapshot`); changes nothing.

        `progress` hears (done, total) every page of transfers; `on_lane` is called when a lane is done. When it is
        cancelled, `reached` and `faults` say what was done.
        """
        cursor = await connections[0].execute(
            "SELECT l.lane, l.head_sequence, l.head_hash FROM ledger.lanes AS l ORDER BY l.lane"
        )
        for lane, sequence, digest in await cursor.fetchall():
            self._lanes.append(
                LaneReplay(
                    lane,
                    head=(sequence, digest),
                    start=self._start.get(lane),
                    signed=self._signed.get(lane),
                    resumed=lane in self._resumed,
                )
            )
        total = sum(lane.transfers for lane in self._lanes)

        def advance(transfers: int) -> None:
            self._done += transfers
            if progress:
                progress(self._done, max(total, self._done))

        async def replay(lane: LaneReplay, connection: Connection) -> None:
            await lane.begin(connection)
            async with contextlib.aclosing(lane.pages(connection)) as pages:
                async for transfers in pages:
                    advance(transfers)
            lane.finish()
            await lane.compare(connection)
            if on_lane:
                on_lane()

        async def look(name: str, connection: Connection) -> None:
            for found in await violations_of(connection, name):
                self._found.append(Fault(FaultKind.INVARIANT, found.lane, None, f"{name} {found.subject}"))

        # What is standing first, so that nothing is left to do when the last transfer is replayed.
        work: deque[Work] = deque(partial(look, name) for name in STANDING)
        work += (partial(replay, lane) for lane in self._lanes)
        await _shared_out(work, connections)
        advance(0)
        return self._report()

    @property
    def reached(self) -> dict[int, Point]:
        """Where each lane's replay stands."""
        return {lane.number: lane.reached() for lane in self._lanes} or dict(self._start)

    @property
    def unfinished(self) -> frozenset[int]:
        """The lanes that were not held against all that is stored, and are to be when the audit goes on."""
        if not self._lanes:
            return self._resumed
        return frozenset(lane.number for lane in self._lanes if lane.is_whole and not lane.is_compared)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What was found of the chains so far; an invariant is looked at anew each time."""
        return tuple(dict.fromkeys((*self._earlier, *(fault for lane in self._lanes for fault in lane.faults))))

    def _report(self) -> AuditReport:
        imbalance: dict[str, int] = {}
        for lane in self._lanes:
            for asset, rest in lane.sums.items():
                imbalance[asset] = imbalance.get(asset, 0) + rest
        present = {lane.number for lane in self._lanes}
        gone = sorted({*self._signed, *self._start} - present)
        faults = [
            *self.faults,
            *(Fault(FaultKind.TRUNCATED, lane, 1, "") for lane in gone),
            *(Fault(FaultKind.UNBALANCED, None, None, asset) for asset, rest in sorted(imbalance.items()) if rest),
            *self._found,
        ]
        return AuditReport(self._done, len(self._lanes), imbalance, tuple(faults[:FAULTS_TOLD]), self.reached)


async def audit(connection: Connection, *, progress: Progress | None = None, signed: Points = _NOWHERE) -> AuditReport:
    """Replay the whole ledger on one connection that reads one snapshot (`Database.read`)."""
    return await Audit(signed=signed).run([connection], progress=progress)


async def _shared_out(work: deque[Work], connections: Sequence[Connection]) -> None:
    """Have each connection take the next piece of work until there is none."""

    async def busy(connection: Connection) -> None:
        async with linear(connection):
            while work:
                await work.popleft()(connection)

    tasks = [asyncio.ensure_future(busy(connection)) for connection in connections]
    try:
        await asyncio.gather(*tasks)
    finally:
        # Where one failed or all were cancelled, the others stop before their connections are taken away.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
