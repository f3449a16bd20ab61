"""The commands about people who have accounts, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Number = Annotated[str, typer.Argument(metavar="NUMBER", help=say("argument.account_number"), show_default=False)]


def add_people(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `export` and `erase` to the group `people`."""

    @group.command(help=say("people_export.help"))
    def export(
        number: _Number,
        *,
        file: Annotated[Path, typer.Option("--out", help=say("option.people_out"), show_default=False)],
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.people import export_account
        from topup.channels.cli.running import run

        run(lambda settings: export_account(runtime, settings, number=number, file=file), data_dir=data_dir)

    @group.command(help=say("people_erase.help"))
    def erase(
        number: _Number,
        *,
        reason: Annotated[str, typer.Option("--reason", help=say("option.people_reason"), show_default=False)],
        stay: Annotated[bool, typer.Option("--stay", help=say("option.people_stay"))] = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.people import erase_account
        from topup.channels.cli.running import run

        run(
            lambda settings: erase_account(runtime, settings, number=number, stay=stay, reason=reason),
            data_dir=data_dir,
        )
