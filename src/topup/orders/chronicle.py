"""A subscriber's history put together: what `past` finds, with everything its reader may see of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import LineId
from topup.lines import owners
from topup.lines.owners import OwnedLine
from topup.orders import past
from topup.orders.past import Entry, Mark, OwnLine, Wanted
from topup.orders.presentation import order_views
from topup.orders.receipts import shared
from topup.orders.searching import Search, read_search
from topup.orders.views import OrderView
from topup.people.subscribers import accounts
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing

MOST_AT_ONCE: Final = 5_000
"""Entries of a file: more is asked for in parts."""
_PART: Final = 500


@dataclass(frozen=True, slots=True)
class Chapter:
    """An order in somebody's history. `own`: they ordered it. Else `payer` is the masked number of the subscriber who
    did (empty: nobody knows), and `shared` the token of the page that anybody may see.
    """

    order: OrderView
    own: bool
    payer: str
    shared: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: newest first, and where it goes on, if there is more."""

    chapters: tuple[Chapter, ...]
    more: Mark | None
    lines: tuple[OwnedLine, ...]
    methods: tuple[str, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks of their history. `text` is what they typed; `line_id` one of their lines."""

    text: str = ""
    line_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    standing: str = ""
    method: str = ""


class Chronicle:
    """Reads histories."""

    def __init__(self, *, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def page(self, *, who: str, question: Question, before: Mark | None, limit: int) -> Found:
        """A page of it."""
        async with self._database.read() as transaction:
            connection = transaction.connection
            lines = await self._lines(connection, who)
            wanted = _wanted(question, lines)
            entries = await past.found(
                connection, who=who, lines=_own(lines), wanted=wanted, before=before, limit=limit + 1
            )
            chapters = await self._chapters(connection, entries[:limit])
            methods = await past.methods_used(connection, who=who)
        more = entries[limit - 1].mark if len(entries) > limit else None
        return Found(tuple(chapters), more, tuple(lines), tuple(methods), transaction.now)

    async def everything(
        self, *, who: str, question: Question, only_own: bool = False, most: int = MOST_AT_ONCE
    ) -> Found:
        """All that fits the question, oldest first. Raises Conflict `history_too_long` for more than `most`."""
        async with self._database.read() as transaction:
            connection = transaction.connection
            lines = await self._lines(connection, who)
            wanted = _wanted(question, lines, only_own=only_own)
            entries = await past.found(connection, who=who, lines=_own(lines), wanted=wanted, limit=most + 1)
            if len(entries) > most:
                raise Conflict("history_too_long", most=most)
            entries.reverse()
            chapters = [
                chapter
                for start in range(0, len(entries), _PART)
                for chapter in await self._chapters(connection, entries[start : start + _PART])
            ]
        return Found(tuple(chapters), None, tuple(lines), (), transaction.now)

    async def _lines(self, connection: Connection, who: str) -> list[OwnedLine]:
        account = await accounts.account(connection, self._keyring, subscriber_id=who)
        return await owners.lines_of(connection, subscriber_id=who, seal=account.seal)

    async def _chapters(self, connection: Connection, entries: Sequence[Entry]) -> list[Chapter]:
        views = await order_views(connection, [entry.place for entry in entries])
        payers = sorted({entry.payer_id for entry in entries if not entry.own and entry.payer_id})
        masked = await accounts.masked_numbers(connection, self._keyring, ids=payers)
        return [
            Chapter(
                views[entry.place[1]],
                entry.own,
                "" if entry.own else masked.get(entry.payer_id or "", ""),
                "" if entry.own else shared(entry.place[1], self._keyring),
            )
            for entry in entries
        ]


def _own(lines: Sequence[OwnedLine]) -> list[OwnLine]:
    return [OwnLine(line.ref.lane, line.e164, line.since) for line in lines]


def _wanted(question: Question, lines: Sequence[OwnedLine], *, only_own: bool = False) -> Wanted:
    """The question in terms of numbers. Raises NotFound `line_unknown` where it is about a line that is not theirs."""
    numbers = {line.ref.id: line.e164 for line in lines}
    if question.line_id and question.line_id not in numbers:
        raise NotFound("line_unknown")
    return Wanted(
        e164=numbers[LineId(question.line_id)] if question.line_id else "",
        since=question.since,
        until=question.until,
        standing=question.standing,
        method=question.method,
        search=_search(question.text, lines),
        only_own=only_own,
    )


def _search(text: str, lines: Sequence[OwnedLine]) -> Search | None:
    wish = text.strip().casefold()
    if not wish:
        return None
    return read_search(text, named=[line.e164 for line in lines if line.name and wish in line.name.casefold()])
