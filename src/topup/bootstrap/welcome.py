"""What `topup serve --demo` says when it is ready: the address, and what to try."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.markup import escape

from topup.bootstrap.demonstration import HOLDER, NUMBERS
from topup.bootstrap.neighbours import Neighbour
from topup.channels.cli.calling import how_to_call
from topup.channels.cli.demonstration_staff import shown_staff
from topup.channels.cli.screen import out
from topup.channels.cli.speech import say
from topup.kernel.msisdn import parse_msisdn
from topup.platform.settings import Settings

_NUMBER: Final = NUMBERS[0]


def welcome(settings: Settings, *, address: str, others: Sequence[Neighbour]) -> None:
    """Print it; `others` serve the same data directory."""
    grouped = parse_msisdn(_NUMBER).grouped()
    things = (
        (say("welcome.browser"), f"[bold green]{address}[/]  [dim]{escape(say('welcome.type_in', number=grouped))}[/]"),
        *([(say("welcome.account"), _account(address))] if settings.demo_history else []),
        (say("welcome.rest"), f"[green]curl {address}/api/v1/numbers/{_NUMBER}[/]"),
        (say("welcome.terminal"), f"[green]{escape(how_to_call(settings))} recharge {_NUMBER} 50 --pay sandbox[/]"),
    )
    staff = shown_staff(settings.data_dir)
    width = max(cell_len(name) for name, _ in things)
    out.print()
    out.print(f" [bold green]●[/] [bold]{say('welcome.running')}[/]  [dim]{say('welcome.pretend')}[/]\n")
    out.print(f"   {say('welcome.try')}\n")
    for index, (name, what) in enumerate(things, start=1):
        out.print(f"   [bold]{index}[/]  {name}{' ' * (width - cell_len(name))}   {what}")
    if staff:
        out.print(f"\n   {say('welcome.console')}   [green]{address}/console[/]")
        out.print(f"   {say('welcome.counter')}   [green]{address}/counter[/]")
    for one in staff:
        code = f"{how_to_call(settings)} staff code {one.login}"
        out.print(f"      [dim]{escape(say('welcome.staff', login=one.login, password=one.password, code=code))}[/]")
    out.print(f"\n   [dim]{escape(say('welcome.stop', data_dir=_short(settings.data_dir)))}[/]\n")
    for other in others:
        out.print(f"   [dim]{escape(say('welcome.beside', address=other.address, pid=other.pid))}[/]\n")
    sys.stdout.flush()


def _account(address: str) -> str:
    """Where to sign in as whom: somebody with a history, and where their code comes to."""
    words = say("welcome.sign_in", number=parse_msisdn(HOLDER).grouped(), mailbox=f"{address}/sandbox/mailbox")
    return f"[green]{address}/home[/]  [dim]{escape(words)}[/]"


def _short(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
