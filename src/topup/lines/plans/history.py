"""What became of a line's plans, for whoever looks after lines: each cycle that was paid, and why one was not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.lines.plans.states import PlanChange
from topup.lines.queries import LineRef
from topup.platform.database import Connection

MOST: Final = 24
"""Changes that are shown: two years of a plan by the month."""
_CHANGES: Final = f"""
SELECT c.what, c.plan_id, c.cycle, c.at, c.until, c.amount_minor FROM lines.plan_changes AS c
WHERE c.lane = %s AND c.line_id = %s ORDER BY c.lane, c.line_id, c.sequence DESC LIMIT {MOST}
"""


@dataclass(frozen=True, slots=True)
class Became:
    """A change, as `lines.plan_changes` has it: `amount_minor` is what was paid, or is missing where it waits."""

    what: PlanChange
    plan_id: str
    cycle: int
    at: datetime
    until: datetime | None
    amount_minor: int


async def changes_of(connection: Connection, line: LineRef) -> Sequence[Became]:
    """The last changes of a line's plans, the newest first."""
    cursor = await connection.execute(_CHANGES, (line.lane, line.id))
    return [Became(PlanChange(what), *rest) for what, *rest in await cursor.fetchall()]
