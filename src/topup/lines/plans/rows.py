"""What the database knows of lines' plans: taken up under a lock together with the line, and written down again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import args_row

from topup.kernel.ids import LineId
from topup.lines.plans.states import PLAN, PlanChange, PlanStanding
from topup.lines.queries import LineRef
from topup.platform.arrays import columns, selected
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Held:
    """The plan of a line: the columns of `lines.plans`, which say what each means."""

    lane: int
    line_id: LineId
    carrier_id: str
    plan_id: str
    standing: str
    since: datetime
    anchor: datetime
    cycle: int
    began_at: datetime
    ends_at: datetime
    paid_minor: int
    included: Sequence[Mapping[str, Any]]
    wished: str | None
    ending: bool
    blocks: Sequence[str]
    next_at: datetime | None

    @property
    def line(self) -> LineRef:
        """Whose it is."""
        return LineRef(self.lane, self.line_id)

    @property
    def stands(self) -> PlanStanding:
        """Its standing."""
        return PlanStanding(self.standing)


@dataclass(frozen=True, slots=True)
class Due:
    """A plan to be looked at, its line's zone, and whether that line is closed."""

    held: Held
    zone: str
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of a line's plan, in the words of `lines.plan_changes`."""

    line: LineRef
    what: PlanChange
    plan_id: str
    cycle: int
    until: datetime | None = None
    amount_minor: int = 0


class ForbiddenStep(RuntimeError):
    """A step that the table of transitions does not have: a defect of ours."""


_COLUMNS: Final = selected(Held, "p")
_WIDTH: Final = len(Held.__dataclass_fields__)
_DUE: Final = f"""
SELECT {_COLUMNS}, l.zone, l.status = 'closed'
FROM lines.plans AS p
JOIN lines.lines AS l ON l.lane = p.lane AND l.id = p.line_id
WHERE p.lane = %s AND p.next_at <= %s
ORDER BY p.lane, p.next_at LIMIT %s
FOR NO KEY UPDATE SKIP LOCKED
"""
_OF: Final = f"""
SELECT {_COLUMNS} FROM unnest(%b::smallint[], %b::text[]) AS wanted (lane, id)
CROSS JOIN LATERAL (SELECT * FROM lines.plans AS p WHERE p.lane = wanted.lane AND p.line_id = wanted.id) AS p
"""
_SAVE: Final = """
INSERT INTO lines.plans AS p (lane, line_id, carrier_id, plan_id, standing, since, anchor, cycle, began_at, ends_at,
    paid_minor, included, wished, ending, blocks, next_at)
SELECT u.lane, u.line_id, u.carrier_id, u.plan_id, u.standing, u.since, u.anchor, u.cycle, u.began_at, u.ends_at,
    u.paid_minor, u.included::jsonb, u.wished, u.ending,
    string_to_array(u.blocks, ','), u.next_at
FROM unnest(
    %b::smallint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[],
    %b::integer[], %b::timestamptz[], %b::timestamptz[], %b::bigint[], %b::text[], %b::text[], %b::boolean[],
    %b::text[], %b::timestamptz[]
) AS u (lane, line_id, carrier_id, plan_id, standing, since, anchor, cycle, began_at, ends_at, paid_minor, included,
    wished, ending, blocks, next_at)
ORDER BY u.lane, u.line_id
ON CONFLICT (lane, line_id) DO UPDATE SET
    carrier_id = excluded.carrier_id, plan_id = excluded.plan_id, standing = excluded.standing, since = excluded.since,
    anchor = excluded.anchor, cycle = excluded.cycle, began_at = excluded.began_at, ends_at = excluded.ends_at,
    paid_minor = excluded.paid_minor, included = excluded.included, wished = excluded.wished, ending = excluded.ending,
    blocks = excluded.blocks, next_at = excluded.next_at
"""
_BLOCK: Final = """
UPDATE lines.lines AS l SET plan_blocks = string_to_array(u.blocks, ',')
FROM unnest(%b::smallint[], %b::text[], %b::text[]) AS u (lane, id, blocks)
WHERE l.lane = u.lane AND l.id = u.id
"""
_NOTE: Final = """
INSERT INTO lines.plan_changes (lane, line_id, what, plan_id, cycle, until, amount_minor, at)
SELECT u.*, %s
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::text[], %b::integer[], %b::timestamptz[], %b::bigint[]) AS u
"""
_WAKE: Final = """
UPDATE lines.plans AS p SET next_at = %s
FROM unnest(%b::smallint[], %b::text[]) AS u (lane, id)
WHERE p.lane = u.lane AND p.line_id = u.id AND p.standing IN ('grace', 'waiting_for_credit')
"""


async def due(connection: Connection, *, lane: int, now: datetime, limit: int) -> list[Due]:
    """Lock the plans of a lane that are to be looked at, and their lines; those others have in hand not."""
    cursor = await connection.execute(_DUE, (lane, now, limit))
    return [Due(Held(*row[:_WIDTH]), *row[_WIDTH:]) for row in await cursor.fetchall()]


async def plans_of(connection: Connection, lines: Iterable[LineRef]) -> dict[LineId, Held]:
    """The plans of these lines, also those that are over; who will write them holds the lines locked."""
    wanted = sorted({(line.lane, str(line.id)) for line in lines})
    if not wanted:
        return {}
    cursor = connection.cursor(row_factory=args_row(Held))
    await cursor.execute(_OF, columns(wanted))
    return {held.line_id: held for held in await cursor.fetchall()}


async def save(
    connection: Connection, became: Sequence[tuple[Held | None, Held]], noted: Sequence[Noted], now: datetime
) -> None:
    """Write down what plans became, from what (None: the line had none), what that blocks, what is to be told of it.

    Raises ForbiddenStep.
    """
    for before, after in became:
        if before is not None and before.standing != after.standing and not PLAN.permits(before.stands, after.stands):
            raise ForbiddenStep(f"{before.standing} -> {after.standing}")
    if became:
        await connection.execute(_SAVE, columns(_row(after) for _, after in became))
    changed = [
        (after.lane, after.line_id, ",".join(after.blocks) or None)
        for before, after in became
        if list(before.blocks if before else ()) != list(after.blocks)
    ]
    if changed:
        await connection.execute(_BLOCK, columns(changed))
    if noted:
        rows = [
            (one.line.lane, one.line.id, one.what.value, one.plan_id, one.cycle, one.until, one.amount_minor)
            for one in noted
        ]
        await connection.execute(_NOTE, (now, *columns(rows)))


async def wake(connection: Connection, lines: Sequence[LineRef], now: datetime) -> None:
    """Money may have come to these lines, which the caller holds locked: plans that wait for it are looked at now."""
    if lines:
        await connection.execute(_WAKE, (now, *columns((line.lane, line.id) for line in lines)))


def _row(held: Held) -> tuple[Any, ...]:
    values = {name: getattr(held, name) for name in Held.__dataclass_fields__}
    written = {"included": msgspec.json.encode(held.included).decode(), "blocks": ",".join(held.blocks)}
    return tuple((values | written).values())
