"""What a payer does next, on a terminal: a code to scan, a page to open, an account to send money to."""

from collections.abc import Mapping
from datetime import datetime
from io import StringIO

import segno
from rich.markup import escape
from rich.table import Table

from topup.channels.cli.screen import out
from topup.channels.cli.speech import locale, say
from topup.payments.ports import Action
from topup.platform.i18n import format_moment


def show_action(action: Action, *, zone: str) -> None:
    """What the payer does next; the QR code itself where it is to be scanned. Times are those of `zone`."""
    match action.type:
        case "qr":
            drawn = StringIO()
            segno.make(action.url, error="m").terminal(drawn, compact=True, border=2)
            out.print(f" {say('recharge.scan')}\n{drawn.getvalue()}")
        case "redirect":
            out.print(f" {say('recharge.pay_there')}\n   [link]{escape(action.url)}[/link]\n")
        case "transfer":
            out.print(f" {say('recharge.transfer')}\n")
            table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
            table.add_column(style="dim")
            for name, value in transfer_rows(action.parameters, zone=zone):
                table.add_row(name, escape(value))
            out.print(table)
            out.print(f"\n {say('recharge.transfer_then')}\n")
        case _:
            out.print(f" {say('recharge.confirm_there')}\n")


def transfer_rows(facts: Mapping[str, str], *, zone: str) -> list[tuple[str, str]]:
    """What to write on a bank's form, and until when the money must be there, each with its name."""
    return [
        (say(f"transfer.fact.{name}"), _moment(value, zone) if name == "until" else value)
        for name, value in facts.items()
    ]


def _moment(text: str, zone: str) -> str:
    """With the zone: a bank elsewhere has another clock."""
    return format_moment(datetime.fromisoformat(text), locale(), zone=zone)
