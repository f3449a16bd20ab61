"""`topup audit`: the whole ledger replayed, with its signed heads where they were kept."""

import asyncio
import json
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import complain_in_words, err, out, print_json
from topup.channels.cli.speech import say, sentence_of
from topup.ledger.audit import AuditReport, Fault, audit
from topup.ledger.heads import Heads, HeadsRejected, head_export, read_heads
from topup.platform.i18n import format_number
from topup.platform.settings import Settings


async def audit_ledger(
    runtime: Runtime, settings: Settings, *, heads: Path | None, export: Path | None, as_json: bool
) -> Exit:
    """Replay the ledger, compare it with `heads`, and write the heads of a sound one to `export`.

    REFUSED when the ledger is not sound. Raises HeadsRejected.
    """
    async with runtime.store(settings) as store:
        signed = await asyncio.to_thread(_read_heads, heads, store) if heads else None
        report = await _replay(store, signed, silent=as_json)
        if export is not None and report.sound:
            await _export(store, export)
    if as_json:
        print_json(_report_json(report))
    else:
        _tell(report, export)
    return Exit.DONE if report.sound else Exit.REFUSED


async def _replay(store: Store, signed: Heads | None, *, silent: bool) -> AuditReport:
    bar = Progress(
        TextColumn("[dim]{task.description}[/]"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=silent or not err.is_terminal,
    )
    with bar:
        task = bar.add_task(say("audit.running"), total=None)
        async with store.database.read() as transaction:
            return await audit(
                transaction.connection,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                signed=signed,
            )


def _read_heads(path: Path, store: Store) -> Heads:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise HeadsRejected("heads_unreadable") from error
    return read_heads(document, store.keyring)


async def _export(store: Store, path: Path) -> None:
    async with store.database.read() as transaction:
        document = await head_export(transaction.connection, store.keyring, now=transaction.now)
    text = json.dumps(document, indent=2) + "\n"
    await asyncio.to_thread(path.write_text, text, "utf-8")


def _tell(report: AuditReport, export: Path | None) -> None:
    if report.sound:
        figures = {"transfers": format_number(report.transfers, "en"), "lanes": report.lanes}
        out.print(f"[green]✓[/] {say('audit.good', **figures)}")
        if export is not None:
            out.print(f"  [dim]{escape(say('audit.exported', file=export))}[/]")
        return
    for fault in report.faults:
        err.print(f"  {escape(_words(fault))}")
    complain_in_words(say("audit.faulty", count=len(report.faults)), say("audit.faulty.do"))


def _words(fault: Fault) -> str:
    facts = {"lane": fault.lane, "sequence": fault.sequence, "subject": fault.subject}
    return sentence_of(f"fault_{fault.kind.value}", facts) or f"{fault.kind.value} {facts}"


def _report_json(report: AuditReport) -> dict[str, Any]:
    return {
        "sound": report.sound,
        "transfers": report.transfers,
        "lanes": report.lanes,
        "imbalance": report.imbalance,
        "faults": [
            {"kind": fault.kind.value, "lane": fault.lane, "sequence": fault.sequence, "subject": fault.subject}
            for fault in report.faults
        ],
    }
