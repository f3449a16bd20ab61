"""`topup usage`: records taken in from a file, what a line used and was told of, what could not be charged."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from topup.catalogue.queries import CatalogueCache
from topup.channels.cli.exits import Exit
from topup.channels.cli.lines import bar, refusal_words, reported
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import err, money_json, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.charging.line_views import LineShown
from topup.charging.usage.history import EventsView, HistoryView, UsageHistory
from topup.charging.usage.imports import Reject, UsageReport, import_usage, rejects_of
from topup.charging.usage.rows import UsageRow
from topup.charging.usage.wording import (
    asset_words,
    event_words,
    quantity_words,
    reason_words,
)
from topup.kernel.money import Money
from topup.lines.files import BadRow, check_file
from topup.orders.wording import name_in
from topup.platform.i18n import format_datetime, format_money
from topup.platform.settings import Settings

_REJECTS: Final = 1_000


async def import_file(runtime: Runtime, settings: Settings, *, file: Path, report: Path | None, as_json: bool) -> Exit:
    """Charge for the records of a file; rows that could not be are named with their line numbers."""
    check_file(file)
    async with runtime.store(settings) as store:
        size = file.stat().st_size if file.is_file() else None  # noqa: ASYNC240 - a command has nobody else to serve
        with bar(shown=not as_json) as shown, reported(report) as listener:
            task = shown.add_task(file.name, total=size)

            async def progress(done: int) -> None:
                shown.update(task, completed=done)

            found = await import_usage(
                store.database,
                file,
                catalogue=CatalogueCache(),
                lanes=store.installation.lanes,
                progress=progress,
                listener=listener,
            )
    _tell(found, file, report=report, as_json=as_json)
    return Exit.REFUSED if found.refused else Exit.DONE


def _tell(found: UsageReport, file: Path, *, report: Path | None, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "import": found.import_id,
                "charged": found.charged,
                "known": found.known,
                "refused": found.refused,
                "cost": [money_json(Money(minor, currency)) for currency, minor in sorted(found.cost_minor.items())],
                "bad": [{"line": row.line, "code": row.code, "reason": refusal_words(row)} for row in found.bad],
            }
        )
        return
    for row in found.bad if report is None else ():
        err.print(f"[red]{escape(str(file))}:{row.line}[/] {escape(refusal_words(row))}")
    if report is None and found.refused > len(found.bad):
        err.print(f"[dim]{say('lines_import.more', count=found.refused - len(found.bad))}[/]")
    if report is not None and found.refused:
        err.print(f"[dim]{escape(say('lines_report.written', file=str(report)))}[/]")
    if found.refused:
        err.print(f"[dim]{say('usage_import.kept', command=f'topup usage rejects {found.import_id}')}[/]")
    costs = [format_money(Money(minor, currency), locale()) for currency, minor in sorted(found.cost_minor.items())]
    mark = "[yellow]![/]" if found.refused else "[green]✓[/]"
    words = say("usage_import.done", charged=found.charged, known=found.known, refused=found.refused)
    out.print(f"{mark} {words}{' · ' if costs else ''}{escape(', '.join(costs))}")


async def show_rejects(runtime: Runtime, settings: Settings, *, import_id: str, after: int, as_json: bool) -> Exit:
    """The rows of an import that could not be charged, as they are kept. Raises NotFound usage_import_unknown."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        found = await rejects_of(
            transaction.connection,
            import_id=import_id,
            lanes=store.installation.lanes,
            after=after,
            limit=_REJECTS + 1,
        )
    page = found[:_REJECTS]
    more = page[-1].row if len(found) > _REJECTS else None
    if as_json:
        print_json({"import": import_id, "rejects": [_reject_json(one) for one in page], "after": more})
        return Exit.DONE
    if not page:
        out.print(f"[dim]{say('usage_rejects.none')}[/]")
        return Exit.DONE
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 1))
    table.add_column()
    table.add_column(overflow="fold")  # an id, of whatever length its sender chose
    for one in page:
        words = refusal_words(BadRow(one.row, one.code, one.parameters))
        table.add_row(str(one.row), Text(one.record_id or "–"), Text(words))
    show(table)
    if more is not None:
        out.print(f"[dim]{say('usage_show.more', option=f'--after {more}')}[/]")
    return Exit.DONE


def _reject_json(one: Reject) -> dict[str, Any]:
    return {
        "line": one.row,
        "id": one.record_id,
        "code": one.code,
        "who_must_act": one.who.value,
        "reason": refusal_words(BadRow(one.row, one.code, one.parameters)),
        "noted_at": one.noted_at,
    }


