"""Places at the command line: taking a file of them in, and listing those that are published."""

import asyncio
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import err, out, print_json, show
from topup.channels.cli.speech import locale, say, sentence_of
from topup.platform.i18n import DEFAULT_LOCALE
from topup.platform.settings import Settings
from topup.shops.files import BadEntry, read_directory
from topup.shops.hours import standing
from topup.shops.operations import publish
from topup.shops.queries import directory, newest


async def import_file(runtime: Runtime, settings: Settings, *, file: Path, as_json: bool) -> Exit:
    """Publish a file of places; say what became of each. Raises those of `shops.files.read_directory`."""
    reading = await asyncio.to_thread(read_directory, file)
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        report = await publish(transaction.connection, reading, transaction.now)
    if as_json:
        bad = [{"line": one.line, "id": one.id, "code": one.code, "reason": _reason(one)} for one in report.bad]
        print_json(asdict(report) | {"bad": bad})
    else:
        for one in report.bad:
            name = f" {one.id}" if one.id else ""
            err.print(f"[red]{escape(str(file))}:{one.line}[/]{escape(name)} {escape(_reason(one))}")
        mark = "[yellow]![/]" if report.refused else "[green]✓[/]"
        counts = {name: value for name, value in asdict(report).items() if name != "bad"}
        out.print(f"{mark} {say('shops_import.done', **counts)}")
    return Exit.REFUSED if report.refused else Exit.DONE


async def list_places(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """The places that are published, and whether they are open now."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        version = await newest(transaction.connection)
        places = (await directory(transaction.connection, version)).places
        now = transaction.now
    rows = [(place, standing(place, now)) for place in places]
    if as_json:
        found = [
            {"id": place.id, "kind": place.kind, "names": place.names, "open": at.open, "until": at.until}
            for place, at in rows
        ]
        print_json({"version": version, "places": found})
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    for place, at in rows:
        name = place.names.get(locale()) or place.names[DEFAULT_LOCALE]
        told = say("shops_list.open") if at.open else say("shops_list.closed")
        table.add_row(place.id, escape(name), place.code, f"[green]{told}[/]" if at.open else told)
    show(table)
    return Exit.DONE


def _reason(one: BadEntry) -> str:
    return sentence_of(one.code, one.parameters) or one.code
