"""The commands about vouchers, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_Batch = Annotated[str, typer.Argument(metavar="BATCH", help=say("argument.voucher_batch"), show_default=False)]
_Which = Annotated[str, typer.Argument(metavar="BATCH|SERIAL", help=say("argument.voucher"), show_default=False)]


def add_vouchers(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `ask`, `make`, `list`, `show`, `activate`, `block` and `slips` to the group `vouchers`."""
    _add_make(group, runtime)
    _add_life(group, runtime)

    @group.command("list", help=say("vouchers_list.help"))
    def list_(*, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.vouchers import list_batches

        run(lambda settings: list_batches(runtime, settings, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("vouchers_show.help"))
    def show(which: _Which, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.vouchers import show_vouchers

        run(lambda settings: show_vouchers(runtime, settings, which=which, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("vouchers_demo.help"))
    def demo(*, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.vouchers import make_demonstration

        run(lambda settings: make_demonstration(runtime, settings, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("vouchers_slips.help"))
    def slips(
        order: Annotated[str, typer.Argument(metavar="ORDER", help=say("argument.order"), show_default=False)],
        *,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.vouchers import show_slips

        run(lambda settings: show_slips(runtime, settings, order_id=order, as_json=as_json), data_dir=data_dir)


def _add_make(group: typer.Typer, runtime: "Runtime") -> None:
    @group.command("ask", help=say("vouchers_ask.help"))
    def ask(
        *,
        face: Annotated[str, typer.Option(help=say("option.voucher_face"), show_default=False)],
        currency: Annotated[str, typer.Option(help=say("option.voucher_currency"), show_default=False)],
        count: Annotated[int, typer.Option(help=say("option.voucher_count"), min=1, show_default=False)],
        until: Annotated[str, typer.Option(metavar="DATE", help=say("option.voucher_until"), show_default=False)],
        reason: Annotated[str, typer.Option(help=say("option.voucher_reason"), show_default=False)],
        carrier: Annotated[str | None, typer.Option(help=say("option.voucher_carrier"), show_default=False)] = None,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.vouchers import BatchAsked, ask_for_batch

        asked = BatchAsked(face, currency, count, until, carrier, reason, as_json)
        run(lambda settings: ask_for_batch(runtime, settings, asked), data_dir=data_dir)

    @group.command(help=say("vouchers_make.help"))
    def make(
        batch: _Batch,
        *,
        recipient: Annotated[Path, typer.Option(help=say("option.voucher_recipient"), show_default=False)],
        out: Annotated[Path, typer.Option(help=say("option.voucher_out"), show_default=False)],
        sheets: Annotated[bool, typer.Option("--sheets", help=say("option.voucher_sheets"))] = False,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.vouchers import FileAsked, make_batch

        asked = FileAsked(batch, recipient, out, as_json, sheets)
        run(lambda settings: make_batch(runtime, settings, asked), data_dir=data_dir)


def _add_life(group: typer.Typer, runtime: "Runtime") -> None:
    @group.command(help=say("vouchers_activate.help"))
    def activate(batch: _Batch, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.vouchers import activate_batch

        run(lambda settings: activate_batch(runtime, settings, batch_id=batch, as_json=as_json), data_dir=data_dir)

    @group.command("hand-over", help=say("vouchers_hand_over.help"))
    def hand_over(
        serial: Annotated[str, typer.Argument(metavar="SERIAL", help=say("argument.voucher_serial"))],
        *,
        shop: Annotated[str, typer.Option(help=say("argument.stock_shop"), show_default=False)],
        item: Annotated[str, typer.Option(help=say("argument.stock_item"), show_default=False)],
        key: Annotated[str, typer.Option(help=say("option.stock_key"), show_default=False)] = "",
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.vouchers import hand_over

        run(
            lambda settings: hand_over(runtime, settings, serial=serial, shop=shop, sku=item, key=key),
            data_dir=data_dir,
        )

    @group.command(help=say("vouchers_block.help"))
    def block(
        which: _Which,
        *,
        yes: Annotated[bool, typer.Option("--yes", "-y", help=say("option.voucher_yes"))] = False,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.vouchers import block_vouchers

        run(
            lambda settings: block_vouchers(runtime, settings, which=which, yes=yes, as_json=as_json),
            data_dir=data_dir,
        )
