"""The commands about the stock and the printers of shops, their words and options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_Shop = Annotated[str, typer.Argument(metavar="SHOP", help=say("argument.stock_shop"), show_default=False)]
_Sku = Annotated[str, typer.Argument(metavar="ITEM", help=say("argument.stock_item"), show_default=False)]
_Pieces = Annotated[int, typer.Argument(metavar="PIECES", help=say("argument.stock_pieces"), show_default=False)]
_Key = Annotated[str, typer.Option("--key", help=say("option.stock_key"), show_default=False)]
_Reason = Annotated[str, typer.Option("--reason", help=say("option.stock_reason"), show_default=False)]


def add_stock(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `add`, `items`, `receive`, `move`, `damaged`, `count`, `list` and `history` to the group `stock`."""
    _add_looking(group, runtime)
    _add_moving(group, runtime)

    @group.command(help=say("stock_count.help"))
    def count(
        shop: _Shop, sku: _Sku, pieces: _Pieces, *, key: _Key = "", as_json: _Json = False, data_dir: _DataDir = None
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import count_pieces

        run(
            lambda settings: count_pieces(
                runtime, settings, shop=shop, sku=sku, pieces=pieces, key=key, as_json=as_json
            ),
            data_dir=data_dir,
        )


def _add_looking(group: typer.Typer, runtime: "Runtime") -> None:
    @group.command(help=say("stock_add.help"))
    def add(
        sku: _Sku,
        *,
        kind: Annotated[str, typer.Option(help=say("option.stock_kind"), show_default=False)],
        name: Annotated[str, typer.Option(help=say("option.stock_name"), show_default=False)],
        name_hant: Annotated[str, typer.Option(help=say("option.stock_name_hant"), show_default=False)] = "",
        name_en: Annotated[str, typer.Option(help=say("option.stock_name_en"), show_default=False)] = "",
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import add_item

        names = {"zh_Hans": name, "zh_Hant": name_hant, "en": name_en}
        run(lambda settings: add_item(runtime, settings, sku=sku, kind=kind, names=names), data_dir=data_dir)

    @group.command(help=say("stock_items.help"))
    def items(*, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import list_items

        run(lambda settings: list_items(runtime, settings, as_json=as_json), data_dir=data_dir)

    @group.command("list", help=say("stock_list.help"))
    def list_(
        shop: Annotated[str | None, typer.Argument(metavar="SHOP", help=say("argument.stock_shop"))] = None,
        *,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import list_levels

        run(lambda settings: list_levels(runtime, settings, shop=shop, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("stock_history.help"))
    def history(shop: _Shop, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import list_history

        run(lambda settings: list_history(runtime, settings, shop=shop, as_json=as_json), data_dir=data_dir)


def _add_moving(group: typer.Typer, runtime: "Runtime") -> None:
    @group.command(help=say("stock_receive.help"))
    def receive(shop: _Shop, sku: _Sku, pieces: _Pieces, *, key: _Key = "", data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import Step, move_pieces
        from topup.shops.stock.movements import SUPPLIER, Act

        step = Step(Act.RECEIVED, sku, SUPPLIER, shop, pieces, key)
        run(lambda settings: move_pieces(runtime, settings, step), data_dir=data_dir)

    @group.command(help=say("stock_move.help"))
    def move(
        source: Annotated[str, typer.Argument(metavar="FROM", help=say("argument.stock_shop"), show_default=False)],
        target: Annotated[str, typer.Argument(metavar="TO", help=say("argument.stock_shop"), show_default=False)],
        sku: _Sku,
        pieces: _Pieces,
        *,
        reason: _Reason = "",
        key: _Key = "",
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import Step, move_pieces
        from topup.shops.stock.movements import Act

        step = Step(Act.MOVED, sku, source, target, pieces, key, reason)
        run(lambda settings: move_pieces(runtime, settings, step), data_dir=data_dir)

    @group.command(help=say("stock_damaged.help"))
    def damaged(
        shop: _Shop, sku: _Sku, pieces: _Pieces, *, reason: _Reason, key: _Key = "", data_dir: _DataDir = None
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import Step, move_pieces
        from topup.shops.stock.movements import DAMAGED, Act

        step = Step(Act.DAMAGED, sku, shop, DAMAGED, pieces, key, reason)
        run(lambda settings: move_pieces(runtime, settings, step), data_dir=data_dir)


def add_printers(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `list` and `test` to the group `printers`."""

    @group.command("list", help=say("printers_list.help"))
    def list_(*, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import list_printers

        run(lambda settings: list_printers(runtime, settings, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("printers_test.help"))
    def test(
        till: Annotated[str, typer.Argument(metavar="TILL", help=say("argument.printer_till"), show_default=False)],
        *,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.stocking import try_printer

        run(lambda settings: try_printer(runtime, settings, till=till), data_dir=data_dir)
