"""The commands about automatic top-ups, their words and their options; what they do loads when they run."""

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
_Id = Annotated[str, typer.Argument(metavar="ID", help=say("argument.automatic"), show_default=False)]
_Reason = Annotated[str, typer.Option("--reason", help=say("option.automatic_reason"), show_default=False)]


def add_automatic(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `list`, `show` and `stop` to the group `automatic`."""

    @group.command("list", help=say("automatic_list.help"))
    def list_(number: _Number, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.automatic import list_automatic
        from topup.channels.cli.running import run

        run(lambda settings: list_automatic(runtime, settings, number=number, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("automatic_show.help"))
    def show(schedule: _Id, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.automatic import show_automatic
        from topup.channels.cli.running import run

        run(
            lambda settings: show_automatic(runtime, settings, schedule_id=schedule, as_json=as_json),
            data_dir=data_dir,
        )

    @group.command(help=say("automatic_stop.help"))
    def stop(schedule: _Id, *, reason: _Reason, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.automatic import stop_automatic
        from topup.channels.cli.running import run

        run(lambda settings: stop_automatic(runtime, settings, schedule_id=schedule, reason=reason), data_dir=data_dir)
