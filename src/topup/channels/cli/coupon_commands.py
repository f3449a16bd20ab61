"""The commands about offers' codes, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_Campaign = Annotated[
    str, typer.Argument(metavar="CARRIER/CAMPAIGN", help=say("argument.campaign"), show_default=False)
]
_Batch = Annotated[str, typer.Argument(metavar="BATCH", help=say("argument.coupon_batch"), show_default=False)]
_Reason = Annotated[str, typer.Option(help=say("option.coupon_reason"), show_default=False)]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help=say("option.voucher_yes"))]


def add_coupons(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `ask`, `make`, `list`, `block` and `block-code` to the group `offers codes`."""

    @group.command("ask", help=say("coupons_ask.help"))
    def ask(
        campaign: _Campaign,
        *,
        count: Annotated[int, typer.Option(help=say("option.voucher_count"), min=1, show_default=False)],
        reason: _Reason,
        until: Annotated[str, typer.Option(metavar="DATE", help=say("option.coupon_until"))] = "",
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.coupons import BatchAsked, ask_for_batch
        from topup.channels.cli.running import run

        asked = BatchAsked(campaign, count, until, reason, as_json)
        run(lambda settings: ask_for_batch(runtime, settings, asked), data_dir=data_dir)

    @group.command(help=say("coupons_make.help"))
    def make(
        batch: _Batch,
        *,
        recipient: Annotated[Path, typer.Option(help=say("option.coupon_recipient"), show_default=False)],
        out: Annotated[Path, typer.Option(help=say("option.voucher_out"), show_default=False)],
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.coupons import FileAsked, make_batch
        from topup.channels.cli.running import run

        asked = FileAsked(batch, recipient, out, as_json)
        run(lambda settings: make_batch(runtime, settings, asked), data_dir=data_dir)

    @group.command("list", help=say("coupons_list.help"))
    def list_(campaign: _Campaign, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.coupons import list_batches
        from topup.channels.cli.running import run

        run(lambda settings: list_batches(runtime, settings, campaign=campaign, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("coupons_block.help"))
    def block(batch: _Batch, *, reason: _Reason, yes: _Yes = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.coupons import block_codes
        from topup.channels.cli.running import run

        run(
            lambda settings: block_codes(runtime, settings, which=batch, reason=reason, yes=yes),
            data_dir=data_dir,
        )

    @group.command("block-code", help=say("coupons_block_code.help"))
    def block_code(
        campaign: _Campaign,
        code: Annotated[str, typer.Argument(metavar="CODE", help=say("argument.coupon_code"), show_default=False)],
        *,
        reason: _Reason,
        yes: _Yes = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.coupons import block_codes
        from topup.channels.cli.running import run

        run(
            lambda settings: block_codes(runtime, settings, which=code, reason=reason, yes=yes, campaign=campaign),
            data_dir=data_dir,
        )
