"""What `topup serve --demo` says when it is ready: the address, and three things to try."""

import sys
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.markup import escape

from topup.bootstrap.demonstration import NUMBERS
from topup.channels.cli.calling import how_to_call
from topup.channels.cli.screen import out
from topup.channels.cli.speech import say
from topup.kernel.msisdn import parse_msisdn
from topup.platform.settings import Settings

_NUMBER: Final = NUMBERS[0]


def welcome(settings: Settings, *, address: str) -> None:
    """Print it."""
    grouped = parse_msisdn(_NUMBER).grouped()
    things = (
        (say("welcome.browser"), f"[bold green]{address}[/]  [dim]{escape(say('welcome.type_in', number=grouped))}[/]"),
        (say("welcome.rest"), f"[green]curl {address}/api/v1/numbers/{_NUMBER}[/]"),
        (say("welcome.terminal"), f"[green]{escape(how_to_call(settings))} recharge {_NUMBER} 50 --pay sandbox[/]"),
    )
    width = max(cell_len(name) for name, _ in things)
    out.print()
    out.print(f" [bold green]●[/] [bold]{say('welcome.running')}[/]  [dim]{say('welcome.pretend')}[/]\n")
    out.print(f"   {say('welcome.try')}\n")
    for index, (name, what) in enumerate(things, start=1):
        out.print(f"   [bold]{index}[/]  {name}{' ' * (width - cell_len(name))}   {what}")
    out.print(f"\n   [dim]{escape(say('welcome.stop', data_dir=_short(settings.data_dir)))}[/]\n")
    sys.stdout.flush()


def _short(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
