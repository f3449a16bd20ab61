"""Providers' days held against our books: a month at a glance, one day with its sums and differences, who signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from litestar import Response

from topup.channels.console.rendering import LONGEST_ASKED, Look, asked, day_in, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, NotFound, Problem
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Database
from topup.platform.i18n import format_date
from topup.platform.web.forms import Form
from topup.platform.web.pages import HEADERS, Page, WebRequest, go_to
from topup.reconciliation.listing import Difference
from topup.reconciliation.queries import Report, Tie, report
from topup.reconciliation.reports import as_csv
from topup.reconciliation.signing import DayCell, Signing, check, grid
from topup.reconciliation.wording import amount_words, difference_rows, sum_rows

SPAN: Final = timedelta(days=31)
_FIRST: Final = 200
"""Differences a page shows; the file has more."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A provider's day at a glance: where it leads, its word, and its tone."""

    path: str
    word: str
    tone: str
    title: str


class ReconciliationPages:
    """The bills of providers against the books."""

    def __init__(self, *, look: Look, database: Database) -> None:
        self._look = look
        self._database = database
        self._signing = Signing(database)

    async def month(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The last month, or the one that ended with a day: providers beside each other."""
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            today = transaction.now.astimezone(ZoneInfo(self._look.zone)).date()
            until = day_in(asked(request, "until")) or today
            cells = await grid(transaction.connection, since=until - SPAN, until=until)
            names = await names_of(transaction.connection, [one.signed_by or "" for one in cells])
        methods = sorted({one.method for one in cells})
        by_place = {(one.day, one.method): one for one in cells}
        days = sorted({one.day for one in cells}, reverse=True)
        return self._look.page(
            request,
            "reconciliation.html",
            who=who,
            place="reconciliation",
            methods=[wording.method(method) for method in methods],
            rows=[
                (
                    format_date(day, wording.locale, zone=self._look.zone),
                    [_cell(by_place.get((day, method)), wording, names) for method in methods],
                )
                for day in days
            ],
            earlier=(until - SPAN).isoformat(),
            later=min(until + SPAN, today).isoformat() if until < today else "",
        )

    async def day(self, request: WebRequest, who: SignedIn, form: Form, method: str, day: str) -> Page:  # noqa: ARG002
        """One day of a provider."""
        return await self._sheet(request, who, method, day)

    async def sign(self, request: WebRequest, who: SignedIn, form: Form, method: str, day: str) -> Page:  # noqa: ARG002
        """Answer for it."""
        try:
            await self._signing.sign(who, method=method, day=_known_day(method, day))
        except Conflict as problem:
            return await self._sheet(request, who, method, day, problem=problem)
        return go_to(f"/console/reconciliation/{method}/{day}")

    async def file(self, request: WebRequest, who: SignedIn, form: Form, method: str, day: str) -> Page:  # noqa: ARG002
        """The open differences for spreadsheets."""
        async with self._database.read() as transaction:
            found = await report(transaction.connection, method=method, day=_known_day(method, day))
        name = f"attachment; filename={found.method}-{found.day}.csv"
        headers = HEADERS | {"Content-Disposition": name}
        return Response(as_csv(found).encode(), media_type="text/csv", headers=headers)

    async def _sheet(
        self, request: WebRequest, who: SignedIn, method: str, day: str, *, problem: Problem | None = None
    ) -> Page:
        wanted = _known_day(method, day)
        async with self._database.read() as transaction:
            found = await report(transaction.connection, method=method, day=wanted)
            [cell] = [
                one
                for one in await grid(transaction.connection, since=wanted - timedelta(days=1), until=wanted)
                if one.method == method
            ]
            names = await names_of(transaction.connection, [cell.signed_by or ""])
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "reconciled_day.html",
            who=who,
            place="reconciliation",
            status=422 if problem else 200,
            method=wording.method(method),
            path=f"/console/reconciliation/{method}/{day}",
            day=format_date(wanted, wording.locale, zone=self._look.zone),
            facts=_facts(found, wording),
            ties=[(tie.currency, _sums(tie, wording)) for tie in found.ties],
            rows=[
                (row, wording.moment(row.at), _task(one, found))
                for row, one in zip(
                    difference_rows(found.differences[:_FIRST], locale=wording.locale), found.differences, strict=False
                )
            ],
            of=f"{method}:{wanted.isoformat()}",
            open=sum(found.open.values()),
            standing=_cell(cell, wording, names),
            signed=_signature(cell, wording, names),
            changed=cell.changed,
            may_sign=who.may(Permission.SIGN_DAYS) and cell.can_be_signed and _can(found),
            mistake=wording.problem(problem, who=who) if problem else None,
        )


def _can(found: Report) -> bool:
    try:
        check(found)
    except Conflict:
        return False
    return True


def _task(one: Difference, found: Report) -> str:
    """What its task is found by on the work list."""
    subject = one.decision(found.method, found.day).subject
    return subject[:LONGEST_ASKED] if subject.isascii() else one.our_id


def _signature(cell: DayCell, wording: Wording, names: Mapping[str, str]) -> str:
    if cell.signed_by is None or cell.signed_at is None:
        return ""
    who = names.get(cell.signed_by, cell.signed_by)
    return wording.text("day_signed_by", who=who, moment=wording.moment(cell.signed_at))


def _facts(found: Report, wording: Wording) -> list[tuple[str, str]]:
    return [
        (wording.text("day_lines"), str(found.lines)),
        (wording.text("day_runs"), f"{wording.moment(found.begins)} – {wording.moment(found.ends)}"),
        (wording.text("day_read"), wording.moment(found.read_at)),
        (wording.text("day_compared"), wording.moment(found.compared_at) if found.compared_at else "–"),
        (wording.text("day_resolved"), str(sum(found.resolved.values()))),
        (wording.text("day_decided"), str(sum(found.decided.values()))),
    ]


def _sums(tie: Tie, wording: Wording) -> list[tuple[str, list[str]]]:
    def said(minor: int | None) -> str:
        return amount_words(minor, tie.currency, locale=wording.locale)

    rows = sum_rows(tie, locale=wording.locale)
    return [(row.name, [said(row.bill), said(row.books), said(row.ledger)]) for row in rows]


def _cell(cell: DayCell | None, wording: Wording, names: Mapping[str, str]) -> Cell | None:
    if cell is None:
        return None
    path = f"/console/reconciliation/{cell.method}/{cell.day.isoformat()}"
    title = wording.text("day_lines_count", count=cell.lines)
    if cell.open:
        return Cell(path, wording.text("day_open", count=cell.open), "alarm", title)
    if not cell.compared:
        return Cell(path, wording.text("day_waits"), "", title)
    if cell.changed:
        return Cell(path, wording.text("day_changed"), "alarm", title)
    if cell.signed_by:
        return Cell(path, wording.text("day_signed"), "good", names.get(cell.signed_by, cell.signed_by))
    return Cell(path, wording.text("day_ties"), "over", title)


def _known_day(method: str, text: str) -> date:
    found = day_in(text)
    if found is None:
        raise NotFound("bill_not_read", method=method, day=text)
    return found
