"""The commands about usage, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_File = Annotated[Path, typer.Argument(metavar="FILE", help=say("argument.file"), show_default=False)]
_Report = Annotated[Path | None, typer.Option("--report", help=say("option.report"), show_default=False)]
_Number = Annotated[str, typer.Argument(metavar="NUMBER", help=say("argument.number"), show_default=False)]
_Before = Annotated[str | None, typer.Option("--before", help=say("option.before"), show_default=False)]
_Limit = Annotated[int, typer.Option("--limit", help=say("option.limit"))]


def add_usage(usage: typer.Typer, runtime: "Runtime") -> None:
    """Fill the group `usage`: `import`, `show`, `events`, `rejects`."""

    @usage.command("import", help=say("usage_import.help"))
    def usage_import(file: _File, *, report: _Report = None, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.usage import import_file

        run(
            lambda settings: import_file(runtime, settings, file=file, report=report, as_json=as_json),
            data_dir=data_dir,
        )

    @usage.command("show", help=say("usage_show.help"))
    def usage_show(
        number: _Number,
        *,
        before: _Before = None,
        limit: _Limit = 20,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.usage import show_usage

        run(
            lambda settings: show_usage(runtime, settings, number=number, before=before, limit=limit, as_json=as_json),
            data_dir=data_dir,
        )

    @usage.command("events", help=say("usage_events.help"))
    def usage_events(
        number: _Number,
        *,
        before: _Before = None,
        limit: _Limit = 20,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.usage import show_events

        run(
            lambda settings: show_events(runtime, settings, number=number, before=before, limit=limit, as_json=as_json),
            data_dir=data_dir,
        )

    @usage.command("rejects", help=say("usage_rejects.help"))
    def usage_rejects(
        import_id: Annotated[str, typer.Argument(metavar="IMPORT", help=say("argument.import"), show_default=False)],
        *,
        after: Annotated[int, typer.Option("--after", help=say("option.after"), show_default=False)] = 0,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.usage import show_rejects

        run(
            lambda settings: show_rejects(runtime, settings, import_id=import_id, after=after, as_json=as_json),
            data_dir=data_dir,
        )
