"""Use is judged in memory by what was read, unlocked, and written at once; anew where somebody was quicker in between.

Lanes are what everybody waits for: nobody has one while prices are worked out. Where the ledger refuses, an id or a key
was used up, or a day's cost is another, all of it is undone to a savepoint, the lines and then the ledger's lanes are
taken, and it is judged again: what is read then stays so.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Final, Protocol, TypeVar

from topup.kernel.ids import HoldId
from topup.ledger import Release, post
from topup.lines import lives
from topup.lines.queries import LineRef
from topup.platform.database import Connection

SAVEPOINT: Final = "SAVEPOINT usage"
"""To be executed, unprepared, before the first judging."""

_UNDO: Final = "ROLLBACK TO SAVEPOINT usage"
_NOTHING: Final = "SELECT"
_TRIES: Final = 5


class Judged(Protocol):
    """What use comes to, by what was read."""

    @property
    def refs(self) -> Iterable[LineRef]:
        """The lines that are taken before it is judged anew."""

    async def write(self, connection: Connection) -> bool:
        """Write it; False where it is not so any more: the caller undoes what was written."""


Last = TypeVar("Last", bound=Judged)


async def written(connection: Connection, now: datetime, judge: Callable[[bool], Awaitable[Last]]) -> Last:
    """What was written in the end. `judge` is told whether it judges anew; SAVEPOINT was executed before."""
    for attempt in range(_TRIES):
        judged = await judge(attempt > 0)
        if await judged.write(connection):
            return judged
        # By itself: the driver forgets what is prepared when it sees a rollback, and must not see it too late. The
        # database forgets behind the next statement: one that is not prepared, or that one would be forgotten too.
        async with connection.pipeline():
            await connection.execute(_UNDO, prepare=False)
        await connection.execute(_NOTHING, prepare=False)
        await _take(connection, list(judged.refs), now)
    raise RuntimeError("usage was not to be written though nobody else was at it")


async def _take(connection: Connection, lines: list[LineRef], now: datetime) -> None:
    """Have the lines, and then the ledger's lanes, to ourselves until the transaction ends."""
    await lives.locked(connection, [(line.lane, str(line.id)) for line in lines])
    # Nothing has this hold, so nothing happens; but whoever posts has the lane from then on.
    nothing = [
        Release(lane=lane, key="usage:nothing", purpose="usage", reference="", hold_id=HoldId("none"))
        for lane in sorted({line.lane for line in lines})
    ]
    await post(connection, nothing, now)
