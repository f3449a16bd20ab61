"""Bank statements at the command line: taking one in, and deciding what it leaves open."""

from pathlib import Path
from typing import BinaryIO, Final

from rich.markup import escape
from rich.table import Table

from topup.channels.cli.exits import Exit
from topup.channels.cli.lines import bar
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import ID_WIDTH, money_json, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Invalid
from topup.payments.transfers.matching import Verdict
from topup.payments.transfers.operations import Imported
from topup.platform.i18n import format_money
from topup.platform.settings import Settings

_BY: Final = "cli"
_SETTLED: Final = frozenset({Verdict.MATCHED.value, Verdict.OUTGOING.value})


async def import_file(runtime: Runtime, settings: Settings, *, file: Path, is_csv: bool, as_json: bool) -> Exit:
    """Take a bank's statement in. Raises those of `Transfers.import_statement`, and statement_file_missing."""
    stream, size = _opened(file)
    with stream:
        async with runtime.house(settings, outside=True) as house:
            with bar(shown=not as_json) as shown:
                task = shown.add_task(file.name, total=size)
                imported = await house.desk.transfers.import_statement(
                    stream, is_csv=is_csv, progress=lambda _: shown.update(task, completed=stream.tell())
                )
    _tell(imported, as_json=as_json)
    open_ones = sum(number for verdict, number in imported.verdicts.items() if verdict not in _SETTLED)
    return Exit.REFUSED if open_ones or imported.differ else Exit.DONE


def _opened(file: Path) -> tuple[BinaryIO, int]:
    try:
        return file.open("rb"), file.stat().st_size
    except OSError as error:
        raise Invalid("statement_file_missing", path=str(file), reason=error.strerror or "") from None


def _tell(imported: Imported, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {"seen": imported.seen, "new": imported.new, "verdicts": imported.verdicts, "differ": imported.differ}
        )
        return
    out.print(f"[bold green]✓[/] {say('payments_import.done', seen=imported.seen, new=imported.new)}")
    for verdict, number in sorted(imported.verdicts.items()):
        out.print(f"  {number:>8,}  {say(f'transfer.verdict.{verdict}')}")
    if imported.differ:
        out.print(f"  {imported.differ:>8,}  {say('transfer.verdict.differs')}")


async def show_entry(runtime: Runtime, settings: Settings, *, entry_id: str, as_json: bool) -> Exit:
    """Show an entry of a statement, with who sent it and the words. Raises NotFound entry_unknown."""
    async with runtime.house(settings, outside=False) as house:
        view = await house.desk.transfers.entry(entry_id=entry_id)
    entry = view.entry
    facts = {
        "id": entry.id,
        "status": entry.state,
        "verdict": entry.verdict.value,
        "booked_on": entry.booked_on.isoformat(),
        "bank_reference": entry.bank_reference,
        "payment": entry.payment_id,
        "decided_by": entry.matched_by,
        "payer": view.sender.payer,
        "payer_account": view.sender.payer_account,
        "text": view.sender.text,
    }
    if as_json:
        print_json(facts | {"amount": money_json(entry.amount)})
        return Exit.DONE
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    table.add_column(style="dim")
    table.add_column(min_width=ID_WIDTH)
    table.add_row(say("bank_entry.amount"), format_money(entry.amount, locale()))
    for name, value in facts.items():
        if value:
            words = say(f"transfer.verdict.{value}") if name == "verdict" else escape(str(value))
            table.add_row(say(f"bank_entry.{name}"), words)
    show(table)
    return Exit.DONE


async def match_entry(runtime: Runtime, settings: Settings, *, entry_id: str, payment_id: str) -> Exit:
    """Decide that an entry belongs to a payment. Raises those of `Transfers.match`."""
    async with runtime.house(settings, outside=True) as house:
        await house.desk.transfers.match(entry_id=entry_id, payment_id=payment_id, by=_BY)
    out.print(f"[bold green]✓[/] {say('payments_match.done')}")
    return Exit.DONE


async def note_sent(runtime: Runtime, settings: Settings, *, refund_id: str, reference: str) -> Exit:
    """Note that money was sent back by bank. Raises those of `Transfers.sent_back`."""
    async with runtime.house(settings, outside=True) as house:
        await house.desk.transfers.sent_back(refund_id=refund_id, bank_reference=reference, by=_BY)
    out.print(f"[bold green]✓[/] {say('payments_sent_back.done')}")
    return Exit.DONE
