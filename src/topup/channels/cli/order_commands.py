"""`topup recharge`, `topup pay`, `topup balance`, `topup order`: their words and their options."""

# ruff: noqa: PLC0415 - what they do is loaded when they run

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_Number = Annotated[str, typer.Argument(metavar="NUMBER", help=say("argument.number"), show_default=False)]
_Pay = Annotated[str | None, typer.Option("--pay", help=say("option.pay"), show_default=False)]
_PayCurrency = Annotated[
    str | None, typer.Option("--currency", metavar="CODE", help=say("option.currency"), show_default=False)
]
_FromLine = Annotated[
    str | None, typer.Option("--from-line", metavar="NUMBER", help=say("option.from_line"), show_default=False)
]
_Code = Annotated[str | None, typer.Option("--code", help=say("option.code"), show_default=False)]


def add_orders(app: typer.Typer, runtime: "Runtime", *, panel: str) -> None:
    """Add `recharge`, `pay`, `balance` and `order`."""
    _add_paying(app, runtime, panel=panel)
    _add_looking(app, runtime, panel=panel)


def _add_paying(app: typer.Typer, runtime: "Runtime", *, panel: str) -> None:

    @app.command(help=say("recharge.help"), rich_help_panel=panel)
    def recharge(
        number: _Number,
        amount: Annotated[str, typer.Argument(metavar="AMOUNT", help=say("argument.amount"), show_default=False)],
        *,
        pay: _Pay = None,
        currency: _PayCurrency = None,
        from_line: _FromLine = None,
        code: _Code = None,
        yes: Annotated[bool, typer.Option("--yes", "-y", help=say("option.yes"))] = False,
        confirm: Annotated[list[str] | None, typer.Option("--confirm", help=say("option.confirm"))] = None,
        wait: Annotated[float, typer.Option("--wait", help=say("option.wait"), min=0)] = 60.0,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.recharge import Recharge, recharge
        from topup.channels.cli.running import run
        from topup.channels.cli.ways import Paying

        wanted = Recharge(
            number=number,
            amount=amount,
            paying=Paying(pay, currency, from_line, code),
            yes=yes,
            confirmations=frozenset(confirm or ()),
            wait_s=wait,
            as_json=as_json,
        )
        run(lambda settings: recharge(runtime, settings, wanted), data_dir=data_dir)

    @app.command(help=say("pay.help"), rich_help_panel=panel)
    def pay(
        order_id: Annotated[str, typer.Argument(metavar="ID", help=say("argument.order"), show_default=False)],
        *,
        pay: _Pay = None,
        currency: _PayCurrency = None,
        from_line: _FromLine = None,
        code: _Code = None,
        yes: Annotated[bool, typer.Option("--yes", "-y", help=say("option.yes"))] = False,
        wait: Annotated[float, typer.Option("--wait", help=say("option.wait"), min=0)] = 60.0,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.recharge import Recharge, pay_order
        from topup.channels.cli.running import run
        from topup.channels.cli.ways import Paying

        paying = Paying(pay, currency, from_line, code)
        wanted = Recharge("", "", paying, yes=yes, confirmations=frozenset(), wait_s=wait, as_json=as_json)
        run(lambda settings: pay_order(runtime, settings, wanted, order_id=order_id), data_dir=data_dir)


def _add_looking(app: typer.Typer, runtime: "Runtime", *, panel: str) -> None:
    @app.command(help=say("balance.help"), rich_help_panel=panel)
    def balance(number: _Number, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.looking import show_balance
        from topup.channels.cli.running import run

        run(lambda settings: show_balance(runtime, settings, number=number, as_json=as_json), data_dir=data_dir)

    @app.command(help=say("order.help"), rich_help_panel=panel)
    def order(
        order_id: Annotated[str, typer.Argument(metavar="ID", help=say("argument.order"), show_default=False)],
        *,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.looking import show_order
        from topup.channels.cli.running import run

        run(lambda settings: show_order(runtime, settings, order_id=order_id, as_json=as_json), data_dir=data_dir)
