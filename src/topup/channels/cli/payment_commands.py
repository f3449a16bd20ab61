"""The commands about payments, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_File = Annotated[Path, typer.Argument(metavar="FILE", help=say("argument.statement"), show_default=False)]
_Entry = Annotated[str, typer.Argument(metavar="ENTRY", help=say("argument.bank_entry"), show_default=False)]


def add_payments(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `import-statement`, `entry`, `match`, `sent-back` and `replay` to the group `payments`."""

    @group.command("import-statement", help=say("payments_import.help"))
    def import_statement(
        file: _File,
        *,
        csv: Annotated[bool, typer.Option("--csv", help=say("option.statement_csv"))] = False,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.payments import import_file
        from topup.channels.cli.running import run

        run(lambda settings: import_file(runtime, settings, file=file, is_csv=csv, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("payments_entry.help"))
    def entry(entry: _Entry, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.payments import show_entry
        from topup.channels.cli.running import run

        run(lambda settings: show_entry(runtime, settings, entry_id=entry, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("payments_match.help"))
    def match(
        entry: _Entry,
        payment: Annotated[str, typer.Argument(metavar="PAYMENT", help=say("argument.payment"), show_default=False)],
        *,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.payments import match_entry
        from topup.channels.cli.running import run

        run(lambda settings: match_entry(runtime, settings, entry_id=entry, payment_id=payment), data_dir=data_dir)

    @group.command("sent-back", help=say("payments_sent_back.help"))
    def sent_back(
        refund: Annotated[str, typer.Argument(metavar="REFUND", help=say("argument.refund"), show_default=False)],
        *,
        reference: Annotated[str, typer.Option("--reference", help=say("option.bank_reference"), show_default=False)],
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.payments import note_sent
        from topup.channels.cli.running import run

        run(lambda settings: note_sent(runtime, settings, refund_id=refund, reference=reference), data_dir=data_dir)

    @group.command(help=say("payments_replay.help"))
    def replay(
        event: Annotated[str, typer.Argument(metavar="EVENT", help=say("argument.event"), show_default=False)],
        *,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.replaying import replay as told_again
        from topup.channels.cli.running import run

        run(lambda settings: told_again(runtime, settings, event=event, as_json=as_json), data_dir=data_dir)
