"""All ways to pay of a day or a period beside each other, and the same on paper and as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from litestar import Response

from topup.channels.console.rendering import Look, asked, day_in, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Forbidden
from topup.orders.till_reports import report_of
from topup.orders.wording import name_in
from topup.payments.cash import drawer
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.database import Connection, Database
from topup.platform.i18n import format_date
from topup.platform.web.forms import Form
from topup.platform.web.pages import HEADERS, Page, WebRequest
from topup.reconciliation.cash import DIFFERENCE, Cash, cash_between
from topup.reconciliation.cash_papers import (
    Reader,
    account_rows,
    heads,
    report_figures,
    report_heads,
    sum_amounts,
    till_lines,
    tills_csv,
)
from topup.reconciliation.periods import LONGEST, Side, Whole, period_csv, period_pdf, sides, wholes, without_sums
from topup.shops.queries import Directories
from topup.work.queries import explained

_DAYS: Final = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Row:
    """A way to pay or a carrier in words; `path` leads to its day, `tasks` to what is open of it."""

    day: str
    method: str
    path: str
    bill: str
    books: str
    ledger: str
    difference: str
    differs: bool
    open: int
    signed: str
    tasks: str


@dataclass(frozen=True, slots=True)
class _Found:
    """What there is of the days that were asked for."""

    since: date
    until: date
    sides: Sequence[Side]
    cash: Cash
    reader: Reader
    now: datetime


class PeriodPages:
    """The report of a day or a period."""

    def __init__(self, *, look: Look, database: Database) -> None:
        self._look = look
        self._database = database
        self._directories = Directories()

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The week up to today, or the days the address names."""
        wording = wording_of(request, self._look.zone)
        found = await self._found(request)
        async with self._database.read() as transaction:
            still, waits = await without_sums(transaction.connection, found.sides, since=found.since, until=found.until)
        return self._look.page(
            request,
            "period.html",
            who=who,
            place="reconciliation",
            since=found.since.isoformat(),
            until=found.until.isoformat(),
            rows=[_row(one, wording, found.reader.names) for one in found.sides],
            sums=[_sum(one, wording) for one in wholes(found.sides)],
            still=still,
            waits=waits,
            cash_heads=heads(found.reader),
            tills=till_lines(found.cash, found.reader),
            till_sums=[(one, sum_amounts(one, found.reader)) for one in found.cash.sums],
            accounts=account_rows(found.cash, found.reader),
            cash=found.reader.say,
            query=f"since={found.since.isoformat()}&until={found.until.isoformat()}",
        )

    async def csv(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The file."""
        found = await self._found(request)
        name = f"reconciliation-{found.since}-{found.until}.csv"
        return _file(period_csv(found.sides, found.reader.names), "text/csv; charset=utf-8", name)

    async def tills_csv(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The file of tills."""
        found = await self._found(request)
        name = f"tills-{found.since}-{found.until}.csv"
        return _file(tills_csv(found.cash, found.reader), "text/csv; charset=utf-8", name)

    async def pdf(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The paper."""
        found = await self._found(request)
        locale = found.reader.locale
        days = [format_date(day, locale, zone="UTC") for day in dict.fromkeys((found.since, found.until))]
        content = await period_pdf(found.sides, found.cash, found.reader, period=" – ".join(days), now=found.now)
        return _file(content, "application/pdf", f"reconciliation-{found.since}-{found.until}.pdf")

    async def till(self, request: WebRequest, who: SignedIn, form: Form, counted_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """The Z report of a till, as it was made when it was counted."""
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            connection = transaction.connection
            kept = await drawer.session_of(connection, counted_id)
            if kept.z_number is None:
                raise Forbidden("count_is_blind")
            said = await report_of(connection, kept)
            task = await explained(connection, DIFFERENCE, [(kept.session.lane, counted_id)])
            people = [kept.session.opened_by, kept.closed_by or ""]
            reader = await self._reader(connection, wording, people)
        return self._look.page(
            request,
            "till_report.html",
            who=who,
            place="reconciliation",
            title=f"{kept.session.till} · {reader.say('z', number=kept.z_number)}",
            heads=report_heads(kept, reader),
            figures=report_figures(kept, said, reader),
            item_id=task[counted_id].item_id if counted_id in task else "",
            cash=reader.say,
        )

    async def _found(self, request: WebRequest) -> _Found:
        wording = wording_of(request, self._look.zone)
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            until = day_in(asked(request, "until")) or now.astimezone(ZoneInfo(self._look.zone)).date()
            since = min(day_in(asked(request, "since")) or until - _DAYS, until)
            since = max(since, until - LONGEST)
            found = await sides(connection, since=since, until=until)
            cash = await cash_between(connection, since=since, until=until, zone=self._look.zone)
            people = [*(one.cell.signed_by or "" for one in found), *cash.people]
            reader = await self._reader(connection, wording, people)
        return _Found(since, until, found, cash, reader, now)

    async def _reader(self, connection: Connection, wording: Wording, people: Sequence[str]) -> Reader:
        places = (await self._directories.current(connection)).places
        shops = {place.id: name_in(place.names, locale=wording.locale) for place in places}
        return Reader(wording.locale, self._look.zone, await names_of(connection, people), shops)


def _file(content: bytes, media_type: str, name: str) -> Page:
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


def _row(one: Side, wording: Wording, names: Mapping[str, str]) -> Row:
    signed = names.get(one.cell.signed_by, one.cell.signed_by) if one.cell.signed_by else ""
    path = f"/console/reconciliation/{one.method}/{one.day.isoformat()}"
    day = format_date(one.day, wording.locale, zone="UTC")
    said = wording.text("day_changed") if one.cell.changed else signed
    name, differs = wording.method(one.method), bool(one.difference_minor)
    tasks = f"/console/work?of={one.method}:{one.day.isoformat()}" if one.cell.open else ""
    return Row(day, name, path, *_amounts(one, wording), differs, one.cell.open, said, tasks)


def _sum(one: Whole, wording: Wording) -> Row:
    signed = wording.text("period_unsigned", count=one.unsigned) if one.unsigned else ""
    return Row(
        "",
        wording.method(one.method),
        "",
        *_amounts(one, wording),
        bool(one.difference_minor),
        one.open,
        signed,
        "",
    )


def _amounts(one: Side | Whole, wording: Wording) -> tuple[str, str, str, str]:
    bill, books = wording.money(one.bill_minor, one.currency), wording.money(one.books_minor, one.currency)
    return bill, books, wording.money(one.ledger_minor, one.currency), wording.money(one.difference_minor, one.currency)
