"""Lines at the command line: taking files of them in, and showing one."""

import csv
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from topup.catalogue.queries import Snapshot
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import err, money_json, out, print_json, show
from topup.channels.cli.speech import locale, say, sentence_of
from topup.lines.barring import ref_of
from topup.lines.cards.imports import CardsReport, import_cards
from topup.lines.cards.queries import Card, card_of_line
from topup.lines.files import BadRow, Listener, check_file
from topup.lines.files import Progress as Told
from topup.lines.forecasts import LineForecast
from topup.lines.imports import ImportReport, import_lines
from topup.lines.ported import PortedReport, import_ported
from topup.lines.wording import (
    block_words,
    card_words,
    change_words,
    kind_words,
    moment_words,
    reason_words,
    status_words,
    to_do_words,
)
from topup.orders.wording import end_of, name_in
from topup.platform.i18n import format_money
from topup.platform.settings import Settings

Report = ImportReport | PortedReport | CardsReport
_REPORT_COLUMNS: Final = ("line", "code", "reason")


async def import_file(runtime: Runtime, settings: Settings, *, file: Path, report: Path | None, as_json: bool) -> Exit:
    """Import lines; rows that could not be taken are named with their line numbers, with `report` in a file."""

    async def read(store: Store, snapshot: Snapshot, progress: Told, listener: Listener | None) -> Report:
        lanes = store.installation.lanes
        return await import_lines(
            store.database, file, snapshot=snapshot, lanes=lanes, progress=progress, listener=listener
        )

    return await _take_in(runtime, settings, file, read, words="lines_import.done", report=report, as_json=as_json)


async def import_ported_file(
    runtime: Runtime, settings: Settings, *, file: Path, report: Path | None, as_json: bool
) -> Exit:
    """Read the portability table, likewise."""

    async def read(store: Store, snapshot: Snapshot, progress: Told, listener: Listener | None) -> Report:
        return await import_ported(store.database, file, snapshot=snapshot, progress=progress, listener=listener)

    return await _take_in(runtime, settings, file, read, words="lines_ported.done", report=report, as_json=as_json)


async def import_cards_file(
    runtime: Runtime, settings: Settings, *, file: Path, report: Path | None, as_json: bool
) -> Exit:
    """Import SIM cards, likewise."""

    async def read(store: Store, snapshot: Snapshot, progress: Told, listener: Listener | None) -> Report:
        return await import_cards(
            store.database,
            file,
            snapshot=snapshot,
            lanes=store.installation.lanes,
            keys=store.keyring,
            progress=progress,
            listener=listener,
        )

    return await _take_in(runtime, settings, file, read, words="lines_cards.done", report=report, as_json=as_json)


_Read = Callable[[Store, Snapshot, Told, Listener | None], Awaitable[Report]]


async def _take_in(
    runtime: Runtime, settings: Settings, file: Path, read: _Read, *, words: str, report: Path | None, as_json: bool
) -> Exit:
    check_file(file)
    async with runtime.store(settings) as store:
        async with store.database.read() as transaction:
            snapshot = await Snapshot.load(transaction.connection)
        size = file.stat().st_size if file.is_file() else None  # noqa: ASYNC240 - a command has nobody else to serve
        with bar(shown=not as_json) as shown, reported(report) as listener:
            task = shown.add_task(file.name, total=size)

            async def progress(done: int) -> None:
                shown.update(task, completed=done)

            found = await read(store, snapshot, progress, listener)
    _tell(found, file, words=words, report=report, as_json=as_json)
    return Exit.REFUSED if found.refused else Exit.DONE


def bar(*, shown: bool) -> Progress:
    """How far a file is taken in."""
    return Progress(
        TextColumn("[dim]{task.description}[/]"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not shown or not err.is_terminal,
    )


@contextmanager
def reported(report: Path | None) -> Iterator[Listener | None]:
    """Who writes bad rows down as they are found: there may be more than fit into memory."""
    if report is None:
        yield None
        return
    with report.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_REPORT_COLUMNS)
        yield lambda row: writer.writerow((row.line, row.code, refusal_words(row)))


def _tell(found: Report, file: Path, *, words: str, report: Path | None, as_json: bool) -> None:
    counts = {name: value for name, value in asdict(found).items() if name != "bad"}
    if as_json:
        bad = [{"line": row.line, "code": row.code, "reason": refusal_words(row)} for row in found.bad]
        print_json({**counts, "bad": bad})
        return
    for row in found.bad if report is None else ():
        err.print(f"[red]{escape(str(file))}:{row.line}[/] {escape(refusal_words(row))}")
    if report is None and found.refused > len(found.bad):
        err.print(f"[dim]{say('lines_import.more', count=found.refused - len(found.bad))}[/]")
    if report is not None and found.refused:
        err.print(f"[dim]{escape(say('lines_report.written', file=str(report)))}[/]")
    mark = "[yellow]![/]" if found.refused else "[green]✓[/]"
    out.print(f"{mark} {say(words, **counts)}")


