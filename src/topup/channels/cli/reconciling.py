"""`topup reconcile`: a day's bill read, held against the books, and told: sums that tie, and what differs."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import ANY_METHOD, House, Runtime
from topup.channels.cli.screen import complain_in_words, err, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Invalid, NotFound
from topup.orders.carrier_bills import carrier_of
from topup.payments.ports import NoBillYet
from topup.platform.i18n import format_date, format_number
from topup.platform.settings import Settings
from topup.reconciliation.queries import Report, report
from topup.reconciliation.reports import as_csv, as_html
from topup.reconciliation.wording import (
    amount_words,
    difference_rows,
    method_words,
    open_count,
    sum_rows,
    words,
)

_SHOWN: Final = 20
_ZONE: Final = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which bills: of `method` (None: of all that give some), of `day` (None: the last that is over by their clock);
    `folder` takes a page and a file of each.
    """

    method: str | None
    day: date | None
    folder: Path | None
    as_json: bool


def parse_day(text: str) -> date:
    """A day as `YYYY-MM-DD`. Raises Invalid day_unreadable."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("day_unreadable") from None


async def reconcile(runtime: Runtime, settings: Settings, wanted: Wanted) -> Exit:
    """Read the bills, compare them, and tell.

    REFUSED where anything differs, UNAVAILABLE where a bill cannot be had now; that a provider has none of a day on
    which nothing happened is neither. Raises NotFound bill_of_unknown, Invalid method_without_bill, bill_day_not_over.
    """
    reports: list[Report] = []
    silent: list[tuple[str, date]] = []
    idle: list[tuple[str, date]] = []
    async with runtime.house(settings, outside=True, method=wanted.method or ANY_METHOD) as house:
        for method, day in await _days(house, wanted):
            try:
                found = await _reconciled(house, method, day, shown=not wanted.as_json)
            except NoBillYet:
                found = None
                if await house.reconciliation.is_idle(method=method, day=day):
                    idle.append((method, day))
                    continue
            if found is None:
                silent.append((method, day))
            else:
                reports.append(found)
    for found in reports:
        await asyncio.to_thread(_keep, found, wanted.folder)
    if wanted.as_json:
        told = [_json(found) for found in reports]
        lacking = {"unavailable": [method for method, _ in silent], "no_bill": [method for method, _ in idle]}
        print_json({"reports": told, **lacking})
    else:
        _tell(reports, wanted.folder)
        for method, day in idle:
            out.print(f"[dim]{escape(say('reconcile.no_bill', method=method, day=day))}[/]")
        for method, day in silent:
            complain_in_words(say("reconcile.unavailable", method=method, day=day), say("reconcile.unavailable.do"))
    if silent:
        return Exit.UNAVAILABLE
    return Exit.REFUSED if any(open_count(found) or not found.is_tied for found in reports) else Exit.DONE


async def _days(house: House, wanted: Wanted) -> list[tuple[str, date]]:
    async with house.store.database.read() as transaction:
        now = transaction.now
    if wanted.method:
        known = sorted({*house.methods, *filter(carrier_of, house.desk.bills.methods)})
        if wanted.method not in known:
            raise NotFound("bill_of_unknown", known=known)
        house.desk.bills.giving(wanted.method)
    methods = [wanted.method] if wanted.method else house.desk.bills.methods
    last = {method: house.reconciliation.yesterday(method, now) for method in methods}
    for method in methods:
        if wanted.day is not None and wanted.day > last[method]:
            raise Invalid("bill_day_not_over", method=method, day=str(wanted.day), last=str(last[method]))
    return [(method, wanted.day or last[method]) for method in methods]


async def _reconciled(house: House, method: str, day: date, *, shown: bool) -> Report | None:
    """The report of a day; None where its bill cannot be had now. Raises NoBillYet."""
    with _bar(shown=shown) as bar:
        task = bar.add_task(say("reconcile.reading", method=method), lines="")

        def progress(lines: int) -> None:
            bar.update(task, lines=format_number(lines, locale()))

        if await house.desk.bills.read_day(method=method, day=day, progress=progress) is None:
            return None
        bar.update(task, description=say("reconcile.comparing", method=method))
        await house.reconciliation.compare(method=method, day=day)
    async with house.store.database.read() as transaction:
        return await report(transaction.connection, method=method, day=day)


@contextlib.contextmanager
def _bar(*, shown: bool) -> Iterator[Progress]:
    """How long a bill is, nobody knows before its end."""
    columns = (SpinnerColumn(), TextColumn("[dim]{task.description}[/]"), TextColumn("{task.fields[lines]}"))
    with Progress(
        *columns, TimeElapsedColumn(), console=err, transient=True, disable=not shown or not err.is_terminal
    ) as bar:
        yield bar


def _keep(found: Report, folder: Path | None) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{found.method}-{found.day}"
    (folder / f"{stem}.html").write_text(as_html(found, locale=locale()), "utf-8")
    (folder / f"{stem}.csv").write_text(as_csv(found), "utf-8", newline="")


def _tell(reports: list[Report], folder: Path | None) -> None:
    if not reports:
        return
    show(Group(*(part for found in reports for part in _parts(found))))
    if folder is not None:
        out.print(f"[dim]{escape(say('reconcile.kept', folder=str(folder)))}[/]")


def _parts(found: Report) -> list[RenderableType]:
    title = words(
        "report_title",
        locale=locale(),
        method=method_words(found.method, locale=locale()),
        day=format_date(found.day, locale(), zone=_ZONE),
    )
    lines = say("reconcile.lines", count=format_number(found.lines, locale()))
    parts: list[RenderableType] = [Text(f" {title}", style="bold"), Text(f" {lines}", style="dim")]
    for tie in found.ties:
        table = Table(box=None, padding=(0, 2, 0, 1))
        table.add_column("", overflow="fold")
        for name in ("column_bill", "column_books", "column_ledger"):
            table.add_column(words(name, locale=locale()), justify="right")
        for row in sum_rows(tie, locale=locale()):
            sums = (row.bill, row.books, row.ledger)
            table.add_row(
                row.name,
                *("" if minor is None else amount_words(minor, tie.currency, locale=locale()) for minor in sums),
            )
        parts.append(table)
    count = open_count(found)
    if count:
        parts += [Text(f" {words('report_open', locale=locale(), count=count)}", style="yellow"), _differences(found)]
    elif found.is_tied:
        parts.append(Text(f" ✓ {words('report_tied', locale=locale())}", style="green"))
    if not found.is_tied:
        parts.append(Text(f" ✗ {words('report_not_tied', locale=locale())}", style="bold red"))
    return parts


def _differences(found: Report) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 1))
    for _ in range(4):
        table.add_column(overflow="fold")
    for row in difference_rows(found.differences[:_SHOWN], locale=locale()):
        table.add_row(
            row.cls, f"{row.number}\n{row.reference}", f"{row.theirs}\n{row.ours}", Text(row.todo, style="dim")
        )
    return table


def _json(found: Report) -> dict[str, Any]:
    return {
        "method": found.method,
        "day": found.day.isoformat(),
        "lines": found.lines,
        "tied": found.is_tied,
        "open": dict(found.open),
        "sums": [
            {
                "currency": tie.currency,
                "bill_minor": tie.moved_minor,
                "books_minor": tie.booked_minor,
                "ledger_minor": tie.ledger_minor,
                "explained_minor": tie.explained.minor,
                "unexplained_minor": tie.unexplained_minor,
                "posted": dict(tie.posted),
            }
            for tie in found.ties
        ],
        "differences": [
            {
                "class": one.cls.value,
                "line": one.kind,
                "our_id": one.our_id,
                "reference": one.reference,
                "ours_minor": one.ours_minor,
                "theirs_minor": one.theirs_minor,
                "at": one.at,
            }
            for one in found.differences
        ],
    }
