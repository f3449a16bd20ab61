"""The commands about a line's credit, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]


def add_credit(app: typer.Typer, runtime: "Runtime", *, panel: str) -> None:
    """Add `share`, `shares`, `entry` and `adjust` to the command line."""
    _add_shares(app, runtime, panel=panel)
    _add_postings(app, runtime, panel=panel)


def _add_shares(app: typer.Typer, runtime: "Runtime", *, panel: str) -> None:
    @app.command(help=say("share.help"), rich_help_panel=panel)
    def share(
        sender: Annotated[str, typer.Argument(metavar="FROM", help=say("argument.share_from"), show_default=False)],
        receiver: Annotated[str, typer.Argument(metavar="TO", help=say("argument.share_to"), show_default=False)],
        amount: Annotated[str, typer.Argument(metavar="AMOUNT", help=say("argument.share_amount"), show_default=False)],
        *,
        roaming: Annotated[list[str] | None, typer.Option("--roaming", help=say("option.roaming"))] = None,
        yes: Annotated[bool, typer.Option("--yes", "-y", help=say("option.share_yes"))] = False,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.sharing import ShareAsked, share_credit

        asked = ShareAsked(sender, receiver, amount, tuple(roaming or ()), yes, as_json)
        run(lambda settings: share_credit(runtime, settings, asked), data_dir=data_dir)

    @app.command(help=say("shares.help"), rich_help_panel=panel)
    def shares(
        which: Annotated[str, typer.Argument(metavar="NUMBER|ID", help=say("argument.shares"), show_default=False)],
        *,
        before: Annotated[
            str | None, typer.Option("--before", help=say("option.before_share"), show_default=False)
        ] = None,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.shares import show_shares

        run(
            lambda settings: show_shares(runtime, settings, which=which, before=before, as_json=as_json),
            data_dir=data_dir,
        )


def _add_postings(app: typer.Typer, runtime: "Runtime", *, panel: str) -> None:
    @app.command(help=say("entry.help"), rich_help_panel=panel)
    def entry(
        entry_id: Annotated[str, typer.Argument(metavar="ID", help=say("argument.entry"), show_default=False)],
        *,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.entries import show_entry
        from topup.channels.cli.running import run

        run(lambda settings: show_entry(runtime, settings, entry_id=entry_id, as_json=as_json), data_dir=data_dir)

    # What begins with a minus sign is an amount here, unless it is an option.
    @app.command(help=say("adjust.help"), rich_help_panel=panel, context_settings={"ignore_unknown_options": True})
    def adjust(
        number: Annotated[str, typer.Argument(metavar="NUMBER", help=say("argument.number"), show_default=False)],
        amount: Annotated[
            str, typer.Argument(metavar="+5.00|-5.00", help=say("argument.adjust_amount"), show_default=False)
        ],
        *,
        reason: Annotated[str, typer.Option("--reason", help=say("option.reason"), show_default=False)],
        note: Annotated[str, typer.Option("--note", help=say("option.note"), show_default=False)] = "",
        yes: Annotated[bool, typer.Option("--yes", "-y", help=say("option.adjust_yes"))] = False,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.adjusting import AdjustAsked, adjust_line
        from topup.channels.cli.running import run

        asked = AdjustAsked(number, amount, reason, note, yes, as_json)
        run(lambda settings: adjust_line(runtime, settings, asked), data_dir=data_dir)
