"""Each call, message and stretch of data of a line, for who has it: page by page, found by what was called and where.

Always of a span of time, so that what is read is bounded: the key of usage records begins with lane, line and time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.catalogue.rates import Service
from topup.charging.usage.rows import SELECTED, UsageRow, made
from topup.kernel.errors import Conflict
from topup.lines.queries import LineRef
from topup.platform.database import Connection

PAGE: Final = 50
MOST: Final = 5_000
"""Of one file."""
_END: Final = "~"
"""Sorts after every id."""

_ITEMS: Final = f"""
SELECT {SELECTED} FROM charging.usage_records AS r
WHERE r.lane = %(lane)s AND r.line_id = %(line)s AND r.at >= %(since)s AND r.at < %(until)s
    AND (r.at, r.id) < (%(at)s, %(id)s)
    AND (%(service)s::text IS NULL OR r.service = %(service)s)
    AND (%(digits)s::text IS NULL AND %(countries)s::text[] IS NULL
        OR strpos(r.called, %(digits)s) > 0 OR r.country = ANY (%(countries)s))
ORDER BY r.lane DESC, r.line_id DESC, r.at DESC, r.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for, from `since` to before `until`: all services where `service` is None; with `digits`, only
    numbers that have them; with `countries` (ISO 3166), only what was used there. With both, either will do.
    """

    since: datetime
    until: datetime
    service: Service | None = None
    digits: str | None = None
    countries: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page ended."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Items:
    """A page of them, newest first; `more` asks for the next one, None: there is none."""

    rows: Sequence[UsageRow]
    more: Mark | None


async def items(
    connection: Connection, *, line: LineRef, wanted: Wanted, before: Mark | None = None, limit: int = PAGE
) -> Items:
    """A page of what a line used."""
    found = await _read(connection, line, wanted, before, limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    return Items(found[:limit], Mark(last.at, last.id) if last else None)


async def all_items(connection: Connection, *, line: LineRef, wanted: Wanted) -> Sequence[UsageRow]:
    """All of it, oldest first. Raises Conflict `history_too_long` for more than MOST."""
    found = await _read(connection, line, wanted, None, MOST + 1)
    if len(found) > MOST:
        raise Conflict("history_too_long", most=MOST)
    return found[::-1]


async def _read(
    connection: Connection, line: LineRef, wanted: Wanted, before: Mark | None, limit: int
) -> list[UsageRow]:
    parameters = {
        "lane": line.lane,
        "line": line.id,
        "since": wanted.since,
        "until": wanted.until,
        "at": before.at if before else wanted.until,
        "id": before.id if before else _END,
        "service": wanted.service,
        "digits": wanted.digits,
        "countries": list(wanted.countries) if wanted.countries is not None else None,
        "limit": limit,
    }
    return [made(row) for row in await (await connection.execute(_ITEMS, parameters)).fetchall()]
