"""`topup audit trail`: what people did, looked through for what somebody did to it."""

import json
from pathlib import Path
from typing import Any

from rich.markup import escape

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import complain_in_words, err, out, print_json
from topup.channels.cli.speech import say
from topup.platform.i18n import format_number
from topup.platform.settings import Settings
from topup.work.trail import Head, TrailHeadRejected, TrailReport, head_document, read_head, verify


async def audit_trail(
    runtime: Runtime, settings: Settings, *, head: Path | None, export: Path | None, as_json: bool
) -> Exit:
    """Read the whole trail, compare it with an exported `head`, and write the head of a sound one to `export`.

    REFUSED when it is not sound. Raises TrailHeadRejected.
    """
    async with runtime.store(settings) as store:
        kept = [_kept(head, store)] if head else []
        async with store.database.read() as transaction:
            report = await verify(transaction.connection, exported=kept)
            now = transaction.now
        if export is not None and report.sound:
            _write(head_document(report.head, store.keyring, now=now), export)
    if as_json:
        print_json(_json(report))
    else:
        _tell(report, export)
    return Exit.DONE if report.sound else Exit.REFUSED


def _write(document: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _kept(path: Path, store: Store) -> Head:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TrailHeadRejected("trail_head_unreadable") from error
    return read_head(document, store.keyring)


def _tell(report: TrailReport, export: Path | None) -> None:
    if report.sound:
        out.print(f"[green]✓[/] {say('audit_trail.good', count=format_number(report.entries, 'en'))}")
        if export is not None:
            out.print(f"  [dim]{escape(say('audit.exported', file=export))}[/]")
        return
    for fault in report.faults:
        err.print(f"  {say(f'trail_fault.{fault.kind.value}', sequence=fault.sequence)}")
    complain_in_words(say("audit_trail.faulty", count=len(report.faults)), say("audit_trail.faulty.do"))


def _json(report: TrailReport) -> dict[str, Any]:
    return {
        "sound": report.sound,
        "entries": report.entries,
        "head": {"sequence": report.head.sequence, "hash": report.head.hash.hex()},
        "faults": [{"kind": fault.kind.value, "sequence": fault.sequence} for fault in report.faults],
    }
