"""The commands about lines, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_Number = Annotated[str, typer.Argument(metavar="NUMBER", help=say("argument.number"), show_default=False)]
_File = Annotated[Path, typer.Argument(metavar="FILE", help=say("argument.file"), show_default=False)]
_Report = Annotated[Path | None, typer.Option("--report", help=say("option.report"), show_default=False)]


def add_lines(lines: typer.Typer, runtime: "Runtime") -> None:
    """Add `import`, `ported`, `cards`, `show` and `keeping` to the group `lines`."""

    @lines.command("import", help=say("lines_import.help"))
    def lines_import(file: _File, *, report: _Report = None, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.lines import import_file
        from topup.channels.cli.running import run

        run(
            lambda settings: import_file(runtime, settings, file=file, report=report, as_json=as_json),
            data_dir=data_dir,
        )

    @lines.command(help=say("lines_ported.help"))
    def ported(file: _File, *, report: _Report = None, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.lines import import_ported_file
        from topup.channels.cli.running import run

        run(
            lambda settings: import_ported_file(runtime, settings, file=file, report=report, as_json=as_json),
            data_dir=data_dir,
        )

    @lines.command("cards", help=say("lines_cards.help"))
    def lines_cards(file: _File, *, report: _Report = None, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.lines import import_cards_file
        from topup.channels.cli.running import run

        run(
            lambda settings: import_cards_file(runtime, settings, file=file, report=report, as_json=as_json),
            data_dir=data_dir,
        )

    @lines.command("show", help=say("lines_show.help"))
    def lines_show(number: _Number, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.lines import show_line
        from topup.channels.cli.running import run

        run(lambda settings: show_line(runtime, settings, number=number, as_json=as_json), data_dir=data_dir)

    @lines.command("keeping", help=say("lines_keeping.help"))
    def lines_keeping(
        number: _Number,
        *,
        until: Annotated[str | None, typer.Option(help=say("option.keep_until"), show_default=False)] = None,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.keeping import show_keeping
        from topup.channels.cli.running import run

        run(
            lambda settings: show_keeping(runtime, settings, number=number, until=until, as_json=as_json),
            data_dir=data_dir,
        )
