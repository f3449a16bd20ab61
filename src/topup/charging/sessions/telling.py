"""What sessions took of lines, and what is to be told of it: that something is low, or used up.

Every taking looks at what is left while it has the ledger's lane, sessions and records alike. So each begins where the
one before it ended, and whoever takes a line below its mark sees it: once, however many take.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from topup.catalogue.queries import Snapshot
from topup.charging.sessions.judging import Job
from topup.charging.usage.events import Event, crossings, left_of
from topup.kernel.ids import LineId
from topup.lines.queries import LineRef
from topup.platform.database import Connection


@dataclass(slots=True)
class Taking:
    """What was taken of a line, by asset; `occasion` is the last request of a session that took some of it.

    `marks` are what is low. Of an asset in `held` its sessions hold something still, so it is not used up.
    """

    occasion: str
    marks: Mapping[str, int]
    taken: dict[str, int] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    @property
    def may_cross(self) -> bool:
        """Whether what is left has to be looked at."""
        return any(asset in self.marks or asset not in self.held for asset in self.taken)


def takings(jobs: Iterable[Job], snapshot: Snapshot) -> dict[LineRef, Taking]:
    """What was taken of each line of which there may be something to tell."""
    found: dict[LineRef, Taking] = {}
    for job in jobs:
        postings = job.metering.postings
        carrier = snapshot.carrier(job.session.carrier_id)
        if not postings.taken or carrier is None:
            continue
        occasion = f"{job.session.id}:{postings.sequence}"
        of_line = found.setdefault(job.ref, Taking(occasion, carrier.marks.low))
        of_line.occasion = occasion
        for asset, amount in postings.taken.items():
            of_line.taken[asset] = of_line.taken.get(asset, 0) + amount
        of_line.held |= {held.asset for meter in job.session.meters for held in meter.holds if postings.lasts(held)}
    return {ref: taking for ref, taking in found.items() if taking.may_cross}


async def news_of(connection: Connection, taken: Mapping[LineRef, Taking], now: datetime) -> Sequence[Event]:
    """What is to be told of takings that were posted. The lanes are ours: what is left and was taken makes what was."""
    left: dict[LineId, dict[str, int]] = await left_of(connection, list(taken), now)
    events = []
    for ref, taking in taken.items():
        after = left.get(ref.id, {})
        before = {asset: after.get(asset, 0) + amount for asset, amount in taking.taken.items()}
        events += [
            Event(ref, crossing.name, f"{crossing.asset}:{taking.occasion}", crossing.facts)
            for crossing in crossings(before, after, taking.marks)
        ]
    return events
