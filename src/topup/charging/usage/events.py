"""What is to be told of a line's usage: low, used up, expiring, blocked, restored; written where it comes about.

An event is a row in the transaction that made it true, so that none is lost and none is told of what was undone. Its
`occasion` says what it is told of: the same is never told twice, whoever finds it however often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from topup.kernel.ids import LineId, new_id
from topup.lines.queries import LineRef
from topup.platform.arrays import columns
from topup.platform.database import Connection

EventName = Literal["low", "used_up", "expiring", "blocked", "restored"]

VERSION: Final = 1
"""Of the form of `facts`."""

_INSERT: Final = """
INSERT INTO charging.usage_events (lane, line_id, id, name, version, occasion, occurred_at, facts, look_at)
SELECT u.lane, u.line_id, u.id, u.name, %(version)s, u.occasion, %(now)s, u.facts::jsonb,
    CASE WHEN u.name = 'used_up' THEN %(now)s END
FROM unnest(%(lanes)b::smallint[], %(lines)b::text[], %(ids)b::text[], %(names)b::text[], %(occasions)b::text[],
        %(facts)b::text[])
    AS u (lane, line_id, id, name, occasion, facts)
ORDER BY u.lane, u.line_id, u.name, u.occasion
ON CONFLICT (lane, line_id, name, occasion) DO NOTHING
"""
_LEFT: Final = """
SELECT b.line_id, b.asset, sum(b.balance)::bigint
FROM unnest(%b::smallint[], %b::text[]) AS wanted (lane, id)
CROSS JOIN LATERAL (
    SELECT b.line_id, b.asset, b.balance, b.usable_until FROM ledger.buckets AS b
    WHERE b.lane = wanted.lane AND b.line_id = wanted.id AND b.closed_at IS NULL
    ORDER BY b.opened_order
) AS b
WHERE b.usable_until > %s IS NOT FALSE
GROUP BY b.line_id, b.asset
"""


@dataclass(frozen=True, slots=True)
class Crossing:
    """What is left of `asset` fell below `mark` (`low`), or nothing is left of it (`used_up`)."""

    name: Literal["low", "used_up"]
    asset: str
    left: int
    mark: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """As an event says it."""
        said = {"asset": self.asset, "left": self.left}
        return said if self.mark is None else said | {"mark": self.mark}


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell of a line; `facts` are JSON. The same `occasion` of the same name is told once."""

    line: LineRef
    name: EventName
    occasion: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def crossings(before: Mapping[str, int], after: Mapping[str, int], marks: Mapping[str, int]) -> tuple[Crossing, ...]:
    """What is to be told of amounts that went from `before` to `after`, by asset; `marks` are what is low.

    An asset that is used up is not said to be low as well, and one that was low already is low once.
    """
    found = []
    for asset, was in before.items():
        left, mark = after.get(asset, 0), marks.get(asset)
        if left <= 0 < was:
            found.append(Crossing("used_up", asset, 0))
        elif mark is not None and left < mark <= was:
            found.append(Crossing("low", asset, left, mark))
    return tuple(found)


async def left_of(connection: Connection, lines: Sequence[LineRef], now: datetime) -> dict[LineId, dict[str, int]]:
    """What lines have of each asset now, what is promised of it included; of none, no entry. One query."""
    if not lines:
        return {}
    cursor = await connection.execute(_LEFT, (*columns([(line.lane, line.id) for line in lines]), now))
    left: dict[LineId, dict[str, int]] = {}
    for line_id, asset, amount in await cursor.fetchall():
        left.setdefault(LineId(line_id), {})[asset] = amount
    return left


async def tell(connection: Connection, events: Sequence[Event], now: datetime) -> None:
    """Write events down, in the caller's transaction; those that were told before are passed over."""
    if not events:
        return
    rows = [
        (
            event.line.lane,
            event.line.id,
            new_id("event", event.line.lane),
            event.name,
            event.occasion,
            msgspec.json.encode(event.facts).decode(),
        )
        for event in events
    ]
    names = ("lanes", "lines", "ids", "names", "occasions", "facts")
    said = dict(zip(names, columns(rows), strict=True))
    await connection.execute(_INSERT, {**said, "version": VERSION, "now": now})
