"""Files an operator brings: carriers' files, and the file of existing lines."""

import asyncio
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from topup.catalogue.checking import CarrierFile, CatalogueMistakes, check
from topup.catalogue.operations import AlreadyPublished, publish
from topup.catalogue.queries import Snapshot
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import complain_in_words, err, out, print_json
from topup.channels.cli.speech import locale, say, say_problem, sentence_of
from topup.lines.imports import BadRow, ImportReport, import_lines
from topup.platform.settings import Settings


async def check_file(file: Path) -> Exit:
    """Look for mistakes in a carrier's file."""
    try:
        carrier = await asyncio.to_thread(check, file)
    except CatalogueMistakes as found:
        return tell_mistakes(found)
    out.print(f"[green]✓[/] {escape(say('catalogue_check.done', carrier=_name(carrier), file=str(file)))}")
    return Exit.DONE


async def load_file(runtime: Runtime, settings: Settings, *, file: Path) -> Exit:
    """Publish a carrier's file as its next version."""
    try:
        carrier = await asyncio.to_thread(check, file)
        async with runtime.store(settings) as store, store.database.transaction() as transaction:
            version = await publish(transaction.connection, carrier, transaction.now)
    except CatalogueMistakes as found:
        return tell_mistakes(found)
    except AlreadyPublished as problem:
        # What was asked for is so: nothing failed.
        out.print(f"[green]✓[/] {escape(say_problem(problem)[0])}")
        return Exit.DONE
    out.print(f"[green]✓[/] {escape(say('catalogue_load.done', carrier=_name(carrier), version=version))}")
    return Exit.DONE


async def import_file(runtime: Runtime, settings: Settings, *, file: Path, as_json: bool) -> Exit:
    """Import lines; rows that could not be taken are named with their line numbers."""
    bar = Progress(
        TextColumn("[dim]{task.description}[/]"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=as_json or not err.is_terminal,
    )
    async with runtime.store(settings) as store:
        async with store.database.read() as transaction:
            snapshot = await Snapshot.load(transaction.connection)
        size = file.stat().st_size if file.is_file() else None  # noqa: ASYNC240 - a command has nobody else to serve
        with bar:
            task = bar.add_task(file.name, total=size)

            async def progress(done: int) -> None:
                bar.update(task, completed=done)

            report = await import_lines(
                store.database, file, snapshot=snapshot, lanes=store.installation.lanes, progress=progress
            )
    _tell_report(report, file, as_json=as_json)
    return Exit.REFUSED if report.refused else Exit.DONE


def _tell_report(report: ImportReport, file: Path, *, as_json: bool) -> None:
    if as_json:
        bad = [{"line": row.line, "code": row.code, "reason": _reason(row)} for row in report.bad]
        counts = {name: getattr(report, name) for name in ("opened", "changed", "unchanged", "refused")}
        print_json({**counts, "bad": bad})
        return
    for row in report.bad:
        err.print(f"[red]{escape(str(file))}:{row.line}[/] {escape(_reason(row))}")
    if report.refused > len(report.bad):
        err.print(f"[dim]{say('lines_import.more', count=report.refused - len(report.bad))}[/]")
    mark = "[yellow]![/]" if report.refused else "[green]✓[/]"
    words = say(
        "lines_import.done",
        opened=report.opened,
        changed=report.changed,
        unchanged=report.unchanged,
        refused=report.refused,
    )
    out.print(f"{mark} {words}")


def _reason(row: BadRow) -> str:
    return sentence_of(row.code, row.parameters) or row.code


def _name(carrier: CarrierFile) -> str:
    return carrier.document.names.get(locale(), carrier.document.id)


def tell_mistakes(found: CatalogueMistakes) -> Exit:
    """Every mistake of a carrier's file with its line, on standard error."""
    for mistake in found.mistakes:
        err.print(f"[red]{escape(mistake.file)}:{mistake.line}[/] {escape(mistake.reason)}")
    complain_in_words(say("catalogue_check.mistakes", count=len(found.mistakes)))
    return Exit.REFUSED
