"""Carriers' files that an operator brings."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from topup.catalogue.checking import CarrierFile, CatalogueMistakes, check
from topup.catalogue.operations import AlreadyPublished
from topup.catalogue.publishing.loading import load
from topup.catalogue.versions import CarrierVersion
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import complain_in_words, err, out
from topup.channels.cli.speech import locale, say, say_problem
from topup.lines.keeping.promises import broken_promises
from topup.orders.wording import name_in
from topup.platform.i18n import format_moment
from topup.platform.settings import Settings


async def check_files(files: Sequence[Path]) -> Exit:
    """Look for mistakes in carriers' files, in all of them before it ends."""
    mistakes = 0
    for file in files:
        try:
            carrier = await asyncio.to_thread(check, file)
        except CatalogueMistakes as found:
            mistakes += len(found.mistakes)
            _name_mistakes(found)
        else:
            await _praise(file, carrier)
    if mistakes:
        complain_in_words(say("catalogue_check.mistakes", count=mistakes))
    return Exit.REFUSED if mistakes else Exit.DONE


async def _praise(file: Path, carrier: CarrierFile) -> None:
    """That a file has no mistakes, and what of it will hardly be as it is meant."""
    out.print(f"[green]✓[/] {escape(say('catalogue_check.done', carrier=_name(carrier), file=str(file)))}")
    document = carrier.document
    for plan in await asyncio.to_thread(broken_promises, CarrierVersion(document.id, 1, document)):
        words = say("catalogue_check.keeps_not", plan=name_in(plan.names, locale=locale()), id=plan.id)
        out.print(f"[yellow]![/] {escape(words)}")


async def load_file(runtime: Runtime, settings: Settings, *, file: Path) -> Exit:
    """Publish a carrier's file as its next version."""
    try:
        carrier = await asyncio.to_thread(check, file)
        async with runtime.store(settings) as store, store.database.transaction() as transaction:
            loaded = await load(transaction.connection, carrier, transaction.now)
    except CatalogueMistakes as found:
        return tell_mistakes(found, words="catalogue_load.mistakes")
    except AlreadyPublished as problem:
        # What was asked for is so: nothing failed.
        out.print(f"[green]✓[/] {escape(say_problem(problem)[0])}")
        return Exit.DONE
    out.print(f"[green]✓[/] {escape(say('catalogue_load.done', carrier=_name(carrier), version=loaded.version))}")
    if loaded.spoils is not None:
        begins = format_moment(loaded.spoils, locale(), zone=carrier.document.time_zone)
        out.print(f"[yellow]![/] {escape(say('catalogue_load.spoils', moment=begins))}")
    return Exit.DONE


def _name(carrier: CarrierFile) -> str:
    return carrier.document.names.get(locale(), carrier.document.id)


def tell_mistakes(found: CatalogueMistakes, *, words: str = "catalogue_check.mistakes") -> Exit:
    """Every mistake of a carrier's file with its line, on standard error."""
    _name_mistakes(found)
    complain_in_words(say(words, count=len(found.mistakes)))
    return Exit.REFUSED


def _name_mistakes(found: CatalogueMistakes) -> None:
    for mistake in found.mistakes:
        err.print(f"[red]{escape(mistake.file)}:{mistake.line}[/] {escape(mistake.reason)}")