async def show_usage(
    runtime: Runtime, settings: Settings, *, number: str, before: str | None, limit: int, as_json: bool
) -> Exit:
    """What a line used, newest first. Raises NotFound `line_unknown`, `usage_page_unknown`, Invalid."""
    async with runtime.store(settings) as store:
        history = UsageHistory(database=store.database, catalogue=CatalogueCache())
        view = await history.usages(number=number, before=before, limit=limit)
    if as_json:
        print_json(_history_json(view))
        return Exit.DONE
    show(Group(_heading(view.of), _usages(view)))
    _tell_more(view.before)
    return Exit.DONE


async def show_events(
    runtime: Runtime, settings: Settings, *, number: str, before: str | None, limit: int, as_json: bool
) -> Exit:
    """What a line was told of, newest first. Raises as `show_usage`."""
    async with runtime.store(settings) as store:
        history = UsageHistory(database=store.database, catalogue=CatalogueCache())
        view = await history.events(number=number, before=before, limit=limit)
    if as_json:
        print_json(_events_json(view))
        return Exit.DONE
    show(Group(_heading(view.of), _events(view)))
    _tell_more(view.before)
    return Exit.DONE


def _tell_more(before: str | None) -> None:
    if before is not None:
        out.print(f"[dim]{say('usage_show.more', option=f'--before {before}')}[/]")


def _heading(of: LineShown) -> Text:
    heading = Text(" ").append(of.msisdn.grouped(), style="bold green")
    return heading.append(f"  {name_in(of.carrier.document.names, locale=locale())} · {of.zone}")


def _usages(view: HistoryView) -> RenderableType:
    if not view.usages:
        return Text(f"  {say('usage_show.none')}", style="dim")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    for row in view.usages:
        what = Text(quantity_words(row.service, row.quantity, locale=locale()))
        what.append(_where(row, view.of), style="dim")
        what.append(f"\n{_why(row)}", style="dim")
        table.add_row(
            format_datetime(row.at, locale(), zone=view.of.zone),
            what,
            Text(format_money(Money(row.cost_minor, row.currency), locale()), style="bold"),
        )
    return table


def _where(row: UsageRow, of: LineShown) -> str:
    abroad = () if row.country == of.carrier.document.country else (row.country,)
    return "".join(f"  {place}" for place in (*abroad, row.called) if place)


def _why(row: UsageRow) -> str:
    """The reasons, each once, and the buckets that paid."""
    reasons = dict.fromkeys([*(part.reason for part in row.parts), *(part.reason for part in row.free)])
    words = [reason_words(reason, locale=locale()) for reason in reasons]
    paid = [f"{one.kind} {asset_words(one.asset, one.amount, locale=locale())}" for one in row.paid]
    return " · ".join([*words, *paid])


def _events(view: EventsView) -> RenderableType:
    if not view.events:
        return Text(f"  {say('usage_events.none')}", style="dim")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 1))
    table.add_column(no_wrap=True)
    for told in view.events:
        when = format_datetime(told.occurred_at, locale(), zone=view.of.zone)
        table.add_row(when, event_words(told, zone=view.of.zone, locale=locale()))
    return table


def _history_json(view: HistoryView) -> dict[str, Any]:
    return {**_line_json(view.of), "usages": [_usage_json(row) for row in view.usages], "before": view.before}


def _events_json(view: EventsView) -> dict[str, Any]:
    events = [
        {
            "id": told.id,
            "name": told.name,
            "version": told.version,
            "occurred_at": told.occurred_at,
            "facts": dict(told.facts),
        }
        for told in view.events
    ]
    return {**_line_json(view.of), "events": events, "before": view.before}


def _line_json(of: LineShown) -> dict[str, Any]:
    return {"number": of.msisdn.e164, "line_id": of.line.ref.id, "time_zone": of.zone}


def _usage_json(row: UsageRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "source": row.source,
        "service": row.service,
        "quantity": row.quantity,
        "counted": row.counted,
        "at": row.at,
        "country": row.country,
        "called": row.called,
        "rate": row.rate_id,
        "cost": money_json(Money(row.cost_minor, row.currency)),
        "charges": _parts_json(row.parts, ("reason", "asset", "amount", "quantity", "day", "bucket_id")),
        "free": _parts_json(row.free, ("reason", "quantity", "day")),
        "paid": _parts_json(row.paid, ("bucket_id", "kind", "asset", "amount")),
        "rated_at": row.rated_at,
    }


def _parts_json(parts: Sequence[Any], names: Sequence[str]) -> list[Mapping[str, Any]]:
    found = [{name: getattr(part, name) for name in names} for part in parts]
    return [said | {"day": said["day"].isoformat()} if "day" in said else said for said in found]
