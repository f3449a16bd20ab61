"""The commands about links, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_Link = Annotated[str, typer.Argument(metavar="LINK", help=say("argument.link"), show_default=False)]


def add_links(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `create`, `list` and `revoke` to the group `links`."""

    @group.command(help=say("links_create.help"))
    def create(
        *,
        number: Annotated[
            str | None, typer.Option("--number", help=say("option.link_number"), show_default=False)
        ] = None,
        amount: Annotated[
            str | None, typer.Option("--amount", help=say("option.link_amount"), show_default=False)
        ] = None,
        product: Annotated[
            str | None, typer.Option("--product", help=say("option.link_product"), show_default=False)
        ] = None,
        currency: Annotated[str, typer.Option("--currency", metavar="CODE", help=say("option.link_currency"))] = "CNY",
        days: Annotated[int, typer.Option("--days", help=say("option.link_days"), min=1)] = 7,
        label: Annotated[str, typer.Option("--label", help=say("option.link_label"), show_default=False)] = "",
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.linking import LinkAsked, create_link
        from topup.channels.cli.running import run

        asked = LinkAsked(number, amount, product, currency, days, label)
        run(lambda settings: create_link(runtime, settings, asked, as_json=as_json), data_dir=data_dir)

    @group.command("list", help=say("links_list.help"))
    def list_(*, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.linking import list_links
        from topup.channels.cli.running import run

        run(lambda settings: list_links(runtime, settings, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("links_revoke.help"))
    def revoke(link: _Link, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.linking import revoke_link
        from topup.channels.cli.running import run

        run(lambda settings: revoke_link(runtime, settings, link_id=link, as_json=as_json), data_dir=data_dir)
