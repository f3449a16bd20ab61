"""The commands about places, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_File = Annotated[Path, typer.Argument(metavar="FILE", help=say("argument.shops_file"), show_default=False)]


def add_shops(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `import` and `list` to the group `shops`."""

    @group.command("import", help=say("shops_import.help"))
    def import_(file: _File, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.shopping import import_file

        run(lambda settings: import_file(runtime, settings, file=file, as_json=as_json), data_dir=data_dir)

    @group.command("list", help=say("shops_list.help"))
    def list_(*, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.shopping import list_places

        run(lambda settings: list_places(runtime, settings, as_json=as_json), data_dir=data_dir)
