"""What a line used and what it was told of, page by page, newest first. For whoever may see any line."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from topup.catalogue.queries import CatalogueCache
from topup.charging.line_views import LineShown, line_shown
from topup.charging.usage.rows import SELECTED, UsageRow, made
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import is_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines.queries import LineRef
from topup.platform.database import Connection, Database

PAGE: Final = 100
LONGEST_PAGE: Final = 500

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)
_CURSOR: Final = re.compile(r"(-?[0-9]{1,18})~(.{1,100})")
_USAGES: Final = f"""
SELECT {SELECTED} FROM charging.usage_records AS r
WHERE r.lane = %s AND r.line_id = %s AND (r.at, r.id) < (%s, %s)
ORDER BY r.lane DESC, r.line_id DESC, r.at DESC, r.id DESC LIMIT %s
"""
_EVENTS: Final = """
SELECT e.id, e.name, e.version, e.occurred_at, e.facts FROM charging.usage_events AS e
WHERE e.lane = %s AND e.line_id = %s AND e.id < %s
ORDER BY e.lane DESC, e.line_id DESC, e.id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class HistoryView:
    """A page of what was used; `before` asks for the next one, None: there is none."""

    of: LineShown
    usages: Sequence[UsageRow]
    before: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """Something a line was told of; `facts` say what (usage_events)."""

    id: str
    name: str
    version: int
    occurred_at: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventsView:
    """A page of what a line was told of; `before` asks for the next one, None: there is none."""

    of: LineShown
    events: Sequence[Told]
    before: str | None


class UsageHistory:
    """The usage of lines, and what they were told of it."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache) -> None:
        self._database = database
        self._catalogue = catalogue

    async def usages(self, *, number: str, before: str | None = None, limit: int = PAGE) -> HistoryView:
        """What a line used before the place `before`, or the newest.

        Raises InvalidNumber, NotFound line_unknown, usage_page_unknown; Invalid limit_unreadable (1 to LONGEST_PAGE).
        """
        msisdn, (at, identifier) = parse_msisdn(number), _place(before)
        async with self._database.read() as transaction:
            of = await line_shown(transaction.connection, msisdn, self._catalogue)
            ref = of.line.ref
            rows = (ref.lane, ref.id, at, identifier, _limit(limit) + 1)
            cursor = await transaction.connection.execute(_USAGES, rows)
            found = [made(row) for row in await cursor.fetchall()]
        page = found[:limit]
        return HistoryView(of, page, _cursor(page[-1]) if len(found) > limit else None)

    async def events(self, *, number: str, before: str | None = None, limit: int = PAGE) -> EventsView:
        """What a line was told of before the event `before`, or the newest. Raises as `usages`."""
        msisdn = parse_msisdn(number)
        if before is not None and not is_id("event", before):
            raise NotFound("usage_page_unknown")
        async with self._database.read() as transaction:
            of = await line_shown(transaction.connection, msisdn, self._catalogue)
            found = await events_of(transaction.connection, of.line.ref, before=before, limit=_limit(limit) + 1)
        page = found[:limit]
        return EventsView(of, page, page[-1].id if len(found) > limit else None)


async def events_of(connection: Connection, line: LineRef, *, before: str | None, limit: int) -> list[Told]:
    """What a line was told of, newest first."""
    cursor = await connection.execute(_EVENTS, (line.lane, line.id, before or "evt~", limit))
    return [Told(*row) for row in await cursor.fetchall()]


def parse_limit(text: str | None) -> int:
    """How many a page is to have, as it was written; PAGE where it was not. Raises Invalid limit_unreadable."""
    if text is None:
        return PAGE
    return _limit(int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0)


def _limit(limit: int) -> int:
    if not 1 <= limit <= LONGEST_PAGE:
        raise Invalid("limit_unreadable", most=LONGEST_PAGE)
    return limit


def _cursor(row: UsageRow) -> str:
    """Where a page ends, in letters that need no escaping."""
    micros = (row.at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(f"{micros}~{row.id}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[datetime, str]:
    if cursor is None:
        return _LAST, ""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        found = _CURSOR.fullmatch(text)
        if found is not None and found[2].isprintable():
            return _EPOCH + timedelta(microseconds=int(found[1])), found[2]
    except (NotBase64, ValueError, OverflowError):
        raise NotFound("usage_page_unknown") from None
    raise NotFound("usage_page_unknown")