def refusal_words(row: BadRow) -> str:
    """Why a row was not taken."""
    return sentence_of(row.code, row.parameters) or row.code


async def show_line(runtime: Runtime, settings: Settings, *, number: str, as_json: bool) -> Exit:
    """How a line stands. Raises NotFound `line_unknown`."""
    async with runtime.house(settings, outside=False) as house:
        found = await house.desk.line(number=number)
        async with house.store.database.read() as transaction:
            card = await card_of_line(transaction.connection, ref_of(found.line_id))
    if as_json:
        print_json({**_line_json(found), "card": _card_json(card) if card else None})
    else:
        show(_line(found, card))
    return Exit.DONE


def _line(found: LineForecast, card: Card | None) -> RenderableType:
    heading = Text(" ").append(found.msisdn.grouped(), style="bold green")
    heading.append(f"  {name_in(found.carrier_names, locale=locale())} · {kind_words(found.kind, locale=locale())}")
    heading.append(f"  {status_words(found.status, locale=locale())}", style=_style(found))
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    facts.add_column(style="dim")
    reason = f" · {reason_words(found.reason, locale=locale())}" if found.reason else ""
    facts.add_row(say("line_show.since"), f"{_day(found, found.since)}{reason}")
    if found.blocks:
        facts.add_row(
            say("line_show.blocked"), ", ".join(block_words(block, locale=locale()) for block in found.blocks)
        )
    if found.arrears.amount_minor:
        facts.add_row(say("line_show.owed"), format_money(found.arrears, locale()))
    for to_do in found.to_do:
        words = to_do_words(to_do, locale=locale())
        if to_do.by is not None:
            words = say("line_show.by", what=words, date=end_of(to_do.by, zone=found.zone, locale=locale()))
        facts.add_row(say("line_show.to_do"), words)
    if card is not None:
        facts.add_row(say("line_show.card"), card_words(card, locale=locale()))
    for name, instant in (("fee", found.next_fee_at), ("released", found.released_on)):
        if instant is not None:
            facts.add_row(say(f"line_show.{name}"), _day(found, instant))
    return Group(heading, facts, *_to_come(found), *_clocks(found), Text(f"  {found.zone}", style="dim"))


def _style(found: LineForecast) -> str:
    return "bold green" if found.status == "active" else "bold yellow" if not found.blocks else "bold red"


def _to_come(found: LineForecast) -> list[RenderableType]:
    title = Text(f" {say('line_show.to_come')}", style="bold")
    if not found.to_come:
        return [title, Text(f"  {say('line_show.nothing')}", style="dim")]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    for change in found.to_come:
        words = Text(change_words(change, locale=locale()), style="dim")
        table.add_row(_day(found, change.at), status_words(change.shows, locale=locale()), words)
    return [title, table]


def _clocks(found: LineForecast) -> list[RenderableType]:
    if not found.clocks:
        return []
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    for name, due in sorted(found.clocks.items()):
        table.add_row(name, _day(found, due))
    return [Text(f" {say('line_show.clocks')}", style="bold"), table]


def _card_json(card: Card) -> dict[str, Any]:
    """Masked, as on every page."""
    return {
        "kind": card.kind.value,
        "state": card.state.value,
        "since": card.state_since,
        "iccid": card.iccid.masked(),
        "imsi": card.imsi.masked() if card.imsi else None,
    }


def _day(found: LineForecast, instant: Any) -> str:
    return moment_words(instant, zone=found.zone, locale=locale())


def _line_json(found: LineForecast) -> dict[str, Any]:
    return {
        "number": found.msisdn.e164,
        "line_id": found.line_id,
        "carrier": found.carrier_id,
        "kind": found.kind,
        "status": found.status,
        "state": found.state,
        "since": found.since,
        "reason": found.reason.when if found.reason else None,
        "blocks": list(found.blocks),
        "to_do": [
            {"what": one.what, "least": money_json(one.least) if one.least else None, "by": one.by}
            for one in found.to_do
        ],
        "to_come": [
            {
                "at": change.at,
                "status": change.shows,
                "state": change.entered,
                "reason": change.exit.when,
                "closes": change.closes,
                "releases_number": change.releases_number,
            }
            for change in found.to_come
        ],
        "released_on": found.released_on,
        "clocks": dict(sorted(found.clocks.items())),
        "arrears": money_json(found.arrears),
        "next_fee_at": found.next_fee_at,
        "time_zone": found.zone,
    }
