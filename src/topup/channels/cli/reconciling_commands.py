"""The command of reconciliation, its words and its options; what it does loads when it runs."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]


def add_reconciling(app: typer.Typer, runtime: "Runtime", *, panel: str) -> None:
    """Add `reconcile`."""

    @app.command(help=say("reconcile.help"), rich_help_panel=panel)
    def reconcile(
        *,
        method: Annotated[str | None, typer.Option(help=say("option.bill_method"), show_default=False)] = None,
        day: Annotated[
            str | None, typer.Option(metavar="YYYY-MM-DD", help=say("option.bill_day"), show_default=False)
        ] = None,
        folder: Annotated[Path | None, typer.Option("--out", help=say("option.bill_out"), show_default=False)] = None,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.exits import Exit
        from topup.channels.cli.reconciling import Wanted, parse_day
        from topup.channels.cli.reconciling import reconcile as run_it
        from topup.channels.cli.running import run
        from topup.platform.settings import Settings

        async def command(settings: Settings) -> Exit:
            wanted = Wanted(method=method, day=parse_day(day) if day else None, folder=folder, as_json=as_json)
            return await run_it(runtime, settings, wanted)

        run(command, data_dir=data_dir)
